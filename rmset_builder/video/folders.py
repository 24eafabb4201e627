"""The videos in a folder, and the folders below it that are left out."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from rmset_builder.core.errors import VideoError
from rmset_builder.video.info import VIDEO_SUFFIXES

# So many files are looked through below a folder, to tell of videos there that were not asked for.
_MOST_LOOKED_AT = 10_000
_NAMED = 3


@dataclass
class Listing:
    """Videos, folders with videos that are ``left_out``, of these ``links`` to folders, and what cannot be listed."""

    files: list[Path] = field(default_factory=list)
    left_out: list[Path] = field(default_factory=list)
    links: list[Path] = field(default_factory=list)
    faults: list[tuple[Path, VideoError]] = field(default_factory=list)


def list_videos(folder: Path, *, recursive: bool) -> Listing:
    """Every video in ``folder`` by its suffix, by name, without what is hidden.

    Args:
        folder: which.
        recursive: go through the folders below it as well; links to folders are not followed, so there is no circle.

    Raises:
        VideoError: the folder cannot be listed, or holds no video.
    """
    found = Listing()
    looked_at = 0
    waiting = [folder]
    while waiting:
        place = waiting.pop()
        try:
            entries = _entries(place)
        except OSError as error:
            fault = VideoError("no-rights", f"{place} may not be listed", remedy=f"run: chmod u+rx {place}")
            if place == folder:
                raise fault from error
            found.faults.append((place, fault))
            continue
        below: list[Path] = []
        for entry in entries:
            path = place / entry.name
            if recursive and entry.is_dir(follow_symlinks=False):
                below.append(path)
            elif recursive and _is_folder(path):
                found.links.append(path)
            elif path.suffix.lower() in VIDEO_SUFFIXES:
                found.files.append(path)
            elif _is_folder(path):
                found.left_out.append(path)
        waiting += reversed(below)
    for folders in (found.left_out, found.links):
        for path in list(folders):
            holds, looked_at = _holds_video(path, looked_at)
            if not holds:
                folders.remove(path)
    if not found.files and not found.faults:
        suffixes = ", ".join(sorted(VIDEO_SUFFIXES))
        remedy = f"{named(found.left_out)}, taken with --recursive" if found.left_out else "give a video file"
        raise VideoError("no-videos", f"{folder} holds no video ({suffixes})", remedy=remedy)
    return found


def video_files(videos: Path) -> list[Path]:
    """The videos of a folder by their suffix, sorted; none where there is no such folder."""
    return sorted(p for p in videos.iterdir() if p.suffix.lower() in VIDEO_SUFFIXES) if videos.is_dir() else []


def named(folders: list[Path]) -> str:
    """``folders`` that hold videos, the first of them by name."""
    first = ", ".join(str(folder) for folder in folders[:_NAMED])
    more = f" and {len(folders) - _NAMED:,} more" if len(folders) > _NAMED else ""
    return f"{first}{more} {'holds' if len(folders) == 1 else 'hold'} videos"


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        return sorted((one for one in entries if not one.name.startswith(".")), key=lambda one: one.name)


def _holds_video(folder: Path, looked_at: int) -> tuple[bool, int]:
    """Whether there is a video somewhere below, as far as can be told without looking for long."""
    waiting = [folder]
    while waiting and looked_at < _MOST_LOOKED_AT:
        place = waiting.pop()
        try:
            entries = _entries(place)
        except OSError:
            continue
        looked_at += len(entries)
        if any(Path(one.name).suffix.lower() in VIDEO_SUFFIXES and not one.is_dir() for one in entries):
            return True, looked_at
        waiting += [place / one.name for one in entries if one.is_dir(follow_symlinks=False)]
    return False, looked_at


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:
        return False
