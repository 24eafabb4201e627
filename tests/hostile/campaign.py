"""A reader and many hostile files, in a process of its own that no file may end, hold up or let grow.

    python tests/hostile/campaign.py TARGET,TARGET,... FOLDER FIRST COUNT

prints a line of JSON as it begins with each file, and another with a fault where the reader did other than give an
answer or one clear line.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import socket
import sys
import traceback
from pathlib import Path
from typing import Any

from changed_bytes import changed
from targets import TARGETS

from rmset_builder.core.errors import RmsetError

# For one file; a whole one takes some milliseconds, and machines may be busy.
SECONDS = 60
# More than a process has after it read a whole file, bytes.
MORE_MEMORY = 1 << 30


def no_network(event: str, arguments: tuple[Any, ...]) -> None:
    """Refuse to look anybody up or call them."""
    if event in ("socket.getaddrinfo", "socket.gethostbyname") or (
        event == "socket.connect" and arguments[0].family != socket.AF_UNIX
    ):
        raise AssertionError(f"{event} {arguments[1:]}")


def hold_up(*_: object) -> None:
    """End what takes too long."""
    raise AssertionError(f"not done after {SECONDS} s")


def fault_of(target: str, file: Path) -> str:
    """What the reader did that it should not; empty if nothing."""
    try:
        TARGETS[target].read(file)
    except RmsetError as error:
        # The command prints it as one line, whatever it holds (`core.errors.one_line`).
        return "" if str(error).strip() else f"an error without words: {error!r}"
    except BaseException:
        return traceback.format_exc(limit=-4)
    return ""


def peak() -> int:
    """The most memory that this process has had, or one that it started, bytes."""
    who = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return max(resource.getrusage(one).ru_maxrss for one in who) * (1 if sys.platform == "darwin" else 1024)


def try_files(name: str, folder: Path, first: int, count: int) -> None:
    """Files number ``first`` to ``first + count - 1`` for the reader ``name``."""
    target = TARGETS[name]
    whole = target.make(folder)
    file = folder / target.file
    for seed in whole:
        file.write_bytes(seed)
        if told := fault_of(name, file):
            sys.exit(f"{name} does not read a whole file: {told}")
    before = peak()
    # What a file asks for beyond this is refused at once.
    mapped = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (mapped + 4 * MORE_MEMORY, resource.RLIM_INFINITY))
    for number in range(first, first + count):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(changed(whole, number, text=target.text))
        print(json.dumps({"target": name, "number": number}), flush=True)
        signal.alarm(SECONDS)
        told = fault_of(name, file)
        signal.alarm(0)
        if not told and peak() - before > MORE_MEMORY:
            told, before = f"{peak() - before:,} bytes more", peak()
        if told:
            print(json.dumps({"target": name, "number": number, "fault": told}), flush=True)
    resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def main() -> None:
    """Try as many files for each of some readers."""
    names, folder, first, count = sys.argv[1].split(","), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    sys.addaudithook(no_network)
    signal.signal(signal.SIGALRM, hold_up)
    for name in names:
        own = folder / name.replace(" ", "-")
        own.mkdir(parents=True, exist_ok=True)
        try_files(name, own, first, count)


if __name__ == "__main__":
    os.environ["XDG_CONFIG_HOME"] = os.devnull
    main()
