"""What the tests of the review share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from corrections import wall
from review.serving import Served, serving


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """A review of a wall of reactors."""
    wall.extract(tmp_path / "shards")
    with serving(tmp_path / "shards") as one:
        yield one


@pytest.fixture
def looked_at(served_to_all: Served) -> Served:
    """The same for tests that correct nothing."""
    served_to_all.stranger.cookies.clear()
    return served_to_all


@pytest.fixture(scope="module")
def served_to_all(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """What `looked_at` gives."""
    folder = tmp_path_factory.mktemp("looked_at")
    wall.extract(folder / "shards")
    before = wall.contents(folder / "shards")
    with serving(folder / "shards") as one:
        yield one
    assert wall.contents(folder / "shards") == before, "a test corrected what all tests of a module share"
