"""Files of every kind that others make, changed at random: an answer or one clear line, in bounded time and memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from targets import TARGETS
from trials import inputs_tried, times

CAMPAIGN = Path(__file__).with_name("campaign.py")
# A campaign tries so many files for each time that it is to try a fault.
FILES_A_TIME = 50
# Those of a group share a process, which takes longer to start than to read many files.
GROUPS = {
    command: [name for name, target in TARGETS.items() if target.command.split()[0] == command]
    for command in ("rmset", "rmfer")
}


def faults(names: list[str], folder: Path, count: int) -> dict[str, list[str]]:
    """What went wrong with ``count`` files for each reader."""
    found: dict[str, list[str]] = {name: [] for name in names}
    waiting = dict.fromkeys(names, 0)
    while waiting:
        first = min(waiting.values())
        together = [name for name, begin in waiting.items() if begin == first]
        home = folder / f"{first}-{len(waiting)}"
        home.mkdir()
        command = [sys.executable, CAMPAIGN, ",".join(together), home, str(first), str(count - first)]
        places = {"PYTHONPATH": os.pathsep.join([str(CAMPAIGN.parent), *sys.path])}
        done = subprocess.run(
            command, cwd=home, env=os.environ | places, capture_output=True, text=True, errors="replace", check=False
        )
        last = None
        for line in filter(lambda line: line.startswith('{"target"'), done.stdout.splitlines()):
            last = json.loads(line)
            if "fault" in last:
                found[last["target"]].append(f"file {last['number']}: {last['fault']}")
        assert last is not None, done.stderr[-2000:]
        if not done.returncode:
            return found
        assert done.returncode < 0, done.stderr[-2000:]
        found[last["target"]].append(f"file {last['number']}: ended by signal {-done.returncode}")
        for name in together[: together.index(last["target"])]:
            del waiting[name]
        waiting[last["target"]] = last["number"] + 1
    return found


@pytest.mark.parametrize("group", GROUPS)
def test_changed_files_lead_to_an_answer_or_a_clear_line(group: str, tmp_path: Path) -> None:
    count = max(12, FILES_A_TIME * times(0))
    found = faults(GROUPS[group], tmp_path, count)
    for name, told in found.items():
        inputs_tried(f"{name}, bytes changed", TARGETS[name].command, tried=count, crashes=len(told))
    assert not Counter({name: len(told) for name, told in found.items() if told}), found
