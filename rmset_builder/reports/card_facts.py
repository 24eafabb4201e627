"""What the card of a data set tells, in one frozen object: counted from shards, table, catalog and tombstones.

Nobody is named in it but those whom a licence wants credited, and of removals there is only how many.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from rmset_builder.core.errors import RmsetError
from rmset_builder.core.jsonl import parse_object
from rmset_builder.fetching.catalog import FETCHED, Video, rows_beside
from rmset_builder.fetching.filters import is_creative_commons
from rmset_builder.reports.stats import UNGROUPED, Collection, Table, collect, tabulate
from rmset_builder.shards.footers import Footer
from rmset_builder.shards.layout import IDENTITIES_FOLDER
from rmset_builder.shards.tombstones import Tombstone, people_removed, read_tombstones, whole_videos
from rmset_builder.shards.videos_table import DONE, VideoRecord


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where a video's faces come from, as far as it is known; empty, or 0, where it is not.

    ``title`` and ``author`` are kept only where a licence asks for them; ``address`` is a page on the web or nothing;
    ``collected`` is the day of the download.
    """

    video: str
    group: str = ""
    width: int = 0
    height: int = 0
    title: str = ""
    author: str = ""
    address: str = ""
    licence: str = ""
    uploaded: str = ""
    collected: str = ""


@dataclass(frozen=True, kw_only=True)
class Facts:
    """All that a card tells of a folder of shards.

    ``seconds`` and ``bytes`` are of the videos that are done and of their shards; ``not_done`` counts the other videos;
    ``dropped`` counts faces that were seen and left out, by reason; ``versions`` and ``settings`` have every value that
    occurs, by name; ``embedding`` is the length of the identities' embeddings, 0 where there are none.
    """

    table: Table
    sources: tuple[Source, ...]
    seconds: float = 0.0
    shards: int = 0
    bytes: int = 0
    not_done: int = 0
    dropped: Mapping[str, int]
    models: tuple[str, ...] = ()
    versions: Mapping[str, tuple[str, ...]]
    settings: Mapping[str, tuple[str, ...]]
    videos_removed: int = 0
    people_removed: int = 0
    embedding: int = 0

    @property
    def licences(self) -> list[tuple[str, int]]:
        """How many videos state each licence, the most frequent first; the empty one is unknown."""
        return sorted(Counter(source.licence for source in self.sources).items(), key=lambda one: (-one[1], one[0]))

    @property
    def collected(self) -> tuple[str, str]:
        """The first and the last day of collection; empty where no day is known."""
        days = sorted(source.collected for source in self.sources if source.collected)
        return (days[0], days[-1]) if days else ("", "")

    @property
    def groups(self) -> list[str]:
        """The names of the expression groups."""
        return [name for name in self.table.rows if name != UNGROUPED]


def read_facts(shards: Path, videos: Path) -> Facts:
    """The facts of a folder of shards and, where there is one, of the catalog in the folder ``videos``.

    Raises:
        RmsetError: the shards contradict their table or are damaged, so that a card would tell what is not so; or a
            removal is not finished; or there are none; or something cannot be read.
    """
    found = collect(shards)
    if found.warnings:
        more = f" (and {len(found.warnings) - 1:,} more)" if len(found.warnings) > 1 else ""
        raise RmsetError(f"no card is written of shards that are not sound: {found.warnings[0]}{more}")
    stones = read_tombstones(shards)
    if still_there := sorted(_not_taken_out(stones, found.footers)):
        raise RmsetError(
            f"{still_there[0]} in {shards} still holds what was to be taken out",
            remedy="finish that first: `rmset verify` tells the command",
        )
    return facts_of(
        found,
        rows_beside(videos),
        stones,
        size=sum(footer.shard.path.stat().st_size for footer in found.footers),
        embedding=_embedding(shards),
    )


def facts_of(
    found: Collection, rows: Mapping[str, Video], stones: Iterable[Tombstone], *, size: int = 0, embedding: int = 0
) -> Facts:
    """The facts of a collection, with what the catalog's ``rows`` and the tombstones know.

    A row belongs to a video by the hash of its file, or else by its id.
    """
    done = [record for record in found.records if record.state == DONE]
    ids = {record.id for record in done}
    footers = [footer for footer in found.footers if footer.shard.video in ids]
    hashes = {footer.shard.video: footer.metadata.source_sha256 or "" for footer in footers}
    by_hash = {row.sha256: row for row in rows.values() if row.sha256}
    stones = list(stones)
    return Facts(
        table=tabulate(done),
        sources=tuple(
            _source(one, by_hash.get(one.source_sha256 or hashes.get(one.id, "")) or rows.get(one.id)) for one in done
        ),
        seconds=sum(record.duration_s for record in done),
        shards=len(footers),
        bytes=size,
        not_done=len(found.records) - len(done),
        dropped=_dropped(done),
        models=_models(done, footers),
        versions=_values(
            {"rmset-builder": record.rmset_version, **(parse_object(record.versions_json) or {})} for record in done
        ),
        settings=_values(parse_object(footer.metadata.settings or "") or {} for footer in footers),
        videos_removed=len(whole_videos(stones)),
        people_removed=_people_removed(stones, footers),
        embedding=embedding,
    )


def _not_taken_out(stones: Sequence[Tombstone], footers: Iterable[Footer]) -> set[str]:
    """The videos with shards that a removal should have changed and has not: it was interrupted."""
    down, people = whole_videos(stones), people_removed(stones)
    return {
        footer.shard.video
        for footer in footers
        if footer.shard.video in down or (footer.metadata.pruned or 0) < people[footer.shard.video]
    }


def _source(record: VideoRecord, row: Video | None) -> Source:
    row = row or Video(id=record.id)
    licence = record.licence or row.licence
    credited = is_creative_commons(licence)
    address = record.url or row.url
    return Source(
        video=record.id,
        group=record.group,
        width=record.width,
        height=record.height,
        title=(record.title or row.title) if credited else "",
        author=row.channel if credited else "",
        # Files of this machine have addresses too, which tell its folders.
        address=address if address.startswith(("http://", "https://")) else "",
        licence=licence,
        uploaded=row.upload_date,
        collected=row.when[:10] if row.state == FETCHED else "",
    )


def _dropped(records: Iterable[VideoRecord]) -> Counter[str]:
    total = Counter[str]()
    for record in records:
        faces = (parse_object(record.dropped_json) or {}).get("faces", {})
        total.update({reason: count for reason, count in faces.items() if count})
    return total


def _models(records: Iterable[VideoRecord], footers: Iterable[Footer]) -> tuple[str, ...]:
    told = {(record.models_sha256, record.models) for record in records if record.models_sha256}
    told |= {(sha256, "") for footer in footers if (sha256 := footer.metadata.models_sha256)}
    named = {sha256 for sha256, name in told if name}
    return tuple(
        f"{name or 'unnamed'}, sha256 {sha256}" for sha256, name in sorted(told) if name or sha256 not in named
    )


def _values(objects: Iterable[Mapping[str, Any]]) -> dict[str, tuple[str, ...]]:
    """Every value that a name has in any of the objects."""
    found: dict[str, set[str]] = {}
    for one in objects:
        for name, value in one.items():
            text = value if isinstance(value, str) else json.dumps(value)
            found.setdefault(name, set()).update([text] if text else [])
    return {name: tuple(sorted(values)) for name, values in found.items() if values}


def _people_removed(stones: Iterable[Tombstone], footers: Iterable[Footer]) -> int:
    """People taken out, by tombstones; where these did not come along, by the shards' own count."""
    removed = people_removed(stones)
    for footer in footers:
        removed[footer.shard.video] = max(removed[footer.shard.video], footer.metadata.pruned or 0)
    return removed.total()


def _embedding(shards: Path) -> int:
    for path in sorted((shards / IDENTITIES_FOLDER).glob("*.parquet")):
        size = pq.read_schema(path).field("embedding").type.list_size
        if size:
            return int(size)
    return 0
