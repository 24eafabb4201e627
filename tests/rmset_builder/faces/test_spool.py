from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rmset_builder.faces.spool import Spool


@given(st.lists(st.lists(st.binary(max_size=20), max_size=5), max_size=10), st.data())
@settings(max_examples=50)
def test_what_was_added_is_found_again_at_any_time(
    tmp_path_factory: pytest.TempPathFactory, batches: list[list[bytes]], data: st.DataObject
) -> None:
    everything: list[bytes] = []
    with Spool(tmp_path_factory.mktemp("spool") / "faces") as spool:
        for batch in batches:
            spool.append(batch)
            everything += batch
            if everything and data.draw(st.booleans()):
                numbers = data.draw(st.lists(st.integers(0, len(everything) - 1), max_size=8))
                assert spool.read(numbers) == [everything[number] for number in numbers]
        assert spool.read(range(len(everything))) == everything


def test_pictures_lie_on_disk_and_not_in_memory(tmp_path: Path) -> None:
    path = tmp_path / "faces"
    pictures = [bytes([number]) * 100_000 for number in range(30)]
    with Spool(path) as spool:
        for picture in pictures:
            spool.append([picture])
        assert spool.read([29, 0, 29]) == [pictures[29], pictures[0], pictures[29]]
        assert path.stat().st_size == 3_000_000


def test_numbers_may_be_an_array_and_none(tmp_path: Path) -> None:
    with Spool(tmp_path / "faces") as spool:
        assert spool.read([]) == []
        spool.append([])
        spool.append([b"a", b"bb", b""])
        assert spool.read(np.array([1, 2, 0])) == [b"bb", b"", b"a"]


def test_a_picture_that_was_never_added_is_an_error(tmp_path: Path) -> None:
    with Spool(tmp_path / "faces") as spool:
        spool.append([b"a"])
        with pytest.raises(IndexError):
            spool.read([1])


def test_a_spool_starts_empty_and_is_closed_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "faces"
    path.write_bytes(b"left over by a run that was stopped")
    with Spool(path) as spool:
        spool.append([b"new"])
        assert spool.read([0]) == [b"new"]
    assert path.read_bytes() == b"new"
    with pytest.raises(ValueError, match="closed"):
        spool.read([0])
