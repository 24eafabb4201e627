"""Names of videos and files, made of what sites say without believing a letter of it."""

from __future__ import annotations

import re
import urllib.parse

from rmset_builder.video.ids import distinct_id

_SAFE = re.compile(r"[A-Za-z0-9_-]{1,64}")
# What ends like this is always a name made here, so a site's own id never gets to be one by accident.
_MADE_HERE = re.compile(r".*--[0-9a-f]{16}")
_HIDDEN = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


def safe_id(site_id: str) -> str:
    """A site's id as it is where it is a harmless name, else a readable rest of it and 16 digits of its hash.

    Two ids never become one: what is made here ends in a way that no id is taken with as it is.

    Example:
        >>> safe_id("dQw4w9WgXcQ"), safe_id("../../etc")
        ('dQw4w9WgXcQ', 'etc--74ccf3c5b4c19a81')
    """
    if _SAFE.fullmatch(site_id) and not _MADE_HERE.fullmatch(site_id):
        return site_id
    return distinct_id(site_id, site_id)


def site_of(url: str) -> str:
    """The host, and port, that an address leads to; of one of yt-dlp's own searches, what it searches.

    Example:
        >>> site_of("https://me:secret@videos.example:8443/watch?v=1"), site_of("bilisearch20:cats")
        ('videos.example:8443', 'bilisearch20')
    """
    parts = urllib.parse.urlsplit(url)
    return parts.netloc.rpartition("@")[2] or parts.scheme


def plain(text: object, longest: int = 300) -> str:
    """Text from a site on one line, short, without colours and whatever else might move a terminal's cursor."""
    if text is None:
        return ""
    shown = "".join(c if c.isprintable() else " " for c in _HIDDEN.sub("", str(text)))
    shown = " ".join(shown.split())
    return shown if len(shown) <= longest else shown[: longest - 1] + "…"
