"""``catalog.jsonl``: where a folder's videos come from, as `rmset fetch` noted it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rmset_builder.core.errors import RmsetError

CATALOG_NAME = "catalog.jsonl"


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """What is known of a video's origin; empty where nothing is."""

    title: str = ""
    url: str = ""
    licence: str = ""
    group: str = ""
    keyword: str = ""


_FIELDS = tuple(Provenance.__dataclass_fields__)


def read_catalog(folder: Path) -> dict[str, Provenance]:
    """The provenance of a folder's videos by video id; of several rows of one video the last holds.

    A line that is no JSON object with an ``id`` is passed over: the last one may be torn.

    Raises:
        RmsetError: the catalog may not be read.
    """
    found: dict[str, Provenance] = {}
    for line in _lines(folder / CATALOG_NAME):
        row = _parse(line)
        if isinstance(row.get("id"), str):
            found[row["id"]] = Provenance(**{k: row[k] for k in _FIELDS if isinstance(row.get(k), str)})
    return found


def _lines(path: Path) -> list[str]:
    """The lines of a catalog; none where there is none, or where its folder keeps the videos to itself as well."""
    try:
        if not path.is_file():
            return []
    except OSError:
        return []
    try:
        with path.open(encoding="utf-8", errors="replace") as lines:
            return list(lines)
    except OSError as error:
        raise RmsetError(f"{path} cannot be read ({error.strerror})", remedy=f"run: chmod u+r {path}") from error


def _parse(line: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except ValueError:
        return {}
    return row if isinstance(row, dict) else {}
