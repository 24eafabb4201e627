"""Facts made by hand for tests of what is written of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from rmset_builder.reports.card_facts import Facts, Source
from rmset_builder.reports.card_words import Publication
from rmset_builder.reports.stats import tabulate
from rmset_builder.shards.videos_table import VideoRecord

PUBLICATION = Publication(name="Faces", version="1.2.3", day="2026-01-02")
CC_BY = "Creative Commons Attribution license (reuse allowed)"
HOSTILE = (
    "<script>alert(1)</script>",
    "[click](javascript:alert(1)) ![x](http://site.example/x.png)",
    "](javascript:alert(1)) | `code` | *bold* __bold__ ~~gone~~",
    "&lt;b&gt; # heading $x$ www.site.example https://site.example someone@site.example",
    "---\nlicense: mit\n---\n: - {a: [b",
    "x" * 300,
    "\x1b[2J\u202e \u2028 \x00",
    "</script><!-- written by rmset card: README.md 0 -->",
    '=HYPERLINK("http://site.example")',
    '\'; drop table "videos", a\\',
)


def facts_with(groups: tuple[str, ...] = ("Anger",), **changes: Any) -> Facts:
    """Of a video a group, of two people, 10 frames and 20 faces each."""
    records = [
        VideoRecord(id=f"v{n}", group=group, identities=2, frames=10, faces=20) for n, group in enumerate(groups)
    ]
    sources = tuple(Source(video=record.id, group=record.group) for record in records)
    return replace(Facts(table=tabulate(records), sources=sources, dropped={}, versions={}, settings={}), **changes)
