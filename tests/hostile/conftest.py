"""Where the tests of single rooms have what makes small files of every kind."""

from __future__ import annotations

import sys
from pathlib import Path

_TESTS = Path(__file__).parents[1]
sys.path += [str(_TESTS / room) for room in ("rmset_builder/manifest", "rmset_builder/corrections", "rmfer/labelled")]
