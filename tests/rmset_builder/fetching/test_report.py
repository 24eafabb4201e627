from __future__ import annotations

from datetime import UTC, datetime

from rmset_builder.fetching.catalog import Video
from rmset_builder.fetching.collect import Fate, Result, worth_another_try
from rmset_builder.fetching.faults import FetchError, Verdict
from rmset_builder.fetching.report import summary, when_to_go_on

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def test_when_and_how_to_go_on() -> None:
    told = when_to_go_on(FetchError("rate-limited", "slow down", Verdict.STOP, wait_s=90), NOON)
    assert told.splitlines()[0] == "stopped politely, rate-limited: slow down"
    assert "after 12:01:30 (as the site asks)" in told and "--sleep" in told
    told = when_to_go_on(FetchError("sign-in", "who are you", Verdict.STOP, remedy="use --cookies FILE"), NOON)
    assert "after 13:00:00 (it did not say for how long" in told and told.endswith("use --cookies FILE")
    assert "2026-01-02 " in when_to_go_on(FetchError("rate-limited", "", Verdict.STOP, wait_s=80_000), NOON)
    assert "make room" in when_to_go_on(FetchError("not-written", "full", Verdict.STOP, remedy="make room"), NOON)


def test_a_summary_counts_fates_and_reasons() -> None:
    def result(fate: Fate, reason: str = "") -> Result:
        return Result(Video(id="v", reason=reason), fate)

    refused = [result(Fate.FILTERED, "licence")] * 2 + [result(Fate.FILTERED, "live")]
    assert summary([result(Fate.FETCHED), *refused]) == "1 fetched, 3 filtered (2 licence, 1 live)"
    assert summary([]) == "no candidates"


def test_what_another_run_tries_again() -> None:
    failed = Video(id="v", state="failed", times=1)
    assert worth_another_try(failed.with_(reason="forbidden"))
    assert not worth_another_try(failed.with_(reason="forbidden", times=5))
    assert worth_another_try(failed.with_(reason="rate-limited", times=50))
    assert not worth_another_try(failed.with_(reason="blocked-here"))
    assert not worth_another_try(Video(id="v", state="gone"))
    assert worth_another_try(Video(id="v", state="filtered", reason="too-long"))
    assert not worth_another_try(Video(id="v", state="filtered", reason="id-taken"))
