"""Two computers for a test, as far as their networks are concerned: a namespace each, and a cable between."""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass

import psutil

CABLE = "cable"


@dataclass(frozen=True)
class Node:
    """A network of its own: its name, its address, and the address that the other has."""

    name: str
    address: str

    def command(self, *words: str) -> list[str]:
        """The command line that runs ``words`` there."""
        return ["ip", "netns", "exec", self.name, *words]

    def cable(self, state: str) -> None:
        """Pull the cable ("down") or put it back ("up")."""
        _ip("-n", self.name, "link", "set", CABLE, state)

    def processes(self) -> list[psutil.Process]:
        """All that run there."""
        told = subprocess.run(["ip", "netns", "pids", self.name], capture_output=True, text=True, check=False)
        found = []
        for number in map(int, told.stdout.split()):
            with contextlib.suppress(psutil.NoSuchProcess):
                found.append(psutil.Process(number))
        return found

    def kill(self) -> None:
        """Kill all that run there, of which some end as soon as others do."""
        for process in self.processes():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()


@functools.cache
def why_not() -> str:
    """What keeps two nodes from being made here; empty where nothing does."""
    if shutil.which("ip") is None:
        return "there is no `ip` (iproute2)"
    try:
        with two_nodes():
            return ""
    except subprocess.CalledProcessError as error:
        return f"network namespaces are not allowed here ({error.stderr.decode(errors='replace').strip()})"


@contextlib.contextmanager
def two_nodes() -> Iterator[tuple[Node, Node]]:
    """Two nodes that reach one another and nothing else; gone after the block, with all that still runs there."""
    nodes = tuple(Node(f"rmset-{os.getpid()}-{number}", f"10.213.{os.getpid() % 250}.{number}") for number in (1, 2))
    try:
        for node in nodes:
            _ip("netns", "add", node.name)
            _ip("-n", node.name, "link", "set", "lo", "up")
        _ip("-n", nodes[0].name, "link", "add", CABLE, "type", "veth", "peer", "name", CABLE, "netns", nodes[1].name)
        for node in nodes:
            _ip("-n", node.name, "address", "add", f"{node.address}/24", "dev", CABLE)
            node.cable("up")
        yield nodes
    finally:
        for node in nodes:
            node.kill()
            subprocess.run(["ip", "netns", "del", node.name], capture_output=True, check=False)


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, capture_output=True)
