"""A server that knows conditions, for all tests here, and the environment that leads to it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from buckets import Server, moto

from rmset_builder.storage.server import forget_server


@pytest.fixture(scope="module")
def own_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with moto(tmp_path_factory.mktemp("moto")) as server:
        yield server


@pytest.fixture
def server(own_server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Server:
    """The server; this process and those that it starts know where it is and have its keys."""
    for name, value in own_server.environment(tmp_path / "cache").items():
        monkeypatch.setenv(name, value)
    forget_server()
    return own_server
