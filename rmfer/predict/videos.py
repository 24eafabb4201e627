"""One video: faces found, followed and told apart by `rmset extract`'s own code, recognised, and drawn frame by frame.

Shards are made in a folder that lives as long as the work on the video; from there on rows are read in the order of
frames beside the video's own pictures, so memory does not grow with its length.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import cv2
import numpy as np
import numpy.typing as npt
import simplejpeg

from rmfer.predict.drawing import annotate
from rmfer.predict.recogniser import Recogniser
from rmfer.predict.results import Face, Probabilities, expression_json
from rmfer.predict.sources import InputError
from rmset_builder.api import (
    ExtractSettings,
    FrameReader,
    VideoError,
    VideoExtractor,
    VideoInfo,
    VideoRecord,
    VideoWriter,
)
from rmset_builder.core.files import whole_file
from rmset_builder.shards.reader import read_blocks

Pixels = npt.NDArray[np.uint8]
Progress = Callable[[str, int, int], None]

# Number, time in seconds and faces of frames, in order.
Frames = Iterator[tuple[int, float, list[Face]]]

_NOTHING: Probabilities = np.empty(0, np.float32)


@dataclass
class Person:
    """Someone in a video: in how many frames recognised, and the mean of the probabilities (C,) in them."""

    frames: int
    mean: Probabilities

    def add(self, probabilities: Probabilities) -> None:
        """One more frame."""
        self.frames += 1
        self.mean = self.mean + (probabilities - self.mean) / np.float32(self.frames)


@dataclass
class VideoSummary:
    """What a video held: frames, those of them with a face, faces, and people by identity."""

    frames: int
    fps: float
    frames_with_faces: int = 0
    faces: int = 0
    people: dict[int, Person] = field(default_factory=dict)

    def as_json(self, path: Path, names: tuple[str, ...]) -> dict[str, Any]:
        """As plain values; of each person the mean probabilities over the frames that were looked at."""
        told: dict[str, Any] = {"file": str(path), "frames": self.frames, "fps": self.fps}
        told |= {"frames_with_faces": self.frames_with_faces, "faces": self.faces}
        told["people"] = [
            {"identity": identity, "frames": person.frames, **expression_json(person.mean, names)}
            for identity, person in sorted(self.people.items())
        ]
        return told


@dataclass(frozen=True)
class _Row:
    """A face of a shard."""

    frame: int
    time_s: float
    identity: int
    track: int
    box: tuple[float, float, float, float]
    score: float
    picture: bytes


class Videos:
    """Looks at videos; a context manager.

    Args:
        recogniser: of aligned faces.
        models: the pack, as for `PictureFaces`.
        gpu: finds faces there; None: on the CPU.
        every: only each frame whose number this divides is recognised; in those between, what was found last is drawn.

    Raises:
        RmsetError: there is no such pack, or no ffmpeg.
    """

    def __init__(self, recogniser: Recogniser, models: str, *, gpu: int | None, every: int = 1) -> None:
        self._recogniser, self._every = recogniser, every
        # Whoever is seen at all is of interest here; shards leave out who is seen for less than a second.
        self._extractor = VideoExtractor(models, gpu=gpu, settings=ExtractSettings(min_presence_s=0))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._extractor.__exit__(kind, error, trace)

    def look_at(self, path: Path, lines: Path, video: Path | None, progress: Progress) -> VideoSummary:
        """Write what is found, one JSON line for each recognised frame with a face, and the video with it drawn in.

        Args:
            path: the video.
            lines: the JSON lines to write.
            video: the annotated video to write; None: none.
            progress: called with what is done, and how many of how many frames of it.

        Raises:
            InputError: the video cannot be read to its end; nothing is written.
        """
        lines.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=lines.parent, prefix=".rmfer-predict-") as folder:
            record = self._extract(path, Path(folder), lambda done, total: progress("finding faces", done, total))
            rows = _rows(Path(folder), record.id)
            summary = VideoSummary(record.frames, record.fps)
            with ExitStack() as stack:
                temporary = stack.enter_context(whole_file(lines))
                out = stack.enter_context(temporary.open("w", encoding="utf-8"))
                frames = self._recognised(rows, summary)
                if video is not None:
                    drawn = stack.enter_context(_drawn(path, video, record, self._recogniser.names))
                    frames = drawn(frames)
                for number, time_s, faces in frames:
                    progress("recognising", number + 1, record.frames)
                    if number % self._every == 0:
                        told = [face.as_json(self._recogniser.names) for face in faces]
                        out.write(json.dumps({"frame": number, "time_s": round(time_s, 6), "faces": told}) + "\n")
        return summary

    def _extract(self, path: Path, folder: Path, progress: Callable[[int, int], None]) -> VideoRecord:
        try:
            return self._extractor.extract(path, folder, progress=lambda done, total, _: progress(done, total))
        except VideoError as error:
            raise InputError(error.message, remedy=error.remedy) from error

    def _recognised(self, rows: Iterator[list[_Row]], summary: VideoSummary) -> Frames:
        """Number, time and faces of each frame that has a face, in order."""
        last: dict[int, Probabilities] = {}  # by track
        held: list[_Row] = []
        for block in rows:
            held += block
            ready = [row for row in held if row.frame < held[-1].frame]  # the last may go on in the next block
            held = held[len(ready) :]
            yield from self._frames(ready, last, summary)
        yield from self._frames(held, last, summary)

    def _frames(self, rows: list[_Row], last: dict[int, Probabilities], summary: VideoSummary) -> Frames:
        """As `_recognised`, of some whole frames; ``last`` is what was found last of each track."""
        due = list[_Row]()
        for row in rows:
            if row.frame % self._every == 0 or row.track not in last:
                due.append(row)
                last.setdefault(row.track, _NOTHING)
        pictures = [simplejpeg.decode_jpeg(row.picture, colorspace="RGB") for row in due]
        fresh = dict(zip(map(id, due), self._recogniser.probabilities(pictures), strict=True))
        for number, group in groupby(rows, key=lambda row: row.frame):
            faces = list[Face]()
            for row in group:
                if id(row) in fresh:
                    last[row.track] = fresh[id(row)]
                    summary.people.setdefault(row.identity, Person(0, np.zeros_like(last[row.track]))).add(
                        last[row.track]
                    )
                faces.append(
                    Face(last[row.track], box=row.box, score=row.score, identity=row.identity, track=row.track)
                )
                time_s = row.time_s
            summary.frames_with_faces += 1
            summary.faces += len(faces)
            yield number, time_s, faces


def _rows(folder: Path, video: str) -> Iterator[list[_Row]]:
    """The faces of a video's shards, some at a time, in the order of frames."""
    for path in sorted(folder.glob(f"{video}-?????.parquet")):
        for block in read_blocks(path):
            numbers = (block.frame, block.time_s, block.identity, block.track, block.bbox, block.det_score)
            columns = (values.tolist() for values in numbers)
            yield [
                _Row(frame, time_s, identity, track, tuple(box), score, picture)
                for frame, time_s, identity, track, box, score, picture in zip(*columns, block.images, strict=True)
            ]


@contextmanager
def _drawn(path: Path, out: Path, record: VideoRecord, names: tuple[str, ...]) -> Iterator[Callable[[Frames], Frames]]:
    """Yield a function that passes frames on and, beside it, writes the whole video with them drawn in."""
    fps = record.frames / record.duration_s  # drawn at a constant rate: that which keeps the length
    with (
        FrameReader(VideoInfo.from_path(path)) as reader,
        whole_file(out) as temporary,
        VideoWriter(temporary, fps=fps, name=out) as writer,
    ):
        buffer = np.empty(reader.shape, np.uint8)

        def write(faces: list[Face]) -> bool:
            if not reader.read_into(buffer):
                return False
            picture = np.asarray(cv2.cvtColor(buffer, cv2.COLOR_BGRA2RGB), np.uint8)
            writer.write(annotate(picture, faces, names), (reader.count - 1) / fps)
            return True

        def through(frames: Frames) -> Frames:
            for number, time_s, faces in frames:
                while reader.count < number and write([]):
                    pass
                write(faces)
                yield number, time_s, faces
            while write([]):
                pass

        yield through
