"""Real processes in an empty home folder: what they leave there, and whom they look up or call."""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import rmset_builder

ROOT = Path(rmset_builder.__file__).parents[1]

# Python imports it by itself when it starts; each process that is started in turn does, too.
_GUARD = """
import os, sys

_LOOK_UPS = {"socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr", "socket.getnameinfo"}
_SENDING = {"socket.connect", "socket.sendto", "socket.sendmsg"}
_UNIX = 1

def _watch(event, arguments):
    if event in _LOOK_UPS or (event in _SENDING and int(arguments[0].family) != _UNIX):
        with open(os.environ["WATCHED_CALLS"], "a") as calls:
            calls.write(f"{event} {arguments[1:] if event in _SENDING else arguments}\\n")
        raise OSError(f"{event} is watched")

sys.addaudithook(_watch)
"""
_CALL = re.compile(r"\b(?:connect|sendto|sendmsg|sendmmsg)\(.*AF_INET")


@dataclass(frozen=True)
class Watched:
    """How a process ended, the files that it left in its home folder, and its look-ups and connections."""

    done: subprocess.CompletedProcess[str]
    left: list[str]
    calls: list[str]


@functools.cache
def can_trace() -> bool:
    """Whether strace is here and may trace."""
    if shutil.which("strace") is None:
        return False
    probe = ["strace", "-f", "-qq", "--seccomp-bpf", "-e", "trace=network", "-o", os.devnull, "true"]
    return subprocess.run(probe, capture_output=True, check=False).returncode == 0


def watch(folder: Path, *arguments: object, trace: bool = True) -> Watched:
    """Run Python with ``arguments`` in ``folder``, which must be empty, with nothing of this environment but PATH.

    Args:
        folder: where to run.
        arguments: Python's.
        trace: watch what is no Python, too, where that is possible.
    """
    home, guard, calls, traced = (folder / name for name in ("home", "guard", "calls.txt", "strace.txt"))
    home.mkdir(parents=True)
    guard.mkdir()
    (guard / "sitecustomize.py").write_text(_GUARD)
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "PYTHONPATH": f"{guard}{os.pathsep}{ROOT}",
        "OMP_NUM_THREADS": "1",
        "WATCHED_CALLS": str(calls),
    }
    strace = ["strace", "-f", "-qq", "--seccomp-bpf", "-e", "trace=network", "-o", str(traced)]
    command = [*(strace if trace and can_trace() else []), sys.executable, *map(str, arguments)]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    seen = [path.read_text(errors="replace").splitlines() for path in (calls, traced) if path.exists()]
    return Watched(
        done=done,
        left=sorted(path.relative_to(home).as_posix() for path in home.rglob("*") if not path.is_dir()),
        calls=[line for lines in seen for line in lines if line.startswith("socket.") or _CALL.search(line)],
    )
