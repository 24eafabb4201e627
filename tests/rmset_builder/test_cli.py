"""What every command shares: exit codes, one line for an error, `--debug`, interruption."""

from __future__ import annotations

import platform
import signal
import subprocess
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pytest

from rmset_builder import __version__
from rmset_builder.shards.videos_table import TABLE_NAME

Finished = subprocess.CompletedProcess[str]
Rmset = Callable[..., Finished]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["nix"], "rmset: No such command 'nix'; see: rmset --help"),
        (["--nix"], "rmset: No such option"),
        (["extract", "--nix"], "rmset extract: No such option"),
        (["extract", "--image-size", "3"], "--image-size 3: must be greater than or equal to 16; see:"),
        (["extract", "--det-size", "20"], "--det-size 20: must be 0 or at least 64; see:"),
        (["extract", "--detect-every", "9"], "--detect-every 9: must be less than or equal to 8; see:"),
        (["extract", "--jobs", "0"], "'--jobs': 0 is not in the range x>=1; see: rmset extract --help"),
        (["extract", "--same-person", "3"], "--same-person 3.0: must be less than or equal to 1; see:"),
        (["extract", "--jpeg-quality", "high"], "'--jpeg-quality': 'high' is not a valid integer; see:"),
        (["extract", "--threads", "0"], "'--threads': 0 is not in the range x>=1; see: rmset extract --help"),
        (
            ["extract", "--gpu", "-1"],
            "'--gpu': '-1' is not a GPU's number or several, such as 0 or 0,1; see: rmset extract --help",
        ),
        (
            ["extract", "--gpu", "0,,1"],
            "'--gpu': '0,,1' is not a GPU's number or several, such as 0 or 0,1; see: rmset extract --help",
        ),
        (["extract", "--out"], "Option '--out' requires an argument; see: rmset --help"),
        (["stats", "--format", "word"], "'--format': 'word' is not one of 'table', 'markdown', 'latex', 'csv', 'json'"),
        (["stats", "a", "b"], "rmset stats: Got unexpected extra argument (b); see: rmset stats --help"),
        (["contact", "--size", "1"], "'--size': 1 is not in the range 16<=x<=512; see: rmset contact --help"),
    ],
)
def test_wrong_usage_is_one_line_and_nothing_is_done(
    rmset: Rmset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], told: str
) -> None:
    monkeypatch.chdir(tmp_path)
    done = rmset(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert told in done.stderr
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_without_a_command_there_is_help(rmset: Rmset) -> None:
    done = rmset()
    assert done.returncode == 2
    for name in ("extract", "stats", "contact", "doctor"):
        assert f"\n  {name} " in done.stderr
    asked = rmset("--help")
    assert (asked.returncode, asked.stdout) == (0, done.stderr)
    first, *others = rmset("--version").stdout.splitlines()
    assert first == f"rmset, version {__version__}"
    assert f"numpy {version('numpy')}" in others and f"python {platform.python_version()}" in others


def test_debug_shows_where_an_error_comes_from_wherever_it_stands(rmset_process: Rmset, tmp_path: Path) -> None:
    (tmp_path / TABLE_NAME).write_text("not parquet")
    for arguments in (["--debug", "stats", tmp_path], ["stats", tmp_path, "--debug"]):
        done = rmset_process(*arguments)
        assert done.returncode == 1
        assert "Traceback" in done.stderr
    plain = rmset_process("stats", tmp_path)
    assert plain.returncode == 2
    assert plain.stderr.startswith(f"rmset: {tmp_path / TABLE_NAME} cannot be read")
    assert plain.stderr.count("\n") == 1


def test_what_breaks_in_the_program_itself_is_one_line_too(rmset: Rmset, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("of all\nthings")

    monkeypatch.setattr("rmset_builder.commands.stats.collect", broken)
    done = rmset("stats")
    assert done.returncode == 2
    assert done.stderr == (
        "rmset: a fault of the program: ZeroDivisionError: of all\ufffdthings; see it with --debug\n"
    )


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_leaves_nothing_half_done(
    start_rmset: Callable[..., subprocess.Popen[str]], demo_video: Path, tmp_path: Path, sign: signal.Signals
) -> None:
    out = tmp_path / "shards"
    with start_rmset("extract", demo_video, "--out", out, "--threads", "1") as process:
        deadline = time.monotonic() + 60
        while not list(out.glob(".work/*/faces.jpgs")) and time.monotonic() < deadline:
            time.sleep(0.01)
        process.send_signal(sign)
        _, told = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "rmset: interrupted; what is complete stays, the same command goes on from there" in told
    assert "Traceback" not in told
    assert [path for path in out.rglob("*") if path.is_file() and path.suffix != ".lock"] == []
