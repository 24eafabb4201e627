"""A video on its way to a bucket: written in a folder of this machine as anywhere, then sent, its row last."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rmset_builder.core.errors import VideoError
from rmset_builder.corrections.ledger import LEDGER_NAME
from rmset_builder.shards.layout import dropped_path, embeddings_path, identities_path, parse_shard_name
from rmset_builder.shards.videos_table import VideoRecord, update_videos
from rmset_builder.storage.address import Address, as_path
from rmset_builder.storage.cache import staging_folder
from rmset_builder.storage.lease import TakenError, leased
from rmset_builder.storage.server import ABSENT, ChangedError, Listed, delete, fetch, list_folder, look, upload

LEASES = ".rmset"
"""Below a folder of shards: who is at work on which video."""

Publish = Callable[[VideoRecord], None]


@contextmanager
def staged(out: Address, video: str) -> Iterator[tuple[Path, Publish]]:
    """A folder to extract a video into, and what sends it to ``out``; nobody else works on the video meanwhile.

    Shards go before what lies beside them, and the video's row of the table goes last. Each is whole under its name or
    not there, and is written only over what was there when the work began.

    Raises:
        VideoError: somebody else is at work on the video.
        StorageError: the server cannot be asked.
    """
    try:
        with leased(out / LEASES / f"{video}.lease") as check, staging_folder() as folder:
            before = _present(out, video)
            # Corrections are made again on what is extracted again.
            content, state = fetch(out / LEDGER_NAME)
            if state != ABSENT:
                (folder / LEDGER_NAME).write_bytes(content)

            def publish(record: VideoRecord) -> None:
                _send(folder, out, video, before, check)
                check()
                update_videos(as_path(out), record)

            yield folder, publish
    except (TakenError, ChangedError) as error:
        raise VideoError("in-progress", f"{video} in {out}: {error.message}", remedy=error.remedy) from error


def _present(out: Address, video: str) -> dict[str, Listed]:
    """What the bucket has of a video: its shards and side files, by their names within the folder."""
    listed = list_folder(out, f"{video}-")
    shards = {one.address.name: one for one in listed if _is_shard(out, one.address, video)}
    sides = {name: look(out / name) for name in _sides(video)}
    return {**shards, **{name: one for name, one in sides.items() if one is not None}}


def _is_shard(out: Address, address: Address, video: str) -> bool:
    shard = parse_shard_name(Path(address.name))
    return shard is not None and shard.video == video and address == out / address.name


def _sides(video: str) -> list[str]:
    nowhere = Path()
    paths = (embeddings_path(nowhere, video), identities_path(nowhere, video), dropped_path(nowhere, video))
    return [path.as_posix() for path in paths]


def _send(folder: Path, out: Address, video: str, before: dict[str, Listed], check: Callable[[], None]) -> None:
    shards = sorted(path.name for path in folder.glob(f"{video}-?????.parquet"))
    names = [*shards, *(name for name in _sides(video) if (folder / name).is_file())]
    for name in names:
        check()
        upload(folder / name, out / name, replacing=before[name].etag if name in before else ABSENT)
    for name in before.keys() - set(names):
        check()
        delete(out / name)
