"""What the tests share: the demo's mashup, its shards, the real videos, and ways to run ``rmset`` and ffmpeg."""

from __future__ import annotations

import contextlib
import ctypes
import io
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

# Before anything imports Hugging Face's libraries, which read these once: no test asks the network for anything.
os.environ.update(HF_HUB_OFFLINE="1", HF_DATASETS_OFFLINE="1", HF_HUB_DISABLE_TELEMETRY="1")

# Nor does any test see what somebody has set for all folders.
os.environ["XDG_CONFIG_HOME"] = os.devnull

import pytest
from browser import Visit, opened, why_no_browser
from filelock import FileLock
from hypothesis import HealthCheck, settings
from shared_data import shared_folder, why_not

from rmset_builder.cli import main
from rmset_builder.demo.compose import encode, load_scene
from rmset_builder.demo.scene import ABSENT, CUT, Image, draw_frame
from rmset_builder.video.ffmpeg import find_ffmpeg

# How long an example takes says more of the machine than of the program.
settings.register_profile("rmset", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("rmset")

Finished = subprocess.CompletedProcess[str]

# A shell's background jobs ignore Ctrl-C, and so would every process that they start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what needs real videos or a browser that are not here, before any fixture looks for them."""
    if item.get_closest_marker("browser") and (reason := why_no_browser()):
        pytest.skip(reason)
    marks = list(item.iter_markers("shared"))
    if marks and (reason := why_not(tuple(name for mark in marks for name in mark.args))):
        pytest.skip(reason)


# The capabilities by which root may read and write what its rights forbid.
_CAP_DAC_OVERRIDE, _CAP_DAC_READ_SEARCH = 1, 2
_PR_CAPBSET_DROP = 24

# Both layouts, the cut between them, and the moments in which somebody leaves and comes back.
_BEFORE_AND_AFTER_THE_CUT = range(CUT - 38, ABSENT.start + 5)
_BEFORE_AND_AFTER_THE_RETURN = range(ABSENT.stop - 9, ABSENT.stop + 25)


@pytest.fixture(scope="session")
def ffmpeg() -> str:
    """The path of ffmpeg."""
    return find_ffmpeg().path


@pytest.fixture(scope="session")
def make_clip(ffmpeg: str) -> Callable[..., Path]:
    """``make_clip(path, *arguments)`` runs ``ffmpeg *arguments path``."""

    def make(path: Path, *arguments: object) -> Path:
        command = [ffmpeg, "-v", "error", "-y", "-nostdin", *map(str, arguments), f"file:{path.absolute()}"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return path

    return make


@pytest.fixture(scope="session")
def rmset() -> Callable[..., Finished]:
    """``rmset(*arguments)`` runs the command in this process: quick, as nothing is imported anew."""

    def run(*arguments: object) -> Finished:
        out, err = io.StringIO(), io.StringIO()
        handlers = {sign: signal.getsignal(sign) for sign in (signal.SIGTERM, signal.SIGINT)}
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                main([str(a) for a in arguments])
            except SystemExit as ended:
                code = ended.code
            finally:
                for sign, handler in handlers.items():
                    signal.signal(sign, handler)
        assert isinstance(code, int | None), code
        return Finished([str(a) for a in arguments], code or 0, out.getvalue(), err.getvalue())

    return run


@pytest.fixture(scope="session")
def start_rmset() -> Callable[..., subprocess.Popen[str]]:
    """``start_rmset(*arguments, **options)`` starts a real process, in a session of its own as on a terminal."""

    def start(*arguments: object, **options: Any) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "rmset_builder", *(os.fspath(a) if isinstance(a, Path) else a for a in arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            **options,
        )

    return start


@pytest.fixture(scope="session")
def rmset_process(start_rmset: Callable[..., subprocess.Popen[str]]) -> Callable[..., Finished]:
    """``rmset_process(*arguments, **options)`` runs a real process to its end."""

    def run(*arguments: object, **options: Any) -> Finished:
        with start_rmset(*arguments, **options) as process:
            try:
                out, err = process.communicate(timeout=120)
            except BaseException:
                process.kill()
                raise
        return Finished([str(a) for a in arguments], process.returncode, out, err)

    return run


@pytest.fixture(scope="session")
def bound_by_rights(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], None]:
    """For ``preexec_fn``: the process may do no more than the rights of files allow, even where it is root's."""
    libc = ctypes.CDLL(None)

    def drop() -> None:
        if os.geteuid() == 0:
            for capability in (_CAP_DAC_OVERRIDE, _CAP_DAC_READ_SEARCH):
                libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)

    locked = tmp_path_factory.mktemp("rights") / "locked"
    locked.write_text("secret")
    locked.chmod(0)
    peek = subprocess.run(["cat", locked], preexec_fn=drop, capture_output=True, check=False)
    if peek.returncode == 0:
        pytest.skip("this user reads files whatever their rights")
    return drop


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real videos, for tests that are marked ``shared``."""
    return shared_folder()


@pytest.fixture(scope="session")
def mashup_shards(
    shared: Path, rmset: Callable[..., Finished], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    """The shards of the real mashups, by one run over their folder; nobody may change them.

    All processes of a run of tests have the same.
    """
    base = tmp_path_factory.getbasetemp()
    out = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "mashups"
    with FileLock(out.with_suffix(".lock")):
        if not out.exists():
            made = out.with_suffix(".made")
            done = rmset("extract", shared / "mashups", "--out", made)
            assert done.returncode == 0, done.stderr
            made.rename(out)
    before = _state(out)
    yield out
    assert _state(out) == before, "a test changed the shards that all tests share"


@pytest.fixture(scope="session")
def demo_indexes() -> tuple[int, ...]:
    """Frame n of `demo_video` is this frame of the demo's scene: enough of it to show all that happens there."""
    return (*_BEFORE_AND_AFTER_THE_CUT, *_BEFORE_AND_AFTER_THE_RETURN)


@pytest.fixture(scope="session")
def demo_frames(demo_indexes: tuple[int, ...]) -> list[Image]:
    """The pictures of `demo_video`, BGR."""
    scene = load_scene()
    return [draw_frame(scene, index) for index in demo_indexes]


@pytest.fixture(scope="session")
def demo_video(demo_frames: list[Image], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short mashup whose truth is known (`rmset_builder.demo.scene`, `demo_indexes`)."""
    path = tmp_path_factory.mktemp("demo") / "demo.mp4"
    encode(demo_frames, path, find_ffmpeg())
    return path


@pytest.fixture(scope="session")
def demo_shards(
    demo_video: Path, rmset: Callable[..., Finished], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    """The shards of `demo_video`; nobody may change them."""
    out = tmp_path_factory.mktemp("shards")
    done = rmset("extract", demo_video, "--out", out, "--threads", 1)
    assert done.returncode == 0, done.stderr
    before = _state(out)
    yield out
    assert _state(out) == before, "a test changed the shards that all tests share"


@pytest.fixture(scope="session")
def small_video(
    demo_frames: list[Image], make_clip: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A second of the demo at a quarter of its size: six faces a frame, extracted in no time."""
    folder = tmp_path_factory.mktemp("small")
    whole = folder / "whole.mp4"
    encode(demo_frames[:25], whole, find_ffmpeg())
    return make_clip(folder / "small.mp4", "-i", whole, "-vf", "scale=640:360", "-c:v", "libx264", "-threads", 1)


@pytest.fixture(scope="module")
def visit() -> Iterator[Visit]:
    """``visit(path or address, width=1600, scheme="light")`` opens a page; for tests that are marked ``browser``."""
    with opened() as visits:
        yield visits


def _state(folder: Path) -> dict[Path, tuple[int, int]]:
    return {p: (p.stat().st_mtime_ns, p.stat().st_size) for p in sorted(folder.rglob("*.parquet"))}
