"""What the user pointed at, as a list of videos: files as they are, folders by the videos in them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from rmset_builder.core.errors import RmsetError, VideoError
from rmset_builder.core.files import as_address
from rmset_builder.fetching.catalog import Provenance
from rmset_builder.pipeline.id_owners import IdOwners
from rmset_builder.pipeline.task import Task
from rmset_builder.shards.videos_table import VideoRecord
from rmset_builder.storage.address import is_address, named, shown
from rmset_builder.storage.sources import list_objects
from rmset_builder.video.folders import list_videos
from rmset_builder.video.folders import named as told
from rmset_builder.video.info import VIDEO_SUFFIXES

DEFAULT_FOLDER = Path("videos")


@dataclass(frozen=True)
class Sources:
    """Videos to extract, what could not even be looked at (path and fault), and what was left out."""

    tasks: list[Task]
    faults: list[tuple[Path, VideoError]]
    notes: list[str] = field(default_factory=list)


def find_sources(
    paths: Iterable[Path],
    *,
    records: Mapping[str, VideoRecord] | None = None,
    recursive: bool = False,
    group: str | None = None,
) -> Sources:
    """The videos that ``paths`` name, in order, folders sorted by name; a file named twice counts once.

    Args:
        paths: files and folders; none means the folder ``videos``.
        records: what was extracted before, by id; it keeps its ids.
        recursive: go through the folders below a folder as well.
        group: expression group of all of them, in place of the catalog's.

    Raises:
        RmsetError: no path was given and there is no folder ``videos``; or an address was given.
    """
    given = list(paths)
    _refuse_addresses(given)
    if not given:
        if not DEFAULT_FOLDER.is_dir():
            raise RmsetError(
                f"no video given and no folder {DEFAULT_FOLDER}/ here",
                remedy="give videos or folders: rmset extract VIDEO, or put some into videos/",
            )
        given = [DEFAULT_FOLDER]
    files: dict[Path, Path] = {}
    faults: list[tuple[Path, VideoError]] = []
    notes: list[str] = []
    for path in given:
        if is_address(path):
            files |= {file: file for file in _objects(path, recursive=recursive, notes=notes)}
            continue
        if not _is_folder(path):
            files.setdefault(path.absolute(), path)
            continue
        try:
            listing = list_videos(path, recursive=recursive)
        except VideoError as error:
            faults.append((path, error))
            continue
        for file in listing.files:
            files.setdefault(file.absolute(), file)
        faults += listing.faults
        if listing.left_out:
            notes.append(f"{_left_out(listing.left_out)}; take them with --recursive")
        if listing.links:
            notes.append(f"{_left_out(listing.links)}: links to folders are not followed")
    return Sources(_tasks(list(files.values()), records or {}, group, notes), faults, notes)


def _objects(path: Path, *, recursive: bool, notes: list[str]) -> list[Path]:
    """The object that an address is, or the videos of the folder; an object that is none fails when its turn comes."""
    found = [one for one in list_objects(path) if one == path or one.suffix.lower() in VIDEO_SUFFIXES]
    own = found if recursive else [one for one in found if path in (one, one.parent)]
    if len(own) < len(found):
        notes.append(f"{shown(path)}: {len(found) - len(own):,} videos further down were left out; --recursive")
    if not own:
        raise RmsetError(f"{shown(path)} holds no video", remedy="name a video, or a folder that has some")
    return own


def _tasks(files: list[Path], records: Mapping[str, VideoRecord], group: str | None, notes: list[str]) -> list[Task]:
    owners = IdOwners(records)
    ids = owners.assign(files)
    copies: dict[str, list[Path]] = {}
    for file in files:
        copies.setdefault(ids[file], []).append(file)
    tasks = []
    for video, same in copies.items():
        source = records[video].source if video in records else ""
        chosen = min(same, key=lambda file: (named(file) != source, file.absolute()))
        notes += [f"{shown(file)} is a copy of {shown(chosen)} and was left out" for file in same if file != chosen]
        tasks.append(Task(video, chosen, _provenance(chosen, video, group, owners)))
    return tasks


def _left_out(folders: list[Path]) -> str:
    return f"{told(folders)} and {'was' if len(folders) == 1 else 'were'} left out"


def _refuse_addresses(paths: Iterable[Path]) -> None:
    for path in paths:
        if not is_address(path) and (address := as_address(path)):
            raise RmsetError(
                f"{address} is an address, and only files are extracted",
                remedy="download it with `rmset fetch`, by a manifest with `source: url` (docs/fetching.md)",
            )


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # in a folder without rights, or too long a name: told when the video's turn comes
        return False


def _provenance(file: Path, video: str, group: str | None, owners: IdOwners) -> Provenance:
    """What the catalog beside a file says: of the row that names it, or else of one with its id or stem."""
    files = owners.catalog(file.parent)
    others = files.values()
    names = [files[file.name]] if file.name in files else [n for n in (video, file.stem) if n not in others]
    catalog = owners.provenance(file.parent)
    known = next((catalog[name] for name in names if name in catalog), Provenance())
    return known if group is None else Provenance(**{**vars(known), "group": group})
