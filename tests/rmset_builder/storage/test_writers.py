"""Several writers of one bucket: no row is lost, one works at a time, and a server that cannot tell is found out."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from buckets import BUCKET, Server, free_port, rclone_serving

from rmset_builder.shards.videos_table import VideoRecord, read_videos, update_videos
from rmset_builder.storage.address import Address, as_path
from rmset_builder.storage.lease import TakenError, leased
from rmset_builder.storage.server import ABSENT, ChangedError, StorageError, download, fetch, look, put, upload
from rmset_builder.storage.swap import conditions_hold

FOLDER = Address(BUCKET, "writers")
PART = 16 << 20


def test_rows_of_three_writers_at_once_are_all_there(server: Server) -> None:
    shards = as_path(FOLDER / "table")

    def write(writer: int) -> None:
        for number in range(6):
            update_videos(shards, VideoRecord(id=f"v{writer}-{number}", frames=number))

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(write, range(3)))
    rows = read_videos(shards)
    assert {row.id: row.frames for row in rows.values()} == {f"v{w}-{n}": n for w in range(3) for n in range(6)}
    # Somebody was refused, or nothing was tried here.
    assert sum(one.startswith("PUT ") and "writers/table" in one for one in server.requests()) >= 18


def test_a_write_replaces_only_the_state_that_it_names(server: Server, tmp_path: Path) -> None:
    place = FOLDER / "state"
    first = put(place, b"one", replacing=ABSENT)
    for wrong in (ABSENT, '"0123"'):
        with pytest.raises(ChangedError):
            put(place, b"two", replacing=wrong)
    assert fetch(place) == (b"one", first)
    put(place, b"two", replacing=first)
    assert fetch(place)[0] == b"two"


def test_a_large_file_goes_in_parts_under_the_same_conditions(server: Server, tmp_path: Path) -> None:
    place, path = FOLDER / "large", tmp_path / "large"
    path.write_bytes(bytes(range(256)) * (PART // 256 + 5))
    upload(path, place, replacing=ABSENT)
    with pytest.raises(ChangedError):
        upload(path, place, replacing=ABSENT)
    listed = look(place)
    assert listed is not None and listed.size == path.stat().st_size
    download(listed, tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == path.read_bytes()
    assert "Uploads" not in server.client().list_multipart_uploads(Bucket=BUCKET)


def test_a_lease_keeps_others_out_while_it_is_renewed_and_ends_by_itself(server: Server) -> None:
    place = FOLDER / "lease"
    with leased(place, seconds=3) as check:
        time.sleep(5)
        with pytest.raises(TakenError, match="is at work there"), leased(place):
            pass
        check()
    with leased(place):
        pass
    # Its owner was killed: nobody renews it. The server's clock has whole seconds.
    put(place, b'{"owner": "gone", "seconds": 1}', replacing=ABSENT)
    with pytest.raises(TakenError, match="gone is at work"), leased(place):
        pass
    time.sleep(3)
    with leased(place):
        pass


def test_who_lost_a_lease_is_told(server: Server) -> None:
    place = FOLDER / "lost"
    with leased(place, seconds=1) as check:
        put(place, b"another one's", replacing=fetch(place)[1])
        for _ in range(100):
            try:
                check()
            except TakenError:
                break
            time.sleep(0.1)
        else:
            raise AssertionError("nobody told")
    assert fetch(place)[0] == b"another one's", "what was another's by then was deleted"


def test_a_server_that_knows_conditions_is_told_from_one_that_does_not(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert conditions_hold(FOLDER, "probe")
    assert look(FOLDER / "probe") is None
    with rclone_serving(tmp_path / "served", free_port()) as other:
        for name, value in other.environment(tmp_path / "cache").items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("AWS_REQUEST_CHECKSUM_CALCULATION", "when_required")
        from rmset_builder.storage import server as asking  # noqa: PLC0415

        asking.forget_server()
        assert not conditions_hold(FOLDER, "probe")
    asking.forget_server()


def test_a_server_that_is_killed_within_an_upload_shows_nothing_and_the_next_one_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rmset_builder.storage import server as asking  # noqa: PLC0415

    port, path, place = free_port(), tmp_path / "large", Address(BUCKET, "shards/a-00000.parquet")
    path.write_bytes(bytes(range(256)) * (5 * PART // 256))
    with rclone_serving(tmp_path / "served", port) as first:
        for name, value in first.environment(tmp_path / "cache").items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("AWS_REQUEST_CHECKSUM_CALCULATION", "when_required")
        asking.forget_server()
        faults: list[Exception] = []

        def send() -> None:
            try:
                upload(path, place, replacing=ABSENT)
            except Exception as error:  # looked at below
                faults.append(error)

        thread = threading.Thread(target=send)
        thread.start()
        time.sleep(0.3)
        first.process.kill()
        thread.join()
    shown = tmp_path / "served" / BUCKET / "shards" / "a-00000.parquet"
    if faults:  # else it was quicker than the kill
        assert isinstance(faults[0], StorageError) and not isinstance(faults[0], ChangedError)
        assert not shown.exists()
    with rclone_serving(tmp_path / "served", port):
        upload(path, place, replacing=ABSENT)
        listed = look(place)
        assert listed is not None
        download(listed, tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == path.read_bytes()
    asking.forget_server()
