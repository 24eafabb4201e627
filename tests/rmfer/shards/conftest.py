"""The folder of shards that the tests of the store begin with."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_shards import wall
from store_checks import Make


@pytest.fixture
def folder(tmp_path: Path, make_shards: Make) -> Path:
    """A video of three shards and one of one."""
    make_shards(tmp_path, "a", wall(60, 5), per_shard=100, size=32)
    make_shards(tmp_path, "b", wall(40, 3), size=32, first=1000)
    return tmp_path
