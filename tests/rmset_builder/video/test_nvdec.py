"""Without a GPU: why there is no decoder, and what ffmpeg is told where there is one."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from rmset_builder.video.decode import FrameReader
from rmset_builder.video.ffmpeg import find_ffmpeg
from rmset_builder.video.info import VideoInfo
from rmset_builder.video.nvdec import NvDecoder, find_nvdec


@pytest.fixture(autouse=True)
def _forget(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("RMSET_FFMPEG", raising=False)
    find_ffmpeg.cache_clear()
    yield
    find_ffmpeg.cache_clear()


FFMPEG = find_ffmpeg().path


def use(monkeypatch: pytest.MonkeyPatch, path: Path, *lines: str) -> Path:
    """Make a program that calls itself ffmpeg the one in use; it notes its arguments, a line each call."""
    log = path.with_suffix(".log")
    banner = 'case "$*" in -version) echo "ffmpeg version 7.1 Copyright (c)"; exit;; esac'
    note = f'printf "%s\\t" "$@" >> {shlex.quote(str(log))}; echo >> {shlex.quote(str(log))}'
    path.write_text("\n".join(["#!/bin/sh", banner, note, *lines, ""]))
    path.chmod(0o755)
    monkeypatch.setenv("RMSET_FFMPEG", str(path))
    find_ffmpeg.cache_clear()
    return log


def calls(log: Path) -> list[list[str]]:
    return [line.split("\t")[:-1] for line in log.read_text().splitlines()]


@pytest.mark.skipif(Path("/dev/nvidiactl").exists(), reason="this machine has an NVIDIA GPU")
def test_without_a_gpu_it_is_told_why() -> None:
    found = find_nvdec(0)
    assert isinstance(found, str)
    assert found.strip()
    assert "\n" not in found


def test_a_gpu_whose_decoder_opens_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = use(monkeypatch, tmp_path / "ffmpeg", "exit 0")
    assert find_nvdec(3) == NvDecoder(3)
    (asked,) = calls(log)
    assert asked[asked.index("-init_hw_device") + 1] == "cuda=probe:3"


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (["echo 'Cannot load libcuda.so.1' >&2", "echo 'and more' >&2", "exit 1"], "Cannot load libcuda.so.1"),
        (["exit 7"], "ffmpeg ended with 7"),
        (["printf 'No device \\377\\n' >&2", "exit 1"], "No device \ufffd"),
    ],
)
def test_a_decoder_that_does_not_open_is_told_in_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lines: list[str], told: str
) -> None:
    use(monkeypatch, tmp_path / "ffmpeg", *lines)
    assert find_nvdec(0) == told


def test_a_decoder_that_hangs_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, tmp_path / "ffmpeg", "exec sleep 30")
    monkeypatch.setattr("rmset_builder.video.nvdec._PATIENCE_S", 0.3)
    found = find_nvdec(0)
    assert isinstance(found, str)
    assert "timed out" in found


@pytest.mark.parametrize("gpu", [0, 2])
def test_ffmpeg_is_told_of_the_gpu_before_the_video(
    small_video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gpu: int
) -> None:
    """The real ffmpeg then decodes, without the options that only a GPU could serve."""
    log = use(
        monkeypatch,
        tmp_path / "ffmpeg",
        'for word; do shift; case "$word" in',
        "-hwaccel|-hwaccel_device) skip=1;;",
        '*) [ -n "$skip" ] || set -- "$@" "$word"; skip=;;',
        "esac; done",
        f'exec {shlex.quote(FFMPEG)} "$@"',
    )
    info = VideoInfo.from_path(small_video)
    with FrameReader(info, nvdec=NvDecoder(gpu)) as reader:
        buffer = np.empty(reader.shape, np.uint8)
        assert reader.read_into(buffer)
    (command,) = calls(log)
    assert command[command.index("-hwaccel") + 1] == "cuda"
    assert command[command.index("-hwaccel_device") + 1] == str(gpu)
    source = command.index("-i")
    assert command[source + 1] == f"file:{small_video}"
    assert command.count("-i") == 1
    assert max(command.index("-hwaccel"), command.index("-hwaccel_device")) < source
    assert "-hwaccel_output_format" not in command, "frames come back to the CPU"


def test_without_a_decoder_ffmpeg_hears_of_no_gpu(
    small_video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = use(monkeypatch, tmp_path / "ffmpeg", f'exec {shlex.quote(FFMPEG)} "$@"')
    with FrameReader(VideoInfo.from_path(small_video)):
        pass
    (command,) = calls(log)
    assert not [word for word in command if "hwaccel" in word or "cuda" in word]
