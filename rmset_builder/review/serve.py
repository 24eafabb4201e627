"""The server: a socket of this machine alone, unless another is asked for, until somebody ends it."""

from __future__ import annotations

import hashlib
import ipaddress
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import uvicorn

from rmset_builder.core.errors import RmsetError
from rmset_builder.corrections.correct import catch_up
from rmset_builder.review.app import make_app
from rmset_builder.review.desk import Desk
from rmset_builder.review.guard import Door

# Those that nobody has registered, below those that connections to elsewhere are given.
_FIRST_PORT, _PORTS = 20_000, 10_000


@dataclass(frozen=True)
class Listening:
    """A socket that listens, who is let in by it, and whether other machines reach it."""

    socket: socket.socket
    door: Door
    for_others: bool


def listen(host: str, port: int) -> Listening:
    """Bind an address; requests wait from now on.

    Args:
        host: a name or an address of this machine.
        port: 0 for any that is free.

    Raises:
        RmsetError: the port is in use, or the address is none of this machine's.
    """
    try:
        family, _, _, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        raise RmsetError(f"--host {host} is no address of this machine", remedy="leave it out") from error
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        # Whoever ended it a moment ago may begin again at once; a port that is listened to stays in use.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(place)
        listener.listen()
    except OSError as error:
        listener.close()
        raise RmsetError(
            f"port {port} of {host} cannot be had ({error.strerror or error})",
            remedy="give another with --port, or none for any that is free",
        ) from error
    address = ipaddress.ip_address(place[0])
    named = "" if address.is_unspecified else f"[{host}]" if ":" in host else host
    return Listening(listener, Door(named, listener.getsockname()[1]), not address.is_loopback)


def usual_port(shards: Path) -> int:
    """The port of a folder's review: what a browser keeps it keeps by address, so the address stays the same."""
    return _FIRST_PORT + int.from_bytes(hashlib.sha256(str(shards.resolve()).encode()).digest()[:4]) % _PORTS


def listen_as_usual(shards: Path, host: str) -> Listening:
    """Bind the folder's usual port, or where it is in use any that is free.

    Raises:
        RmsetError: the address is none of this machine's.
    """
    try:
        return listen(host, usual_port(shards))
    except RmsetError:
        return listen(host, 0)


def serve(shards: Path, listening: Listening, ready: Callable[[], None]) -> None:
    """Serve a folder until Ctrl-C; a correction that was begun is done first.

    Args:
        shards: the folder.
        listening: where.
        ready: called when everything is there.

    Raises:
        RmsetError: there is no such folder, or what was interrupted in it cannot be finished.
    """
    with listening.socket:
        catch_up(shards)
        desk = Desk(shards)
        config = uvicorn.Config(
            make_app(desk, listening.door),
            http="h11",
            ws="none",
            lifespan="off",
            log_level="error",
            access_log=False,
            server_header=False,
            proxy_headers=False,
        )
        try:
            desk.pages.start()
            ready()
            uvicorn.Server(config).run(sockets=[listening.socket])
        except KeyboardInterrupt:
            pass
        finally:
            desk.close()
