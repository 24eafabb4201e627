"""Arrow arrays made of their memory are those that pyarrow makes, without a look at pandas."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from rmset_builder.shards import arrow_arrays
from rmset_builder.shards.arrow_arrays import binaries, numbers, texts, values_of, vectors


@pytest.mark.parametrize(
    "values",
    [
        np.arange(5, dtype=np.int32),
        np.array([], np.float32),
        np.array([0.5, np.nan, -np.inf]),
        np.arange(12, dtype=np.int64)[::-3],
        np.array([True, False] * 7 + [True]),
        np.array([0, 255], np.uint8),
    ],
    ids=lambda values: f"{values.dtype}-{len(values)}",
)
def test_numbers_are_those_that_pyarrow_makes(values: Any) -> None:
    found = numbers(values)
    found.validate(full=True)
    assert found.type == pa.array(values).type
    np.testing.assert_array_equal(found.to_numpy(zero_copy_only=False), values)
    for start in range(min(3, len(values))):
        part = values_of(found[start:])
        assert part.dtype == values.dtype
        np.testing.assert_array_equal(part, values[start:])


@pytest.mark.parametrize("rows", [0, 1, 3])
def test_vectors_are_those_that_pyarrow_makes(rows: int) -> None:
    values = np.arange(rows * 4, dtype=np.float32).reshape(rows, 4)
    found = vectors(values, 4)
    found.validate(full=True)
    assert found.equals(pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), 4))


def test_an_array_in_pieces_is_one() -> None:
    np.testing.assert_array_equal(values_of(pa.chunked_array([[1, 2], [], [3]], pa.int32())), [1, 2, 3])


def test_nothing_is_an_array_too() -> None:
    """Of which pyarrow keeps no memory at all, or some."""
    for nothing in (pa.chunked_array([], pa.int32()).combine_chunks(), pa.nulls(0, pa.int32())):
        found = values_of(nothing)
        assert (found.dtype, found.shape) == (np.dtype(np.int32), (0,))


def test_gaps_are_what_pyarrow_makes_of_them() -> None:
    np.testing.assert_array_equal(values_of(pa.array([1, None, 3])), [1, np.nan, 3])


@pytest.mark.parametrize("values", [[], [b""], [b"\xff\xd8", b"", b"\x00" * 300]], ids=len)
def test_bytes_are_those_that_pyarrow_makes(values: list[bytes]) -> None:
    found = binaries(values)
    found.validate(full=True)
    assert found.equals(pa.array(values, pa.binary()))


@pytest.mark.parametrize("values", [[], ["", "wall9"], ["Überraschung", "笑" * 40, ""]], ids=len)
def test_texts_are_those_that_pyarrow_makes(values: list[str]) -> None:
    found = texts(values)
    found.validate(full=True)
    assert found.equals(pa.array(values, pa.string()))


def test_more_than_an_array_holds_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrow_arrays, "_MOST_BYTES", 5)
    assert len(binaries([b"abc", b"de"])) == 2
    with pytest.raises(ValueError, match="6 bytes"):
        binaries([b"abc", b"def"])


_PROGRAM = """
import sys
from pathlib import Path
import pyarrow
from rmset_builder.cli import main
from rmset_builder.shards.layout import shard_path
from rmset_builder.shards.reader import read_blocks
try:
    main(sys.argv[1:])
except SystemExit:
    print("pandas" in sys.modules)
    print(*[name for name in ("scipy", "pyarrow.compute") if name in sys.modules])
list(read_blocks(shard_path(Path(sys.argv[-1]), "small", 0)))
print("pandas" in sys.modules)
pyarrow.array([])
print("pandas" in sys.modules)
"""


def test_extracting_and_reading_import_nothing_large_that_they_can_do_without(
    small_video: Path, tmp_path: Path
) -> None:
    """Pandas is there with what the tests need; importing it takes a fifth of a second, SciPy half a second."""
    pytest.importorskip("pandas")
    arguments = ["extract", str(small_video), "--threads", "1", "--out", str(tmp_path)]
    done = subprocess.run([sys.executable, "-c", _PROGRAM, *arguments], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-4:] == ["False", "", "False", "True"], done.stderr
    assert len(list(tmp_path.glob("*.parquet"))) == 2
