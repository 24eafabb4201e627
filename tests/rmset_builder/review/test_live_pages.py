"""The report's pages as they are served: of what the folder is now."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from corrections import wall
from review.serving import Served, serving
from site_pages import elements, read_text


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Served]:
    """A review of two videos."""
    for video in ("wall", "other"):
        wall.extract(tmp_path / "shards", video)
    with serving(tmp_path / "shards") as one:
        yield one
