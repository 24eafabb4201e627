"""Which Pythons `make` takes, and what it says of the others."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
MAKE = shutil.which("make")

needs_make = pytest.mark.skipif(MAKE is None, reason="there is no make")


def python_of(path: Path, *version: int) -> Path:
    """A Python that says it is of that version."""
    full = ".".join(map(str, version))
    pretend = f"import sys; sys.version_info = {version}; exec(sys.argv[2])"
    path.write_text(
        f'#!/bin/sh\n[ "$1" = --version ] && {{ echo "Python {full}"; exit; }}\n'
        f"exec '{sys.executable}' -c '{pretend}' \"$@\"\n"
    )
    path.chmod(0o755)
    return path


def make(folder: Path, *arguments: str, path: str | None = None) -> subprocess.CompletedProcess[str]:
    """`make -n install` on a fresh checkout: what it would run, or why not."""
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(ROOT / name, folder)
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHON", "MAKEFLAGS", "MAKELEVEL")}
    environment = {**kept, "PATH": path or os.environ["PATH"]}
    command = [str(MAKE), "-n", "install", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, env=environment)


@needs_make
@pytest.mark.parametrize("version", [(2, 7, 18), (3, 6, 15), (3, 10, 13), (3, 15, 0), (4, 0, 0)])
def test_another_python_is_refused_in_one_line(tmp_path: Path, version: tuple[int, ...]) -> None:
    python = python_of(tmp_path / "python", *version)
    done = make(tmp_path, f"PYTHON={python}")
    full = ".".join(map(str, version))
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert f"no python >=3.11,<3.15 with venv and pip, only: {python} (Python {full})" in line
    assert "give one: make PYTHON=/path/to/python" in line


@needs_make
@pytest.mark.parametrize("minor", [11, 12, 13, 14])
def test_every_python_that_is_admitted_is_taken(tmp_path: Path, minor: int) -> None:
    python = python_of(tmp_path / "python", 3, minor, 0)
    done = make(tmp_path, f"PYTHON={python}")
    assert done.stdout.splitlines()[0] == f"{python} -m venv .venv"


@needs_make
def test_a_python_that_is_none_is_refused_in_one_line(tmp_path: Path) -> None:
    done = make(tmp_path, f"PYTHON={tmp_path / 'no' / 'python'}")
    (line,) = done.stderr.splitlines()
    assert "only: none; give one" in line


@needs_make
def test_the_first_that_fits_is_found(tmp_path: Path) -> None:
    """Also beside a `python3` that is too old."""
    for name in ("sh", "sed", "grep"):
        program = shutil.which(name)
        assert program
        (tmp_path / name).symlink_to(program)
    python_of(tmp_path / "python3", 3, 9, 2)
    refused = make(tmp_path, path=str(tmp_path))
    assert "only: python3 (Python 3.9.2); give one" in refused.stderr
    python_of(tmp_path / "python3.12", 3, 12, 1)
    python_of(tmp_path / "python3.13", 3, 13, 1)
    assert make(tmp_path, path=str(tmp_path)).stdout.splitlines()[0] == "python3.13 -m venv .venv"


@needs_make
def test_another_python_than_that_of_the_environment_is_told(tmp_path: Path) -> None:
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    python_of(tmp_path / ".venv" / "bin" / "python", 3, 12, 1)
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / ".venv" / ".installed").touch()
    for version, code in (((3, 12, 1), 0), ((3, 13, 0), 2)):
        python = python_of(tmp_path / "python", *version)
        command = [str(MAKE), "install", f"PYTHON={python}"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == code, done.stderr
    assert f"make: .venv has Python 3.12.1, {python} is another; begin it anew: make clean" in done.stderr


def test_all_that_is_said_of_versions_agrees() -> None:
    low, high = map(int, re.findall(r"3\.(\d+)", PROJECT["requires-python"]))
    classified = [name.removeprefix("Programming Language :: Python :: ") for name in PROJECT["classifiers"]]
    minors = [int(name.removeprefix("3.")) for name in classified if name.startswith("3.")]
    assert minors == list(range(low, high))
    said = f"python 3.{low} to 3.{high - 1}, pip and make"
    assert said in (ROOT / "README.md").read_text("utf-8")
    assert said in (ROOT / "Makefile").read_text("utf-8")
    assert sys.version_info[:2] in [(3, minor) for minor in minors]
