"""Addresses come from outside: what they may hold, and how they travel as paths."""

from __future__ import annotations

from pathlib import Path

import pytest

from rmset_builder.core.errors import RmsetError
from rmset_builder.storage.address import Address, address_of, as_path, key_fault, named, shown


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("s3://bucket/shards/", Address("bucket", "shards")),
        ("s3://my.bucket-1/a/b c/é.mp4", Address("my.bucket-1", "a/b c/é.mp4")),
        ("s3://bucket", Address("bucket", "")),
    ],
)
def test_an_address_survives_being_a_path(text: str, address: Address) -> None:
    assert address_of(Path(text)) == address
    assert address_of(as_path(address)) == address
    assert shown(Path(text)) == named(Path(text)) == str(address)


def test_paths_of_this_machine_are_none() -> None:
    assert [address_of(Path(one)) for one in ("shards", "/s3:/bucket/x", "s3/x", "./a/s3:/b")] == [None] * 4


@pytest.mark.parametrize(
    "text", ["s3://", "s3://-rf/x", "s3://a..b/x", "s3://UPPER/x", "s3://key:secret@host/x", "s3://../x", "s3://b/../x"]
)
def test_what_names_no_bucket_or_leads_elsewhere_is_refused_without_being_repeated(text: str) -> None:
    with pytest.raises(RmsetError) as refused:
        address_of(Path(text))
    assert "secret" not in str(refused.value)


def test_keys_that_could_mislead_are_told() -> None:
    assert key_fault("videos/a.mp4") == ""
    assert all(map(key_fault, ("../a", "a/../b", "a/./b", "a\nb", "a\x1b[2J", "x" * 1025)))
