from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from rmset_builder.fetching.ids import plain, safe_id
from rmset_builder.video.ids import distinct_id

NAMES = st.text() | st.from_regex(r"[A-Za-z0-9_-]{1,70}", fullmatch=True)


@given(NAMES)
def test_whatever_a_site_says_becomes_a_harmless_name(site_id: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9_-]{1,64}", safe_id(site_id))


@given(st.lists(NAMES, unique=True, max_size=20))
def test_two_ids_never_become_one(ids: list[str]) -> None:
    once = [safe_id(one) for one in ids]
    assert len(set(once)) == len(ids)
    # Not even those that were made here and come back as a site's own.
    everything = set(ids) | set(once)
    assert len({safe_id(one) for one in everything}) == len(everything)


def test_youtube_ids_stay_as_they_are() -> None:
    for one in ("dQw4w9WgXcQ", "-_aBc--dEf_", "___________", "0123456789a"):
        assert safe_id(one) == one


def test_ids_that_differ_in_capitals_or_marks_alone() -> None:
    assert len({safe_id(one).casefold() for one in ("a/b", "a\\b", "a b", "a_b", "A/B")}) == 5
    assert distinct_id("same", "a", "bc") != distinct_id("same", "ab", "c")


def test_text_from_sites_cannot_move_the_cursor() -> None:
    assert plain("a\x1b[31mred\x1b[0m\r\n\tb\u202ec\u200b") == "ared b c"
    assert plain("x" * 1000, 5) == "xxxx…"
    assert (plain(None), plain(7)) == ("", "7")
