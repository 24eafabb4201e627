"""Videos to shards for programs; `rmset extract` also plans, resumes and uses several processes."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from rmset_builder.core.machine import usable_cores
from rmset_builder.fetching.catalog import Provenance
from rmset_builder.inference.session import Device
from rmset_builder.pipeline.engine import EngineSpec, open_engine
from rmset_builder.pipeline.model_pack import DEFAULT_PACK, load_pack
from rmset_builder.pipeline.one_video import run_one
from rmset_builder.pipeline.settings import ExtractSettings
from rmset_builder.pipeline.task import Task, read_headers
from rmset_builder.shards.videos_table import VideoRecord
from rmset_builder.video.ffmpeg import find_ffmpeg
from rmset_builder.video.ids import video_id


class VideoExtractor:
    """Makes shards of videos with models that stay open; a context manager.

    Args:
        models: the pack: ``offline``, the name of one of insightface's, or a folder.
        gpu: the number of an NVIDIA GPU; None for the CPU.
        threads: CPU cores to use; None for all that there are.
        settings: what decides what a shard holds.

    Raises:
        RmsetError: there is no such pack, no ffmpeg, or the GPU cannot be used.

    Example:
        >>> with VideoExtractor() as extractor:  # doctest: +SKIP
        ...     record = extractor.extract(Path("mashup.mp4"), Path("shards"))
    """

    def __init__(
        self,
        models: str = DEFAULT_PACK,
        *,
        gpu: int | None = None,
        threads: int | None = None,
        settings: ExtractSettings | None = None,
    ) -> None:
        find_ffmpeg()
        spec = EngineSpec(
            load_pack(models), settings or ExtractSettings(), Device(gpu), threads=threads or usable_cores()
        )
        with ExitStack() as stack:
            self._engine = stack.enter_context(open_engine(spec))
            self._open = stack.pop_all()

    def extract(
        self,
        video: Path,
        out: Path,
        *,
        provenance: Provenance | None = None,
        progress: Callable[[int, int, int], None] | None = None,
    ) -> VideoRecord:
        """Write a video's shards, and its row of ``videos.parquet``; both are whole when this returns.

        Args:
            video: the file.
            out: folder of the shards.
            provenance: title, address, group and so on, for the row.
            progress: called with the frames done, the frames that the header promises (0: it does not), and the faces.

        Raises:
            VideoError: the video cannot be read to its end; why is noted in ``videos.parquet``.
        """
        (task,) = read_headers([Task(video_id(video), video, provenance or Provenance())])
        promised = task.expected_frames or 0

        def advance(frames: int, faces: int) -> None:
            if progress is not None:
                progress(frames, max(frames, promised), faces)

        result = run_one(task, self._engine, out, advance)
        if result.fault is not None:
            raise result.fault
        assert result.record is not None
        return result.record

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.__exit__(kind, error, trace)
