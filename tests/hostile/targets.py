"""What reads files that others made: for each reader whole files to begin with, and how it is called."""

from __future__ import annotations

from rmfer_targets import RMFER
from rmset_targets import RMSET

TARGETS = {**RMSET, **RMFER}
