"""What is wrong can be told by another process than the one that found it."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from rmfer.errors import BenchmarkError, RmferError, ShardError
from rmfer.predict.sources import InputError
from rmset_builder.core.errors import ManyFaultsError, RmsetError, VideoError
from rmset_builder.fetching.faults import FetchError, Verdict

ERRORS = [
    RmsetError("a file is missing", remedy="fetch it"),
    RmsetError("a file is missing"),
    ManyFaultsError("one\ntwo", remedy="mend both"),
    VideoError("no-video-stream", "sound.mp4 has no pictures", remedy="give another"),
    FetchError("gone", "the site has it no more", Verdict.STOP, wait_s=2.5, remedy="give another"),
    RmferError("no such model", remedy="train one"),
    ShardError(Path("a-00000.parquet"), "is cut off", remedy="extract it again", row=3),
    ShardError(Path("a-00000.parquet"), "is cut off", remedy="extract it again"),
    BenchmarkError("labels.csv, line 3", "has no label", remedy="fetch it again"),
    InputError("bad\nname.png is damaged", remedy="fetch it again"),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("protocol", [2, pickle.HIGHEST_PROTOCOL])
def test_an_error_comes_whole_to_another_process(error: RmsetError, protocol: int) -> None:
    there = pickle.loads(pickle.dumps(error, protocol))
    assert type(there) is type(error)
    assert (str(there), there.args, vars(there)) == (str(error), error.args, vars(error))


def test_an_error_of_the_trainer_is_one_of_the_builder() -> None:
    assert issubclass(RmferError, RmsetError)
    assert str(ERRORS[6]) == "a-00000.parquet, row 3: is cut off; extract it again"
    assert str(ERRORS[8]) == "labels.csv, line 3: has no label; fetch it again"
    assert [error.is_list for error in ERRORS] == [False, False, True, False, False, False, False, False, True, False]
