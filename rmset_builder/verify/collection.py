"""Checks that all files of a collection are there, whole, and agree. Each fault is one line with its remedy."""

from __future__ import annotations

import itertools
import shlex
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from rmset_builder.core.errors import RmsetError
from rmset_builder.core.files import sha256_of
from rmset_builder.core.jsonl import read_lines
from rmset_builder.fetching.catalog import CATALOG_NAME, FETCHED, PRUNED, Video, parse_row, read_rows
from rmset_builder.pipeline.id_owners import IdOwners, takedown_ids
from rmset_builder.shards.check import ShardFindings, check_shard
from rmset_builder.shards.checksums import INDEX_FOLDER, SUMS_NAME, broken_files
from rmset_builder.shards.damage import CHANGED, look_at_pages
from rmset_builder.shards.footers import compare, read_footers
from rmset_builder.shards.layout import ShardFile, find_shards
from rmset_builder.shards.metadata import key_of
from rmset_builder.shards.mirror import whole
from rmset_builder.shards.tombstones import TOMBSTONES_NAME, Tombstone, people_removed, read_tombstones, whole_videos
from rmset_builder.shards.videos_table import DONE, TABLE_NAME, VideoRecord, extract_again, read_videos
from rmset_builder.takedown.people import interrupted
from rmset_builder.verify.side_files import check_corrections, check_side_files, videos_beside
from rmset_builder.verify.verified import Verified
from rmset_builder.video.folders import video_files

T = TypeVar("T")


def verify(shards: Path, videos: Path, *, quick: bool, threads: int, only: str | None = None) -> Verified:
    """Check files against the ledger, shards in themselves, tables against shards, and tombstones against all.

    Args:
        shards: folder of the shards; it may be absent.
        videos: folder of the videos; it may be absent.
        quick: read no image.
        threads: how many shards or files are read at a time.
        only: check this video alone.

    Raises:
        RmsetError: a tombstone cannot be read.
    """
    found = Verified()
    rows = read_rows(videos) if videos.is_dir() else {}
    with ThreadPoolExecutor(threads, thread_name_prefix="verify") as pool:
        if videos.is_dir():
            _check_ledger(videos, found)
            _check_files(videos, _only(rows, only), pool, found, only)
        if shards.is_dir():
            stones = read_tombstones(shards)
            extracted, told = _records(shards, found)
            records = _only(extracted, only)
            own = [shard for shard in find_shards(shards) if only in (None, shard.video)]
            found.videos, found.shards = len(records), len(own)
            sound = _check_shards(shards, own, records, pool, found, quick=quick)
            if told:
                _check_tables(shards, records, own, found)
            check_side_files(shards, records, own, found)
            check_corrections(shards, own, found)
            _check_indexes(shards, found)
            _check_sources(shards, records, rows, pool, found)
            if sound:
                _check_tombstones(shards, stones, own, records, found)
            _check_tombstoned_files(_ids_of_files(extracted, videos), stones, rows, found, only)
            found.tombstones = len([stone for stone in stones if only in (None, stone.video)])
    return found


def _records(shards: Path, found: Verified) -> tuple[dict[str, VideoRecord], bool]:
    """The table of videos, and whether it can be read; where not, that is a fault, and shards are checked still."""
    path = shards / TABLE_NAME
    try:
        records = read_videos(shards)
        if records and not look_at_pages(path).checksums:
            what = "written without checksums, by an older version; the next extraction adds them"
            found.notes.append(f"{path}: {what}")
        return records, True
    except RmsetError as error:
        found.faults.append(str(error))
        return {}, False


def _only(by_id: Mapping[str, T], only: str | None) -> dict[str, T]:
    return {one: value for one, value in by_id.items() if only in (None, one)}


def _check_ledger(videos: Path, found: Verified) -> None:
    path = videos / CATALOG_NAME
    if not path.exists():
        found.notes.append(f"{videos}: no {CATALOG_NAME}, so there is nothing to hold its files against")
        return
    for number, line in enumerate(read_lines(path), 1):
        if line.strip() and parse_row(line) is None:
            found.faults.append(f"{path}:{number}: no row of a ledger; delete the line")


def _check_files(
    videos: Path, rows: Mapping[str, Video], pool: ThreadPoolExecutor, found: Verified, only: str | None
) -> None:
    fetched = [row for row in rows.values() if row.state == FETCHED]
    found.files += len(fetched)
    for fault in pool.map(lambda row: _file_fault(videos, row), fetched):
        if fault:
            found.faults.append(fault)
    known = {row.file for row in rows.values() if row.file}
    if only is not None:
        return
    strangers = [path.name for path in video_files(videos) if path.name not in known]
    if strangers and (videos / CATALOG_NAME).exists():
        found.notes.append(f"{videos}: {len(strangers):,} files were never fetched, such as {strangers[0]}")


def _file_fault(videos: Path, row: Video) -> str:
    if Path(row.file).name != row.file or Path(row.file).stem != row.id:
        return f"{row.id}: its row names the file {row.file!r}, which is no name for it; fetch it again"
    path = videos / row.file
    try:
        size = path.stat().st_size
        if size != row.bytes:
            return f"{path}: {size:,} bytes instead of {row.bytes:,}; move it away and fetch it again"
        if sha256_of(path) != row.sha256:
            return f"{path}: its bytes are not those that were fetched (sha256); move it away and fetch it again"
    except FileNotFoundError:
        return f"{path}: missing; fetch it again: rmset fetch"
    except OSError as error:
        return f"{path}: cannot be read ({error.strerror})"
    return ""


def _check_shards(
    shards: Path,
    own: list[ShardFile],
    records: Mapping[str, VideoRecord],
    pool: ThreadPoolExecutor,
    found: Verified,
    *,
    quick: bool,
) -> bool:
    """Each shard in itself, and the shards of each video together; False where one cannot even be read."""
    by_video: dict[str, list[ShardFindings]] = {}
    for shard, findings in zip(own, pool.map(lambda shard: _check(shard, images=not quick), own), strict=True):
        found.faces += findings.faces
        found.images += findings.images
        again = extract_again(shards, records.get(shard.video))
        found.faults += [f"{shard.path}: {fault}; {again}" for fault in findings.faults]
        by_video.setdefault(shard.video, []).append(findings)
    for video, parts in by_video.items():
        if any(part.unreadable for part in parts):
            continue
        again = extract_again(shards, records.get(video))
        promised = {part.identities for part in parts}
        present = set().union(*(part.present for part in parts))
        for number in promised:
            if present != set(range(number)):
                what = f"{len(present):,} identities are there, numbered up to {max(present, default=-1)}"
                found.faults.append(f"{video}: {what}, {number:,} are promised; {again}")
        for before, after in itertools.pairwise(parts):
            if before.last and after.first and after.first < before.last:
                found.faults.append(f"{video}: its shards are not in order; {again}")
    return not any(part.unreadable for parts in by_video.values() for part in parts)


def _check(shard: ShardFile, *, images: bool) -> ShardFindings:
    with whole(shard.path) as path:
        found = check_shard(replace(shard, path=path), images=images)
    found.faults = [fault.replace(str(path), str(shard.path)) for fault in found.faults]
    return found


def _check_tables(shards: Path, records: Mapping[str, VideoRecord], own: list[ShardFile], found: Verified) -> None:
    footers = [footer for footer in read_footers(own) if not footer.fault]
    if records or footers:
        found.faults += compare(shards, records, footers)
    for footer in footers:
        record = records.get(footer.shard.video)
        if record is None or record.state != DONE:
            continue
        for name in ("frames", "identities", "source_sha256", "settings_sha256", "models_sha256"):
            theirs, ours = footer.metadata.text(name) or "", str(getattr(record, name))
            if theirs != ours:
                what = f"{key_of(name)} is {theirs or 'absent'}, videos.parquet has {ours}"
                found.faults.append(f"{footer.shard.path}: {what}; {extract_again(shards, record)}")


def _check_indexes(shards: Path, found: Verified) -> None:
    """The indexes that training made of the shards; those of older versions have no sums."""
    for sums in sorted((shards / INDEX_FOLDER).glob(f"[!.]*/{SUMS_NAME}")):
        place = sums.parent
        for name in broken_files(place):
            remedy = f"delete the index, which rmfer makes anew: rm -r -- {shlex.quote(str(place))}"
            found.faults.append(f"{place / name}: {CHANGED}; {remedy}")


def _check_sources(
    shards: Path,
    records: Mapping[str, VideoRecord],
    rows: Mapping[str, Video],
    pool: ThreadPoolExecutor,
    found: Verified,
) -> None:
    """Were the shards made of the files that the ledger knows, or that still lie where they lay?"""
    outside: list[VideoRecord] = []
    for record in records.values():
        row = rows.get(record.id)
        if record.state != DONE or not record.source_sha256:
            continue
        if row is not None and row.sha256:
            if row.sha256 != record.source_sha256:
                what = f"{record.id}: its shards were made of another file than the one in {CATALOG_NAME}"
                found.faults.append(f"{what}; {extract_again(shards, record)}")
        elif Path(record.source).is_file():
            outside.append(record)
    found.files += len(outside)
    for record, same in zip(outside, pool.map(_is_unchanged, outside), strict=True):
        if not same:
            found.notes.append(f"{record.source}: changed since it was extracted; a new run extracts it again")


def _is_unchanged(record: VideoRecord) -> bool:
    try:
        return sha256_of(Path(record.source)) == record.source_sha256
    except OSError:
        return True


def _check_tombstones(
    shards: Path, stones: Iterable[Tombstone], own: list[ShardFile], records: Mapping[str, VideoRecord], found: Verified
) -> None:
    stones = list(stones)
    down = whole_videos(stones)
    left = {shard.video for shard in own} | records.keys() | videos_beside(shards)
    for video in sorted(down & left):
        found.faults.append(f"{video}: was taken down, and is still in {shards}; {_finish(shards, video)}")
    for video in sorted(people_removed(stones).keys() - down):
        parts = [shard for shard in own if shard.video == video]
        if interrupted(shards, parts, stones):
            last = [stone for stone in stones if stone.video == video][-1]
            command = f"{_finish(shards, video)} --identity {last.identity}"
            found.faults.append(f"{video}: a person who was taken out is still in its shards; {command}")


def _ids_of_files(records: Mapping[str, VideoRecord], videos: Path) -> dict[Path, set[str]]:
    """The ids that each file would have been taken down under."""
    ids = IdOwners(records).assign(video_files(videos))
    return {file: takedown_ids(file, video, records) for file, video in ids.items()}


def _check_tombstoned_files(
    ids: Mapping[Path, set[str]],
    stones: Iterable[Tombstone],
    rows: Mapping[str, Video],
    found: Verified,
    only: str | None,
) -> None:
    down = whole_videos(stones) | {row.id for row in rows.values() if row.state == PRUNED and not row.pruned_identities}
    partly = people_removed(stones).keys() - down
    for path, names in ids.items():
        if only is not None and only not in names:
            continue
        if names & down:
            found.faults.append(
                f"{path}: was taken down ({TOMBSTONES_NAME}); delete it: rm -f -- {shlex.quote(str(path))}"
            )
        elif names & partly:
            found.notes.append(f"{path}: still shows somebody who was taken out of its shards")


def _finish(shards: Path, video: str) -> str:
    return f"finish with: rmset prune {shlex.quote(str(shards))} --video={video} --why AGAIN"


def faults_of(verified: Verified) -> Iterator[str]:
    """Each fault once, in the order in which they were found."""
    return iter(dict.fromkeys(verified.faults))
