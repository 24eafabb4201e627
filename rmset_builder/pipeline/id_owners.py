"""Which file has which id in one collection: what was extracted keeps its own, newcomers step aside."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from rmset_builder.fetching.catalog import FETCHED, Provenance, read_catalog, rows_beside
from rmset_builder.shards.videos_table import DONE, VideoRecord, storable
from rmset_builder.storage.address import is_address, shown
from rmset_builder.storage.sources import hash_of, is_source, status_of
from rmset_builder.video.ids import distinct_id, video_id, video_id_by_place


class IdOwners:
    """Gives the ids of files, all of which go into one folder of shards.

    1. A file that was extracted keeps its id, whatever rule that came from, also after it was moved.
    2. Any other file gets the id that its name gives (`video_id`).
    3. Where several files would have one id, or ids that differ in capitals alone, each of them gets one that tells it
       apart by its place as well; but the file that a catalog knows by that id keeps it, and copies are one video.

    So an id does not depend on the order of files, and on other files only where they have the same name.

    Args:
        records: what was extracted into the folder of shards, by id.
    """

    def __init__(self, records: Mapping[str, VideoRecord]) -> None:
        self._by_source: dict[str, VideoRecord] = {}
        self._by_name: dict[tuple[str, int], list[VideoRecord]] = {}
        self._by_id: dict[str, list[VideoRecord]] = {}
        for record in sorted(records.values(), key=lambda one: one.state == DONE):  # what is done comes last, and holds
            self._by_id.setdefault(record.id.casefold(), []).append(record)
            if record.source:
                self._by_source[_normal(record.source)] = record
                self._by_name.setdefault((Path(record.source).name, record.source_bytes), []).append(record)
        self._catalogs: dict[Path, dict[str, str]] = {}
        self._provenance: dict[Path, dict[str, Provenance]] = {}
        self._hashes: dict[Path, str] = {}

    def assign(self, files: Iterable[Path]) -> dict[Path, str]:
        """The id of each file; two files have the same one only where one is a copy of the other."""
        ids: dict[Path, str] = {}
        newcomers: dict[str, list[Path]] = {}
        absent: list[Path] = []
        for file in files:
            if (record := self._record_of(file)) is not None:
                ids[file] = record.id
            elif _size(file) is None:
                absent.append(file)
            else:
                newcomers.setdefault(self._wish(file).casefold(), []).append(file)
        taken = {one.casefold() for one in ids.values()}
        for _, rivals in sorted(newcomers.items()):
            self._settle(rivals, taken, ids)
        for file in absent:  # whose turn will only tell that it is not there
            wish = video_id(file)
            free = wish.casefold() not in taken
            ids[file] = wish if free else self._aside(file, [], taken)
            taken.add(ids[file].casefold())
        return ids

    def catalog(self, folder: Path) -> dict[str, str]:
        """The ids of the files that a folder's catalog knows, by file name."""
        if folder not in self._catalogs:
            rows = rows_beside(folder).values()
            fetched = (row for row in rows if row.state == FETCHED and Path(row.file).stem == row.id)
            self._catalogs[folder] = {row.file: row.id for row in fetched}
        return self._catalogs[folder]

    def provenance(self, folder: Path) -> dict[str, Provenance]:
        """The provenance of a folder's videos, by id, from its catalog."""
        if folder not in self._provenance:
            self._provenance[folder] = read_catalog(folder)
        return self._provenance[folder]

    def _wish(self, file: Path) -> str:
        return self.catalog(file.parent).get(file.name) or video_id(file)

    def _settle(self, rivals: list[Path], taken: set[str], ids: dict[Path, str]) -> None:
        """Give ids to files that would all have the same one."""
        newcomers: list[list[Path]] = []  # files of the same bytes together
        for file in sorted(rivals, key=_normal):
            same = next((copies for copies in newcomers if self._same_bytes(file, copies[0])), None)
            if same is None:
                newcomers.append([file])
            else:
                same.append(file)
        wish = self._wish(newcomers[0][0])
        records = self._by_id.get(wish.casefold(), [])
        left: list[list[Path]] = []
        for copies in newcomers:
            original = next((record for record in records if self._is_of(copies[0], record)), None)
            if original is None:
                left.append(copies)
            else:
                ids |= dict.fromkeys(copies, original.id)
                taken.add(original.id.casefold())
        catalogued = [copies for copies in left if any(one.name in self.catalog(one.parent) for one in copies)]
        heirs = left if len(left) == 1 else catalogued
        if len(heirs) == 1 and wish.casefold() not in taken and self._is_free(self._wish(heirs[0][0])):
            ids |= dict.fromkeys(heirs[0], self._wish(heirs[0][0]))
            left = [copies for copies in left if copies is not heirs[0]]
        for copies in left:
            others = [other[0] for other in left if other is not copies]
            ids |= dict.fromkeys(copies, self._aside(copies[0], others, taken))
        taken |= {ids[file].casefold() for file in rivals}

    def _aside(self, file: Path, others: list[Path], taken: set[str]) -> str:
        """An id that names a file's place as well: as few folders above it as tell it apart."""
        place = Path(_normal(file))
        for parts in range(2, len(place.parts) + 1):
            found = video_id_by_place(place, parts)
            alike = any(video_id_by_place(Path(_normal(other)), parts) == found for other in others)
            if not alike and found.casefold() not in taken and self._is_free(found):
                return found
        # The same letters, their accents put together in one name and taken apart in another.
        return distinct_id(file.stem, str(place))

    def _is_free(self, wish: str) -> bool:
        """Whether nobody has an id, or only a file that is gone."""
        return all(
            record.id == wish and record.source and not _exists(record.source)
            for record in self._by_id.get(wish.casefold(), [])
        )

    def _record_of(self, file: Path) -> VideoRecord | None:
        """The record of a file that was extracted from here, or from where it lay before."""
        place = _normal(file)
        record = self._by_source.get(storable(place))
        # Two names that are no text may be stored as one.
        if record is not None and (storable(place) == place or self._is_of(file, record)):
            return record
        size = _size(file)
        for other in self._by_name.get((storable(file.name), -1 if size is None else size), []):
            moved = not _exists(other.source) or _same_place(other.source, file)
            if other.state == DONE and moved and self._is_of(file, other):
                return other
        return None

    def _is_of(self, file: Path, record: VideoRecord) -> bool:
        """Whether a record is of the very bytes of a file."""
        size = _size(file)
        return size is not None and size == record.source_bytes and self._hash(file) == record.source_sha256 != ""

    def _same_bytes(self, one: Path, other: Path) -> bool:
        return _size(one) == _size(other) and self._hash(one) == self._hash(other) != ""

    def _hash(self, file: Path) -> str:
        if file not in self._hashes:
            try:
                self._hashes[file] = hash_of(file)
            except OSError:
                self._hashes[file] = ""
        return self._hashes[file]


def takedown_ids(file: Path, video: str, records: Mapping[str, VideoRecord]) -> set[str]:
    """The ids that a file is taken down under: its own, and its name's, unless it is known to be another video.

    Args:
        file: which.
        video: its id (`IdOwners.assign`).
        records: what was extracted, by id.
    """
    return {video} if video in records else {video, video_id(file)}


def _normal(path: Path | str) -> str:
    if is_address(Path(path)):
        return shown(Path(path))
    # Not Path.resolve(): a link is a file of its own name.
    return os.path.abspath(path)  # noqa: PTH100


def _size(file: Path) -> int | None:
    """The bytes of a file; None where there is none."""
    try:
        return status_of(file).size if is_source(file) else None
    except OSError:
        return None


def _exists(source: str) -> bool:
    try:
        return is_source(Path(source)) if is_address(Path(source)) else Path(source).exists()
    except OSError:  # in a folder without rights: it may well be there
        return True


def _same_place(source: str, file: Path) -> bool:
    if is_address(file) or is_address(Path(source)):
        return _normal(file) == _normal(source)
    try:
        return file.samefile(source)
    except OSError:
        return False
