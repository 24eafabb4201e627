"""Is a video one to keep? Pure rules on what is known of it; a rule that refuses says why."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from rmset_builder.fetching.catalog import FILE_SITE, Video
from rmset_builder.manifest.schema import Filters

ADULT = 18
_NOT_OVER = frozenset({"is_live", "is_upcoming", "post_live"})
_CREATIVE_COMMONS = re.compile(r"creative\s*commons|\bcc[\s-]?(?:by|0|zero)\b|public\s+domain", re.IGNORECASE)


@dataclass(frozen=True)
class Rules:
    """What a collection asks of its videos; ``creative_commons`` asks that the site states such a licence."""

    filters: Filters
    creative_commons: bool


@dataclass(frozen=True)
class Refusal:
    """A stable word for the ledger and a sentence for people."""

    reason: str
    message: str


def is_creative_commons(licence: str) -> bool:
    """Whether a licence, as sites word it, is one of Creative Commons' or the public domain.

    Example:
        >>> is_creative_commons("Creative Commons Attribution license"), is_creative_commons("CC-BY 4.0")
        (True, True)
    """
    return _CREATIVE_COMMONS.search(licence) is not None


def judge(video: Video, rules: Rules) -> Refusal | None:
    """Why a video is not one to keep; None where it is, or where what is known is not enough to refuse it.

    A search result's metadata (``checked`` false) are incomplete: what they lack refuses nothing. Length and height
    that no site states are judged when the file itself has told them.
    """
    return next(_refusals(video, rules), None)


def _refusals(video: Video, rules: Rules) -> Iterator[Refusal]:
    filters, length = rules.filters, video.duration_s
    if not filters.live and video.live_status in _NOT_OVER:
        yield Refusal("live", f"a stream that is not over ({video.live_status})")
    if not filters.age_restricted and (video.age_limit or 0) >= ADULT:
        yield Refusal("age-restricted", f"for viewers of {video.age_limit} and older")
    if length is not None and length < filters.min_duration_s:
        yield Refusal("too-short", f"{_seconds(length)} s, at least {filters.min_duration_s:,} s are asked for")
    if length is not None and length > filters.max_duration_s:
        yield Refusal("too-long", f"{_seconds(length)} s, at most {filters.max_duration_s:,} s are asked for")
    if video.height is not None and video.height < filters.min_height:
        yield Refusal("too-low", f"{video.height} lines, at least {filters.min_height} are asked for")
    # A file states no licence; whoever names a folder of their own answers for it.
    asked_for = rules.creative_commons and video.checked and video.site != FILE_SITE
    if asked_for and not is_creative_commons(video.licence):
        stated = f"its licence is {video.licence!r}" if video.licence else "the site states no licence"
        yield Refusal("licence", f"{stated}, Creative Commons is asked for")


def _seconds(length: float) -> str:
    return f"{length:,.1f}".removesuffix(".0")
