"""The folder that a report is written to: that it is no one else's, what of it is up to date, and what has to go."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import tempfile
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from filelock import FileLock, Timeout

from rmset_builder.core.errors import RmsetError, reason_of
from rmset_builder.core.files import TEMPORARY_SUFFIX, whole_file
from rmset_builder.shards.layout import ShardFile, embeddings_path, identities_path
from rmset_builder.shards.videos_table import VideoRecord
from rmset_builder.site.look import Look, maker
from rmset_builder.site.summary import NAME, PAGE, Summary, read_summary

INDEX, REVIEW, LEDGER, PAGES = "index.html", "review.html", "report.json", "pages"
_MADE_BY = "rmset report"
_LOCK, _SCRATCH = ".lock", ".making-"
_ID = re.compile(r"[A-Za-z0-9_-]{1,200}")
_OF_A_PAGE = re.compile(rf"({re.escape(PAGE)}|{re.escape(NAME)}|[a-z]+[0-9]*\.jpg)")
_OVER_ALL = re.compile(rf"({re.escape(INDEX)}|{re.escape(REVIEW)})")


def is_id(video: str) -> bool:
    """Whether a video's id may name a folder; a table from elsewhere may hold any text."""
    return _ID.fullmatch(video) is not None


def page_folder(out: Path, video: str) -> Path:
    """Where a video's page lies.

    Raises:
        ValueError: the id is none.
    """
    if not is_id(video):
        raise ValueError(f"{video!r} is no id")
    return out / PAGES / video


@contextmanager
def claimed(out: Path) -> Iterator[None]:
    """Within the block ``out`` is a report's folder, if it was new, empty or one before, and nobody else writes to it.

    Raises:
        RmsetError: it holds anything else, or another process is at it.
        OSError: it cannot be written to.
    """
    if out.is_dir() and any(out.iterdir()) and not _is_report(out):
        raise RmsetError(f"--out {out} holds other files and no report", remedy="give a folder of its own")
    if not _is_report(out):
        write_ledger(out, {})
    if (out / PAGES).is_symlink():
        raise RmsetError(f"{out / PAGES} leads elsewhere", remedy="take that link away")
    try:
        with FileLock(out / _LOCK, timeout=0):
            yield
    except Timeout as error:
        raise RmsetError(f"--out {out}: another `rmset report` writes to it", remedy="wait until it ends") from error


@contextmanager
def scratch_folder(out: Path) -> Iterator[Path]:
    """Yield a folder for what is put together within the block, and remove it afterwards."""
    with tempfile.TemporaryDirectory(prefix=_SCRATCH, dir=out) as folder:
        yield Path(folder)


def _is_report(out: Path) -> bool:
    try:
        told = json.loads((out / LEDGER).read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(told, dict) and told.get("made_by") == _MADE_BY


def write_ledger(out: Path, told: dict[str, object]) -> None:
    """Note what the report holds, by which it is known as one."""
    with whole_file(out / LEDGER) as temporary:
        temporary.write_text(json.dumps({"made_by": _MADE_BY, **told}, indent=1, ensure_ascii=False) + "\n", "utf-8")


def not_written(out: Path, error: OSError) -> RmsetError:
    """The fault of a folder that cannot be written to."""
    return RmsetError(f"--out {out} cannot be written to ({reason_of(error)})", remedy="give another folder")


def stamp(record: VideoRecord, shards: Sequence[ShardFile], look: Look) -> str:
    """What a page depends on, as one hash: record, shards, embeddings, options, and the program."""
    folder = shards[0].path.parent if shards else None
    files = [shard.path for shard in shards]
    if folder is not None:  # doubts are of these
        files += [identities_path(folder, record.id), embeddings_path(folder, record.id)]
    told = [
        maker(),
        asdict(record),
        [look.columns, look.size, look.faces.value, look.single],
        [_state(path) for path in files],
    ]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()


def _state(path: Path) -> list[object]:
    try:
        status = path.stat()
    except OSError:
        return [path.name]
    return [path.name, status.st_size, status.st_mtime_ns]


def up_to_date(out: Path, video: str, stamp: str) -> Summary | None:
    """The summary of a page that need not be made again; None where it has to be."""
    folder = page_folder(out, video)
    found = None if folder.is_symlink() else read_summary(folder)
    return found if found is not None and found.stamp == stamp and not found.fault else None


def clear(out: Path, kept: Collection[str]) -> None:
    """Remove all pages but the ``kept`` ones before any is written.

    So whoever asks for blurred faces, or has taken a video down, finds nothing of before, even if the run is stopped.
    Files that are not a report's own stay.

    Raises:
        OSError: something cannot be removed.
    """
    pages = out / PAGES
    for left_over in out.glob(f"{_SCRATCH}*"):  # whoever began it was killed
        shutil.rmtree(left_over)
    if not kept:
        _empty(out, _OVER_ALL)
    for folder in list(pages.iterdir()) if pages.is_dir() else []:
        if folder.is_symlink():
            folder.unlink()
        elif folder.is_dir() and folder.name not in kept:
            _empty(folder, _OF_A_PAGE)
            if not any(folder.iterdir()):
                folder.rmdir()
    if pages.is_dir() and not any(pages.iterdir()):
        pages.rmdir()


def _empty(folder: Path, ours: re.Pattern[str]) -> None:
    for path in folder.iterdir():
        unfinished = path.name.startswith(".") and path.name.endswith(TEMPORARY_SUFFIX)
        if (ours.fullmatch(path.name) or unfinished) and not path.is_dir():
            path.unlink()
