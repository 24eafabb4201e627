from __future__ import annotations

from pathlib import Path

import numpy as np
from corrections import wall

from rmfer.shards import open_index
from rmset_builder.corrections.correct import drop, merge, undo


def test_training_sees_who_is_who_as_it_was_corrected(tmp_path: Path) -> None:
    wall.extract(tmp_path)
    assert np.bincount(open_index(tmp_path).identity).tolist() == [60, 60, 60, 50, 41]
    merge(tmp_path, "wall", [1, 3])
    drop(tmp_path, "wall", 0)
    assert np.bincount(open_index(tmp_path).identity).tolist() == [110, 60, 41]
    undo(tmp_path)
    undo(tmp_path)
    assert np.bincount(open_index(tmp_path).identity).tolist() == [60, 60, 60, 50, 41]
