"""Real messages, raised through the real yt-dlp, get the reason that they stand for; words in names do not count."""

from __future__ import annotations

import pytest
import yt_dlp
from site_messages import MESSAGES, ONLY_NAMED
from yt_dlp.extractor.common import InfoExtractor
from yt_dlp.networking.exceptions import HTTPError, RequestError
from yt_dlp.networking.exceptions import TransportError as Transport
from yt_dlp.utils import DownloadError, ExtractorError

from rmset_builder.fetching.faults import FetchError, Verdict, fault_of
from rmset_builder.fetching.phrases import said_by_site, site_words

VERDICTS = {
    "blocked-here": Verdict.ELSEWHERE, "removed": Verdict.GONE, "private": Verdict.GONE,
    "age-restricted": Verdict.NEVER, "members-only": Verdict.NEVER, "password": Verdict.NEVER, "drm": Verdict.NEVER,
    "unsupported": Verdict.NEVER, "unsafe-extension": Verdict.NEVER, "rate-limited": Verdict.STOP,
    "sign-in": Verdict.STOP, "needs-account": Verdict.AGAIN, "live": Verdict.AGAIN, "extractor": Verdict.AGAIN,
    "no-format": Verdict.AGAIN, "server-error": Verdict.SOON, "cut-short": Verdict.SOON, "network": Verdict.SOON,
}  # fmt: skip


class SayingIE(InfoExtractor):
    """Fails in a given way; its videos' ids are as badly named as may be."""

    _VALID_URL = r"said:(?P<id>.+)"
    fails_with: object = None

    def _real_extract(self, url: str) -> dict[str, object]:
        raise self.fails_with if isinstance(self.fails_with, Exception) else self.fails_with()  # type: ignore[operator]


def met(fails_with: object, video_id: str = "v1") -> FetchError:
    """What becomes of an exception that an extractor raises, after all that yt-dlp does to it."""
    saying = SayingIE()
    saying.fails_with = fails_with
    with yt_dlp.YoutubeDL({"quiet": True, "noprogress": True}, auto_init=False) as ydl:
        ydl.to_stderr = lambda *_args, **_options: None
        ydl.add_info_extractor(saying)
        with pytest.raises(DownloadError) as raised:
            ydl.extract_info(f"said:{video_id}", download=False)
    return fault_of(raised.value)


ROWS = [(reason, message) for reason, rows in MESSAGES.items() for _, message in rows]


@pytest.mark.parametrize(
    "video_id", ["v1", "Sign in to confirm you're not a bot", "Private video. This video is private"]
)
def test_real_messages(video_id: str) -> None:
    wrong = []
    for reason, message in [*ROWS, *ONLY_NAMED]:
        fault = met(ExtractorError(message, expected=True), video_id)
        if (fault.reason, fault.verdict) != (reason, VERDICTS[reason]):
            wrong.append((reason, fault.reason, message))
    assert not wrong


def test_the_same_where_only_text_is_left() -> None:
    for reason, message in [*ROWS, *ONLY_NAMED]:
        assert fault_of(DownloadError(f"ERROR: [site] v1: {message}")).reason == reason, message


def http(status: int) -> HTTPError:
    answer = yt_dlp.networking.Response(None, "http://x/sign-in", {}, status)  # type: ignore[arg-type]
    return HTTPError(answer)


def raising(error: Exception, over: Exception) -> object:
    """As an extractor does that catches one exception and raises another."""

    def fails() -> None:
        try:
            raise over
        except RequestError:
            raise error  # noqa: B904

    return fails


def test_types_and_the_words_of_an_extractor_go_before_the_status_that_it_saw() -> None:
    saying = SayingIE()
    with pytest.raises(ExtractorError) as login:
        saying.raise_login_required()
    with pytest.raises(ExtractorError) as geo:
        saying.raise_geo_restricted("Only for some", countries=["SE"])
    assert met(login.value).reason == "needs-account"
    assert met(geo.value).reason == "blocked-here"
    assert met(yt_dlp.utils.UserNotLive()).reason == "live"
    assert met(yt_dlp.utils.UnsupportedError("http://x/captcha")).reason == "unsupported"
    for words, status, reason in (
        ("This video is private", 403, "private"),
        ("This clip is no longer available", 403, "removed"),
        ("This video is not available in your region", 404, "blocked-here"),
        ("Nothing that is known", 404, "not-found"),
        ("Nothing that is known", 451, "blocked-by-law"),
        ("Nothing that is known", 407, "proxy"),
    ):
        assert met(raising(ExtractorError(words, expected=True), http(status))).reason == reason, words
        error = ExtractorError(words, expected=True, cause=http(status))
        assert met(error).reason == reason, words
    assert met(raising(yt_dlp.utils.GeoRestrictedError("no"), http(403))).reason == "blocked-here"
    assert met(ExtractorError("Unable to download webpage", cause=http(429))).reason == "rate-limited"
    assert (
        met(ExtractorError("Unable to download webpage: please sign in", cause=Transport("refused"))).reason
        != "network"
    )
    assert met(
        ExtractorError("Unable to download", cause=Transport("Connection to captcha.example refused"))
    ).reason == ("network")


def test_names_are_taken_out_and_words_of_the_site_are_left() -> None:
    assert site_words("[generic] x: Unsupported URL: https://a.example/b-in") == "Unsupported URL: …"
    assert site_words('Facebook said: "This video is private"') == "Facebook said: This video is private"
    assert said_by_site(site_words('Facebook said: "This video is private"')) == "private"
    assert site_words("You've got 'a b' and it's fine") == "You've got … and it's fine"
    assert said_by_site("") == said_by_site("something new") == ""
