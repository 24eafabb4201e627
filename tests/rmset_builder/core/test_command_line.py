"""Both commands as real processes where output, folder, locale or names are not as they should be."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from collection import Collection

Finished = subprocess.CompletedProcess[bytes]

PROGRAMS = {"rmset": "rmset_builder", "rmfer": "rmfer"}
FULL = Path("/dev/full")
BARE = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}

needs_full = pytest.mark.skipif(not FULL.exists(), reason="no /dev/full here")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Collection:
    return Collection(tmp_path_factory.mktemp("collection"))


def run(program: str, *arguments: object, env: dict[str, str] | None = None, **options: Any) -> Finished:
    command = [sys.executable, "-m", PROGRAMS[program], *(os.fsencode(str(one)) for one in arguments)]
    root = str(Path(__file__).parents[3])
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
    return subprocess.run(
        command, env={**os.environ, "PYTHONPATH": root, **(env or {})}, check=False, timeout=120, **options
    )


def told(done: Finished) -> str:
    """The one line of a fault."""
    assert done.stderr.endswith(b"\n")
    assert done.stderr.count(b"\n") == 1, done.stderr
    return done.stderr.decode()


def printing(program: str, place: Collection) -> list[object]:
    """A command that prints and does nothing else."""
    return ["stats", place.shards] if program == "rmset" else ["benchmark", "--help"]


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
def test_an_interruption_that_a_module_makes_another_error_of_is_one(sign: signal.Signals) -> None:
    """As modules in C do that are being imported."""
    program = (
        "import click, os, time; from rmset_builder.core.command_line import run\n"
        "@click.command\n"
        "def load():\n"
        "    try:\n"
        f"        os.kill(os.getpid(), {int(sign)}); time.sleep(60)\n"
        "    except KeyboardInterrupt:\n"
        "        raise ImportError('initialization failed')\n"
        "run(click.Group('tool', {'load': load}), ['load'], less_memory='', resumes=', call it again')\n"
    )
    root = str(Path(__file__).parents[3])
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, env={**os.environ, "PYTHONPATH": root}, capture_output=True, check=False, timeout=60)
    assert (done.returncode, told(done)) == (130, "tool: interrupted; what is complete stays, call it again\n")


@needs_full
@pytest.mark.parametrize("program", PROGRAMS)
def test_a_full_disk_behind_standard_output(program: str, place: Collection) -> None:
    for arguments in (["--help"], ["--version"], printing(program, place)):
        with FULL.open("w") as full:
            done = run(program, *arguments, stdout=full)
        assert done.returncode == 2
        line = f"{program}: standard output cannot be written to (No space left on device); send it elsewhere: > FILE\n"
        assert told(done) == line


@needs_full
def test_what_is_done_is_not_denied(place: Collection, tmp_path: Path) -> None:
    with FULL.open("w") as full:
        done = run("rmset", "contact", place.shards, "--out", tmp_path / "c.png", stdout=full)
    assert done.returncode == 1
    assert "; what is complete stays; " in told(done)
    assert (tmp_path / "c.png").stat().st_size


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_reader_who_leaves_is_told_nothing(program: str, place: Collection) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = run(program, *printing(program, place), stdout=writing)
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (141, b"")


def closing(descriptor: int) -> Callable[[], None]:
    return lambda: os.close(descriptor)


@pytest.mark.parametrize("program", PROGRAMS)
def test_closed_streams(program: str, place: Collection) -> None:
    arguments = printing(program, place)
    whole = run(program, *arguments)
    assert whole.returncode == 0
    done = run(program, *arguments, preexec_fn=closing(1))
    assert done.returncode == 2
    assert told(done).startswith(f"{program}: standard output cannot be written to (it is closed); ")
    done = run(program, *arguments, preexec_fn=closing(2))
    assert (done.returncode, done.stdout) == (0, whole.stdout)
    done = run(program, *arguments, preexec_fn=closing(0))
    assert (done.returncode, done.stdout, done.stderr) == (0, whole.stdout, b"")


def test_no_file_gets_the_number_of_a_closed_stream(tmp_path: Path) -> None:
    program = (
        "import os, sys; from rmset_builder.core.output import guard_output\n"
        "guard_output(); handle = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT); print(handle > 2)\n"
        "print('lost', file=sys.stderr, flush=True)"
    )

    def close() -> None:
        os.close(0)
        os.close(2)

    done = subprocess.run(
        [sys.executable, "-c", program, tmp_path / "f"], stdout=subprocess.PIPE, preexec_fn=close, check=False
    )
    assert (done.returncode, done.stdout) == (0, b"True\n")
    assert (tmp_path / "f").read_bytes() == b""


@needs_full
@pytest.mark.parametrize("program", PROGRAMS)
def test_the_exit_code_tells_the_truth_without_standard_error(program: str, tmp_path: Path) -> None:
    command = "stats" if program == "rmset" else "index"
    with FULL.open("w") as full:
        assert run(program, command, tmp_path / "nowhere", stderr=full).returncode == 2
    assert run(program, command, tmp_path / "nowhere", preexec_fn=closing(2)).returncode == 2


def test_a_terminal_that_does_not_wait() -> None:
    """Node and ssh leave terminals behind that refuse what they cannot take at once."""
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETFL, fcntl.fcntl(writing, fcntl.F_GETFL) | os.O_NONBLOCK)
    program = "from rmset_builder.core.output import guard_output; guard_output(); print('x' * 1_000_000)"
    with subprocess.Popen([sys.executable, "-c", program], stdout=writing, stderr=subprocess.PIPE) as process:
        os.close(writing)
        time.sleep(0.5)
        with os.fdopen(reading, "rb") as pipe:
            assert len(pipe.read()) == 1_000_001
        assert process.stderr is not None
        assert process.stderr.read() == b""
    assert process.returncode == 0


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_folder_that_was_deleted(program: str, tmp_path: Path) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()

    def leave() -> None:
        os.chdir(folder)
        with contextlib.suppress(OSError):
            folder.rmdir()

    command = "verify" if program == "rmset" else "index"
    done = run(program, command, preexec_fn=leave)
    assert done.returncode == 2
    assert (
        told(done)
        == f"{program}: the folder in which this runs is gone, somebody removed it; change to another: cd ~\n"
    )
    folder.mkdir()
    assert run(program, command, "--help", preexec_fn=leave).returncode == 0


@pytest.fixture(scope="module")
def no_text(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder whose name is no UTF-8."""
    folder = tmp_path_factory.mktemp("bytes") / "s\udcff"
    try:
        folder.mkdir()
    except OSError:
        pytest.skip("this disk takes names in UTF-8 alone")
    yield folder
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("program", "arguments"),
    [
        ("rmset", ["extract", "v.mp4", "--out"]),
        ("rmset", ["export", "shards", "--out"]),
        ("rmset", ["doctor", "--out"]),
        ("rmset", ["stats"]),
        ("rmset", ["verify"]),
        ("rmset", ["contact"]),
        ("rmset", ["prune", "--video", "x", "--why", "y"]),
        ("rmfer", ["index"]),
        ("rmfer", ["sample"]),
        ("rmfer", ["train", "--rmset"]),
    ],
)
def test_a_path_that_is_no_text(program: str, arguments: list[str], no_text: Path) -> None:
    done = run(program, *arguments, no_text)
    assert done.returncode == 2
    assert "\ufffd' is not UTF-8, and Parquet's library opens no such path; give it another name; see: " in told(done)


def test_a_locale_of_ascii(place: Collection, tmp_path: Path) -> None:
    folder = tmp_path / "日本"
    done = run("rmset", "stats", folder, env=BARE)
    assert done.returncode == 2
    assert told(done).endswith(
        "is no text in this locale; set PYTHONUTF8=1, or LC_ALL=C.UTF-8; see: rmset stats --help\n"
    )
    assert "日本" in told(done)
    out = tmp_path / "été.png"
    done = run("rmset", "contact", place.shards, "--out", out, env=BARE)
    assert (done.returncode, done.stdout) == (0, os.fsencode(f"{out}\n"))
    manifest = tmp_path / "m.yaml"
    manifest.write_text("source: folder\nlicence: any\ngroups:\n  - name: Ärger\n    folders: [.]\n", encoding="utf-8")
    (tmp_path / "v.mp4").write_bytes(b"no video")
    done = run("rmset", "fetch", manifest, "--dry-run", "--out", tmp_path / "videos", env=BARE)
    assert b"fault of the program" not in done.stderr
    assert "Ärger".encode() in done.stdout


def test_a_locale_of_few_letters(place: Collection, tmp_path: Path) -> None:
    done = run("rmset", "stats", tmp_path / "日本é", env={"PYTHONIOENCODING": "latin-1"})
    assert done.returncode == 2
    assert b"\\u65e5\\u672c\xe9" in done.stderr
    done = run("rmset", "verify", place.shards, "--quick", "--json", env={"PYTHONIOENCODING": "latin-1"})
    assert (done.returncode, done.stdout[:1]) == (0, b"{")


@pytest.mark.parametrize(("program", "command"), [("rmset", "stats"), ("rmset", "verify"), ("rmfer", "index")])
def test_names_that_no_disk_takes_or_that_command_the_terminal(program: str, command: str, tmp_path: Path) -> None:
    done = run(program, command, tmp_path / ("x" * 300))
    assert done.returncode == 2
    assert told(done).startswith(f"{program}: {tmp_path / ('x' * 300)}")
    assert told(done).endswith(": File name too long; see where with --debug\n")
    done = run(program, command, tmp_path / "a\n\x1b[31mb\x9b2J")
    assert done.returncode == 2
    assert "a\ufffd\ufffd[31mb\ufffd2J" in told(done)
