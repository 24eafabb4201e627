"""What an engine is made of goes to other processes, and ends with it."""

from __future__ import annotations

import pickle
import threading
from collections.abc import Sequence
from dataclasses import replace

import pytest
from waiting import PATIENCE_S, wait_for

from rmset_builder.core.errors import RmsetError, VideoError
from rmset_builder.core.priority_pool import Urgency
from rmset_builder.inference.session import Device
from rmset_builder.pipeline.engine import EngineSpec, open_engine
from rmset_builder.pipeline.model_pack import load_pack
from rmset_builder.pipeline.settings import ExtractSettings
from rmset_builder.video.nvdec import NvDecoder


@pytest.mark.parametrize(
    "error",
    [
        RmsetError("no such thing", remedy="look elsewhere"),
        RmsetError("no such thing"),
        VideoError("cut-short", "a.mp4 is cut short", remedy="fetch it again"),
        VideoError("cut-short", "a\nb.mp4 is cut short"),
    ],
)
def test_errors_are_the_same_in_another_process(error: RmsetError) -> None:
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert vars(again) == vars(error)
    assert (str(again), again.args) == (str(error), error.args)


@pytest.mark.parametrize("gpu", [None, 1])
def test_an_engines_making_is_the_same_in_another_process(gpu: int | None) -> None:
    spec = EngineSpec(
        load_pack(),
        ExtractSettings(detect_every=2),
        Device(gpu),
        threads=3,
        nvdec=None if gpu is None else NvDecoder(gpu),
    )
    assert pickle.loads(pickle.dumps(spec)) == spec


def test_a_recogniser_that_cannot_be_opened_is_told_when_it_is_waited_for_and_ends_with_its_engine() -> None:
    pack = load_pack()
    spec = EngineSpec(replace(pack, recogniser=pack.detector), threads=2)
    with open_engine(spec) as engine, pytest.raises(RmsetError, match="a face recogniser with one input and one out"):
        engine.embedder.wait()
    # Interrupted before a thread came to it.
    with pytest.raises(KeyboardInterrupt), open_engine(EngineSpec(pack, threads=1)):
        raise KeyboardInterrupt


def test_an_engines_threads_end_with_it_and_what_has_not_begun_never_does() -> None:
    begun: list[int] = []
    hold = threading.Event()

    def work(number: int) -> None:
        begun.append(number)
        hold.wait(PATIENCE_S)

    def threads() -> Sequence[str]:
        return [thread.name for thread in threading.enumerate() if thread.name.startswith("worker_")]

    before = len(threads())
    with pytest.raises(KeyboardInterrupt), open_engine(EngineSpec(load_pack(), threads=2)) as engine:
        assert len(threads()) == before + 2
        futures = [engine.workers.at(Urgency.AWAITED).submit(work, number) for number in range(20)]
        wait_for(lambda: len(begun) == 2)
        threading.Timer(0.1, hold.set).start()
        raise KeyboardInterrupt
    assert len(begun) == 2
    assert sum(future.cancelled() for future in futures) == 18
    assert len(threads()) == before
