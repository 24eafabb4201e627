"""An actor's life on a node: it opens the models once and then extracts a video a call. No picture leaves it."""

from __future__ import annotations

import os
import socket
from contextlib import ExitStack

from rmset_builder.core.errors import RmsetError
from rmset_builder.core.files import is_file
from rmset_builder.inference.session import Device
from rmset_builder.pipeline.algorithm import SEAL
from rmset_builder.pipeline.engine import Engine, EngineSpec, open_engine
from rmset_builder.pipeline.executors.cluster.messages import Order
from rmset_builder.pipeline.executors.cluster.probe import is_seen
from rmset_builder.pipeline.model_pack import load_pack
from rmset_builder.pipeline.one_video import run_one
from rmset_builder.pipeline.results import Result
from rmset_builder.pipeline.task import Task
from rmset_builder.video.ffmpeg import find_ffmpeg
from rmset_builder.video.nvdec import NvDecoder, find_nvdec


class Worker:
    """Extracts videos with one engine. Two calls run at a time: one that works, and `progress`.

    Errors of the environment are returned: what a call raises arrives as an error of Ray's, a traceback as its text.
    """

    def __init__(self, order: Order) -> None:
        self._order = order
        self._engine: Engine | None = None
        self._open = ExitStack()
        self._done = (0, 0)

    def open(self) -> str | RmsetError:
        """Check the node, open the models; the node's name and this process, for messages."""
        try:
            _check_node(self._order)
            self._engine = self._open.enter_context(open_engine(_spec(self._order)))
        except RmsetError as error:
            return error
        return _here()

    def extract(self, task: Task) -> Result | RmsetError:
        """Extract one video; its result is safe on disk when this returns."""
        assert self._engine is not None
        self._done = (0, 0)
        try:
            return run_one(task, self._engine, self._order.out, self._advance)
        except RmsetError as error:
            return error

    def progress(self) -> tuple[int, int]:
        """Frames and faces done of the video under way; that there is an answer tells that the worker lives."""
        return self._done

    def _advance(self, frames: int, faces: int) -> None:
        self._done = (frames, faces)


def _here() -> str:
    return f"{socket.gethostname()}, process {os.getpid()}"


def _check_node(order: Order) -> None:
    """Make sure that this node would make the very shards that the driver's would, and in the same folder.

    Raises:
        RmsetError: it would not.
    """
    if order.recipe.seal != SEAL:
        raise RmsetError(
            f"{_here()}: another version of rmset-builder is installed there, which makes other shards",
            remedy="install the same on all nodes",
        )
    find_ffmpeg()
    if order.probe is not None and not is_seen(order.probe):
        raise RmsetError(
            f"{_here()}: does not see the folder --out {order.out} of the machine where the command runs",
            remedy="give a folder that all nodes share, under the same path",
        )
    if order.sample is not None and not is_file(order.sample):
        raise RmsetError(
            f"{_here()}: does not see the video {order.sample}",
            remedy="put the videos into a folder that all nodes share, under the same path",
        )


def _spec(order: Order) -> EngineSpec:
    recipe = order.recipe
    pack = load_pack(recipe.models)
    if pack.sha256 != recipe.models_sha256:
        raise RmsetError(
            f"{_here()}: --models {recipe.models} are other models there",
            remedy="give a folder that all nodes share, or the same files to all",
        )
    # Ray shows a worker the GPUs that are its own and no others.
    found = find_nvdec(0) if order.gpu and order.nvdec else None
    nvdec = found if isinstance(found, NvDecoder) else None
    return EngineSpec(
        pack,
        recipe.settings,
        Device(0 if order.gpu else None, runtime=recipe.runtime),
        threads=order.threads,
        nvdec=nvdec,
        patience_s=order.stall_s,
    )
