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
from typing import TYPE_CHECKING, Any, Self

import cv2
import numpy as np
import numpy.typing as npt
import simplejpeg
import torch

from rmfer.predict.detection import onnx_device, require_rmset
from rmfer.predict.drawing import annotate
from rmfer.predict.recogniser import Recogniser
from rmfer.predict.results import Face, Probabilities, expression_json
from rmfer.predict.sources import InputError
from rmfer.predict.video_writer import VideoWriter
from rmset_builder.core.files import whole_file
from rmset_builder.core.machine import usable_cores
from rmset_builder.shards.checked_parquet import open_checked

if TYPE_CHECKING:
    from rmset_builder.pipeline.engine import Engine
    from rmset_builder.shards.videos_table import VideoRecord

Pixels = npt.NDArray[np.uint8]
Progress = Callable[[str, int, int], None]

# Number, time in seconds and faces of frames, in order.
Frames = Iterator[tuple[int, float, list[Face]]]

_COLUMNS = ["frame", "identity", "track", "time_s", "bbox", "det_score", "image"]
_ROWS_AT_A_TIME = 256
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
        device: a GPU is used for finding faces too where ONNX Runtime can.
        every: only each frame whose number this divides is recognised; in those between, what was found last is drawn.

    Raises:
        RmferError: rmset_builder is not installed, there is no such pack, or no ffmpeg.
    """

    def __init__(self, recogniser: Recogniser, models: str, device: torch.device, *, every: int = 1) -> None:
        require_rmset()
        from rmset_builder.inference.model_pack import load_pack  # noqa: PLC0415
        from rmset_builder.pipeline.engine import EngineSpec, open_engine  # noqa: PLC0415
        from rmset_builder.pipeline.settings import ExtractSettings  # noqa: PLC0415
        from rmset_builder.video.ffmpeg import find_ffmpeg  # noqa: PLC0415

        self._recogniser, self._every = recogniser, every
        # Whoever is seen at all is of interest here; shards leave out who is seen for less than a second.
        settings = ExtractSettings(min_presence_s=0)
        with ExitStack() as stack:
            find_ffmpeg()
            spec = EngineSpec(load_pack(models), settings, onnx_device(device), threads=usable_cores())
            self._engine: Engine = stack.enter_context(open_engine(spec))
            self._open = stack.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.__exit__(kind, error, trace)

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
        from rmset_builder.core.errors import VideoError  # noqa: PLC0415
        from rmset_builder.fetching.catalog import Provenance  # noqa: PLC0415
        from rmset_builder.pipeline.one_video import run_one  # noqa: PLC0415
        from rmset_builder.pipeline.task import Task  # noqa: PLC0415
        from rmset_builder.video.ids import video_id  # noqa: PLC0415
        from rmset_builder.video.info import VideoInfo  # noqa: PLC0415

        try:
            total = VideoInfo.from_path(path).expected_frames
            task = Task(video_id(path), path, Provenance())
            result = run_one(task, self._engine, folder, lambda frames, faces: progress(frames, max(frames, total)))
        except VideoError as error:
            raise InputError(error.message, remedy=error.remedy) from error
        if result.fault is not None:
            raise InputError(result.fault.message, remedy=result.fault.remedy)
        assert result.record is not None
        return result.record

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
        with open_checked(path) as file:
            for batch in file.iter_batches(_ROWS_AT_A_TIME, columns=_COLUMNS):
                if batch.num_rows:
                    yield [
                        _Row(
                            row["frame"],
                            row["time_s"],
                            row["identity"],
                            row["track"],
                            tuple(row["bbox"]),
                            row["det_score"],
                            row["image"]["bytes"],
                        )
                        for row in batch.to_pylist()
                    ]


@contextmanager
def _drawn(path: Path, out: Path, record: VideoRecord, names: tuple[str, ...]) -> Iterator[Callable[[Frames], Frames]]:
    """Yield a function that passes frames on and, beside it, writes the whole video with them drawn in."""
    from rmset_builder.video.decode import FrameReader  # noqa: PLC0415
    from rmset_builder.video.info import VideoInfo  # noqa: PLC0415

    with (
        FrameReader(VideoInfo.from_path(path)) as reader,
        whole_file(out) as temporary,
        # Drawn at a constant rate: that which keeps the length.
        VideoWriter(temporary, fps=record.frames / record.duration_s, name=out) as writer,
    ):
        buffer = np.empty(reader.shape, np.uint8)

        def write(faces: list[Face]) -> bool:
            if not reader.read_into(buffer):
                return False
            picture = np.asarray(cv2.cvtColor(buffer, cv2.COLOR_BGRA2RGB), np.uint8)
            writer.write(annotate(picture, faces, names))
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
