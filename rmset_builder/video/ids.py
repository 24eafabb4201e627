"""Names of videos: of a file by its name alone, of a site's video by the site's own id; ASCII, and never two alike."""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata
from pathlib import PurePath

LONGEST_ID = 80
_SAFE = re.compile(rf"(?=.*[A-Za-z0-9])[A-Za-z0-9_-]{{1,{LONGEST_ID}}}")
_UNSAFE = re.compile(r"[^A-Za-z0-9_-]+")
_MOST_READABLE = 40


def video_id(path: PurePath) -> str:
    """The id of a file that no other file's id stands in the way of: its stem, where that is an id as it is.

    Any other stem becomes what is readable of it and 16 digits of its hash: two stems never become one id, and a stem
    gives the same id on every machine, whatever lies beside it.

    Example:
        >>> [video_id(PurePath(name)) for name in ("videos/dQw4w9WgXcQ.mp4", "videos/Überraschung 2.mp4")]
        ['dQw4w9WgXcQ', 'Uberraschung_2--1297f651e66751c4']
    """
    stem = _stem(path)
    return stem if _SAFE.fullmatch(stem) else distinct_id(stem, stem)


def video_id_by_place(path: PurePath, parts: int) -> str:
    """The id of a file whose stem another file has too, with a hash of the last ``parts`` parts of its path."""
    return distinct_id(_stem(path), *map(_text, path.parts[-parts:]))


def distinct_id(readable: str, *parts: str) -> str:
    """A harmless name that begins like ``readable`` and that no other ``parts`` lead to.

    Example:
        >>> distinct_id("../../etc", "../../etc")
        'etc--74ccf3c5b4c19a81'
    """
    digest = hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()
    plain = "".join(c for c in unicodedata.normalize("NFKD", readable) if not unicodedata.combining(c))
    start = _UNSAFE.sub("_", plain)[:_MOST_READABLE].strip("_-") or "video"
    return f"{start}--{digest[:16]}"


def _stem(path: PurePath) -> str:
    # Not pathlib's stem, which Python 3.14 has another rule for where a name begins or ends with dots.
    return _text(path.name.rpartition(".")[0] or path.name)


def _text(name: str) -> str:
    """A file's name as text: the same in every locale, and from a Mac's disk, which takes letters and accents apart."""
    return unicodedata.normalize("NFC", os.fsencode(name).decode("utf-8", "surrogateescape"))
