"""Taking down: a whole video, or one person of it, out of shards, tables, files and ledger, for good.

The tombstone comes first and the rewritten shards last, so a removal that is interrupted anywhere is finished by
giving the same command again, and nothing that runs in between brings anybody back.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from rmset_builder.core.errors import RmsetError, VideoError
from rmset_builder.core.files import fsync_folder
from rmset_builder.corrections.rewrite import finish, half_done
from rmset_builder.fetching.catalog import PRUNED, Video
from rmset_builder.fetching.ledger import PARTIAL_FOLDER, Ledger, now
from rmset_builder.pipeline.id_owners import IdOwners, takedown_ids
from rmset_builder.shards.check import schema_fault
from rmset_builder.shards.checked_parquet import open_checked
from rmset_builder.shards.damage import describe, look_at_pages
from rmset_builder.shards.layout import (
    ShardFile,
    dropped_path,
    embeddings_path,
    find_shards,
    identities_path,
    parse_shard_name,
    unfinished_files,
    work_folder,
)
from rmset_builder.shards.lock import alone
from rmset_builder.shards.metadata import ShardMetadata, read_metadata
from rmset_builder.shards.tombstones import Tombstone, add_tombstone, read_tombstones, whole_videos
from rmset_builder.shards.videos_table import VideoRecord, extract_again, read_videos, remove_video
from rmset_builder.takedown.people import take_out, times_pruned
from rmset_builder.video.folders import video_files


@dataclass
class Removed:
    """What a removal took away: faces and files.

    ``elsewhere`` is a source file outside the collection, left alone; ``alike`` are videos that seem to be uploads of
    the same one, left alone too.
    """

    video: str
    identity: int | None
    faces: int = 0
    files: list[Path] = field(default_factory=list)
    elsewhere: Path | None = None
    alike: list[str] = field(default_factory=list)
    resumed: bool = False


def prune_video(shards: Path, videos: Path, video: str, why: str) -> Removed:
    """Take a whole video down; one that is down already is only made sure of.

    Raises:
        RmsetError: neither shards, table nor ledger know the video, or another process is at work on it.
    """
    removed = Removed(video, None)
    with alone(shards, video), _ledger(videos) as ledger:
        record = _record(shards, video)
        row = ledger.get(video) if ledger else None
        own = _shards_of(shards, video)
        files = _files_of(shards, videos, video)
        stones = read_tombstones(shards)
        if record is None and row is None and not own and not files and video not in whole_videos(stones):
            raise _unknown(shards, videos, video, ledger)
        sha256 = (row.sha256 if row else "") or (record.source_sha256 if record else "")
        removed.alike = _alike(ledger, video)
        if video not in whole_videos(stones):
            add_tombstone(shards, Tombstone(video=video, why=why, source_sha256=sha256, when=now()))
        down = row is not None and row.state == PRUNED and not row.pruned_identities
        if ledger is not None and not down:
            ledger.forget(video, _tombstone_row(row or Video(id=video), why, sha256))
        removed.faces = sum(_rows(shard) for shard in own)
        _delete(removed, [*files, *(shard.path for shard in own), *_side_files(shards, video)])
        _delete(removed, _left_over(shards, video))
        remove_video(shards, video)
        removed.elsewhere = _elsewhere(record, videos)
    return removed


def prune_identity(shards: Path, videos: Path, video: str, identity: int, why: str, *, keep_file: bool) -> Removed:
    """Take one person out of a video; the others move up, so that identities stay without gaps.

    Raises:
        VideoError: something of what would be rewritten is damaged; nothing is done.
        RmsetError: there is no such person, the shards cannot be read, or another process is at work on the video.
    """
    removed = Removed(video, identity)
    with alone(shards, video), _ledger(videos) as ledger:
        finish(shards, video)
        stones = [s for s in read_tombstones(shards) if s.video == video and s.identity is not None]
        own = _shards_of(shards, video)
        if not own:
            message = f"{video} has no shards in {shards}"
            raise RmsetError(message, remedy="take the whole video down: the same command without --identity")
        sides = [path for path in _side_files(shards, video) if path.exists()]
        _require_whole(shards, video, [*(shard.path for shard in own), *sides], stones)
        pending = stones[min(times_pruned(shard) for shard in own) :]
        removed.resumed = bool(pending)
        if not pending:
            same = next((s for s in stones if (s.identity, s.why) == (identity, why)), None)
            if same is not None:
                raise RmsetError(
                    f"identity {identity} of {video} was taken out on {same.when} for the very same reason; "
                    "the others have moved up since",
                    remedy="look at `rmset contact`, and word --why differently for another person",
                )
            count = read_metadata(own[0].path)[1].identities or 0
            if not 0 <= identity < count:
                people = f"its identities are 0 to {count - 1}" if count else "it has none"
                raise RmsetError(f"no identity {identity} in {video}: {people}", remedy="look at them: rmset contact")
            record = _record(shards, video)
            sha256 = record.source_sha256 if record else ""
            stone = Tombstone(video=video, identity=identity, why=why, source_sha256=sha256, when=now())
            add_tombstone(shards, stone)
            stones.append(stone)
        removed.identity = stones[-1].identity
        removed.alike = _alike(ledger, video)
        record = _record(shards, video)
        _note_in_ledger(ledger, video, len(stones), stones[-1].why)
        if not keep_file:
            _delete(removed, _files_of(shards, videos, video))
        removed.elsewhere = _elsewhere(record, videos)
        _delete(removed, _left_over(shards, video))
        before = sum(_rows(shard) for shard in own)
        take_out(shards, video, own, stones, record)
        removed.faces = before - sum(_rows(shard) for shard in own)
    return removed


def _require_whole(shards: Path, video: str, paths: list[Path], stones: list[Tombstone]) -> None:
    """Nothing is rewritten from damaged pages: what was written of them would have checksums that are right."""
    for path in paths:
        try:
            told = next(describe(path, look_at_pages(path).damages), "") or _unclear(path)
            shard = parse_shard_name(path) if path.parent == shards else None
            if not told and shard:  # which a bit of the footer can change, too
                told = schema_fault(shard)
        except (pa.ArrowException, OSError, ValueError) as error:
            told = (str(error).splitlines() or [type(error).__name__])[0]
        if told:
            # A video that somebody was taken out of is not extracted again: that would bring the person back.
            again = "put the file back from a copy" if stones else extract_again(shards, _record(shards, video))
            raise VideoError(
                "damaged",
                f"{path} is damaged (video {video}, {told}), and nothing was taken out",
                remedy=f"{again}; or take the whole video down: the same command without --identity",
            )


def _unclear(path: Path) -> str:
    """What a footer does not tell clearly; the wrong person would be taken out for it."""
    with open_checked(path) as file:
        return ShardMetadata.from_footer(file.metadata.metadata).unclear()


def _tombstone_row(row: Video, why: str, sha256: str) -> Video:
    """What the ledger keeps of a video: by what it is known again, and what it was fetched for."""
    kept = {
        name: getattr(row, name) for name in ("id", "url", "site", "site_id", "group", "keyword", "rank", "checked")
    }
    return Video(**kept, state=PRUNED, reason=PRUNED, message=why, sha256=sha256)


def _rows(shard: ShardFile) -> int:
    """The rows of a shard; none where it is torn."""
    try:
        return read_metadata(shard.path)[0]
    except RmsetError:
        return 0


def _note_in_ledger(ledger: Ledger | None, video: str, people: int, why: str) -> None:
    row = ledger.get(video) if ledger else None
    if ledger is not None and row is not None and row.state != PRUNED:
        # Fetched again, the video would be extracted again: so it counts as taken down, its provenance stays.
        ledger.record(row.with_(state=PRUNED, reason=PRUNED, message=why, pruned_identities=people))


def _record(shards: Path, video: str) -> VideoRecord | None:
    return read_videos(shards).get(video)


def _shards_of(shards: Path, video: str) -> list[ShardFile]:
    return [shard for shard in find_shards(shards) if shard.video == video] if shards.is_dir() else []


def _files_of(shards: Path, videos: Path, video: str) -> list[Path]:
    """The video's own file, copies of it, and whatever an interrupted download left of it."""
    records = read_videos(shards)
    ids = IdOwners(records).assign(video_files(videos))
    whole = [file for file, own in ids.items() if video in takedown_ids(file, own, records)]
    return sorted([*whole, *(videos / PARTIAL_FOLDER).glob(f"{video}.*")])


def _left_over(shards: Path, video: str) -> list[Path]:
    """Faces that a killed extraction or correction left lying about."""
    folders = work_folder(shards, video), half_done(shards, video)
    return [*unfinished_files(shards, video), *(path for one in folders for path in one.rglob("*") if path.is_file())]


def _side_files(shards: Path, video: str) -> list[Path]:
    return [identities_path(shards, video), embeddings_path(shards, video), dropped_path(shards, video)]


def _alike(ledger: Ledger | None, video: str) -> list[str]:
    row = ledger.get(video) if ledger else None
    if ledger is None or row is None:
        return []
    same = [v.id for v in ledger if v.near_duplicate_of == video or (v.id == row.near_duplicate_of)]
    return [one for one in same if ledger[one].state != PRUNED]


def _elsewhere(record: VideoRecord | None, videos: Path) -> Path | None:
    if record is None or not record.source:
        return None
    source = Path(record.source)
    return source if source.is_file() and source.parent.resolve() != videos.resolve() else None


def _delete(removed: Removed, paths: list[Path]) -> None:
    for path in paths:
        if path.exists():
            path.unlink()
            removed.files.append(path)
            fsync_folder(path.parent)


@contextmanager
def _ledger(videos: Path) -> Iterator[Ledger | None]:
    """The ledger of the videos' folder, if there is such a folder."""
    if not videos.is_dir():
        yield None
        return
    with Ledger(videos) as ledger:
        yield ledger


def _unknown(shards: Path, videos: Path, video: str, ledger: Ledger | None) -> RmsetError:
    known = {*read_videos(shards), *(v.id for v in ledger or ())}
    near = sorted(one for one in known if video.casefold() in one.casefold())[:5]
    meant = f"; did you mean {', '.join(near)}?" if near else ""
    return RmsetError(f"no video {video!r} in {shards}/ nor in {videos}/{meant}")
