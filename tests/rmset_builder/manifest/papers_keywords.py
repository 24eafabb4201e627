"""The manifest that comes with the program."""

from __future__ import annotations

from pathlib import Path

KEYWORDS = Path(__file__).parents[3] / "manifests" / "keywords.yaml"
