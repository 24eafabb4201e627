from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from training_helpers import arguments, seen, write_benchmark
from watched import ROOT, watch

# Whoever runs the commands one by one imports torch each time, which takes longest of all that they do here.
_IN_A_ROW = """
import json, sys
from rmfer.cli import main
for line in json.loads(sys.argv[1]):
    try:
        main(line)
    except SystemExit as ended:
        assert not ended.code, (line, ended.code)
"""


def named_in_the_docs() -> list[str]:
    """The folders below the home folder that docs/dependencies.md says may be found there."""
    text = (ROOT / "docs" / "dependencies.md").read_text()
    rows = text.partition("What may lie in the home folder")[2].splitlines()
    return [
        folder for row in rows if row.startswith("| `~/") for folder in re.findall(r"`~/([^`]+)`", row.split("|")[1])
    ]


@pytest.mark.slow
def test_train_predict_and_export_phone_nobody(
    small_video: Path, make_shards: Callable[..., list[Path]], tmp_path: Path
) -> None:
    shards, run = tmp_path / "shards", tmp_path / "run"
    make_shards(shards, "v", seen())
    benchmark = write_benchmark(tmp_path / "benchmark", train=2, valid=1, test=1)
    lines = [
        arguments(benchmark, shards, run, epochs=1, epochs_pre=0),
        ["predict", str(run), str(small_video), "--out", "found", "--device", "cpu"],
        ["export", str(run), "--onnx", "net.onnx"],
    ]
    found = watch(tmp_path / "watched", "-c", _IN_A_ROW, json.dumps(lines))
    assert found.done.returncode == 0, found.done.stderr
    assert (tmp_path / "watched" / "net.onnx").exists() and (tmp_path / "watched" / "found" / "small.mp4").exists()
    assert found.calls == []
    named = named_in_the_docs()
    assert len(named) >= 6
    assert [file for file in found.left if not any(file.startswith(f"{folder}/") for folder in named)] == []
    assert not any("Microsoft" in folder for folder in named)
