"""The ledger ``catalog.jsonl``: a row for every change of every video ever seen; the last row of an id holds.

Rows are only ever added, each batch of them in one write that is on the disk before the next step is taken. Only
taking a video down (`Ledger.forget`) rewrites the file, as a whole.
"""

from __future__ import annotations

import dataclasses
import json
import os
import types
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self, get_args, get_type_hints

from filelock import FileLock, Timeout

from rmset_builder.core.errors import RmsetError
from rmset_builder.core.files import fsync_folder, whole_file
from rmset_builder.fetching.catalog import CATALOG_NAME
from rmset_builder.fetching.phrases import BLOCKED_BY_LAW, BLOCKED_HERE, said_by_site, site_words

PARTIAL_FOLDER = ".partial"
WHOLE_SUFFIX = ".whole"
# The `site` of files of this machine.
FILE_SITE = "file"

FOUND, FILTERED, FETCHED, FAILED, GONE, PRUNED = "found", "filtered", "fetched", "failed", "gone", "pruned"
# Not to be had from the places in ``blocked_from``.
BLOCKED = "blocked"
DIRECT = "direct"


@dataclass(frozen=True, kw_only=True)
class Video:
    """A row: all that is known of a video and what has become of it.

    ``id`` is the name of its file without suffix; ``site`` and ``site_id`` are yt-dlp's extractor and that site's own
    id. ``licence`` is what the site states, word for word. ``rank`` counts a search's results from 1. ``checked``
    tells that the metadata are the video's own and not just a search result's. ``times`` counts failures.
    ``thumbnail_hash`` is a difference hash of 64 bits, hexadecimal. ``cookies`` and ``proxy`` tell what the last
    attempt used; of the proxy, only scheme and host. ``blocked_from`` has the places, as `describe.place_of` names
    them and parted by blanks, from which the site refused it. ``pruned_identities`` counts the people taken out of its
    shards.
    """

    id: str
    url: str = ""
    site: str = ""
    site_id: str = ""
    title: str = ""
    channel: str = ""
    licence: str = ""
    upload_date: str = ""
    duration_s: float | None = None
    width: int | None = None
    height: int | None = None
    age_limit: int | None = None
    live_status: str = ""
    checked: bool = False
    group: str = ""
    keyword: str = ""
    rank: int = 0
    state: str = FOUND
    reason: str = ""
    message: str = ""
    times: int = 0
    thumbnail_hash: str = ""
    near_duplicate_of: str = ""
    file: str = ""
    bytes: int = 0
    sha256: str = ""
    format: str = ""
    cookies: bool = False
    proxy: str = ""
    blocked_from: str = ""
    pruned_identities: int = 0
    yt_dlp: str = ""
    when: str = ""

    def with_(self, **changes: Any) -> Video:
        """The same video with some fields changed."""
        return dataclasses.replace(self, **changes)


def _plain_types() -> dict[str, tuple[type, ...]]:
    hints = get_type_hints(Video)
    return {name: get_args(kind) if isinstance(kind, types.UnionType) else (kind,) for name, kind in hints.items()}


_TYPES = _plain_types()


def now() -> str:
    """The time as it stands in rows: UTC, to the second."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_row(line: str) -> Video | None:
    """The row in a line; None where it is none. Fields of a wrong type are dropped, unknown ones ignored."""
    try:
        row = json.loads(line)
    except ValueError:
        return None
    if not isinstance(row, dict) or not isinstance(row.get("id"), str) or not row["id"]:
        return None
    return _as_now(Video(**{name: value for name, value in row.items() if _fits(name, value)}))


def _as_now(video: Video) -> Video:
    """A row as it would be written now: what is blocked at a place was once noted as failed, or even as gone."""
    if video.state == FAILED and video.reason in (BLOCKED_HERE, BLOCKED_BY_LAW):
        reason = video.reason
    elif (video.state, video.reason) == (GONE, "removed"):
        reason = said_by_site(site_words(video.message))
    else:
        return video
    if reason not in (BLOCKED_HERE, BLOCKED_BY_LAW):
        return video
    return video.with_(state=BLOCKED, reason=reason, blocked_from=video.blocked_from or video.proxy or DIRECT)


def _fits(name: str, value: object) -> bool:
    allowed = _TYPES.get(name, ())
    if isinstance(value, bool):
        return bool in allowed
    return isinstance(value, (*allowed, int) if float in allowed else allowed)


def read_rows(folder: Path) -> dict[str, Video]:
    """The state of every video of a folder by its id, in the order in which they were first seen.

    Raises:
        RmsetError: the ledger exists and cannot be read.
    """
    path = folder / CATALOG_NAME
    rows: dict[str, Video] = {}
    try:
        with path.open(encoding="utf-8", errors="replace") as lines:
            for line in lines:
                if (video := parse_row(line)) is not None:
                    rows[video.id] = video
    except FileNotFoundError:
        pass
    except OSError as error:
        raise RmsetError(f"{path} cannot be read ({error.strerror})", remedy="check the folder's rights") from error
    return rows


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
            message = f"{self.folder} cannot be written to ({error.strerror})"
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
            append_lines(self._path, (json.dumps(dataclasses.asdict(v), ensure_ascii=False) for v in stamped))
        for video in stamped:
            self._take(video)

    def forget(self, video_id: str, tombstone: Video) -> None:
        """Rewrite the ledger without any row of a video but ``tombstone``."""
        kept = []
        if self._path.exists():
            lines = self._path.read_text(encoding="utf-8", errors="replace").splitlines()
            kept = [line for line in lines if (row := parse_row(line)) is None or row.id != video_id]
        tombstone = tombstone.with_(when=now())
        with whole_file(self._path) as temporary:
            text = "".join(f"{line}\n" for line in [*kept, json.dumps(dataclasses.asdict(tombstone))])
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


def append_lines(path: Path, lines: Iterable[str]) -> None:
    """Add lines to a file, in one write, and wait until they are on the disk."""
    new = not path.exists()
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        rest = "".join(f"{line}\n" for line in lines).encode("utf-8", "replace")
        while rest:
            rest = rest[os.write(handle, rest) :]
        os.fsync(handle)
    finally:
        os.close(handle)
    if new:
        fsync_folder(path.parent)


def mend_end(path: Path) -> None:
    """Take off what a crash left of a last line; a last line that only lacks its end gets it."""
    try:
        with path.open("r+b") as handle:
            content = handle.read()
            start = content.rfind(b"\n") + 1
            rest = content[start:]
            if not rest:
                return
            try:
                json.loads(rest)
            except ValueError:
                handle.truncate(start)
            else:
                handle.write(b"\n")
            handle.flush()
            os.fsync(handle.fileno())
    except FileNotFoundError:
        return
