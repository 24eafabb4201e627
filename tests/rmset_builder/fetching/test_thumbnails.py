from __future__ import annotations

import io
from collections.abc import Callable

from PIL import Image

from rmset_builder.fetching.catalog import Video
from rmset_builder.fetching.thumbnails import alike, difference_hash, near_duplicate


def test_the_same_picture_encoded_otherwise_is_alike(picture: Callable[..., bytes]) -> None:
    one, again, other = (difference_hash(p) for p in (picture(1), picture(1, 20), picture(2)))
    assert alike(one, again) and not alike(one, other)
    out = io.BytesIO()
    Image.open(io.BytesIO(picture(1))).resize((96, 54)).save(out, "PNG")
    assert alike(one, difference_hash(out.getvalue()))


def test_what_is_no_picture_or_shows_nothing_is_like_nothing() -> None:
    blank = io.BytesIO()
    Image.new("RGB", (64, 64), "black").save(blank, "JPEG")
    for content in (b"", b"<html>", blank.getvalue(), blank.getvalue()[:100]):
        assert difference_hash(content) == ""
    assert not alike("", "")


def test_near_duplicates_are_of_one_length_and_look_alike() -> None:
    first = Video(id="a", duration_s=100, thumbnail_hash="0123456789abcdef", sha256="s", state="fetched")
    for changes, expected in (
        ({}, "a"),
        ({"duration_s": 101}, "a"),
        ({"duration_s": 101.5}, ""),
        ({"duration_s": None}, ""),
        ({"thumbnail_hash": "0123456789abcdee"}, "a"),
        ({"thumbnail_hash": "fedcba9876543210"}, ""),
        ({"thumbnail_hash": ""}, ""),
        ({"thumbnail_hash": "", "duration_s": 5, "sha256": "s"}, "a"),
    ):
        video = first.with_(**{"id": "b", "sha256": "", **changes})
        assert near_duplicate(video, [first, video]) == expected
    second = first.with_(id="b", near_duplicate_of="a", sha256="")
    assert near_duplicate(first.with_(id="c", sha256=""), [second, first]) == "a"
    assert near_duplicate(first.with_(id="c"), [first.with_(state="filtered")]) == ""
