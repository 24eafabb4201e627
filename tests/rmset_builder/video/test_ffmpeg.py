from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import imageio_ffmpeg
import pytest

from rmset_builder.core.errors import RmsetError
from rmset_builder.video.ffmpeg import OLDEST, find_ffmpeg, parse_version


@pytest.fixture(autouse=True)
def _forget(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What was found before does not count, nor what is found here for tests elsewhere."""
    monkeypatch.delenv("RMSET_FFMPEG", raising=False)
    find_ffmpeg.cache_clear()
    yield
    find_ffmpeg.cache_clear()


@pytest.mark.parametrize(
    ("banner", "version"),
    [
        ("ffmpeg version 7.1 Copyright (c) 2000-2024 the FFmpeg developers", (7, 1)),
        ("ffmpeg version 4.4.2-0ubuntu0.22.04.1 Copyright (c) 2000-2021", (4, 4)),
        ("ffmpeg version 5.1.6-0+deb12u1 Copyright", (5, 1)),
        ("ffmpeg version 7.0.2-static https://johnvansickle.com/ffmpeg/", (7, 0)),
        ("ffmpeg version n7.1-2-gabc Copyright", (7, 1)),
        ("ffmpeg version 10.12.3", (10, 12)),
        ("ffmpeg version 7.1\nbuilt with gcc", (7, 1)),
        ("ffmpeg version N-112345-g0123abc Copyright", (999, 0)),
        ("ffmpeg version 2024-01-01-git-abc-full_build-www.gyan.dev", (999, 0)),
        ("ffmpeg version git-2020-06-01-abc", (999, 0)),
        ("avconv version 12.3", None),
        ("ffprobe version 7.1", None),
        ("", None),
        ("ffmpeg", None),
        ("bash: ffmpeg version 7.1", None),
    ],
)
def test_versions_are_read_off_the_banner(banner: str, version: tuple[int, int] | None) -> None:
    assert parse_version(banner) == version


def program(path: Path, *lines: str) -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text("\n".join(["#!/bin/sh", *lines, ""]))
    path.chmod(0o755)
    return path


def fake(path: Path, version: str) -> Path:
    return program(path, f"echo 'ffmpeg version {version} Copyright (c)'")


def test_the_one_that_is_found_runs_and_is_new_enough() -> None:
    found = find_ffmpeg()
    banner = subprocess.run([found.path, "-version"], capture_output=True, text=True, check=True).stdout
    assert banner.startswith(f"ffmpeg version {found.version} ")
    version = parse_version(banner)
    assert version is not None
    assert version >= OLDEST == (5, 1)


def test_the_variable_chooses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = fake(tmp_path / "my ffmpeg", "6.1-mine")
    monkeypatch.setenv("RMSET_FFMPEG", str(chosen))
    found = find_ffmpeg()
    assert (found.path, found.version) == (str(chosen), "6.1-mine")


def test_an_empty_variable_chooses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = find_ffmpeg()
    find_ffmpeg.cache_clear()
    monkeypatch.setenv("RMSET_FFMPEG", "")
    assert find_ffmpeg() == expected


@pytest.mark.parametrize("kind", ["missing", "folder", "no program", "another program", "too old", "fails"])
def test_a_wrong_choice_is_an_error_and_not_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    path = tmp_path / "ffmpeg"
    match kind:
        case "folder":
            path.mkdir()
        case "no program":
            path.write_text("not a program")
        case "another program":
            program(path, "echo hello")
        case "too old":
            fake(path, "5.0.3")
        case "fails":
            program(path, "echo 'libx264.so: not found' >&2", "exit 127")
    monkeypatch.setenv("RMSET_FFMPEG", str(path))
    with pytest.raises(RmsetError) as caught:
        find_ffmpeg()
    assert str(caught.value).startswith(f"RMSET_FFMPEG={path} does not run or is older than 5.1; unset RMSET_FFMPEG")


@pytest.mark.parametrize(("version", "taken"), [("5.1", True), ("5.0.9", False), ("4.4.2-0ubuntu0.22.04.1", False)])
def test_a_system_too_old_is_passed_over_for_the_bundled_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, taken: bool
) -> None:
    system = fake(tmp_path / "bin" / "ffmpeg", version)
    bundled = imageio_ffmpeg.get_ffmpeg_exe()
    monkeypatch.setenv("PATH", f"{system.parent}{os.pathsep}/usr/bin:/bin")
    assert shutil.which("ffmpeg") == str(system)
    assert find_ffmpeg().path == (str(system) if taken else bundled)


def test_without_a_systems_the_bundled_one_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundled = imageio_ffmpeg.get_ffmpeg_exe()
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_ffmpeg().path == bundled


def test_without_any_the_mend_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(tmp_path / "nothing"))
    with pytest.raises(RmsetError, match=r"no ffmpeg of version 5\.1 or newer; run: python -m pip install --force"):
        find_ffmpeg()


def test_it_is_looked_for_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counter = tmp_path / "calls"
    path = program(tmp_path / "ffmpeg", f"echo x >> {counter}", "echo 'ffmpeg version 7.1 '")
    monkeypatch.setenv("RMSET_FFMPEG", str(path))
    assert find_ffmpeg() is find_ffmpeg()
    assert counter.read_text() == "x\n"
