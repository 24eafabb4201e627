"""Table 2 of the paper for any folder of shards: `collect` finds what counts, `tabulate` counts it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rmset_builder.core.errors import RmsetError, one_line
from rmset_builder.reports.paper import TABLE_2, Counts, add_up
from rmset_builder.shards.footers import Footer, compare, read_footers, restore
from rmset_builder.shards.layout import find_shards
from rmset_builder.shards.videos_table import DONE, TABLE_NAME, VideoRecord, read_videos

UNGROUPED = "ungrouped"
FAILURES_NAMED = 5


@dataclass(frozen=True)
class Collection:
    """The videos of a folder, what is wrong with them (``warnings``), remarks (``notes``), and its shards' footers."""

    records: tuple[VideoRecord, ...]
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    footers: tuple[Footer, ...] = ()


@dataclass(frozen=True)
class Table:
    """Counts by expression group, in the order of their display, and their sum."""

    rows: dict[str, Counts]
    total: Counts


def collect(folder: Path, videos: Sequence[str] = ()) -> Collection:
    """Every video of ``folder``, or these ``videos`` alone, each record compared with its shards.

    Where there are no records, the shards' footers stand in for them.

    Raises:
        RmsetError: there is no such folder, nothing in it, or not a video that was asked for.
    """
    # Records first: a video that is finished meanwhile then shows as shards without a record, which says why.
    records, shards = read_videos(folder), find_shards(folder)
    if videos:
        known = sorted(records.keys() | {shard.video for shard in shards})
        if unknown := [video for video in videos if video not in known]:
            some = ", ".join(known[:10]) + (", ..." if len(known) > 10 else "")
            raise RmsetError(f"--video {unknown[0]}: {folder} has no such video", remedy=f"it has: {some}")
        records = {video: record for video, record in records.items() if video in videos}
        shards = [shard for shard in shards if shard.video in videos]
    footers = read_footers(shards)
    if records:
        warnings = tuple(compare(folder, records, footers))
        return Collection(tuple(records.values()), warnings, _failures(records), tuple(footers))
    if not footers:
        raise RmsetError(f"no shards in {folder}", remedy="make some with: rmset extract VIDEO")
    restored, faults = restore(folder, footers)
    note = f"no videos in {folder / TABLE_NAME}: counted from what the shards say of themselves"
    return Collection(tuple(restored), tuple(faults), (note,), tuple(footers))


def tabulate(records: Iterable[VideoRecord], *, paper: bool = False) -> Table:
    """Count the videos that are done, by expression group: the paper's groups in its order, then others by name.

    Args:
        records: any videos.
        paper: show all groups of the paper, those without a video too.

    Example:
        >>> tabulate([VideoRecord(id="v", group="Anger", identities=9, frames=300, faces=2000)]).rows
        {'Anger': Counts(videos=1, faces=9, frames=300, images=2000)}
    """
    groups: dict[str, list[Counts]] = {name: [] for name in TABLE_2}
    for record in records:
        if record.state == DONE:
            counts = Counts(videos=1, faces=record.identities, frames=record.frames, images=record.faces)
            groups.setdefault(one_line(record.group.strip()) or UNGROUPED, []).append(counts)
    others = sorted(groups.keys() - TABLE_2.keys(), key=lambda name: (name == UNGROUPED, name.casefold(), name))
    shown = [*(name for name in TABLE_2 if paper or groups[name]), *others]
    rows = {name: add_up(groups[name]) for name in shown}
    return Table(rows, add_up(rows.values()))


def _failures(records: Mapping[str, VideoRecord]) -> tuple[str, ...]:
    failed = [f"{record.id} ({record.reason or record.state})" for record in records.values() if record.state != DONE]
    if not failed:
        return ()
    more = len(failed) - FAILURES_NAMED
    named = ", ".join(failed[:FAILURES_NAMED]) + (f" and {more:,} more" if more > 0 else "")
    return (f"not counted, because they are not done: {named}",)
