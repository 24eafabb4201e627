"""``rmset.toml``, ``config`` and ``completion``: what is set once, where it counts, and what is refused."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Rmset = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which commands run; that of the user's own settings is ``home``."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("RMSET_CONFIG", raising=False)
    return tmp_path / "here"


def users(folder: Path) -> Path:
    path = folder.parent / "home" / "rmset" / "rmset.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def effective(rmset: Rmset, *names: str) -> dict[str, tuple[object, str]]:
    done = rmset("config", *names, "--json")
    assert done.returncode == 0, done.stderr
    return {f"{one['command']} {one['option']}": (one["value"], one["source"]) for one in json.loads(done.stdout)}


def test_the_folders_file_counts_before_the_users(folder: Path, rmset: Rmset) -> None:
    users(folder).write_text("[rmset.extract]\njobs = 3\ndet_size = 960\n[rmset.stats]\nformat = 'csv'\n")
    (folder / "rmset.toml").write_text("[rmset.extract]\ndet-size = 1280\n[rmfer.train]\nset = ['lr=1e-4']\n")
    assert effective(rmset) == {
        "extract jobs": (3, str(users(folder))),
        "extract det-size": (1280, "rmset.toml"),
        "stats format": ("csv", str(users(folder))),
    }
    every = effective(rmset, "stats")
    assert every["stats paper"] == (False, "default")
    told = rmset("config")
    assert told.stdout.splitlines()[0].split() == ["extract", "--jobs", "3", str(users(folder))]
    assert told.stderr == f"files: {users(folder)}, rmset.toml\n"


def test_a_named_file_counts_alone(folder: Path, rmset: Rmset, monkeypatch: pytest.MonkeyPatch) -> None:
    users(folder).write_text("[rmset.extract]\njobs = 3\n")
    (folder / "other.toml").write_text("[rmset.extract]\nthreads = 1\n")
    monkeypatch.setenv("RMSET_CONFIG", "other.toml")
    assert effective(rmset) == {"extract threads": (1, "other.toml")}
    monkeypatch.setenv("RMSET_CONFIG", "none.toml")
    done = rmset("config")
    assert (done.returncode, done.stdout) == (2, "")
    assert "$RMSET_CONFIG is none.toml, which is no file" in done.stderr


def test_commands_take_what_is_set_and_the_command_line_comes_first(
    folder: Path, rmset: Rmset, demo_shards: Path
) -> None:
    (folder / "rmset.toml").write_text("[rmset.stats]\nformat = 'csv'\npaper = true\n")
    csv = rmset("stats", demo_shards)
    assert csv.returncode == 0, csv.stderr
    assert csv.stdout.splitlines()[0].count(",") > 3
    assert "45570580" in csv.stdout  # the paper's total, as `paper` asks
    told = json.loads(rmset("stats", demo_shards, "--format", "json").stdout)
    assert isinstance(told, dict | list)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[rmset.extract]\njbos = 3\n", "rmset.toml: extract has no option jbos; did you mean jobs?"),
        ("[rmset.extrct]\njobs = 3\n", "rmset.toml: rmset has no command extrct; did you mean extract?"),
        ("[rmsett.extract]\njobs = 3\n", "rmset.toml: rmsett is no program"),
        ("[rmset]\nextract = 3\n", "rmset.toml: rmset.extract is no table"),
        ("[rmset.extract\n", "rmset.toml cannot be read"),
        ("[rmset.extract]\njobs = 'many'\n", "Invalid value for '--jobs'"),
        ("[rmset.extract.jobs]\nx = 1\n", "rmset.toml: extract.jobs is a table"),
        ("\x00", "rmset.toml cannot be read"),
    ],
)
def test_what_is_wrong_in_a_file_is_told_in_a_line(text: str, told: str, folder: Path, rmset: Rmset) -> None:
    (folder / "rmset.toml").write_text(text)
    for command in (["extract", "nothing.mp4"], ["config"]):
        done = rmset(*command)
        assert done.returncode == 2
        assert told in done.stderr
        assert len(done.stderr.splitlines()) == 1
    assert rmset("--help").returncode == 0  # help is there all the same
    assert not (folder / "shards").exists()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_gets_its_script(shell: str, rmset: Rmset) -> None:
    done = rmset("completion", shell)
    assert done.returncode == 0, done.stderr
    assert "_RMSET_COMPLETE" in done.stdout and f"{shell}_complete" in done.stdout


def complete(line: str) -> list[str]:
    """What bash would be offered after ``line``, by a process as bash starts it."""
    words = line.split(" ")
    environment = {
        **os.environ,
        "_RMSET_COMPLETE": "bash_complete",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(words) - 1),
        "PYTHONPATH": str(Path(__file__).parents[3]),
    }
    code = "from rmset_builder.cli import main; main([])"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
    return [one.partition(",")[2] for one in done.stdout.splitlines()]


def test_commands_and_options_are_completed() -> None:
    assert complete("rmset ex") == ["extract", "export"]
    assert set(complete("rmset stats --f")) == {"--format"}
    assert complete("rmset stats --format mark") == ["markdown"]


def test_rmfer_has_them_too(folder: Path) -> None:
    (folder / "rmset.toml").write_text("[rmfer.sample]\nsets = 4\n")
    command = [sys.executable, "-m", "rmfer", "config"]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert done.stdout.split() == ["sample", "--sets", "4", "rmset.toml"], done.stderr
