"""A card's files on disk: written as wholes, and never over what somebody else wrote or changed."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path

from rmset_builder.core.errors import RmsetError
from rmset_builder.core.files import whole_file
from rmset_builder.reports.card_words import CARD

_MARK = re.compile(rb"<!-- written by rmset card:((?: \S+ [0-9a-f]{64})+) -->\s*\Z")


def marked(texts: Mapping[str, str]) -> dict[str, str]:
    """The texts by file name, the card among them ending with a remark that tells the hashes of all as they are."""
    hashes = " ".join(f"{name} {_sha256(text.encode())}" for name, text in texts.items())
    return {**texts, CARD: f"{texts[CARD]}\n<!-- written by rmset card: {hashes} -->\n"}


def foreign_files(present: Mapping[str, bytes], texts: Mapping[str, str]) -> list[str]:
    """Which files are neither as the card among them says that they were written, nor as ``texts`` have them.

    Args:
        present: the files that are there, by name.
        texts: the `marked` texts that are to take their place.
    """
    card = present.get(CARD, b"")
    mark = _MARK.search(card)
    words = mark[1].decode().split() if mark else []
    known = dict(zip(words[::2], words[1::2], strict=True))
    # The mark stands in the card, after an empty line, and is not part of its own hash.
    bare = {**present, CARD: card[: mark.start()].removesuffix(b"\n")} if mark else present
    return [
        name
        for name, content in present.items()
        if content != texts[name].encode() and _sha256(bare[name]) != known.get(name)
    ]


def write_card(folder: Path, texts: Mapping[str, str], *, force: bool) -> list[Path]:
    """Write a card's files; the card itself last, as it vouches for the others.

    Raises:
        RmsetError: a file was written or changed by somebody else, and not ``force``; nothing is written.
    """
    texts = marked(texts)
    paths = {name: folder / name for name in texts}
    present = {name: path.read_bytes() for name, path in paths.items() if path.exists()}
    foreign = [] if force else foreign_files(present, texts)
    if foreign:
        raise RmsetError(
            f"{folder / foreign[0]} was not written by rmset card, or was changed since",
            remedy="give another --out, or --force to write over it",
        )
    for name in sorted(texts, key=lambda name: name == CARD):
        with whole_file(paths[name]) as temporary:
            temporary.write_text(texts[name], "utf-8", newline="\n")
    return list(paths.values())


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
