"""yt-dlp's own exceptions, as it wraps them, sorted into reasons."""

from __future__ import annotations

import errno
import io

import pytest
from yt_dlp.networking import Response
from yt_dlp.networking.exceptions import HTTPError, IncompleteRead, TransportError
from yt_dlp.utils import DownloadError, ExtractorError, GeoRestrictedError, UnsupportedError

from rmset_builder.fetching.faults import HOPELESS, FetchError, Verdict, fault_of, retry_after_s


def http(status: int, *, loop: bool = False, **headers: str) -> HTTPError:
    answer = Response(io.BytesIO(), "http://x", {k.replace("_", "-"): v for k, v in headers.items()}, status)
    return HTTPError(answer, redirect_loop=loop)


def wrapped(cause: Exception) -> DownloadError:
    """As yt-dlp raises it out of an extractor."""
    try:
        try:
            raise ExtractorError("Unable to download webpage", cause=cause, video_id="v")
        except ExtractorError as error:
            raise DownloadError(f"ERROR: {error}", (type(error), error, error.__traceback__)) from None
    except DownloadError as error:
        return error


@pytest.mark.parametrize(
    ("status", "reason", "verdict"),
    [
        (401, "sign-in", Verdict.STOP),
        (403, "forbidden", Verdict.AGAIN),
        (404, "not-found", Verdict.GONE),
        (410, "removed", Verdict.GONE),
        (418, "http-418", Verdict.AGAIN),
        (429, "rate-limited", Verdict.STOP),
        (407, "proxy", Verdict.STOP),
        (451, "blocked-by-law", Verdict.ELSEWHERE),
        (500, "server-error", Verdict.SOON),
        (503, "server-error", Verdict.SOON),
    ],
)
def test_by_the_status_behind_it(status: int, reason: str, verdict: Verdict) -> None:
    for error in (http(status), wrapped(http(status))):
        fault = fault_of(error)
        assert (fault.reason, fault.verdict) == (reason, verdict)
        assert "caused by" not in str(fault) and "ERROR" not in str(fault)


def test_how_long_a_site_asks_to_be_left_alone() -> None:
    assert fault_of(wrapped(http(429, Retry_After="120"))).wait_s == 120
    assert fault_of(wrapped(http(429))).wait_s == 0
    assert fault_of(http(302, loop=True)).reason == "redirect-loop"
    for header, seconds in (
        ("0", 0), ("7", 7), (" 30 ", 30), ("-5", 0), ("1e9", 0), ("99999999999", 86_400), ("²", 0), ("", 0), (None, 0),
        ("Thu, 01 Jan 1970 00:02:00 GMT", 120), ("Wed, 31 Dec 1969 00:00:00 GMT", 0),
    ):  # fmt: skip
        assert retry_after_s(header, 0.0) == seconds


@pytest.mark.parametrize(
    ("words", "reason", "verdict"),
    [
        ("Sign in to confirm you\u2019re not a bot. Use --cookies", "sign-in", Verdict.STOP),
        ("The current session has been rate-limited by YouTube for up to an hour", "rate-limited", Verdict.STOP),
        ("This content isn't available, try again later", "rate-limited", Verdict.STOP),
        ("This video is only available for registered users", "needs-account", Verdict.AGAIN),
        ("Private video. Sign in if you've been granted access to this video", "private", Verdict.GONE),
        (
            "Sign in to confirm your age. This video may be inappropriate for some users",
            "age-restricted",
            Verdict.NEVER,
        ),
        ("Join this channel to get access to members-only content", "members-only", Verdict.NEVER),
        ("Video unavailable. This video has been removed by the uploader", "removed", Verdict.GONE),
        ("This video is no longer available because the account has been terminated", "removed", Verdict.GONE),
        ("This live event will begin in 3 days", "live", Verdict.AGAIN),
        ("Requested format is not available", "no-format", Verdict.AGAIN),
        ("[SSL] timed out", "timeout", Verdict.SOON),
        ("something new", "extractor", Verdict.AGAIN),
    ],
)
def test_by_its_words(words: str, reason: str, verdict: Verdict) -> None:
    fault = fault_of(DownloadError(f"ERROR: [youtube] v: {words}"))
    assert (fault.reason, fault.verdict) == (reason, verdict)
    assert (reason in HOPELESS) == (verdict is Verdict.NEVER)


def test_other_kinds() -> None:
    assert fault_of(GeoRestrictedError("not available from your location")).reason == "blocked-here"
    assert fault_of(UnsupportedError("http://x")).reason == "unsupported"
    assert fault_of(IncompleteRead(partial=5, expected=7)).reason == "cut-short"
    assert fault_of(TransportError("Connection refused")).reason == "network"
    full = DownloadError("unable to write data")
    full.__cause__ = OSError(errno.ENOSPC, "No space left on device")
    assert (fault_of(full).reason, fault_of(full).verdict) == ("not-written", Verdict.STOP)
    own = FetchError("a", "b", Verdict.NEVER)
    assert fault_of(own) is own
    loop = ValueError("x")
    loop.__cause__ = loop
    assert fault_of(loop).reason == "extractor"
