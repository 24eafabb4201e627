"""Shards in a bucket as a folder of this machine: each file is there by name, size and time, and read by parts.

So all that reads shards reads these, too. What is no file of shards is left out: names of objects come from outside,
and none becomes a path but those that a folder of shards has.
"""

from __future__ import annotations

import hashlib
import re
import shlex
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from rmset_builder.core.errors import RmsetError
from rmset_builder.core.files import whole_file
from rmset_builder.shards.layout import DROPPED_FOLDER, EMBEDDINGS_FOLDER, IDENTITIES_FOLDER
from rmset_builder.storage.address import Address, address_of
from rmset_builder.storage.blobs import MIRRORS, place_mark, stands_for
from rmset_builder.storage.cache import cache_folder, staging_folder
from rmset_builder.storage.server import Listed, download, list_folder

_SIDES = f"{IDENTITIES_FOLDER}|{EMBEDDINGS_FOLDER}|{DROPPED_FOLDER}"
_PATTERN, _PARTS = r"[A-Za-z0-9_-]{1,200}", r"-\?{5}\.parquet"
_OF_SHARDS = re.compile(
    rf"([A-Za-z0-9_-]{{1,200}}\.parquet|pruned\.jsonl|corrections\.jsonl|({_SIDES})/[A-Za-z0-9_-]{{1,200}}\.parquet)"
)


@dataclass(frozen=True)
class Mirror:
    """A folder of shards: of this machine, or what stands here for the one at ``address``."""

    folder: Path
    address: Address | None = None

    @property
    def name(self) -> str:
        """As it was given."""
        return str(self.address or self.folder)

    def told(self, text: str) -> str:
        """A text that names files of the folder, and commands that remove some, as if it spoke of where they are."""
        if self.address is None:
            return text
        text = re.sub(rf"rm -f -- '?{re.escape(str(self.folder))}/({_PATTERN})'?({_PARTS})", self._removal, text)
        return text.replace(str(self.folder), str(self.address))

    def _removal(self, found: re.Match[str]) -> str:
        only = f"--exclude '*' --include '{found[1]}{found[2]}'"
        return f"aws s3 rm --recursive {shlex.quote(str(self.address))} {only}"


@contextmanager
def mirrored(shards: Path) -> Iterator[Mirror]:
    """A folder to read ``shards`` in, be they here or in a bucket; errors name what was given.

    Raises:
        RmsetError: there are none at that address.
        StorageError: the server cannot be asked.
    """
    address = address_of(shards)
    if address is None:
        yield Mirror(shards)
        return
    mirror = Mirror(_refreshed(address), address)
    try:
        yield mirror
    except RmsetError as error:
        error.message, error.remedy = mirror.told(error.message), mirror.told(error.remedy)
        error.args = (error.message, *error.args[1:])
        raise


def name_of(folder: Path) -> str:
    """A folder of shards as commands are given it: by its address, where it stands for one."""
    own = cache_folder() / MIRRORS
    if not folder.is_relative_to(own):
        return str(folder)
    return (folder.parent / "address").read_text("utf-8")


def _refreshed(address: Address) -> Path:
    found = {one.address.key.removeprefix(address.prefix): one for one in list_folder(address)}
    found = {name: one for name, one in found.items() if _OF_SHARDS.fullmatch(name)}
    if not found:
        raise RmsetError(f"no shards at {address}", remedy=f"make some with: rmset extract VIDEO --out {address}")
    place = cache_folder() / MIRRORS / hashlib.sha256(str(address).encode()).hexdigest()[:16]
    # A bucket's name and a key's parts are of letters that may stand in a path, or it gets one that may.
    folder = place / re.sub(r"[^A-Za-z0-9._-]", "_", address.name)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(place / ".lock"):
            (place / "address").write_text(str(address), "utf-8")
            for path in [*folder.glob("*.*"), *folder.glob("*/*.parquet")]:
                if path.is_file() and path.relative_to(folder).as_posix() not in found:
                    path.unlink()
            for name, listed in found.items():
                _place(folder / name, listed)
    except OSError as error:
        raise RmsetError(f"{place} cannot be written to ({error.strerror})", remedy="give another --cache") from error
    return folder


def _place(path: Path, listed: Listed) -> None:
    if path.suffix == ".parquet" and path.exists() and stands_for(path) == listed:
        return
    with whole_file(path) as temporary:
        if path.suffix != ".parquet" or not place_mark(temporary, listed):
            download(listed, temporary)


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """The file with all its bytes here, for who reads them all; a copy is gone after the block."""
    listed = stands_for(path)
    if listed is None:
        yield path
        return
    with staging_folder() as folder:
        copy = folder / path.name
        download(listed, copy)
        shutil.copystat(path, copy)
        yield copy
