from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import onnxruntime
import pytest
from packaging.version import Version
from watched import ROOT, can_trace, watch

from rmset_builder.telemetry import OFF

PLACE = "rmset_builder/inference/ort.py"


def imported(source: str) -> set[str]:
    """The top packages that a module imports, by a statement or by name."""
    names = set[str]()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names.add(node.module or "")
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute | ast.Name):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id
            if called in ("import_module", "__import__") and node.args and isinstance(node.args[0], ast.Constant):
                names.add(str(node.args[0].value))
    return {name.partition(".")[0] for name in names}


def test_one_place_imports_onnxruntime() -> None:
    paths = [path for folder in ("rmset_builder", "rmfer", "benchmarks") for path in (ROOT / folder).rglob("*.py")]
    assert len(paths) > 150
    found = {path.relative_to(ROOT).as_posix() for path in paths if "onnxruntime" in imported(path.read_text())}
    assert found == {PLACE}
    for line in (
        "import onnxruntime as ort",
        "from onnxruntime.capi import x",
        "importlib.import_module('onnxruntime')",
        "def f():\n    __import__('onnxruntime')",
    ):
        assert "onnxruntime" in imported(line)


@pytest.mark.parametrize("package", ["rmset_builder", "rmfer", "rmset_builder.inference.ort", "rmfer.cli"])
def test_importing_either_package_switches_it_off(package: str) -> None:
    program = f"import {package}, os, json; print(json.dumps({{k: os.environ.get(k) for k in {list(OFF)}}}))"
    # Whoever set it to 0 for other programs did not ask for faces' videos to be reported.
    environment = {"PYTHONPATH": str(ROOT), "ORT_DISABLE_TELEMETRY": "0"}
    told = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert ast.literal_eval(told.stdout) == OFF
    assert (OFF["ORT_DISABLE_TELEMETRY"], OFF["RAY_USAGE_STATS_ENABLED"]) == ("1", "0")


# --------------------------------------------------------------------------------------------------- the watch itself


def test_the_watch_sees_pythons_calls(tmp_path: Path) -> None:
    program = (
        "import contextlib, socket, subprocess, sys\n"
        "for call in (\n"
        "    lambda: socket.getaddrinfo('host.invalid', 80),\n"
        "    lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', 9)),\n"
        "    lambda: socket.socket().connect(('127.0.0.1', 9)),\n"
        "):\n"
        "    with contextlib.suppress(OSError):\n"
        "        call()\n"
        "subprocess.run([sys.executable, '-c', 'import socket; socket.gethostbyname(\"child.invalid\")'])\n"
        "socket.socketpair()[0].send(b'x')\n"
    )
    found = watch(tmp_path, "-c", program, trace=False)
    assert [call.split()[0] for call in found.calls] == [
        "socket.getaddrinfo",
        "socket.sendto",
        "socket.connect",
        "socket.gethostbyname",
    ]
    assert found.left == []


def test_the_watch_sees_what_is_no_python(tmp_path: Path) -> None:
    if not can_trace():
        pytest.skip("strace is not here, or may not trace")
    program = (
        "import ctypes, struct\n"
        "libc = ctypes.CDLL(None)\n"
        "handle = libc.socket(2, 2, 0)\n"
        "libc.connect(handle, struct.pack('=HH4s8x', 2, 0x900, bytes([127, 0, 0, 1])), 16)\n"
    )
    (call,) = watch(tmp_path, "-c", program).calls
    assert "127.0.0.1" in call


def test_onnxruntime_by_itself_would_leave_its_files(tmp_path: Path) -> None:
    if Version(onnxruntime.__version__) < Version("1.29"):
        pytest.skip(f"onnxruntime {onnxruntime.__version__} has no telemetry here")
    found = watch(tmp_path, "-c", "import onnxruntime", trace=False)
    assert ".cache/Microsoft/DeveloperTools/.onnxruntime/deviceid" in found.left


# --------------------------------------------------------------------------------------------------------- the commands


def test_doctor_phones_nobody_and_leaves_nothing(tmp_path: Path) -> None:
    found = watch(tmp_path, "-m", "rmset_builder", "doctor", "--out", "shards")
    assert found.done.stdout.count("ran on the CPU") == 2
    assert (found.done.returncode, found.left, found.calls) == (0, [], []), found


def test_extract_phones_nobody_and_leaves_nothing(small_video: Path, tmp_path: Path) -> None:
    """Not from its processes, in which all is imported anew, nor for a playlist that has a video's name."""
    playlist, script = tmp_path / "play.mp4", tmp_path / "list.mkv"
    playlist.write_text("#EXTM3U\n#EXT-X-TARGETDURATION:5\n#EXTINF:5,\nhttp://127.0.0.1:9/a.ts\n#EXT-X-ENDLIST\n")
    script.write_text("ffconcat version 1.0\nfile http://127.0.0.1:9/a.mp4\n")
    twin = shutil.copy(small_video, tmp_path / "twin.mp4")
    line = ("extract", small_video, twin, playlist, script, "--out", "shards", "--jobs", 2, "--threads", 1)
    found = watch(tmp_path / "run", "-m", "rmset_builder", *line)
    assert found.done.stdout.count(": 25 frames, ") == 2, found
    assert found.done.stderr.count("cannot be read as a video") == 2, found
    assert (found.done.returncode, found.left, found.calls) == (1, [], []), found
