"""A video to be extracted, where it comes from, and what its header says."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from rmset_builder.core.errors import VideoError
from rmset_builder.fetching.catalog import Provenance
from rmset_builder.shards.videos_table import VideoRecord
from rmset_builder.storage.address import is_address
from rmset_builder.video.info import VideoInfo


@dataclass(frozen=True)
class Task:
    """A video to be extracted.

    ``header`` is what `read_headers` found; None where it was not asked or found nothing that could be read. ``known``
    is what the table said of the video when the run was planned.
    """

    video: str
    path: Path
    provenance: Provenance
    header: VideoInfo | None = None
    known: VideoRecord | None = None

    @property
    def expected_frames(self) -> int | None:
        """How many frames its header promises, perhaps too few; None where it does not tell."""
        return self.header.expected_frames or None if self.header else None

    def current_header(self) -> VideoInfo:
        """What the file says of itself, which is not read again unless the file has changed since.

        Raises:
            VideoError: it is no video, or can no longer be read.
        """
        return self.header if self.header is not None and self.header.is_current() else VideoInfo.from_path(self.path)


def read_headers(tasks: Iterable[Task]) -> list[Task]:
    """The same tasks with their videos' headers; one that cannot be read fails when it is extracted."""
    return [dataclasses.replace(task, header=_header(task.path)) for task in tasks]


def _header(path: Path) -> VideoInfo | None:
    if is_address(path):  # for which it would have to be downloaded
        return None
    try:
        return VideoInfo.from_path(path)
    except VideoError:
        return None
