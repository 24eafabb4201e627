"""A report from beginning to end: what is up to date is kept, the rest is made, and the pages over all are written."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from markupsafe import Markup

from rmset_builder.core.errors import one_line
from rmset_builder.core.files import whole_file
from rmset_builder.reports.stats import Collection, Table, collect, tabulate
from rmset_builder.shards.layout import ShardFile
from rmset_builder.site.folder import (
    INDEX,
    LEDGER,
    PAGES,
    REVIEW,
    claimed,
    clear,
    is_id,
    not_written,
    page_folder,
    scratch_folder,
    stamp,
    up_to_date,
    write_ledger,
)
from rmset_builder.site.look import Look
from rmset_builder.site.overview import overview, review_list
from rmset_builder.site.rendering import stream
from rmset_builder.site.summary import PAGE, Summary
from rmset_builder.site.video_page import PageTask
from rmset_builder.site.workers import make_pages

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class BuiltVideo:
    """A video of a report: its page, empty in a single file; whether it was made now; and why it could not be read."""

    id: str
    page: str
    state: str
    made: bool
    identities: int
    faces: int
    findings: int
    fault: str


@dataclass(frozen=True)
class Built:
    """A report that was written: where it begins, its videos, and what contradicts itself in the shards.

    ``faces`` is how they are shown; ``bytes`` is the size of all files.
    """

    index: Path
    videos: tuple[BuiltVideo, ...]
    warnings: tuple[str, ...]
    notes: tuple[str, ...]
    faces: str
    bytes: int

    def told(self) -> dict[str, object]:
        """The same as JSON has it."""
        return {**asdict(self), "index": str(self.index)}


def build_report(
    shards: Path,
    out: Path,
    *,
    look: Look,
    videos: Sequence[str] = (),
    jobs: int = 1,
    progress: Progress | None = None,
) -> Built:
    """Write a report on a folder of shards.

    Pages that are up to date stay; all other pages are removed at once, then those of the report are made. Memory holds
    one video's narrow columns and the pictures of its page, for each job.

    Args:
        shards: the folder.
        out: the folder to write to: new, empty, or an earlier report's.
        look: how it looks.
        videos: ids of the videos to report on; all where empty.
        jobs: how many pages are made at a time.
        progress: told the video, how many pages are done, and how many there are.

    Raises:
        RmsetError: there are no shards, not a video that was asked for, or ``out`` cannot be written to or holds other
            files.

    Example:
        >>> build_report(Path("shards"), Path("report"), look=Look()).index  # doctest: +SKIP
        PosixPath('report/index.html')
    """
    found = collect(shards, videos)
    try:
        with claimed(out):
            built = _build(shards, out, found, look=look, jobs=jobs, progress=progress)
            write_ledger(out, built.told())
    except OSError as error:
        raise not_written(out, error) from error
    return built


def _build(shards: Path, out: Path, found: Collection, *, look: Look, jobs: int, progress: Progress | None) -> Built:
    own: dict[str, list[ShardFile]] = {}
    for footer in found.footers:
        own.setdefault(footer.shard.video, []).append(footer.shard)
    records = {record.id: record for record in found.records if is_id(record.id)}
    stamps = {video: stamp(record, own.get(video, []), look) for video, record in records.items()}
    kept = {} if look.single else {v: s for v in records if (s := up_to_date(out, v, stamps[v])) is not None}
    clear(out, kept)
    strangers = [record.id for record in found.records if record.id not in records]
    warnings = (*found.warnings, *(f"{video!r} is no id, and has no page" for video in strangers))
    summaries = dict(kept)
    with scratch_folder(out) as scratch:
        tasks = [
            PageTask(
                record=record,
                shards=tuple(own.get(video, ())),
                source=shards,
                folder=scratch / video if look.single else page_folder(out, video),
                look=look,
                stamp=stamps[video],
            )
            for video, record in records.items()
            if video not in kept
        ]
        for number, summary in enumerate(make_pages(tasks, jobs), 1):
            summaries[summary.video] = summary
            if progress is not None:
                progress(summary.video, number, len(tasks))
        ordered = [summaries[video] for video in sorted(summaries)]
        name = one_line(shards.resolve().name)
        _write_over_all(out, name, tabulate(found.records), ordered, look=look, warnings=len(warnings), scratch=scratch)
    return Built(
        index=out / INDEX,
        videos=tuple(_built(one, look, made=one.video not in kept) for one in ordered),
        warnings=warnings,
        notes=found.notes,
        faces=look.faces.value,
        bytes=sum(path.stat().st_size for path in out.rglob("*") if path.is_file() and path.name != LEDGER),
    )


def _write_over_all(
    out: Path, name: str, table: Table, summaries: Sequence[Summary], *, look: Look, warnings: int, scratch: Path
) -> None:
    """The overview and the review list, or the one file with all pages, which lie in ``scratch``."""
    link, review = (_anchor, "#review") if look.single else (_page, REVIEW)
    o = overview(name, table, summaries, warnings=warnings, review=review, link=link)
    r = review_list(summaries, link)
    if look.single:
        _write(out / INDEX, stream("single.html.j2", look, o=o, r=r, sections=_sections(scratch, summaries)))
    else:
        _write(out / REVIEW, stream("review.html.j2", look, r=r))
        _write(out / INDEX, stream("overview.html.j2", look, o=o))


def _built(one: Summary, look: Look, *, made: bool) -> BuiltVideo:
    page = "" if look.single else _page(one.video)
    return BuiltVideo(one.video, page, one.state, made, one.identities, one.faces, len(one.doubts), one.fault)


def _page(video: str) -> str:
    return f"{PAGES}/{video}/{PAGE}"


def _anchor(video: str) -> str:
    return f"#video-{video}"


def _sections(folder: Path, summaries: Sequence[Summary]) -> Iterator[Markup]:
    for one in summaries:
        # Made by our own template, which has escaped all that is text.
        yield Markup((folder / one.video / PAGE).read_text("utf-8"))


def _write(path: Path, pieces: Iterator[str]) -> None:
    with whole_file(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        file.writelines(pieces)
