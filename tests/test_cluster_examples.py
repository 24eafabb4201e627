"""The recipes for clusters: their form, and that the commands in them are the program's."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from documented_runs import parse
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
RECIPES = ROOT / "examples" / "cluster"


def containers(job: dict[str, Any]) -> list[dict[str, Any]]:
    cluster = job["spec"]["rayClusterSpec"]
    groups = [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]
    return [one for group in groups for one in group["template"]["spec"]["containers"]]


def test_the_slurm_job_is_bash_and_its_command_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if shutil.which("bash") is None:
        pytest.skip("there is no bash")
    script = RECIPES / "rmset.sbatch"
    subprocess.run(["bash", "-n", script], check=True)
    (line,) = re.findall(r"^ +rmset (extract .*) \$\(.*--gpu 0\) &$", script.read_text(), re.MULTILINE)
    words = shlex.split(line.replace("$videos", "videos").replace("$shards", "shards").replace("$address", "n1:6379"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "videos").mkdir()
    parse("rmset", [*words, "--gpu", "0"])
    assert words[words.index("--engine") + 1] == "ray"


def test_the_rayjob_is_whole_and_its_command_ours() -> None:
    job = yaml.safe_load((RECIPES / "rmset-rayjob.yaml").read_text())
    assert (job["apiVersion"], job["kind"]) == ("ray.io/v1", "RayJob")
    program, *words = shlex.split(job["spec"]["entrypoint"])
    parse(program, words)
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    (ray,) = map(Requirement, extras["ray"])
    assert ray.specifier.contains(job["spec"]["rayClusterSpec"]["rayVersion"])
    found = containers(job)
    assert len(found) == 2
    for container in found:
        names = {one["name"] for one in container["env"]}
        assert {"RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_USAGE_STATS_ENABLED"} <= names
        assert container["image"] == found[0]["image"], "the same on all nodes"
    assert found[1]["resources"]["limits"]["nvidia.com/gpu"] == "1"
