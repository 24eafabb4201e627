"""Is there anything that ``rmset verify`` could check?"""

from __future__ import annotations

from pathlib import Path

from rmset_builder.core.errors import RmsetError
from rmset_builder.fetching.catalog import CATALOG_NAME
from rmset_builder.shards.layout import parse_shard_name
from rmset_builder.shards.tombstones import TOMBSTONES_NAME
from rmset_builder.shards.videos_table import TABLE_NAME
from rmset_builder.video.folders import video_files


def require_content(shards: Path, videos: Path, *, shards_given: bool, videos_given: bool) -> None:
    """Make sure that there is something to check: of nothing, "all is well" says nothing.

    Args:
        shards: folder of the shards.
        videos: folder of the videos.
        shards_given: whether somebody named it; else it may hold nothing as long as the other does.
        videos_given: likewise.

    Raises:
        RmsetError: a folder that was named holds nothing to check, or neither does.
    """
    shards_hold = shards.is_dir() and any(_is_of_shards(path) for path in shards.iterdir())
    videos_hold = _has_lines(videos / CATALOG_NAME)
    remedy = "name them: rmset verify SHARDS --videos DIR"
    if not shards_hold and (shards_given or not videos_hold):
        what = "holds no shards" if shards.is_dir() else "is not there"
        other = "" if shards_given else f", {videos} has no {CATALOG_NAME}"
        raise RmsetError(f"{shards} {what}{other}: there is nothing to check", remedy=remedy)
    if videos_given and not (videos_hold or video_files(videos)):
        what = "holds no videos" if videos.is_dir() else "is not there"
        raise RmsetError(f"--videos {videos} {what}: there is nothing to check files against", remedy=remedy)


def _is_of_shards(path: Path) -> bool:
    return parse_shard_name(path) is not None or path.name in (TABLE_NAME, TOMBSTONES_NAME)


def _has_lines(path: Path) -> bool:
    return path.is_file() and bool(path.read_bytes().strip())
