"""A video's page: its columns and a few of its pictures are read, and page, pictures and summary written."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rmset_builder.core.errors import RmsetError
from rmset_builder.core.files import whole_file
from rmset_builder.reports.doubts import find_doubts
from rmset_builder.reports.exemplars import frame_spacing, plan_video
from rmset_builder.reports.findings import Finding
from rmset_builder.reports.measures import distributions, read_face_columns
from rmset_builder.shards.layout import ShardFile
from rmset_builder.shards.videos_table import DONE, VideoRecord
from rmset_builder.site.album import Album
from rmset_builder.site.look import MOST_IDENTITIES, Look
from rmset_builder.site.rendering import render
from rmset_builder.site.served import with_corrections
from rmset_builder.site.sides import as_doubt, moved, sides_of
from rmset_builder.site.summary import NAME, PAGE, Doubt, Strip, Summary
from rmset_builder.site.video_view import bare_view, full_view


@dataclass(frozen=True)
class PageTask:
    """A page to be made: of which video, how, into which folder, and the stamp that it gets.

    ``as_of`` is the last correction of the folder, for pages that are served.
    """

    record: VideoRecord
    shards: tuple[ShardFile, ...]
    source: Path
    folder: Path
    look: Look
    stamp: str
    as_of: int = 0

    @property
    def template(self) -> str:
        """What it is made with."""
        return "section.html.j2" if self.look.single else "video.html.j2"

    @property
    def anchor(self) -> str:
        """What the names of its places begin with: in one file every name is met once."""
        return f"{self.record.id}-identity-" if self.look.single else "identity-"

    @property
    def from_above(self) -> str:
        """What leads to its pictures from the pages over all videos."""
        return "" if self.look.single else f"{self.folder.parent.name}/{self.folder.name}/"


def make_page(task: PageTask) -> Summary:
    """Write a video's page and what belongs to it; the summary comes last, so that there is one only of what is whole.

    What cannot be read becomes the page's text and the summary's ``fault``.

    Raises:
        OSError: something cannot be written.
    """
    try:
        page, summary, files = _made(task) if task.record.state == DONE else _bare(task, "")
    except RmsetError as error:
        page, summary, files = _bare(task, str(error))
    task.folder.mkdir(parents=True, exist_ok=True)
    written = {**files, PAGE: page.encode()}
    for name, content in written.items():
        with whole_file(task.folder / name) as temporary:
            temporary.write_bytes(content)
    summary = summary.model_copy(update={"files": tuple(written)})
    with whole_file(task.folder / NAME) as temporary:
        temporary.write_text(summary.model_dump_json(), "utf-8")
    return summary


def _bare(task: PageTask, fault: str) -> tuple[str, Summary, dict[str, bytes]]:
    record = task.record
    if fault:
        told = "It could not be read." if task.look.published else fault
    else:
        told = f"There are no faces of it: {record.reason or record.state}."
    return _rendered(task, bare_view(record, told, anchor=task.anchor)), _summary(task, fault=fault), {}


def _made(task: PageTask) -> tuple[str, Summary, dict[str, bytes]]:
    record, look = task.record, task.look
    faces = read_face_columns(task.shards)
    if record.faces and not len(faces):
        raise RmsetError(f"the shards of {record.id} are missing", remedy="see: rmset verify")
    plan = plan_video(
        record.id, task.shards, faces.identity, faces.time_s, columns=look.columns, most_rows=MOST_IDENTITIES
    )
    counted = distributions(faces, record.frames, frame_spacing(faces.time_s))
    counts = {name: tuple(count.tolist()) for name, count in counted.items()}
    findings, doubtful = _findings(task)
    sides = [sides_of(finding, faces) for finding in findings]
    beside = dict(enumerate(side.rows for own in sides for side in own))
    album = Album(look, faces, task.shards, itertools.chain(*(row.picks for row in plan.rows), *beside.values()))
    tiles = album.tiles("faces", {row.identity: row.picks for row in plan.rows})
    side_tiles = album.tiles("sides", beside)
    firsts = list(itertools.accumulate(map(len, sides), initial=0))[:-1]
    doubts = tuple(
        as_doubt(finding, own, side_tiles, first=first, command=not look.published)
        for finding, own, first in zip(findings, sides, firsts, strict=True)
    )
    if look.served:
        doubts = with_corrections(doubts, findings, faces, task.as_of)
    told = "What to look at could not be found." if doubtful and look.published else doubtful
    view = full_view(record, faces, plan, counts=counts, tiles=tiles, doubts=doubts, fault=told, anchor=task.anchor)
    summary = _summary(task, fault=doubtful, counts=counts, strip=album.strip(plan), doubts=doubts)
    return _rendered(task, view), summary, album.files


def _rendered(task: PageTask, view: object) -> str:
    return render(task.template, task.look, v=view, task=task)


def _findings(task: PageTask) -> tuple[list[Finding], str]:
    """What somebody should look at, the worst first, and why it is not known."""
    try:
        found = find_doubts(task.source, task.record.id)
    except RmsetError as error:
        return [], f"what to look at could not be found: {error}"
    return sorted(found, key=lambda finding: -finding.score), ""


def _summary(
    task: PageTask,
    *,
    fault: str,
    counts: Mapping[str, tuple[int, ...]] | None = None,
    strip: Strip | None = None,
    doubts: tuple[Doubt, ...] = (),
) -> Summary:
    return Summary.of(
        task.record,
        stamp=task.stamp,
        fault=fault,
        counts=dict(counts or {}),
        strip=strip and strip.model_copy(update={"src": task.from_above + strip.src}),
        doubts=tuple(moved(doubt, task.from_above) for doubt in doubts),
    )
