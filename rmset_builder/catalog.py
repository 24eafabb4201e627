"""``catalog.jsonl``: where a folder's videos come from, as `rmset fetch` noted it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
    """
    path = folder / CATALOG_NAME
    if not path.is_file():
        return {}
    found: dict[str, Provenance] = {}
    with path.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            row = _parse(line)
            if isinstance(row.get("id"), str):
                found[row["id"]] = Provenance(**{k: row[k] for k in _FIELDS if isinstance(row.get(k), str)})
    return found


def _parse(line: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except ValueError:
        return {}
    return row if isinstance(row, dict) else {}
