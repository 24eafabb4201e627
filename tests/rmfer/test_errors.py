from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from rmfer.errors import BenchmarkError, RmferError, ShardError
from rmset_builder.core.errors import RmsetError


@pytest.mark.parametrize(
    "error",
    [
        RmferError("no such thing", remedy="make one"),
        RmferError("no such thing"),
        ShardError(Path("a-00000.parquet"), "is cut", remedy="extract it again", row=7),
        ShardError(Path("a-00000.parquet"), "is cut", remedy="extract it again"),
        BenchmarkError("labels.csv:3", "no label", remedy="fetch it again"),
    ],
)
def test_an_error_comes_whole_from_another_process(error: RmferError) -> None:
    back = pickle.loads(pickle.dumps(error))
    assert type(back) is type(error)
    assert str(back) == str(error)
    assert {name: value for name, value in vars(back).items() if name[0] != "_"} == {
        name: value for name, value in vars(error).items() if name[0] != "_"
    }
    assert isinstance(back, RmsetError)
    assert back.is_list == isinstance(error, BenchmarkError)
