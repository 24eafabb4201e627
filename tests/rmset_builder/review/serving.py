"""A review that is served to a test, by the real server in a thread, and whoever was let in."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import uvicorn

from rmset_builder.review.app import make_app
from rmset_builder.review.desk import Desk
from rmset_builder.review.guard import Door
from rmset_builder.review.serve import listen


@dataclass(frozen=True)
class Served:
    """A review: its folder, its door, a client that has the cookie, and one that has not."""

    shards: Path
    door: Door
    client: httpx.Client
    stranger: httpx.Client

    @property
    def origin(self) -> str:
        """The address without a path."""
        return f"http://{self.door.host}:{self.door.port}"

    def raw(self, path: str) -> tuple[int, bytes]:
        """What whoever has the cookie gets for a path that is sent as it stands; clients put some in order before."""
        connection = http.client.HTTPConnection(self.door.host, self.door.port, timeout=60)
        with closing(connection):
            connection.request("GET", path, headers={"Cookie": f"{self.door.cookie}={self.door.key}"})
            answer = connection.getresponse()
            return answer.status, answer.read()

    def post(self, **asked: Any) -> httpx.Response:
        """Ask for a correction."""
        return self.client.post("/api/corrections", json=asked)


@contextmanager
def serving(shards: Path, *, all_pages: bool = False) -> Iterator[Served]:
    """Yield a folder's review; ``all_pages`` are made at once, as the command does it."""
    listening, desk = listen("127.0.0.1", 0), Desk(shards)
    door = listening.door
    config = uvicorn.Config(make_app(desk, door), http="h11", ws="none", lifespan="off", log_level="error")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening.socket]})
    thread.start()
    if all_pages:
        desk.pages.start()
    origin = f"http://127.0.0.1:{door.port}"
    try:
        with (
            httpx.Client(base_url=origin, trust_env=False, timeout=60) as client,
            httpx.Client(base_url=origin, trust_env=False, timeout=60) as stranger,
        ):
            client.get(door.address, follow_redirects=False)
            yield Served(shards, door, client, stranger)
    finally:
        server.should_exit = True
        thread.join(60)
        desk.close()
        listening.socket.close()
        assert not thread.is_alive(), time.monotonic()
