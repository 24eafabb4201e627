"""Croissant: the columns are the contract's, the reference reader takes it and reads a real folder by it, offline."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cards import CC_BY, HOSTILE, PUBLICATION, facts_with
from watched import watch

from rmset_builder.core.errors import one_line
from rmset_builder.reports.card_facts import Source, read_facts
from rmset_builder.reports.card_words import CROISSANT, SOURCES
from rmset_builder.reports.croissant import croissant
from rmset_builder.reports.sources_table import sources_table
from rmset_builder.shards.layout import find_shards
from rmset_builder.shards.reader import read_columns
from rmset_builder.shards.schema import COLUMNS

# Reads the file with MLCommons' own package and prints what it finds fault with, and some of each set's rows.
_READER = """
import itertools, json, sys
import mlcroissant

data = mlcroissant.Dataset(jsonld=sys.argv[1])
metadata = data.metadata
found = {"issues": metadata.ctx.issues.report(), "rai": sorted(
    name for name in ("data_collection", "data_biases", "data_limitations", "personal_sensitive_information",
    "data_use_cases", "data_release_maintenance_plan", "machine_annotation_tools") if getattr(metadata, name))}
for records in metadata.record_sets:
    rows = list(data.records(record_set=records.id))
    found[records.id] = {"count": len(rows), "first": {
        name.partition("/")[2]: list(value.size) if hasattr(value, "size") and hasattr(value, "mode")
        else value.decode() if isinstance(value, bytes) else [float(v) for v in value] if isinstance(value, list)
        else None if value is None else float(value)
        for name, value in rows[0].items()}}
print(json.dumps(found))
"""
_TYPES = {"sc:Text": pa.string(), "cr:Int32": pa.int32(), "cr:Float32": pa.float32(), "cr:Float64": pa.float64()}


def written(**changes: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(croissant(facts_with(), replace(PUBLICATION, **changes), "a,b\n"))
    return found


def columns(described: dict[str, Any], records: str) -> dict[str, dict[str, Any]]:
    (found,) = (one for one in described["recordSet"] if one["@id"] == records)
    return {field["source"]["extract"]["column"]: field for field in found["field"]}


def test_the_fields_are_the_columns_of_a_real_shard(demo_shards: Path) -> None:
    fields = columns(written(), "faces")
    schema = pq.read_schema(find_shards(demo_shards)[0].path)
    assert list(fields) == schema.names == list(COLUMNS)
    for name, field in fields.items():
        arrow = schema.field(name).type
        if name == "image":
            assert (field["dataType"], field["source"]["transform"]) == ("sc:ImageObject", {"jsonPath": "bytes"})
            assert arrow.field("bytes").type == pa.binary()
        elif field.get("isArray"):
            assert arrow == pa.list_(_TYPES[field["dataType"]], int(field["arrayShape"]))
        else:
            assert _TYPES[field["dataType"]] == getattr(arrow, "value_type", arrow)
        assert field["description"]
        assert not set("`[") & set(field["description"].replace("[A-Za-z0-9_-]", ""))


def test_the_key_tells_rows_apart(demo_shards: Path) -> None:
    (faces,) = (one for one in written()["recordSet"] if one["@id"] == "faces")
    names = [key["@id"].removeprefix("faces/") for key in faces["key"]]
    assert names == ["video", "frame", "track"]
    frames, tracks = read_columns(find_shards(demo_shards)[0].path, "frame", "track")
    assert len(np.unique(np.stack([frames, tracks]), axis=1).T) == len(frames)


def test_ids_that_are_referred_to_exist_once() -> None:
    described = written(with_embeddings=True)
    nodes = [*described["distribution"], *described["recordSet"]]
    nodes += [field for records in described["recordSet"] for field in records["field"]]
    ids = [node["@id"] for node in nodes]
    assert len(set(ids)) == len(ids)
    files = {node["@id"] for node in described["distribution"]}
    for records in described["recordSet"]:
        assert {key["@id"] for key in records["key"]} <= {field["@id"] for field in records["field"]}
        for field in records["field"]:
            source = field["source"]
            assert (source.get("fileSet") or source["fileObject"])["@id"] in files


def test_what_is_not_known_is_left_out_and_what_is_known_told() -> None:
    bare = written()
    assert not {"creator", "url", "rai:dataCollectionTimeframe"} & bare.keys()
    full = written(creator="An Institute", address="https://site.example/faces")
    assert full["creator"] == {"@type": "sc:Organization", "name": "An Institute"}
    assert full["url"] == "https://site.example/faces"
    facts = facts_with(
        sources=(Source(video="a", licence=CC_BY, collected="2026-03-02"), Source(video="b", collected="2025-12-31")),
        dropped={"unsure": 7},
        videos_removed=3,
    )
    told = json.loads(croissant(facts, PUBLICATION, ""))
    assert told["rai:dataCollectionType"] == ["Others"]
    assert told["rai:dataCollectionTimeframe"] == ["2025-12-31", "2026-03-02"]
    assert f"Videos by licence: unknown: 1; {CC_BY}: 1." in told["license"]["description"]
    assert told["rai:dataCollectionMissingData"] == "Left out: 7 faces of which the detector was never sure."
    assert "whole videos 3, single people 0" in told["rai:dataReleaseMaintenancePlan"]
    assert (told["version"], told["datePublished"]) == ("1.2.3", "2026-01-02")


def test_videos_of_the_web_are_said_to_be_from_there() -> None:
    facts = facts_with(sources=(Source(video="a", address="https://site.example/a"),))
    told = json.loads(croissant(facts, PUBLICATION, ""))
    assert told["rai:dataCollectionType"] == ["Web Scraping", "User-generated content data"]


def test_the_table_of_sources_is_known_by_its_hash() -> None:
    (sources,) = (one for one in written()["distribution"] if one["@id"] == SOURCES)
    assert sources["sha256"] == hashlib.sha256(b"a,b\n").hexdigest()


@pytest.mark.parametrize("text", HOSTILE)
def test_text_from_outside_stays_a_string(text: str) -> None:
    facts = facts_with((text,), sources=(Source(video="a", licence=text),), versions={"x": (text,)})
    written = croissant(facts, replace(PUBLICATION, name=text, creator=text), "")
    assert "<" not in written
    described = json.loads(written)
    cleaned = one_line(text)
    assert described["name"] == cleaned
    assert described["keywords"][-1] == one_line(text.strip())
    assert described["creator"]["name"] == cleaned
    assert cleaned in described["license"]["description"]
    assert described.keys() == json.loads(croissant(facts_with(versions={"x": ("1",)}), replace(
        PUBLICATION, creator="x"), "")).keys()  # fmt: skip


@pytest.mark.skipif(importlib.util.find_spec("mlcroissant") is None, reason="mlcroissant is not installed")
@pytest.mark.parametrize("with_embeddings", [False, True])
def test_the_reference_reader_reads_a_folder_and_asks_nobody(
    demo_shards: Path, tmp_path: Path, with_embeddings: bool
) -> None:
    folder = Path(shutil.copytree(demo_shards, tmp_path / "shards"))
    facts = read_facts(folder, tmp_path / "videos")
    sources = sources_table(facts.sources)
    (folder / SOURCES).write_text(sources)
    publication = replace(
        PUBLICATION, creator="An Institute", address="https://site.example", with_embeddings=with_embeddings
    )
    (folder / CROISSANT).write_text(croissant(facts, publication, sources))
    found = watch(tmp_path / "watched", "-c", _READER, folder / CROISSANT)
    assert found.done.returncode == 0, found.done.stderr
    assert found.calls == []
    read = json.loads(found.done.stdout)
    assert read["issues"] == ""
    assert len(read["rai"]) == 7
    assert read["faces"]["count"] == facts.table.total.images
    path = find_shards(folder)[0].path
    first = read["faces"]["first"]
    assert list(first) == list(COLUMNS)
    assert (first.pop("video"), first.pop("image")) == ("demo", [260, 260])
    for name, value in first.items():
        np.testing.assert_array_equal(np.float64(value), np.float64(read_columns(path, name)[0][0]))
    assert read["sources"]["count"] == 1
    assert read["sources"]["first"]["width"] == facts.sources[0].width == 1280
    assert ("identities" in read) == with_embeddings
    if with_embeddings:
        stored = pq.read_table(folder / "identities" / "demo.parquet")
        assert read["identities"]["count"] == len(stored) == facts.table.total.faces
        assert read["identities"]["first"]["embedding"] == stored["embedding"][0].as_py()
