"""What dies on a Ray cluster, a worker, a node, the driver, a cable, costs time and no row of any video."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import psutil
import pytest
from disturbed import PATIENCE_S, ROOT, assert_same, descendants, finish, making_good, run, soon, start
from test_hangs_and_crashes import HALF, failures, whole, wrapper
from trials import is_campaign, times, trial
from two_nodes import Node, two_nodes, why_not

from rmset_builder.pipeline.executors.cluster.folder import own_folder

# The first frames, and then the end of whoever asked for them: each time, or the first time alone.
KILLS = '{ffmpeg} "$@" | head -c 1000000; kill -9 $PPID; exit'
KILLS_ONCE = '[ -e {told} ] || {{ touch {told}; {ffmpeg} "$@" | head -c 1000000; kill -9 $PPID; }}'
# Of Ray's helpers, which hold nothing and end about a minute after their head.
SLOW = ("ray::DashboardAgent", "ray::RuntimeEnvAgent")
# A node counts as dead after a few seconds of silence in place of a minute.
SOON = {"initial_delay_ms": "1000", "period_ms": "500", "timeout_ms": "1000", "failure_threshold": "3"}
PORT = 6379
UP = "Ray runtime started"


def command(videos: Path, out: Path, *more: object) -> list[object]:
    return ["extract", videos, "--out", out, "--engine", "ray", "--jobs", 2, *more]


def places(processes: list[psutil.Process]) -> set[str]:
    """The addresses at which processes listen, and to which they are connected."""
    found = []
    for process in processes:
        with contextlib.suppress(psutil.Error):
            found += process.net_connections("inet")
    assert any(one.status == psutil.CONN_LISTEN for one in found)
    return {end.ip.removeprefix("::ffff:") for one in found for end in (one.laddr, one.raddr) if end}


def quick_to_end(processes: list[psutil.Process]) -> list[psutil.Process]:
    """Those that should be gone as soon as their head is; some may be gone already."""
    found = []
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            found += [process] if process.name() not in SLOW else []
    return found


def test_a_worker_that_dies_and_a_video_that_kills_its_workers(videos: Path, undisturbed: Path, tmp_path: Path) -> None:
    for number in range(times(1)):
        out, scripts = tmp_path / f"{number}", tmp_path / f"bin{number}"
        environment = wrapper(scripts, a=KILLS_ONCE, b=KILLS)
        with (
            trial("worker killed", "rmset extract --engine ray") as one,
            trial("video kills its workers", "rmset extract --engine ray") as other,
        ):
            done = run("rmset", *command(videos, out, "--threads", 2), env=environment)
            assert sorted(line.split(":")[0] for line in done.stdout.splitlines()) == ["a", "c"], done.stderr
            ((video, (reason, message)),) = failures(done, out).items()
            assert (video, reason) == ("b", "worker-died")
            assert message.startswith(f"{videos / 'b.mp4'}: 3 workers ended at it, the last of them ")
            assert done.stderr.count("begun again (2 of 3)") == 2
            assert done.stderr.count("begun again (3 of 3)") == 1
            with making_good(one), making_good(other):
                again = run("rmset", *command(videos, out))
            assert (again.returncode, again.stdout.count("already done")) == (0, 2), again.stderr
            for found in (one, other):
                assert_same(found, whole(out), whole(undisturbed))


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGTERM] if is_campaign() else [signal.SIGTERM])
def test_a_driver_that_dies_leaves_nobody_and_is_started_again(
    videos: Path, undisturbed: Path, tmp_path: Path, sign: signal.Signals
) -> None:
    for number in range(times(1)):
        out, scripts = tmp_path / f"{number}", tmp_path / f"bin{number}"
        with trial(f"driver ended by {sign.name}", "rmset extract --engine ray") as one:
            process = start("rmset", *command(videos, out, "--threads", 2), env=wrapper(scripts, a=HALF, b=HALF))
            soon((scripts / "told").exists, process)
            everybody = quick_to_end(descendants(process))
            assert places(descendants(process)) <= {"127.0.0.1", "::1"}
            process.send_signal(sign)
            (scripts / "go").touch()
            done = finish(process)
            assert done.returncode == (130 if sign == signal.SIGTERM else -sign), done.stderr
            assert not psutil.wait_procs(everybody, timeout=60)[1]
            with making_good(one):
                again = run("rmset", *command(videos, out, "--threads", 2))
            assert again.returncode == 0, again.stderr
            assert_same(one, whole(out), whole(undisturbed))


@dataclass(frozen=True)
class Cluster:
    """Two nodes of a core each, with the environment of their processes and a folder for what they say."""

    nodes: tuple[Node, Node]
    folder: Path
    environment: dict[str, str]

    @classmethod
    def of(cls, nodes: tuple[Node, Node], folder: Path) -> Cluster:
        quick = {f"RAY_health_check_{name}": value for name, value in SOON.items()}
        secret = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
        return cls(nodes, folder, {**os.environ, **quick, **secret, "PYTHONPATH": str(ROOT)})

    @property
    def address(self) -> str:
        return f"{self.nodes[0].address}:{PORT}"

    def start_head(self, environment: Mapping[str, str]) -> None:
        own = ("--head", "--port", PORT, "--include-dashboard", "false", "--temp-dir", self.folder / "r")
        self._start(0, *own, environment=environment)

    def start_other(self, environment: Mapping[str, str]) -> None:
        self._start(1, "--address", self.address, environment=environment)

    def _start(self, number: int, *more: object, environment: Mapping[str, str]) -> None:
        node = self.nodes[number]
        words = ("--block", "--node-ip-address", node.address, "--num-cpus", 1, "--object-store-memory", 80_000_000)
        line = (sys.executable, "-m", "ray.scripts.scripts", "start", *words, *more)
        log = self.folder / f"{number}.log"
        before = log.read_text().count(UP) if log.exists() else 0
        with log.open("ab") as told:
            process = subprocess.Popen(
                node.command(*map(str, line)), env={**self.environment, **environment}, stdout=told, stderr=told
            )
        deadline = time.monotonic() + PATIENCE_S
        while log.read_text().count(UP) == before:
            assert process.poll() is None and time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)

    def extract(self, videos: Path, out: Path) -> tuple[subprocess.Popen[str], Path]:
        """The command on the first node, and where it says what happens."""
        told = out.with_suffix(".told")
        with told.open("wb") as stderr:
            words = command(videos, out, "--address", self.address)
            return start("rmset", *words, within=self.nodes[0].command(), stderr=stderr, env=self.environment), told

    def worker(self) -> psutil.Process | None:
        """The one on the other node, if it is at work."""
        for process in self.nodes[1].processes():
            try:
                if process.name().startswith("ray::Worker") and process.children():
                    return process
            except psutil.Error:
                continue
        return None


def begun_again(told: Path, deaths: int) -> bool:
    """Whether so many deaths were told of. A node's next worker need not have the video of the last one: the lock of a
    process that is ending may still be held when Ray has told of its death.
    """
    return told.read_text().count("; begun again (") >= deaths


@pytest.mark.skipif(bool(why_not()), reason=why_not())
def test_a_worker_and_a_node_that_die_and_a_cable_that_is_pulled(
    videos: Path, undisturbed: Path, tmp_path: Path
) -> None:
    """On both nodes each video stands still in its middle until that node is let."""
    for number in range(times(1)):
        out = tmp_path / f"{number}"
        scripts = [tmp_path / f"bin{number}-{node}" for node in (1, 2)]
        slow = [wrapper(folder, a=HALF, b=HALF, c=HALF) for folder in scripts]
        stands, first_goes, other_goes = scripts[1] / "told", scripts[0] / "go", scripts[1] / "go"
        with two_nodes() as nodes, own_folder() as folder:
            cluster = Cluster.of(nodes, folder)
            cluster.start_head(slow[0])
            cluster.start_other(slow[1])
            with (
                trial("worker killed on a node", "rmset extract --engine ray") as worker,
                trial("node killed", "rmset extract --engine ray") as node,
            ):
                process, told = cluster.extract(videos, out)
                with making_good(worker):
                    soon(stands.exists, process)
                    stands.unlink()
                    soon(cluster.worker, process).kill()
                    soon(partial(begun_again, told, 1), process)
                    soon(stands.exists, process)
                with making_good(node):
                    nodes[1].kill()
                    soon(partial(begun_again, told, 2), process)
                    first_goes.touch()
                    done = finish(process)
                assert done.returncode == 0, told.read_text()
                for found in (worker, node):
                    assert_same(found, whole(out), whole(undisturbed))

            stands.unlink()
            out = tmp_path / f"{number} cut"
            cluster.start_other(slow[1])
            with trial("node cut off, and back", "rmset extract --engine ray") as one:
                process, told = cluster.extract(videos, out)
                soon(stands.exists, process)
                nodes[1].cable("down")
                with making_good(one):
                    soon(partial(begun_again, told, 1), process)
                    nodes[1].cable("up")
                    other_goes.touch()
                    done = finish(process)
                assert done.returncode == 0, told.read_text()
                assert_same(one, whole(out), whole(undisturbed))
