"""What a footer tells, as an object and back."""

from __future__ import annotations

import pytest

from rmset_builder.shards.metadata import ShardMetadata, key_of

FULL = ShardMetadata(
    video="v", group="", frames=90, identities=0, source_sha256="a", models_sha256="b", settings_sha256="c",
    settings="{}", part=1, parts=2, pruned=3,
)  # fmt: skip


def test_the_keys_are_the_fields_in_their_order() -> None:
    assert FULL.to_strings() == {
        "rmset.schema": "1",
        "rmset.video": "v",
        "rmset.group": "",
        "rmset.frames": "90",
        "rmset.identities": "0",
        "rmset.source_sha256": "a",
        "rmset.models_sha256": "b",
        "rmset.settings_sha256": "c",
        "rmset.settings": "{}",
        "rmset.part": "1",
        "rmset.parts": "2",
        "rmset.pruned": "3",
    }
    assert list(FULL.to_strings())[:2] == ["rmset.schema", "rmset.video"]
    assert list(FULL.to_strings())[-3:] == ["rmset.part", "rmset.parts", "rmset.pruned"]


def test_what_is_told_comes_back() -> None:
    assert ShardMetadata.from_strings(FULL.to_strings()) == FULL
    stored = {key.encode(): value.encode() for key, value in FULL.to_strings().items()}
    assert ShardMetadata.from_footer(stored) == FULL


def test_what_is_not_told_is_not_made_up() -> None:
    nothing = ShardMetadata.from_footer(None)
    assert nothing == ShardMetadata(schema=None)
    assert (nothing.to_strings(), nothing.text("frames"), nothing.unclear()) == ({}, None, "")


def test_what_is_not_known_is_kept_word_for_word_and_other_programs_keys_are_not() -> None:
    stored = {"rmset.group": "Fear", "rmset.colour": "7", "huggingface": "{}", "group": "x", "ARROW:schema": "y"}
    read = ShardMetadata.from_strings(stored)
    assert read == ShardMetadata(schema=None, group="Fear", others={"rmset.colour": "7"})
    assert read.to_strings() == {"rmset.group": "Fear", "rmset.colour": "7"}
    assert read.unclear() == ""


@pytest.mark.parametrize("text", ["nine", "-1", "", " 9", "٣", "1" * 5000])
def test_a_number_that_is_none_is_told_and_kept(text: str) -> None:
    read = ShardMetadata.from_strings({"rmset.pruned": text, "rmset.frames": "9"})
    assert (read.pruned, read.frames) == (None, 9)
    assert read.text("pruned") == text
    assert read.unclear() == f"rmset.pruned is {text!r}, which is no number"


def test_bytes_that_are_no_text_cost_a_letter() -> None:
    assert ShardMetadata.from_footer({b"rmset.group": b"caf\xe9"}).group == "caf\ufffd"


def test_a_key_names_its_field() -> None:
    assert key_of("source_sha256") == "rmset.source_sha256"
