from __future__ import annotations

from typing import Any

import pytest

from rmset_builder.fetching.catalog import Video
from rmset_builder.fetching.filters import Rules, is_creative_commons, judge
from rmset_builder.manifest.schema import Filters

CC = "Creative Commons Attribution license (reuse allowed)"
GOOD = Video(id="v", duration_s=300, height=720, licence=CC, live_status="was_live", age_limit=0, checked=True)
RULES = Rules(Filters(), creative_commons=True)


def reason(rules: Rules = RULES, **changes: Any) -> str:
    refusal = judge(GOOD.with_(**changes), rules)
    return refusal.reason if refusal else ""


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ""),
        ({"duration_s": 60}, ""),
        ({"duration_s": 59.9}, "too-short"),
        ({"duration_s": 3600}, ""),
        ({"duration_s": 3600.5}, "too-long"),
        ({"height": 719}, "too-low"),
        ({"live_status": "is_live"}, "live"),
        ({"live_status": "is_upcoming"}, "live"),
        ({"live_status": "post_live"}, "live"),
        ({"live_status": "not_live"}, ""),
        ({"age_limit": 18}, "age-restricted"),
        ({"age_limit": 17}, ""),
        ({"licence": "Standard YouTube License"}, "licence"),
        ({"licence": ""}, "licence"),
        ({"licence": "", "site": "file"}, ""),
    ],
)
def test_each_rule(changes: dict[str, Any], expected: str) -> None:
    assert reason(**changes) == expected


def test_what_is_not_known_refuses_nothing() -> None:
    unknown = Video(id="v", checked=True, licence=CC)
    assert judge(unknown, RULES) is None
    assert judge(Video(id="v"), RULES) is None  # a search result states no licence
    assert judge(Video(id="v", duration_s=5), RULES) is not None


def test_rules_can_be_wider() -> None:
    wide = Rules(Filters(live=True, age_restricted=True, min_duration_s=0), creative_commons=False)
    assert reason(wide, live_status="is_live", age_limit=18, licence="", duration_s=0) == ""


@pytest.mark.parametrize(
    ("licence", "expected"),
    [
        (CC, True),
        ("CC BY-SA 4.0", True),
        ("cc-by", True),
        ("CC0", True),
        ("https://creativecommons.org/licenses/by/4.0/", True),
        ("Public Domain Mark", True),
        ("Standard YouTube License", False),
        ("ACC BY", False),
        ("", False),
    ],
)
def test_licences_as_sites_word_them(licence: str, expected: bool) -> None:
    assert is_creative_commons(licence) is expected
