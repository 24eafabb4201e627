"""A connection to Ray: to a cluster that is there, or to one of the run's own that listens to this machine alone."""

from __future__ import annotations

import math
import os
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from rmset_builder.core.errors import RmsetError, one_line
from rmset_builder.pipeline.executors.cluster.shares import Room

# No pixel passes through Ray's object store; this is the least that it accepts.
_OBJECT_STORE_BYTES = 80_000_000
_KNOCK_S = 3.0
_QUIET = {"log_to_driver": False, "logging_level": "ERROR", "configure_logging": False}


def require_ray() -> None:
    """Make sure that Ray is installed.

    Raises:
        RmsetError: it is not.
    """
    if find_spec("ray") is None:
        raise RmsetError("--engine ray: Ray is not installed", remedy='run: python -m pip install "rmset-builder[ray]"')


def require_answer(address: str) -> None:
    """Make sure that somebody listens at a cluster's address, which Ray itself would ask for minutes.

    Raises:
        RmsetError: nobody does, or it is no address of a cluster.
    """
    if address == "auto":
        return
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdecimal() or "/" in address:
        raise RmsetError(
            f"--address {address} is no address of a Ray cluster",
            remedy="give HOST:PORT of its head, such as 10.0.0.1:6379, on a machine that is one of its nodes",
        )
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_KNOCK_S).close()
    except (OSError, OverflowError) as error:
        raise RmsetError(
            f"--address {address}: nobody answers there ({one_line(_reason(error))})",
            remedy="start the cluster's head with `ray start --head`, or see `ray status` there",
        ) from error


def _reason(error: Exception) -> str:
    return (isinstance(error, OSError) and error.strerror) or str(error)


@contextmanager
def connected(address: str, folder: Path, cores: int | None) -> Iterator[None]:
    """A connection to the cluster at ``address``, or to a new one of ``cores``, which ends with the block.

    Args:
        address: of the cluster; empty for a new one.
        folder: where a new one puts its sockets and logs.
        cores: how many a new one shares out; None for all.

    Raises:
        RmsetError: there is no connection to be had.
    """
    if not address:
        # Read when ray is imported: the one way to have all of its processes on 127.0.0.1. What is named there is where
        # Ray does so by itself.
        os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
        # Others who use this machine could have the processes run code of theirs otherwise.
        os.environ.update(RAY_AUTH_MODE="token", RAY_AUTH_TOKEN=secrets.token_hex(32))
        # Where the driver is killed, Ray's helpers ask its dead head for so long whether it comes back before they end.
        os.environ.update(RAY_gcs_rpc_server_reconnect_timeout_s="5")
    import ray  # noqa: PLC0415  an extra, and slow

    try:
        if address:
            ray.init(address, **_QUIET)
        else:
            ray.init(
                "local",
                num_cpus=cores,
                include_dashboard=False,
                object_store_memory=_OBJECT_STORE_BYTES,
                _temp_dir=str(_opened(folder)),
                **_QUIET,
            )
    except Exception as error:
        raise _told(address, error) from error
    try:
        yield
    finally:
        ray.shutdown()


def _opened(folder: Path) -> Path:
    """A folder within, as Ray lets everybody write into the one that it is given."""
    within = folder / "r"
    within.mkdir()
    return within


def rooms() -> list[Room]:
    """What the nodes that are alive have."""
    import ray  # noqa: PLC0415

    found: list[dict[str, Any]] = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    return [Room(int(node.get("CPU", 0)), int(node.get("GPU", 0)), node.get("memory", math.inf)) for node in found]


def _told(address: str, error: Exception) -> RmsetError:
    """What Ray says over many lines as one, with what mends it."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    told = one_line("; ".join(lines))[:400]
    where = f"--address {address}" if address else "--engine ray"
    if "ersion mismatch" in told:
        return RmsetError(
            f"{where}: the cluster has another version of Ray or Python ({told})",
            remedy="install the same on all nodes and here",
        )
    if type(error).__name__ == "AuthenticationError":
        return RmsetError(
            f"{where}: the cluster wants a token",
            remedy="put its token into RAY_AUTH_TOKEN and set RAY_AUTH_MODE=token",
        )
    if address:
        return RmsetError(
            f"{where}: no connection to a Ray cluster ({told})",
            remedy="run the command on a node of the cluster; `ray status` there says how it does",
        )
    return RmsetError(f"{where}: Ray cannot be started on this machine ({told})", remedy="try --engine local")
