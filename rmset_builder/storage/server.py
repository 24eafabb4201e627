"""All that is asked of a server: read a part, write under a condition, list, delete. Only this module calls boto3.

A write names the state that it replaces, so that of two writers at once one is told. A write whose answer was lost is
sent again, and would then be refused for its own sake: every object carries the token of its write, by which it is
known again.
"""

from __future__ import annotations

import functools
import importlib
import os
import secrets
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from rmset_builder.core.errors import RmsetError
from rmset_builder.storage.address import Address

ABSENT = ""
"""The state of an object that is not there."""

_PART_BYTES = 16 << 20
_CONNECTIONS, _UPLOADS = 32, 4
_TOKEN = "rmset-write"
_CONNECT_S, _READ_S, _ATTEMPTS = 10, 60, 5
_REFUSED = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "412", "409"})
_GONE = frozenset({"NoSuchKey", "404", "NotFound"})
_KEYS = frozenset({"InvalidAccessKeyId", "SignatureDoesNotMatch", "AccessDenied", "403", "ExpiredToken"})
_guard = threading.Lock()


class StorageError(RmsetError):
    """A server cannot be asked, or does not do what it is asked; never with a word of a key or password."""


class ChangedError(StorageError):
    """An object is not in the state that was to be replaced or read: somebody else wrote it meanwhile."""

    def __init__(self, address: Address) -> None:
        super().__init__(f"{address} was changed by somebody else meanwhile", remedy="run the same command again")


@dataclass(frozen=True)
class Listed:
    """An object in a list: its address, size, state (ETag), and when it was written, ns since 1970."""

    address: Address
    size: int
    etag: str
    mtime_ns: int


@functools.cache
def _client_of(process: int) -> Any:
    try:
        boto3, config = importlib.import_module("boto3"), importlib.import_module("botocore.config")
    except ImportError as error:
        raise StorageError("addresses that begin with s3:// need boto3", remedy="pip install boto3") from error
    settings = config.Config(
        connect_timeout=_CONNECT_S,
        read_timeout=_READ_S,
        max_pool_connections=_CONNECTIONS,
        retries={"mode": "standard", "total_max_attempts": _ATTEMPTS},
    )
    with _telling(None):
        return boto3.client("s3", config=settings)


def forget_server() -> None:
    """Ask the server that the environment names by now, with its credentials."""
    with _guard:
        _client_of.cache_clear()


def _client() -> Any:
    with _guard:  # making one is not safe with threads, using it is
        return _client_of(os.getpid())


@contextmanager
def _telling(address: Address | None) -> Iterator[None]:
    """What boto3 raises, as one line that has nothing of the request in it."""
    errors = importlib.import_module("botocore.exceptions")
    try:
        yield
    except errors.ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", ""))
        if code in _REFUSED and address is not None:
            raise ChangedError(address) from None
        if code in _GONE:
            raise FileNotFoundError(str(address)) from None
        remedy = "look at your credentials and rights (docs/storage.md)" if code in _KEYS else "see docs/storage.md"
        if code == "NoSuchBucket":
            remedy = "make the bucket, or name another"
        raise StorageError(f"{address}: the server refuses ({code or 'no reason given'})", remedy=remedy) from None
    except (errors.NoCredentialsError, errors.PartialCredentialsError, errors.ProfileNotFound) as error:
        raise StorageError(
            f"no credentials for {address or 's3://'} ({type(error).__name__})",
            remedy="set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile (docs/storage.md)",
        ) from None
    except (errors.BotoCoreError, ValueError) as error:
        # Their own words may hold an address with a password in it.
        raise StorageError(
            f"{address or 's3://'}: the server cannot be asked ({type(error).__name__})",
            remedy="look at AWS_ENDPOINT_URL, AWS_REGION and the network, and run the same command again",
        ) from None


def fetch(address: Address) -> tuple[bytes, str]:
    """The content of an object and its state; nothing and `ABSENT` where there is none.

    Raises:
        StorageError: the server cannot be asked.
    """
    client = _client()
    try:
        with _telling(address):
            found = client.get_object(Bucket=address.bucket, Key=address.key)
            return found["Body"].read(), found["ETag"]
    except FileNotFoundError:
        return b"", ABSENT


def fetch_range(address: Address, etag: str, offset: int, size: int) -> bytes:
    """``size`` bytes from ``offset`` on of an object in the state ``etag``, fewer at its end.

    Raises:
        ChangedError: it is in another state.
        StorageError: the server cannot be asked, or it is gone.
    """
    client, where = _client(), f"bytes={offset}-{offset + size - 1}"
    try:
        with _telling(address):
            found = client.get_object(Bucket=address.bucket, Key=address.key, Range=where, IfMatch=etag)
            data: bytes = found["Body"].read()
    except FileNotFoundError:
        raise ChangedError(address) from None
    if found["ETag"] != etag:  # a server that knows no conditions
        raise ChangedError(address)
    if len(data) > size:
        raise StorageError(f"{address}: the server gives more than was asked for", remedy="see docs/storage.md")
    return data


def download(listed: Listed, path: Path) -> None:
    """The whole object into a file; raises as `fetch_range` does, and OSError."""
    with path.open("wb") as file, ThreadPoolExecutor(_UPLOADS) as pool:
        offsets = range(0, listed.size, _PART_BYTES)
        for data in pool.map(lambda at: fetch_range(listed.address, listed.etag, at, _PART_BYTES), offsets):
            file.write(data)
    if path.stat().st_size != listed.size:
        raise StorageError(f"{listed.address} was not sent to its end", remedy="run the same command again")


def put(address: Address, content: bytes, *, replacing: str) -> str:
    """Write an object that is in the state ``replacing``, and tell the new state.

    Raises:
        ChangedError: it is in another.
        StorageError: the server cannot be asked.
    """
    client = _client()

    def write(token: dict[str, str], condition: dict[str, str]) -> str:
        at = {"Bucket": address.bucket, "Key": address.key}
        etag: str = client.put_object(**at, Body=content, Metadata=token, **condition)["ETag"]
        return etag

    return _written(address, write, replacing)


def upload(path: Path, address: Address, *, replacing: str) -> str:
    """Write a file as an object, as `put` does; a large one in parts, which show as an object when all are there."""
    size = path.stat().st_size
    if size <= _PART_BYTES:
        return put(address, path.read_bytes(), replacing=replacing)
    client, at = _client(), {"Bucket": address.bucket, "Key": address.key}

    def write(token: dict[str, str], condition: dict[str, str]) -> str:
        begun = client.create_multipart_upload(**at, Metadata=token)["UploadId"]

        def send(number: int) -> dict[str, Any]:
            with path.open("rb") as file:
                file.seek((number - 1) * _PART_BYTES)
                body = file.read(_PART_BYTES)
            sent = client.upload_part(**at, UploadId=begun, PartNumber=number, Body=body)
            return {"PartNumber": number, "ETag": sent["ETag"]}

        try:
            with ThreadPoolExecutor(_UPLOADS) as pool:
                parts = list(pool.map(send, range(1, -(-size // _PART_BYTES) + 1)))
            done = client.complete_multipart_upload(**at, UploadId=begun, MultipartUpload={"Parts": parts}, **condition)
        except BaseException:
            with _ignoring():  # parts of no object cost as much as an object
                client.abort_multipart_upload(**at, UploadId=begun)
            raise
        etag: str = done["ETag"]
        return etag

    return _written(address, write, replacing)


def _written(address: Address, write: Callable[[dict[str, str], dict[str, str]], str], replacing: str) -> str:
    token = secrets.token_hex(8)
    condition = {"IfNoneMatch": "*"} if replacing == ABSENT else {"IfMatch": replacing}
    try:
        with _telling(address):
            return write({_TOKEN: token}, condition)
    except FileNotFoundError:  # what was to be replaced is gone
        raise ChangedError(address) from None
    except ChangedError:
        found = _token_of(address)
        if found is not None and found[0] == token:  # by our own first attempt, whose answer was lost
            return found[1]
        raise


def _token_of(address: Address) -> tuple[str, str] | None:
    head = _head(address)
    return None if head is None else (str(head["Metadata"].get(_TOKEN, "")), str(head["ETag"]))


def _head(address: Address) -> Any | None:
    """What the server says of an object without its content; None where there is none."""
    client = _client()
    try:
        with _telling(address):
            return client.head_object(Bucket=address.bucket, Key=address.key)
    except FileNotFoundError:
        return None


@contextmanager
def _ignoring() -> Iterator[None]:
    try:
        with _telling(None):
            yield
    except (StorageError, OSError):
        return


def delete(address: Address) -> None:
    """Remove an object, if it is there."""
    with _telling(address):
        _client().delete_object(Bucket=address.bucket, Key=address.key)


def age_s(address: Address) -> float | None:
    """How long ago an object was written, seconds, by the server's clock alone; None where there is none."""
    head = _head(address)
    if head is None:
        return None
    now = datetime.strptime(head["ResponseMetadata"]["HTTPHeaders"]["date"], "%a, %d %b %Y %H:%M:%S %Z")
    written: datetime = head["LastModified"].replace(tzinfo=None)
    return (now - written).total_seconds()


def look(address: Address) -> Listed | None:
    """One object as a list has it; None where there is none."""
    head = _head(address)
    return None if head is None else Listed(address, head["ContentLength"], head["ETag"], _ns(head["LastModified"]))


def list_folder(folder: Address, beginning: str = "") -> Iterator[Listed]:
    """Every object below a folder, by key; or of those whose name there has this ``beginning``.

    Raises:
        StorageError: the server cannot be asked.
    """
    pages = _client().get_paginator("list_objects_v2")
    with _telling(folder):
        for page in pages.paginate(Bucket=folder.bucket, Prefix=f"{folder.prefix}{beginning}"):
            for one in page.get("Contents", ()):
                yield Listed(Address(folder.bucket, one["Key"]), one["Size"], one["ETag"], _ns(one["LastModified"]))


def _ns(when: datetime) -> int:
    return int(when.timestamp()) * 1_000_000_000
