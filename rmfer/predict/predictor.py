"""Pictures and videos, one after the other: each looked at, its results written whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import torch
from PIL import Image
from rich.console import Console
from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn

from rmfer.errors import RmferError
from rmfer.predict.door import onnx_gpu, require_builder
from rmfer.predict.drawing import annotate
from rmfer.predict.pictures import look_at
from rmfer.predict.recogniser import Recogniser
from rmfer.predict.results import told
from rmfer.predict.sources import Source
from rmset_builder.core.files import whole_file
from rmset_builder.core.progress import Reporter

if TYPE_CHECKING:
    from rmfer.predict.videos import Progress as TellProgress
    from rmfer.predict.videos import Videos, VideoSummary
    from rmset_builder.api import PictureFaces

# Of what is written: pictures and videos, what they show, and what is seen in a video's frames.
SUFFIXES = (".jpg", ".mp4", ".json", ".jsonl")

_JPEG_QUALITY = 92


@dataclass(frozen=True)
class Predicted:
    """What was found in a picture or video: for programs, and in a line for people."""

    as_json: dict[str, Any]
    line: str


class Predictor:
    """Finds and recognises faces; models are opened when first needed. A context manager.

    Args:
        recogniser: of aligned faces.
        models: the pack that finds faces; None: pictures are aligned faces already.
        device: a GPU is used for finding faces too where ONNX Runtime can.
        out: folder to write to.
        every: of videos, every so many-th frame is recognised.
        draw: write pictures and videos with the faces marked.
    """

    def __init__(
        self, recogniser: Recogniser, models: str | None, device: torch.device, *, out: Path, every: int, draw: bool
    ) -> None:
        self._recogniser, self._models, self._device = recogniser, models, device
        self._out, self._every, self._draw = out, every, draw
        self._faces: PictureFaces | None = None
        self._videos: Videos | None = None
        self._open = ExitStack()
        if models is not None:
            require_builder()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.__exit__(kind, error, trace)

    def predict(self, source: Source, console: Console) -> Predicted:
        """Look at a picture or video and write its results.

        Args:
            source: which.
            console: stderr, for a long video's progress.

        Raises:
            InputError: it cannot be read; nothing of it is written.
            RmferError: the folder cannot be written to.
        """
        try:
            return self._video(source, console) if source.is_video else self._picture(source)
        except OSError as error:
            raise RmferError(
                f"--out {self._out} cannot be written to ({error.strerror or error})",
                remedy="make room or give another folder; what was complete stays",
            ) from error

    def _picture(self, source: Source) -> Predicted:
        if self._faces is None and self._models is not None:
            from rmset_builder.api import PictureFaces  # noqa: PLC0415

            self._faces = self._open.enter_context(PictureFaces(self._models, gpu=onnx_gpu(self._device)))
        names = self._recogniser.names
        picture = look_at(source.path, self._recogniser, self._faces)
        marked = self._target(source, ".jpg")
        if self._draw:
            with whole_file(marked) as temporary:
                drawn = Image.fromarray(annotate(picture.pixels, picture.faces, names))
                drawn.save(temporary, format="JPEG", quality=_JPEG_QUALITY, subsampling=0)
        found = picture.as_json(source.path, names)
        written = self._write_json(source, found)
        return Predicted(found, f"{source.path}: {told(picture.faces, names)} -> {marked if self._draw else written}")

    def _video(self, source: Source, console: Console) -> Predicted:
        assert self._models is not None  # aligned pictures come without videos
        if self._videos is None:
            from rmfer.predict.videos import Videos  # noqa: PLC0415

            self._videos = self._open.enter_context(
                Videos(self._recogniser, self._models, gpu=onnx_gpu(self._device), every=self._every)
            )
        marked, lines = self._target(source, ".mp4"), self._target(source, ".jsonl")
        with _shown(source.path.name, console) as progress:
            summary = self._videos.look_at(source.path, lines, marked if self._draw else None, progress)
        found = summary.as_json(source.path, self._recogniser.names)
        self._write_json(source, found)
        line = f"{source.path}: {_told_video(summary, found)} -> {marked if self._draw else lines}"
        return Predicted(found, line)

    def _write_json(self, source: Source, found: dict[str, Any]) -> Path:
        path = self._target(source, ".json")
        with whole_file(path) as temporary:
            temporary.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        return path

    def _target(self, source: Source, suffix: str) -> Path:
        return self._out / f"{source.name}{suffix}"


def _told_video(summary: VideoSummary, found: dict[str, Any]) -> str:
    people = found["people"]
    count = f"{summary.frames:,} frames, {len(people)} {'person' if len(people) == 1 else 'people'}"
    listed = ", ".join(f"{person['label']} {100 * person['probability']:.0f} %" for person in people[:6])
    more = f", and {len(people) - 6} more" if len(people) > 6 else ""
    return f"{count}, {summary.faces:,} faces" + (f"; on average {listed}{more}" if people else "")


@contextmanager
def _shown(name: str, console: Console) -> Iterator[TellProgress]:
    """Yield a function that shows a video's progress: a bar on a terminal, elsewhere a line now and then."""
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Reporter(console, *columns) as reporter:
        bar = reporter.add(name, total=100)

        def tell(what: str, done: int, total: int) -> None:
            reporter.update(bar, description=f"{name}: {what}", completed=done, total=total or None)
            reporter.line(f"{name}: {what}, {done:,} of {total:,} frames")

        yield tell
