"""``rmset review`` as a process: the address, the end, and what goes wrong at the start."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import httpx
import pytest
from corrections import wall

from rmset_builder.review.serve import listen_as_usual, usual_port

Rmset = Callable[..., CompletedProcess[str]]
Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    wall.extract(tmp_path / "shards")
    return tmp_path / "shards"


def test_the_address_is_printed_alone_and_ctrl_c_ends_it(start_rmset: Start, shards: Path) -> None:
    with start_rmset("review", shards) as process:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/\?token=[\w-]{40,}", address)
        with httpx.Client(trust_env=False) as client:
            assert client.get(address).status_code == 303
            where = address.partition("?")[0]
            done = client.post(
                f"{where}api/corrections", json={"kind": "drop", "video": "wall", "identity": 1, "as_of": 0}
            )
            assert done.status_code == 200
            assert client.get(f"{where}api/state").json()["as_of"] == 1
            # With a connection still open.
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (0, "")
    assert err.splitlines() == [f"the pages of {shards}, until Ctrl-C", "ended; what was corrected stays"]


def test_only_this_machine_reaches_it(start_rmset: Start, shards: Path) -> None:
    with start_rmset("review", shards) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline().split(":")[2].split("/")[0])
        listening = Path("/proc/net/tcp").read_text().splitlines()
        bound = [
            line.split()[1]
            for line in listening
            if line.split()[3] == "0A" and line.split()[1].endswith(f":{port:04X}")
        ]
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=30)
    assert bound == [f"0100007F:{port:04X}"]
    assert process.returncode == 0


def test_a_folder_has_the_same_address_each_time_unless_it_is_taken(shards: Path) -> None:
    ports = []
    for _ in range(2):
        listening = listen_as_usual(shards, "127.0.0.1")
        ports.append(listening.door.port)
        taken = listen_as_usual(shards, "127.0.0.1")
        assert taken.door.port not in ports
        taken.socket.close()
        listening.socket.close()
    assert ports == [usual_port(shards)] * 2
    assert usual_port(shards.parent) != usual_port(shards)


def test_a_port_in_use_is_a_line(rmset: Rmset, shards: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = rmset("review", shards, "--port", port)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(
        f"rmset: port {port} of 127.0.0.1 cannot be had (Address already in use); give another"
    )
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("host", ["site.invalid", "192.0.2.1"])
def test_an_address_that_is_not_this_machines_is_a_line(rmset: Rmset, shards: Path, host: str) -> None:
    done = rmset("review", shards, "--host", host)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert host in done.stderr


def test_other_machines_are_let_in_with_a_warning(start_rmset: Start, shards: Path) -> None:
    with start_rmset("review", shards, "--host", "0.0.0.0") as process:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        with httpx.Client(trust_env=False) as client:
            assert client.get(address).status_code == 303
            refused = client.get(address.partition("?")[0], headers={"host": "site.example"})
            assert refused.status_code == 403
        process.send_signal(signal.SIGINT)
        err = process.communicate(timeout=30)[1]
    assert err.startswith("warning: --host 0.0.0.0 lets other machines in")


def test_no_folder_is_a_line(rmset: Rmset, tmp_path: Path) -> None:
    done = rmset("review", tmp_path / "nix")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"rmset: no folder of shards at {tmp_path / 'nix'}; make one with: rmset extract VIDEO\n"


def test_without_its_packages_it_says_how_to_get_them(shards: Path, tmp_path: Path) -> None:
    (tmp_path / "starlette.py").write_text("raise ModuleNotFoundError('No module', name='starlette')")
    script = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        f"from rmset_builder.cli import main; main(['review', {str(shards)!r}])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "rmset: rmset review needs starlette, which is missing; pip install 'rmset-builder[review]'\n"
    )
