"""A video's files with other numbers: made whole beside the old ones, then put in their place all at once.

What is to be put where is noted before anything is moved (`_JOURNAL`). A process that is killed before that has changed
nothing; one that is killed after it has corrected, and `finish` moves the rest.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from rmset_builder.core.errors import RmsetError
from rmset_builder.core.files import fsync_folder, whole_file
from rmset_builder.corrections.faces import NOBODY, VideoFaces, damaged
from rmset_builder.corrections.ledger import Entry, append, numbers_of
from rmset_builder.corrections.numbering import Numbers, before
from rmset_builder.corrections.record import DROP, Correction, from_row, to_row
from rmset_builder.identity.means import EmbeddedFaces, mean_embeddings
from rmset_builder.shards.face_embeddings import (
    keys_of,
    read_embedded_as_extracted,
    read_means,
    write_face_embeddings,
    write_identities,
)
from rmset_builder.shards.layout import dropped_path, embeddings_path, find_shards, identities_path, work_folder
from rmset_builder.shards.rows import Rows
from rmset_builder.shards.schema import ROWS_PER_GROUP, FaceRows
from rmset_builder.shards.videos_table import VideoRecord, record_of, update_videos
from rmset_builder.shards.writer import write_shard, write_shards

CORRECTED = "corrected"
"""Why the faces of those who were dropped are not in the shards: a reason of `VideoRecord.dropped_json`."""

_JOURNAL = "journal.json"
# No id of a video has a dot.
_SUFFIX = ".corrected"


@dataclass(frozen=True)
class Change:
    """What a video shall be: its faces' numbers, the corrections that led there, what is noted, its row."""

    faces: VideoFaces
    numbers: Numbers
    corrections: Sequence[Correction]
    entries: Sequence[Entry] = ()
    record: VideoRecord | None = None

    @property
    def left_out(self) -> int:
        """How many faces are left out."""
        return int((self.numbers.identity == NOBODY).sum())


def rewrite(shards: Path, video: str, change: Change) -> VideoRecord | None:
    """Make a change; the video's files are the old ones or the new ones whatever happens.

    Returns:
        The video's new row, which is in the table then.

    Raises:
        RmsetError: the disk is full or does not let itself be written to; nothing is changed.
        VideoError: a shard is damaged; nothing is changed.
    """
    folder = half_done(shards, video)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        parts = _write_files(folder, shards, video, change)
        record = change.record and _record(change.record, change, parts)
        journal = {
            "entries": [to_row(entry) for entry in change.entries],
            "parts": parts,
            "left_out": change.left_out,
            "record": record and asdict(record),
        }
        with whole_file(folder / _JOURNAL) as temporary:
            temporary.write_text(json.dumps(journal))
    except OSError as error:
        raise RmsetError(
            f"{video} cannot be corrected ({error.strerror or error}), nothing was changed",
            remedy=f"{shards} must let itself be written to and have room for a copy of the video's shards",
        ) from error
    finally:
        if not is_unfinished(shards, video):
            shutil.rmtree(folder, ignore_errors=True)
    finish(shards, video)
    return record


def is_unfinished(shards: Path, video: str) -> bool:
    """Whether a correction of a video was noted and not made to its end."""
    return (half_done(shards, video) / _JOURNAL).exists()


def begun(shards: Path) -> list[str]:
    """The videos of which a correction was begun and is not over."""
    return sorted(path.name.removesuffix(_SUFFIX) for path in work_folder(shards, "").glob(f"*{_SUFFIX}"))


def finish(shards: Path, video: str) -> bool:
    """Make a correction that was interrupted to its end, or undo what had only been begun; tells whether there was one.

    Raises:
        RmsetError: the note of what is to be done is damaged.
    """
    folder = half_done(shards, video)
    if not is_unfinished(shards, video):
        shutil.rmtree(folder, ignore_errors=True)
        return False
    try:
        journal = json.loads((folder / _JOURNAL).read_text())
        entries, parts = [from_row(row) for row in journal["entries"]], int(journal["parts"])
        nobody_left_out = not int(journal["left_out"])
        record = None if journal["record"] is None else record_of(journal["record"])
    except (ValueError, KeyError, TypeError, RecursionError, OverflowError) as error:
        raise RmsetError(
            f"{folder / _JOURNAL} is damaged, a correction of {video} cannot be finished",
            remedy="extract the video again with --force",
        ) from error
    append(shards, entries)
    for made in sorted(folder.rglob("*.parquet")):
        place = shards / made.relative_to(folder)
        place.parent.mkdir(exist_ok=True)
        made.replace(place)
        fsync_folder(place.parent)
    for shard in find_shards(shards):
        if shard.video == video and shard.part >= parts:
            shard.path.unlink()
    if nobody_left_out:
        dropped_path(shards, video).unlink(missing_ok=True)
    if record is not None:
        update_videos(shards, record)
    fsync_folder(shards)
    shutil.rmtree(folder)
    return True


def half_done(shards: Path, video: str) -> Path:
    """Where the files of a correction lie until they are put in their place."""
    return work_folder(shards, f"{video}{_SUFFIX}")


def _write_files(folder: Path, shards: Path, video: str, change: Change) -> int:
    """Write what changes below ``folder`` as it shall lie in ``shards``; returns how many shards there are."""
    faces, numbers = change.faces, change.numbers
    moved = bool((numbers.identity != faces.identity).any() or (numbers.track != faces.track).any())
    metadata = replace(
        faces.metadata,
        identities=numbers.identities,
        corrections=numbers_of(change.corrections) or None,
        extracted_as=before(faces, numbers).to_text() if moved and change.corrections else None,
    )
    there = np.flatnonzero(numbers.identity != NOBODY)
    order = there[np.lexsort((numbers.track[there], numbers.identity[there], faces.frame[there]))]
    gone = np.flatnonzero(numbers.identity == NOBODY)
    with Rows(faces.files) as rows:

        def read(wanted: npt.NDArray[np.intp]) -> FaceRows:
            try:
                return rows.at(faces.place[wanted])
            except (pa.ArrowException, OSError) as error:
                raise damaged(shards, video, rows.reading, error) from error

        def block(start: int, stop: int) -> FaceRows:
            own = order[start:stop]
            return replace(read(own), identity=numbers.identity[own], track=numbers.track[own])

        paths = write_shards(folder, video, len(order), block, metadata)
        if len(gone):
            own = replace(metadata, identities=None, part=None, parts=None, corrections=None, extracted_as=None)
            write_shard(dropped_path(folder, video), video, _as_extracted(read, faces, gone), own)
    _write_embeddings(folder, shards, video, faces, numbers)
    return len(paths)


def _as_extracted(
    read: Callable[[npt.NDArray[np.intp]], FaceRows], faces: VideoFaces, wanted: npt.NDArray[np.intp]
) -> Iterator[FaceRows]:
    for start in range(0, len(wanted), ROWS_PER_GROUP):
        own = wanted[start : start + ROWS_PER_GROUP]
        yield replace(read(own), identity=faces.identity[own], track=faces.track[own])


def _write_embeddings(folder: Path, shards: Path, video: str, faces: VideoFaces, numbers: Numbers) -> None:
    try:
        embedded = read_embedded_as_extracted(shards, video)
    except (pa.ArrowException, OSError) as error:
        raise damaged(shards, video, embeddings_path(shards, video), error) from error
    if embedded is None:
        embedded = _stand_ins(shards, video, faces)
        write_face_embeddings(folder, video, embedded)
    # Whoever was taken down is in neither.
    _, place, row = np.intersect1d(
        keys_of(embedded.frame, embedded.track), keys_of(faces.frame, faces.track), return_indices=True
    )
    whose = numbers.identity[row]
    stays = whose != NOBODY
    own = embedded.taken(place[stays])
    # A part of a track that was cut counts as a track.
    parts = EmbeddedFaces(own.frame, numbers.track[row[stays]], own.embedding)
    means = mean_embeddings(parts, whose[stays], numbers.identities)
    counts = np.bincount(numbers.identity[numbers.identity != NOBODY], minlength=numbers.identities)
    write_identities(folder, video, means, counts, pruned=faces.metadata.pruned)


def _stand_ins(shards: Path, video: str, faces: VideoFaces) -> EmbeddedFaces:
    """For each track the mean of its identity: shards of older versions have no embeddings of single faces."""
    try:
        means = read_means(shards, video)
    except (pa.ArrowException, OSError) as error:
        raise damaged(shards, video, identities_path(shards, video), error) from error
    track, first = np.unique(faces.track, return_index=True)
    whose = faces.identity_now[first]
    known = (whose >= 0) & (whose < len(means))
    return EmbeddedFaces(faces.frame[first][known], track[known], means[whose[known]])


def _record(record: VideoRecord, change: Change, parts: int) -> VideoRecord:
    numbers = change.numbers
    gone = change.left_out
    people = sum(one.kind == DROP for one in change.corrections) if gone else 0
    dropped = json.loads(record.dropped_json)
    for what, count in (("faces", gone), ("identities", people)):
        told = dropped.setdefault(what, {})
        told.pop(CORRECTED, None)
        told |= {CORRECTED: count} if count else {}
    return replace(
        record,
        identities=numbers.identities,
        tracks=numbers.tracks,
        faces=len(numbers.identity) - gone,
        shards=parts,
        dropped_json=json.dumps(dropped, sort_keys=True),
    )
