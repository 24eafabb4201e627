"""Rows in, pictures out: each face aligned, measured and encoded as JPEG."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass

from rmset_builder.core.priority_pool import Urgency, Workers
from rmset_builder.faces.jpeg import EncodedFaces, encode_faces
from rmset_builder.pipeline.stages.link import Linked
from rmset_builder.tracking.tracker import TrackRows, frame_runs
from rmset_builder.video.frame_buffer import Window


@dataclass(frozen=True)
class Encoded:
    """A window, its rows, and the pictures of the rows, those of a frame together."""

    window: Window
    rows: TrackRows
    pictures: list[EncodedFaces]


class EncodeStage:
    """Encodes the faces of windows, those of the next window while these are waited for.

    Args:
        workers: align and encode.
        image_size: side of an aligned face, pixels.
        jpeg_quality: 1 .. 100.
    """

    def __init__(self, workers: Workers, *, image_size: int, jpeg_quality: int) -> None:
        self._deferred = workers.at(Urgency.DEFERRED)
        self._side, self._quality = image_size, jpeg_quality

    def run(self, linked: Iterable[Linked]) -> Iterator[Encoded]:
        """Each window with its rows and their pictures."""
        under_way: deque[tuple[Linked, list[Future[EncodedFaces]]]] = deque()
        for one in linked:
            under_way.append((one, self._start(one)))
            if len(under_way) > 1:
                yield _finished(*under_way.popleft())
        while under_way:
            yield _finished(*under_way.popleft())

    def _start(self, linked: Linked) -> list[Future[EncodedFaces]]:
        window, rows = linked.window, linked.rows
        return [
            self._deferred.submit(
                encode_faces,
                window.frames[rows.frame[start] - window.start],
                rows.landmarks[start:stop],
                side=self._side,
                quality=self._quality,
            )
            for start, stop in frame_runs(rows.frame)
        ]


def _finished(linked: Linked, encoding: list[Future[EncodedFaces]]) -> Encoded:
    return Encoded(linked.window, linked.rows, [future.result() for future in encoding])
