"""The index of a folder of shards: which row is whom, when, and where its picture lies; opened by mapping files.

It is built from the shards' own columns and never believed over them: its folder's name is a digest of every shard's
size, time of change and footer, so a shard that changes makes another index necessary.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import shutil
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from filelock import FileLock

from rmfer.errors import RmferError, ShardError
from rmfer.shards.index_build import LAYOUT, build
from rmfer.shards.index_files import is_whole, map_arrays, read_told
from rmfer.shards.shard_files import Stamp, find_shards, readable, shards_in_table, stamp
from rmset_builder.shards.checksums import INDEX_FOLDER

READERS = 8
MISSING = "put it back, or run `rmset extract --force` on its video"

SKIPPING = "--skip-bad (in Python skip_bad=True)"

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Index:
    """Every row of a folder of shards. Rows are numbered through: by video, part, and place in the shard.

    Shapes for R rows, S shards, V videos and P identities over all videos:

    - ``frame``, ``identity``, ``size`` (R,) int32, ``offset`` (R,) int64: ``size`` bytes from ``offset`` on are the
      page of Parquet that holds the row's picture;
    - ``shard_start`` (S + 1,), ``video_start`` (V + 1,): rows ``start[n]`` .. ``start[n + 1] - 1`` are shard or
      video n;
    - ``person_start`` (P + 1,), ``person_row``, ``person_frame`` (R,) int32: the rows of each identity sorted by frame,
      counted from its video's first row, and their frames;
    - ``video_person`` (V + 1,): identities ``video_person[v]`` .. ``video_person[v + 1] - 1`` are video v's.

    ``faults`` are the shards that were left out, and why.
    """

    folder: Path
    shards: tuple[Stamp, ...]
    videos: tuple[str, ...]
    faults: tuple[ShardError, ...]
    shard_start: npt.NDArray[np.int64]
    video_start: npt.NDArray[np.int64]
    video_person: npt.NDArray[np.int64]
    person_start: npt.NDArray[np.int64]
    frame: npt.NDArray[np.int32]
    identity: npt.NDArray[np.int32]
    offset: npt.NDArray[np.int64]
    size: npt.NDArray[np.int32]
    person_row: npt.NDArray[np.int32]
    person_frame: npt.NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.frame)

    @property
    def digest(self) -> str:
        """A hash of the shards' contents; copies of them have the same."""
        return _digest(dataclasses.replace(shard, mtime_ns=0) for shard in self.shards)

    def place(self, row: int) -> tuple[Path, int]:
        """The shard in which ``row`` is, and its number there."""
        shard = self.shard_of(row)
        return self.folder / self.shards[shard].name, row - int(self.shard_start[shard])

    def shard_of(self, row: int) -> int:
        """The number of the shard that has ``row``."""
        return int(np.searchsorted(self.shard_start, row, side="right")) - 1

    def video_of(self, row: int) -> int:
        """The number of the video that has ``row``."""
        return int(np.searchsorted(self.video_start, row, side="right")) - 1


def open_index(
    folder: Path, *, cache: Path | None = None, skip_bad: bool = False, progress: Progress | None = None
) -> Index:
    """Map the index of ``folder``, built first where there is none of the shards' present state.

    Args:
        folder: where the shards lie.
        cache: where indexes are kept; by default inside ``folder``.
        skip_bad: leave shards out that are damaged, missing, or of another version; ``faults`` has them.
        progress: told how many of how many shards were read, when building.

    Raises:
        ShardError: a shard is damaged, missing or of another version; not with ``skip_bad``.
        RmferError: no shards, or no right to write the index.
    """
    stamps, faults = _stamps(find_shards(folder), folder)
    cache = folder / INDEX_FOLDER if cache is None else cache
    try:
        cache.mkdir(parents=True, exist_ok=True)
        place = cache / _digest(stamps)
        if not _serves(folder, place):
            with FileLock(cache / ".lock"):
                if not _serves(folder, place):
                    build(folder, stamps, place, older=_older(cache), progress=progress)
                    _clean(cache, place)
    except OSError as error:
        raise RmferError(
            f"the index of {folder} cannot be written to {cache} ({error.strerror})",
            remedy="free some space there, or name another folder with --index (in Python open_index(..., cache=...))",
        ) from error
    index = _map(folder, place, faults)
    if index.faults and not skip_bad:
        more = f" ({len(index.faults) - 1} more shards are bad too)" if len(index.faults) > 1 else ""
        first = index.faults[0]
        raise RmferError(f"{first.message}{more}", remedy=f"{first.remedy}, or leave such shards out with {SKIPPING}")
    if not len(index):
        raise RmferError(f"no faces in the shards of {folder}", remedy="extract videos that have some")
    return index


def _stamps(found: Sequence[Stamp], folder: Path) -> tuple[tuple[Stamp, ...], tuple[ShardError, ...]]:
    def examine(shard: Stamp) -> Stamp | ShardError:
        try:
            return stamp(folder, shard)
        except ShardError as error:
            return error

    with ThreadPoolExecutor(READERS, thread_name_prefix="stamp") as pool:
        results = list(pool.map(examine, found))
    whole = tuple(result for result in results if isinstance(result, Stamp))
    return whole, tuple(result for result in results if isinstance(result, ShardError))


def _digest(stamps: Iterable[Stamp]) -> str:
    told = [LAYOUT, [[s.video, s.part, s.size, s.mtime_ns, s.footer_crc] for s in stamps]]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:32]


def _serves(folder: Path, place: Path) -> bool:
    """Whether there is a whole index at ``place``, and what it left out cannot be read now either."""
    try:
        faults = read_told(place)["faults"]
        return is_whole(place) and not any(readable(folder / name) for name, _, _ in faults)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _older(cache: Path) -> Path | None:
    """The newest index of another state, whose rows of unchanged shards can be taken over."""
    folders = [path for path in cache.iterdir() if path.is_dir() and not path.name.startswith(".")]
    return max(folders, key=lambda path: path.stat().st_mtime_ns, default=None)


def _clean(cache: Path, kept: Path) -> None:
    # Whoever has an older index mapped keeps it until he closes it.
    for path in cache.iterdir():
        if path.is_dir() and path != kept:
            shutil.rmtree(path, ignore_errors=True)


def _map(folder: Path, place: Path, unreadable: tuple[ShardError, ...]) -> Index:
    told = read_told(place)
    listed = [
        ShardError(folder / name, message, remedy=remedy) for name, message, remedy in told["faults"] + told["disorder"]
    ]
    present = {shard.name for shard in told["shards"]} | {error.path.name for error in (*unreadable, *listed)}
    expected = {**shards_in_table(folder), **told["parts"]}
    names = [Stamp(video, part).name for video in sorted(expected) for part in range(expected[video])]
    missing = [ShardError(folder / name, "is missing", remedy=MISSING) for name in names if name not in present]
    return Index(
        folder=folder,
        shards=tuple(told["shards"]),
        videos=tuple(told["videos"]),
        faults=(*unreadable, *listed, *missing),
        **map_arrays(place),
    )
