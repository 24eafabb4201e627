"""Training on shards in a bucket: the same run bit for bit, and each page fetched once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
import yaml
from buckets import BUCKET, Server, moto
from safetensors.torch import load_file
from training_helpers import arguments, run, seen, write_benchmark

from rmfer.shards import ImageReader, open_index
from rmset_builder.shards.mirror import mirrored
from rmset_builder.storage.server import forget_server


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """An empty server; this process knows where it is and has its keys."""
    with moto(tmp_path) as found:
        for name, value in found.environment(tmp_path / "cache").items():
            monkeypatch.setenv(name, value)
        forget_server()
        yield found


def test_a_run_on_a_bucket_is_the_local_one_and_later_epochs_ask_nothing(
    make_shards: Callable[..., list[Path]], server: Server, tmp_path: Path
) -> None:
    benchmark, shards = write_benchmark(tmp_path / "benchmark", train=2, valid=1, test=1), tmp_path / "shards"
    shards.mkdir()
    make_shards(shards, "wall", seen(), size=32)
    server.put_folder(shards, "shards/")
    address = f"s3://{BUCKET}/shards"
    few = {"epochs": 2, "epochs_pre": 0}

    local = run(arguments(benchmark, shards, tmp_path / "local", **few))
    assert local.returncode == 0, local.stderr
    # pathlib would leave one slash of the address.
    line = arguments(benchmark, shards, tmp_path / "remote", **few)
    line[line.index(str(shards))] = address
    remote = run(line)
    assert remote.returncode == 0, remote.stderr
    weights = sorted(path.name for path in (tmp_path / "local").glob("*.safetensors"))
    assert weights
    for name in weights:
        ours, theirs = (load_file(tmp_path / where / name) for where in ("local", "remote"))
        assert ours.keys() == theirs.keys()
        assert all(torch.equal(ours[key], theirs[key]) for key in ours)
    assert yaml.safe_load((tmp_path / "remote" / "config.yaml").read_text())["shards"] == address

    def gets() -> int:
        return sum(one.startswith(f"GET /{BUCKET}/shards/wall") for one in server.requests())

    # Footer and columns for the index, and all pictures of both epochs at once: they are in one piece.
    first = gets()
    assert 1 <= first <= 4
    line[line.index(str(tmp_path / "remote"))] = str(tmp_path / "again")
    again = run([*line, "--set", "epochs=3"])
    assert again.returncode == 0, again.stderr
    assert gets() - first <= 1  # the index is made of the footer, which tells whether it is still the one
    assert not list(Path.cwd().glob("s3:*"))


def test_pictures_are_fetched_once_and_where_nothing_may_be_kept_they_are_right_as_well(
    make_shards: Callable[..., list[Path]], server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shards = tmp_path / "shards"
    shards.mkdir()
    make_shards(shards, "wall", seen(people=8), size=96)
    server.put_folder(shards, "shards/")
    with mirrored(Path(f"s3://{BUCKET}/shards")) as mirror:
        here, there = open_index(shards), open_index(mirror.folder)
        assert (here.digest, len(here)) == (there.digest, len(there))
        rows = list(range(0, len(here), 3))
        ours = [bytes(ImageReader(here).read(row)) for row in rows]
        for room, again in (("0", 1), ("1", 0)):
            monkeypatch.setenv("RMSET_CACHE_GB", room)
            asked = []
            for _ in range(2):
                before, reader = len(server.requests()), ImageReader(there)
                reader.will_need(rows)
                assert [bytes(one) for one in reader.read_many(rows) if isinstance(one, memoryview)] == ours
                asked.append(len(server.requests()) - before)
            # Without room the second reader asks as much as the first, with room nothing.
            assert asked[0] >= 1 and asked[1] == again * asked[0]
