"""``rmset card``: real shards get a card by which `datasets` finds them, and nothing private is in it."""

from __future__ import annotations

import csv
import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import pyarrow.parquet as pq
import pytest
import yaml
from collection import Collection
from huggingface_hub.utils import filter_repo_objects

from rmset_builder.fetching.ledger import Ledger
from rmset_builder.reports.stats import collect, tabulate
from rmset_builder.shards.layout import find_shards
from rmset_builder.shards.videos_table import read_videos, update_videos

Rmset = Callable[..., subprocess.CompletedProcess[str]]
CC_BY = "Creative Commons Attribution license (reuse allowed)"
FILES = {"README.md", "croissant.json", "SOURCES.csv"}


@pytest.fixture
def collection(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Collection:
    monkeypatch.chdir(tmp_path)
    return Collection(tmp_path)


@pytest.fixture
def shards(demo_shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return Path(shutil.copytree(demo_shards, tmp_path / "shards"))


def header(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((folder / "README.md").read_text("utf-8").split("---\n")[1])
    return found


def test_datasets_finds_the_faces_of_a_folder_by_its_card(rmset: Rmset, shards: Path, tmp_path: Path) -> None:
    done = rmset("card", shards)
    assert done.returncode == 0, done.stderr
    assert {Path(line) for line in done.stdout.splitlines()} == {shards / name for name in FILES}
    total = tabulate(collect(shards).records).total
    faces = datasets.load_dataset(str(shards), split="train", cache_dir=str(tmp_path / "cache"))
    assert faces.num_rows == total.images > 0
    assert set(faces["video"]) == {"demo"}
    assert faces[0]["image"].size == (260, 260)
    assert datasets.get_dataset_config_names(str(shards)) == ["default"]
    assert f"| Total | 1 | {total.faces} | {total.frames} | {total.images} |" in (shards / "README.md").read_text()


@pytest.mark.parametrize("with_embeddings", [False, True])
def test_the_command_for_a_hub_takes_what_belongs_and_nothing_else(
    rmset: Rmset, collection: Collection, with_embeddings: bool
) -> None:
    # Named like the first shard of a video `party`.
    shutil.copy(
        collection.shards / "identities" / "one.parquet", collection.shards / "identities" / "party-00000.parquet"
    )
    private = {"embeddings/party-00000.parquet", "dropped/party-00000.parquet"}
    for name in private:
        (collection.shards / name).parent.mkdir()
        (collection.shards / name).touch()
    assert rmset("prune", collection.shards, "--video", "two", "--why", "asked").returncode == 0
    done = rmset("card", collection.shards, *["--with-embeddings"] * with_embeddings)
    words = shlex.split(done.stderr.splitlines()[-1].partition("no others: ")[2])
    assert words[:6] == ["hf", "upload", "NAME", "FOLDER", ".", "--type"]
    options = list(zip(words[7::2], words[8::2], strict=True))
    lists = {name: [value for key, value in options if key == name] for name in ("--include", "--exclude")}
    files = [path.relative_to(collection.shards).as_posix() for path in collection.shards.rglob("*") if path.is_file()]
    taken = filter_repo_objects(files, allow_patterns=lists["--include"], ignore_patterns=lists["--exclude"] or None)
    people = {"identities/one.parquet", "identities/party-00000.parquet"}
    assert {"videos.parquet", "pruned.jsonl", *private} | people < set(files)
    assert set(taken) == FILES | {"one-00000.parquet"} | (people if with_embeddings else set())


def test_embeddings_are_a_set_of_their_own_where_they_are_asked_for(rmset: Rmset, shards: Path, tmp_path: Path) -> None:
    done = rmset("card", shards, "--with-embeddings")
    assert done.returncode == 0, done.stderr
    assert "--include 'identities/*.parquet'" in done.stderr
    people = datasets.load_dataset(str(shards), "identities", split="train", cache_dir=str(tmp_path / "cache"))
    assert people["embedding"] == pq.read_table(shards / "identities")["embedding"].to_pylist()
    faces = datasets.load_dataset(str(shards), split="train", cache_dir=str(tmp_path / "cache"))
    assert "embedding" not in faces.column_names
    shutil.rmtree(shards / "identities")
    done = rmset("card", shards, "--with-embeddings")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"rmset: there are no embeddings in {shards}; leave out --with-embeddings\n"


def test_a_card_of_real_shards_tells_how_they_were_made(rmset: Rmset, shards: Path) -> None:
    assert rmset("card", shards).returncode == 0
    (record,) = read_videos(shards).values()
    page = (shards / "README.md").read_text("utf-8")
    assert record.models_sha256 in page
    for package, version in json.loads(record.versions_json).items():
        assert f"| {package} | {version} |" in page
    assert f"| rmset-builder | {record.rmset_version} |" in page
    assert "| 260 |" in page


def test_only_what_belongs_into_it_is_in_it(rmset: Rmset, collection: Collection, tmp_path: Path) -> None:
    assert rmset("prune", collection.shards, "--video", "two", "--why", "asked by Jane Doe").returncode == 0
    with Ledger(collection.videos) as ledger:
        ledger.record(ledger["one"].with_(licence=CC_BY))
    done = rmset("card", collection.shards, "--out", tmp_path / "card", "--contact", "mail@site.example")
    assert done.returncode == 0, done.stderr
    written = {path.name: path.read_text("utf-8") for path in (tmp_path / "card").iterdir()}
    assert written.keys() == FILES
    together = "\n".join(written.values())
    for private in (str(tmp_path), "Jane", "two.mp4", "/two", "rmset.source"):
        assert private not in together
    (row,) = csv.DictReader(written["SOURCES.csv"].splitlines())
    assert (row["video"], row["title"], row["author"]) == ("one", "Title of one", "A person's name")
    assert row["address"] == "https://site.example/one"
    assert "A person's name" not in written["README.md"] + written["croissant.json"]
    assert "Title of one" not in written["README.md"] + written["croissant.json"]
    assert "whole videos 1, single people 0" in written["README.md"]
    assert not (collection.shards / "README.md").exists()


def test_what_is_not_said_is_noted(rmset: Rmset, collection: Collection) -> None:
    told = rmset("card", collection.shards).stderr
    assert "note: the card does not say where to ask for a removal: --contact\n" in told
    assert "note: croissant.json lacks what its specification requires: --creator, --url\n" in told
    assert "note: the licences of 2 of 2 videos are not known\n" in told
    said = ("--creator", "An Institute", "--contact", "mail@site.example", "--url", "https://site.example/faces")
    told = rmset("card", collection.shards, *said).stderr
    assert "does not say" not in told
    assert "lacks" not in told
    described = json.loads((collection.shards / "croissant.json").read_text("utf-8"))
    assert described["creator"]["name"] == "An Institute"
    assert described["url"] == "https://site.example/faces"


def test_a_credit_without_an_author_is_noted(rmset: Rmset, collection: Collection, tmp_path: Path) -> None:
    record = collection.record("one")
    update_videos(collection.shards, type(record)(**{**vars(record), "licence": CC_BY}))
    told = rmset("card", collection.shards, "--out", tmp_path / "card").stderr
    assert "author is not known" not in told
    (collection.videos / "catalog.jsonl").unlink()
    told = rmset("card", collection.shards, "--out", tmp_path / "card").stderr
    assert "note: of 1 videos with a Creative Commons licence the author is not known\n" in told


def test_a_card_is_written_anew_and_never_over_what_others_wrote(rmset: Rmset, collection: Collection) -> None:
    shards = collection.shards
    page = shards / "README.md"
    page.write_text("Ours, by hand.\n")
    done = rmset("card", shards)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"rmset: {page} was not written by rmset card, or was changed since; "
        "give another --out, or --force to write over it\n"
    )
    assert page.read_text() == "Ours, by hand.\n"
    assert {path.name for path in shards.iterdir()} & FILES == {"README.md"}
    assert rmset("card", shards, "--force").returncode == 0
    assert rmset("card", shards, "--version", "1.0.1").returncode == 0
    assert "Version 1.0.1, " in page.read_text("utf-8")


@pytest.mark.parametrize("name", sorted(FILES))
def test_what_was_changed_by_hand_stays(rmset: Rmset, collection: Collection, name: str) -> None:
    assert rmset("card", collection.shards).returncode == 0
    path = collection.shards / name
    changed = path.read_text("utf-8").replace("one", "eins", 1) + "\n"
    path.write_text(changed, "utf-8")
    done = rmset("card", collection.shards, "--version", "2.0.0")
    assert done.returncode == 2
    assert f"{path} was not written by rmset card" in done.stderr
    assert path.read_text("utf-8") == changed


def test_a_card_that_was_removed_does_not_vouch_for_the_rest(rmset: Rmset, collection: Collection) -> None:
    assert rmset("card", collection.shards).returncode == 0
    (collection.shards / "README.md").unlink()
    assert rmset("card", collection.shards).returncode == 0
    (collection.shards / "README.md").unlink()
    assert rmset("card", collection.shards, "--version", "2.0.0").returncode == 2


def test_shards_that_are_not_sound_get_no_card(rmset: Rmset, collection: Collection) -> None:
    find_shards(collection.shards)[0].path.unlink()
    done = rmset("card", collection.shards)
    assert (done.returncode, done.stdout) == (2, "")
    assert re.match(r"rmset: no card is written of shards that are not sound: one: .*\n\Z", done.stderr)
    assert not {path.name for path in collection.shards.iterdir()} & FILES


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--version", "two"), "--version 'two' is not three numbers such as 1.0.0; see: rmset card --help"),
        (("--url", "javascript:x"), "--url 'javascript:x' is no address of a page; see: rmset card --help"),
        (("--videos", "elsewhere"), "no catalog.jsonl in elsewhere; name the folder that rmset fetch wrote to"),
    ],
)
def test_wrong_usage(rmset: Rmset, collection: Collection, arguments: tuple[str, str], told: str) -> None:
    done = rmset("card", collection.shards, *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.endswith(f"{told}\n")
    assert not (collection.shards / "README.md").exists()


def test_the_header_says_that_each_video_has_a_licence_of_its_own(rmset: Rmset, collection: Collection) -> None:
    assert rmset("card", collection.shards, "--name", "Faces: a [set]").returncode == 0
    found = header(collection.shards)
    assert (found["license"], found["pretty_name"]) == ("other", "Faces: a [set]")
