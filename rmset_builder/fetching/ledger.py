"""The one who writes ``catalog.jsonl``, a folder's ledger, and moves what was downloaded to its place.

Rows are only ever added, each batch of them in one write that is on the disk before the next step is taken. Only
taking a video down (`Ledger.forget`) rewrites the file, as a whole.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from filelock import FileLock, Timeout

from rmset_builder.core.errors import RmsetError, reason_of
from rmset_builder.core.files import fsync_folder, whole_file
from rmset_builder.core.jsonl import append_rows, mend_end, read_lines
from rmset_builder.fetching.catalog import CATALOG_NAME, FETCHED, Video, parse_row, read_rows

PARTIAL_FOLDER = ".partial"
WHOLE_SUFFIX = ".whole"


def now() -> str:
    """The time as it stands in rows: UTC, to the second."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Ledger:
    """The ledger of one folder, held by one process at a time.

    Example:
        >>> with Ledger(Path("videos")) as ledger:  # doctest: +SKIP
        ...     ledger.record(ledger["dQw4w9WgXcQ"].with_(state="gone", reason="removed"))
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._path = folder / CATALOG_NAME
        self._videos: dict[str, Video] = {}
        self._by_url: dict[str, str] = {}
        self._lock = FileLock(folder / f".{CATALOG_NAME}.lock")

    def __enter__(self) -> Self:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._lock.acquire(timeout=0)
        except Timeout:
            message = f"another process is at work on {self.folder}"
            raise RmsetError(message, remedy="wait for it, or give another --out") from None
        except OSError as error:
            message = f"{self.folder} cannot be written to ({reason_of(error)})"
            raise RmsetError(message, remedy="give another folder") from error
        try:
            mend_end(self._path)
            for video in read_rows(self.folder).values():
                self._take(video)
            self._finish_moves()
        except BaseException:
            self._lock.release()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    def __iter__(self) -> Iterator[Video]:
        return iter(list(self._videos.values()))

    def __getitem__(self, video_id: str) -> Video:
        return self._videos[video_id]

    def get(self, video_id: str) -> Video | None:
        """The video of that id, if it was ever seen."""
        return self._videos.get(video_id)

    def of_url(self, url: str) -> Video | None:
        """The video of that address, if it was ever seen."""
        return self._videos.get(self._by_url.get(url, ""))

    def path_of(self, video: Video) -> Path:
        """Where the file of a fetched video lies."""
        return self.folder / video.file

    def is_here(self, video: Video) -> bool:
        """Whether a video is fetched and its file still there, as large as it was."""
        if video.state != FETCHED or not video.file:
            return False
        try:
            return self.path_of(video).stat().st_size == video.bytes
        except OSError:
            return False

    def record(self, *videos: Video) -> None:
        """Add rows; when this returns, they are on the disk.

        Raises:
            OSError: the disk is full; a torn row is mended when the ledger is opened the next time.
        """
        stamped = [video.with_(when=now()) for video in videos]
        if stamped:
            append_rows(self._path, map(asdict, stamped))
        for video in stamped:
            self._take(video)

    def forget(self, video_id: str, tombstone: Video) -> None:
        """Rewrite the ledger without any row of a video but ``tombstone``."""
        kept = []
        if self._path.exists():
            lines = read_lines(self._path)
            kept = [line for line in lines if (row := parse_row(line)) is None or row.id != video_id]
        tombstone = tombstone.with_(when=now())
        with whole_file(self._path) as temporary:
            text = "".join(f"{line}\n" for line in [*kept, json.dumps(asdict(tombstone))])
            temporary.write_text(text, encoding="utf-8")
        self._take(tombstone)

    def stage(self, path: Path, video: Video) -> None:
        """Give a downloaded file its final name and note it, so that no moment of a crash loses or doubles it.

        The file waits under a name that only its row leads to: whoever opens the ledger after a crash between the
        two finishes the move.
        """
        with path.open("rb") as handle:
            os.fsync(handle.fileno())
        waiting = self._waiting(video)
        path.replace(waiting)
        fsync_folder(waiting.parent)
        self.record(video)
        self._move(video)

    def _waiting(self, video: Video) -> Path:
        return self.folder / PARTIAL_FOLDER / f"{video.file}{WHOLE_SUFFIX}"

    def _move(self, video: Video) -> None:
        self._waiting(video).replace(self.path_of(video))
        fsync_folder(self.folder)

    def _finish_moves(self) -> None:
        for waiting in (self.folder / PARTIAL_FOLDER).glob(f"*{WHOLE_SUFFIX}"):
            video = self.get(waiting.name.removesuffix(WHOLE_SUFFIX).rpartition(".")[0])
            if video is not None and video.state == FETCHED and self._waiting(video) == waiting:
                self._move(video)

    def _take(self, video: Video) -> None:
        self._videos[video.id] = video
        if video.url:
            self._by_url[video.url] = video.id
