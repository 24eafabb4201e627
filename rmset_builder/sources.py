"""What the user pointed at, as a list of videos: files as they are, folders by the videos in them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from rmset_builder.catalog import Provenance, read_catalog
from rmset_builder.errors import RmsetError, VideoError
from rmset_builder.extract import Task
from rmset_builder.video import VIDEO_SUFFIXES, safe_video_id

DEFAULT_FOLDER = Path("videos")


@dataclass(frozen=True)
class Sources:
    """Videos to extract, and what could not even be looked at: path and fault."""

    tasks: list[Task]
    faults: list[tuple[Path, VideoError]]


def find_sources(paths: Iterable[Path], *, group: str | None = None) -> Sources:
    """The videos that ``paths`` name, in order, folders sorted by name; a file named twice counts once.

    Args:
        paths: files and folders; none means the folder ``videos``.
        group: expression group of all of them, in place of the catalog's.

    Raises:
        RmsetError: no path was given and there is no folder ``videos``.
    """
    given = list(paths)
    if not given:
        if not DEFAULT_FOLDER.is_dir():
            raise RmsetError(
                f"no video given and no folder {DEFAULT_FOLDER}/ here",
                remedy="give videos or folders: rmset extract VIDEO, or put some into videos/",
            )
        given = [DEFAULT_FOLDER]
    tasks: dict[Path, Task] = {}
    faults: list[tuple[Path, VideoError]] = []
    owner: dict[str, Path] = {}
    for path in given:
        try:
            files = _videos_of_folder(path) if _is_folder(path) else [path]
        except VideoError as error:
            faults.append((path, error))
            continue
        for file in files:
            key = file.absolute()
            if key in tasks:
                continue
            video = safe_video_id(file)
            if (other := owner.setdefault(video, file)) != file:
                faults.append((file, _same_id(file, other, video)))
                continue
            tasks[key] = Task(video, file, _provenance(file, video, group))
    return Sources(list(tasks.values()), faults)


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # in a folder without rights, or too long a name: told when the video's turn comes
        return False


def _same_id(file: Path, other: Path, video: str) -> VideoError:
    return VideoError("id-taken", f"{file} would have the same id as {other}: {video}", remedy="rename one of them")


def _videos_of_folder(folder: Path) -> list[Path]:
    try:
        found = sorted(p for p in folder.iterdir() if p.suffix.lower() in VIDEO_SUFFIXES and not p.name.startswith("."))
    except OSError as error:
        raise VideoError("no-rights", f"{folder} may not be listed", remedy=f"run: chmod u+rx {folder}") from error
    if not found:
        raise VideoError(
            "no-videos", f"{folder} holds no video ({', '.join(sorted(VIDEO_SUFFIXES))})", remedy="give a video file"
        )
    return found


def _provenance(file: Path, video: str, group: str | None) -> Provenance:
    known = read_catalog(file.parent).get(video, Provenance())
    return known if group is None else Provenance(**{**vars(known), "group": group})
