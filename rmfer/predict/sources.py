"""What the user pointed at, as a list of pictures and videos, and under which name each one's results are written."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath

from rmfer.errors import RmferError
from rmset_builder.core.errors import one_line

PICTURE_SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})


class InputError(RmferError):
    """One picture or video cannot be looked at; the others go on and the command ends with exit code 1."""

    def __str__(self) -> str:
        return one_line(super().__str__())


@dataclass(frozen=True)
class Source:
    """A picture or a video, and the name of its results, relative to their folder and without a suffix."""

    path: Path
    name: PurePath
    is_video: bool


@dataclass(frozen=True)
class Sources:
    """What to look at, and what could not even be listed."""

    items: list[Source]
    faults: list[InputError]


def find_sources(paths: Iterable[Path], *, video_suffixes: frozenset[str]) -> Sources:
    """The pictures and videos that ``paths`` name, in order; folders are gone through to the bottom, sorted by name.

    A folder's files keep their place below it in the names of their results. A file named twice counts once.

    Args:
        paths: files and folders.
        video_suffixes: of files that are videos; every other file that is named itself is taken for a picture.
    """
    items: dict[Path, Source] = {}
    faults: list[InputError] = []
    taken: set[PurePath] = set()
    for path in paths:
        if not _exists(path):
            faults.append(InputError(f"{path} does not exist", remedy="check the path"))
            continue
        is_folder = path.is_dir()
        suffixes = PICTURE_SUFFIXES | video_suffixes
        files = (
            [(file, file.relative_to(path)) for file in _walk(path, suffixes)]
            if is_folder
            else [(path, PurePath(path.name))]
        )
        if not files:
            listed = ", ".join(sorted(suffixes))
            faults.append(InputError(f"{path} holds no picture and no video ({listed})", remedy="give other files"))
        for file, place in files:
            key = file.absolute()
            if key not in items:
                name = _free(PurePath(place).with_suffix(""), taken)
                items[key] = Source(file, name, file.suffix.lower() in video_suffixes)
    return Sources(list(items.values()), faults)


def check_out(sources: Iterable[Source], out: Path, suffixes: Iterable[str]) -> None:
    """Make sure that no result would be written over something that is to be looked at.

    Raises:
        RmferError: one would.
    """
    ends = list(suffixes)
    every = list(sources)
    inputs = {os.path.realpath(source.path) for source in every}
    for source in every:
        for end in ends:
            target = out / f"{source.name}{end}"
            if os.path.realpath(target) in inputs:
                raise RmferError(f"--out {out}: {target} would be written over", remedy="give another folder")


def _walk(folder: Path, suffixes: frozenset[str]) -> Iterator[Path]:
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if not name.startswith(".") and Path(name).suffix.lower() in suffixes:
                yield Path(place, name)


def _free(name: PurePath, taken: set[PurePath]) -> PurePath:
    """``name``, or with a number where another file has it already; and remember it."""
    chosen, number = name, 1
    while chosen in taken:
        number += 1
        chosen = name.with_name(f"{name.name}-{number}")
    taken.add(chosen)
    return chosen


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # too long a name, or a folder without rights
        return False
