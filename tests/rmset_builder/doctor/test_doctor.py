from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import onnxruntime
import pytest

from rmset_builder.commands.doctor import lines_of
from rmset_builder.core.errors import RmsetError
from rmset_builder.doctor import checkup, ffmpeg, models, packages
from rmset_builder.doctor.finding import Finding, Mark, guarded
from rmset_builder.pipeline.model_pack import load_pack
from rmset_builder.video import nvdec
from rmset_builder.video.ffmpeg import Ffmpeg, find_ffmpeg

CPU_ONLY = ["CPUExecutionProvider"]


def run_doctor(*arguments: str, blocked: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    """`rmset doctor` in a process of its own, in which the modules `blocked` do not import."""
    program = (
        f"import sys; sys.modules.update(dict.fromkeys({blocked.split()!r}));"
        "from rmset_builder.cli import main; main(['doctor', *sys.argv[1:]])"
    )
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
    )


def test_this_machine_is_fit(tmp_path: Path) -> None:
    done = run_doctor("--json", "--out", str(tmp_path / "shards"))
    report = json.loads(done.stdout)
    found = {check["name"]: check["found"] for check in report["checks"]}

    assert done.returncode == report["exit_code"] == 0, done.stdout
    assert not [check for check in report["checks"] if check["mark"] == "fail"]
    assert f"numpy {metadata.version('numpy')}" in found["packages"]
    assert find_ffmpeg().version in found["ffmpeg"]
    assert "h264" in found["decoders"]
    assert load_pack().sha256[:12] in found["models"]
    assert "ran on the CPU" in found["detector"]
    assert "ran on the CPU" in found["recogniser"]
    assert not (tmp_path / "shards").exists()
    assert all(len(name) <= checkup.NAME_WIDTH for name in found)
    assert all(check["mend"] for check in report["checks"] if check["mark"] != "ok")


def test_an_ffmpeg_that_is_none_is_named_with_its_mend(tmp_path: Path) -> None:
    program = tmp_path / "ffmpeg"
    program.write_text("not a program")

    done = run_doctor("--out", str(tmp_path), RMSET_FFMPEG=str(program))

    lines = done.stdout.splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith("FAIL"))
    assert done.returncode == 2
    assert str(program) in lines[at]
    assert lines[at + 1].strip() == "mend: unset RMSET_FFMPEG"
    assert any(line.startswith("ok    detector ") for line in lines)


def test_a_broken_model_folder_is_named_with_its_mend(tmp_path: Path) -> None:
    (tmp_path / "detector.onnx").write_bytes(b"\x00 not a model")

    done = run_doctor("--json", "--models", str(tmp_path), "--out", str(tmp_path))

    failed = [check for check in json.loads(done.stdout)["checks"] if check["mark"] == "fail"]
    assert done.returncode == 2
    assert [check["name"] for check in failed] == ["models"]
    assert str(tmp_path) in failed[0]["found"]
    assert failed[0]["mend"] == "rmset extract --models offline", "a command, and no advice"


def test_missing_packages_are_findings_and_no_traceback(tmp_path: Path) -> None:
    done = run_doctor("--out", str(tmp_path), blocked="cv2 numpy onnx onnxruntime rich av")

    assert done.returncode == 2
    assert "Traceback" not in done.stdout + done.stderr
    assert "mend: python -m pip install --force-reinstall --no-deps opencv-python-headless" in done.stdout
    assert "FAIL  onnxruntime" in done.stdout
    assert "ok    models" in done.stdout
    assert "  detector " not in done.stdout, "nothing can be told of a model before its runtime works"


def test_a_pack_that_is_not_here_is_not_downloaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    finding = models.check_pack("buffalo_l")
    assert (finding.mark, finding.mend) == (Mark.WARN, "rmset extract --models buffalo_l")
    assert not list(tmp_path.iterdir())


def test_a_check_that_crashes_is_a_failure_with_the_reason() -> None:
    def crash() -> Finding:
        raise KeyError("no such thing\nand more")

    def refuse() -> Finding:
        raise RmsetError("it is broken", remedy="it has rusted; run: oil it")

    assert guarded("a", crash) == Finding(
        "a", Mark.FAIL, "the check itself failed: KeyError: 'no such thing\\nand more'"
    )
    assert guarded("a", refuse) == Finding("a", Mark.FAIL, "it is broken", "oil it")
    assert checkup.exit_code([guarded("a", crash)]) == 2
    assert checkup.exit_code([Finding("a", Mark.WARN, "")]) == 0


@pytest.mark.parametrize(
    ("version", "declared", "enough"),
    [
        ("15.0", "click>=15", True),
        ("14.9.9", "click>=15", False),
        ("2.10", "click>=2.9", True),
        ("0.1.0", "click==0.1", True),
        ("0.1.1", "click==0.1.0", False),
        ("3.0", "click>=2,<3", False),
        ("2.9.1rc1", "click>=2,<3", True),
        ("1.0", "click!=1.0", False),
        ("1.26.4", "click>=1.20; python_version > '3'", True),
        ("1.0", "click>=2; python_version < '3'", True),
        ("1.0", "click>=2; extra == 'train'", True),
        ("1.0", "click", True),
    ],
)
def test_versions_compare_as_numbers(
    monkeypatch: pytest.MonkeyPatch, version: str, declared: str, enough: bool
) -> None:
    monkeypatch.setattr(metadata, "requires", lambda _: [declared])
    monkeypatch.setattr(metadata, "version", lambda _: version)
    assert packages.check_packages().mark is (Mark.OK if enough else Mark.FAIL)


def test_packages_that_lack_are_mended_by_one_command(monkeypatch: pytest.MonkeyPatch) -> None:
    declared = ["numpy>=999", "surely-no-such-package[all]>=1", "click>=8.1", "torch>=2; extra == 'train'"]
    monkeypatch.setattr(metadata, "requires", lambda _: declared)
    finding = packages.check_packages()
    assert finding.mark is Mark.FAIL
    assert finding.mend == 'python -m pip install "numpy>=999" "surely-no-such-package>=1"'
    assert f"numpy {metadata.version('numpy')} is not >=999; surely-no-such-package is missing" == finding.found


def _ffmpeg_that(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cases: str) -> None:
    """Let the checks use an ffmpeg that answers as the shell's `cases` say, else as the real one."""
    real = find_ffmpeg()
    program = tmp_path / "ffmpeg"
    program.write_text(f'#!/bin/sh\nreal={real.path}\ncase "$*" in\n{cases}\n*) exec "$real" "$@";;\nesac\n')
    program.chmod(0o755)
    monkeypatch.setattr(ffmpeg, "find_ffmpeg", lambda: Ffmpeg(str(program), real.version))


@pytest.mark.parametrize(
    ("codec", "pattern", "mark"), [("h264", "264", Mark.FAIL), ("av1", "-E 'libdav1d|libaom|libgav1'", Mark.WARN)]
)
def test_a_codec_without_decoder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, codec: str, pattern: str, mark: Mark
) -> None:
    _ffmpeg_that(tmp_path, monkeypatch, f'*-decoders*) "$real" "$@" | grep -v {pattern};;')
    finding = ffmpeg.check_decoders()
    assert finding.mark is mark
    assert f"no decoder for {codec}" in finding.found
    assert "RMSET_FFMPEG" in finding.mend


def test_a_decoder_that_is_listed_but_gives_a_wrong_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    black = 64 * 64 * 3 * 3
    _ffmpeg_that(tmp_path, monkeypatch, f"*passthrough*) cat > /dev/null; head -c {black} /dev/zero;;")
    finding = ffmpeg.check_decoders()
    assert finding.mark is Mark.FAIL
    assert "clips decode wrongly: h264" in finding.found


def test_without_encoders_decoders_are_told_as_not_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _ffmpeg_that(tmp_path, monkeypatch, "*-encoders*) echo;;")
    finding = ffmpeg.check_decoders()
    assert finding.mark is Mark.OK
    assert finding.found == "h264, hevc, vp9, av1, mpeg4, gif listed, not tried for want of an encoder"


@pytest.mark.parametrize(("gpu", "asked"), [(None, 0), (0, 0), (3, 3)])
def test_the_decoder_of_the_gpu_that_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, gpu: int | None, asked: int
) -> None:
    """The program is asked to open it: that it was built for it says nothing of the machine."""
    opens = tmp_path / "opens"
    opens.write_text(f"#!/bin/sh\ncase \"$*\" in *cuda=probe:{asked}*) exit 0;; esac; echo 'no such GPU' >&2; exit 1\n")
    opens.chmod(0o755)
    monkeypatch.setattr(nvdec, "find_ffmpeg", lambda: Ffmpeg(str(opens), "7.1"))
    assert ffmpeg.check_nvdec(gpu).found == f"ffmpeg can use the decoder of GPU {asked}"
    finding = ffmpeg.check_nvdec(asked + 1)
    assert finding.mark is Mark.OK
    assert finding.found == "ffmpeg cannot use a GPU's decoder (no such GPU): it decodes on the CPU"


def _builds(monkeypatch: pytest.MonkeyPatch, *, cards: list[str], builds: set[str]) -> None:
    """A machine with these GPUs and builds of ONNX Runtime, of which none has CUDA."""
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: CPU_ONLY)
    monkeypatch.setattr(models, "nvidia_cards", lambda: cards)
    monkeypatch.setattr(models, "installed_builds", lambda: builds)


@pytest.mark.parametrize(("gpu", "mark"), [(None, Mark.WARN), (0, Mark.FAIL)])
def test_builds_of_onnxruntime_that_overwrote_each_other(
    monkeypatch: pytest.MonkeyPatch, gpu: int | None, mark: Mark
) -> None:
    _builds(monkeypatch, cards=[], builds={"onnxruntime", "onnxruntime-gpu"})
    finding = models.check_runtime(gpu)
    assert finding.mark is mark
    assert "onnxruntime overwrote onnxruntime-gpu" in finding.found
    assert finding.mend == "python -m pip install --force-reinstall --no-deps onnxruntime-gpu"


@pytest.mark.parametrize(
    ("cards", "gpu", "mark", "said"),
    [
        ([], None, Mark.OK, "no NVIDIA GPU"),
        (["NVIDIA H200"], None, Mark.WARN, "NVIDIA H200, but this ONNX Runtime has no CUDA"),
        (["NVIDIA H200"], 0, Mark.FAIL, "--gpu 0"),
        ([], 1, Mark.FAIL, "nvidia-smi lists no GPU"),
    ],
)
def test_a_gpu_that_lies_idle(
    monkeypatch: pytest.MonkeyPatch, cards: list[str], gpu: int | None, mark: Mark, said: str
) -> None:
    _builds(monkeypatch, cards=cards, builds={"onnxruntime"})
    finding = models.check_cuda(load_pack(), gpu)
    assert finding.mark is mark
    assert said in finding.found
    assert bool(finding.mend) is (mark is not Mark.OK)


@pytest.mark.parametrize(("free", "mark"), [(20e9, Mark.OK), (9.9e9, Mark.WARN), (0.4e9, Mark.FAIL)])
def test_room_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: float, mark: Mark) -> None:
    usage: Any = type("Usage", (), {"free": int(free)})
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    finding = checkup.check_disk(tmp_path / "not" / "yet")
    assert finding.mark is mark
    assert f"{free / 1e9:.1f} GB free" in finding.found
    assert not list(tmp_path.iterdir())


def test_an_output_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "shards").write_text("")
    finding = checkup.check_disk(tmp_path / "shards")
    assert finding.mark is Mark.FAIL
    assert str(tmp_path / "shards") in finding.found


@pytest.mark.parametrize(
    ("programs", "mark", "said"),
    [
        ({}, Mark.WARN, "neither deno nor node"),
        ({"node": "v20.20.2"}, Mark.WARN, "node 20.20.2 is older than 22.0"),
        ({"node": "v22.1.0"}, Mark.OK, "node 22.1.0"),
        ({"deno": "deno 2.2.9 (stable)", "node": "v24.0.0"}, Mark.OK, "node 24.0.0"),
        ({"deno": "deno 2.10.1 (stable)"}, Mark.OK, "deno 2.10.1"),
    ],
)
def test_javascript_runtimes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, programs: dict[str, str], mark: Mark, said: str
) -> None:
    for name, version in programs.items():
        (tmp_path / name).write_text(f"#!/bin/sh\necho '{version}'\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(packages.sysconfig, "get_path", lambda _: str(tmp_path))
    finding = packages.check_javascript()
    assert finding.mark is mark
    assert said in finding.found


def test_lines_are_aligned_and_a_command_is_never_wrapped() -> None:
    finding = Finding("disk", Mark.WARN, "some words " * 12, "a command " * 20)
    lines = lines_of(finding, width=70)
    assert lines[0].startswith("warn  disk         some words")
    assert len(lines) > 2
    assert all(line.startswith(" " * 19) for line in lines[1:])
    assert lines[-1].strip() == f"mend: {'a command ' * 20}".strip()
    assert lines_of(Finding("disk", Mark.OK, "fine")) == ["ok    disk         fine"]


def test_an_ffmpeg_without_a_picture_filter_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ffmpeg.check_filters().mark is Mark.OK
    monkeypatch.setattr(ffmpeg, "filters_of", lambda _: frozenset({"scale", "format", "bwdif"}))
    found = ffmpeg.check_filters()
    assert found.mark is Mark.WARN
    assert found.found.startswith("no lut3d:")
    assert found.mend
