"""Why a video could not be fetched: yt-dlp's exceptions sorted into a few reasons, each with what follows from it."""

from __future__ import annotations

import email.utils
import errno
import re
import time
from dataclasses import dataclass
from enum import Enum

from rmset_builder.errors import VideoError
from rmset_builder.fetching.ids import plain

RATE_LIMITED = "rate-limited"
SIGN_IN = "sign-in"
NOT_WRITTEN = "not-written"
UNREACHED = "no-connection"


class Verdict(Enum):
    """What a fault means for the video and for all others."""

    AGAIN = "may succeed in another run"
    SOON = "may succeed in a moment"
    NEVER = "will not succeed as things are"
    GONE = "the video is there no more"
    STOP = "the whole queue must stop"


class FetchError(VideoError):
    """One video could not be fetched.

    Args:
        reason: a stable word for the ledger.
        message: what the site or the disk said.
        verdict: what follows.
        wait_s: how long the site asks to be left alone, seconds; 0 where it does not say.
    """

    def __init__(self, reason: str, message: str, verdict: Verdict, *, wait_s: float = 0, remedy: str = "") -> None:
        super().__init__(reason, message, remedy=remedy)
        self.verdict = verdict
        self.wait_s = wait_s


@dataclass(frozen=True)
class _Rule:
    reason: str
    verdict: Verdict
    remedy: str = ""


_COOKIES = "go on later, more slowly (--sleep), or as a signed-in user with --cookies FILE"
_OF_STATUS = {
    401: _Rule(SIGN_IN, Verdict.STOP, _COOKIES),
    403: _Rule("forbidden", Verdict.AGAIN),
    404: _Rule("not-found", Verdict.GONE),
    410: _Rule("removed", Verdict.GONE),
    429: _Rule(RATE_LIMITED, Verdict.STOP),
    451: _Rule("blocked-by-law", Verdict.NEVER),
}
# The order matters: a private video and an age limit also speak of signing in, and are no reason to stop.
_OF_WORDS = [
    (r"private video|video is private", _Rule("private", Verdict.GONE)),
    (r"confirm your age|age.restricted|inappropriate for some", _Rule("age-restricted", Verdict.NEVER)),
    (r"members.only|join this channel|requires payment|purchase", _Rule("members-only", Verdict.NEVER)),
    (r"rate.?limit|too many requests|try again later", _Rule(RATE_LIMITED, Verdict.STOP)),
    (r"not a bot|unusual traffic|captcha", _Rule(SIGN_IN, Verdict.STOP, _COOKIES)),
    (r"not (?:made this video )?available (?:in|from) your (?:country|location)|geo.?restrict",
     _Rule("blocked-here", Verdict.NEVER)),
    (r"removed by|has been removed|been terminated|no longer available|does not exist|video unavailable"
     r"|video is unavailable|video is not available|been deleted", _Rule("removed", Verdict.GONE)),
    (r"live event|premieres? in|will begin in|is offline|not currently live", _Rule("live", Verdict.AGAIN)),
    (r"sign.?in|log.?in|registered users|account cookies", _Rule(SIGN_IN, Verdict.STOP, _COOKIES)),
    (r"drm protect", _Rule("drm", Verdict.NEVER)),
    (r"unsupported url|unsupported search|no suitable extractor", _Rule("unsupported", Verdict.NEVER)),
    (r"extension .* is unusual", _Rule("unsafe-extension", Verdict.NEVER)),
    (r"requested format is not available|no video formats", _Rule("no-format", Verdict.AGAIN)),
    (r"http error 5\d\d", _Rule("server-error", Verdict.SOON)),
    (r"fragment \d+ not found|did not get any data|more expected|content too short|bytes read",
     _Rule("cut-short", Verdict.SOON)),
    (r"javascript runtime|nsig|player response", _Rule("extractor", Verdict.AGAIN, "run: rmset doctor")),
    (r"timed? ?out", _Rule("timeout", Verdict.SOON)),
    (r"getaddrinfo|name resolution|connection|network is unreachable|remote end closed",
     _Rule("network", Verdict.SOON)),
]  # fmt: skip

_CAUSE = re.compile(r" \(caused by .*")

ID_TAKEN = "id-taken"
A_LIST = "a-list"
# "Range not satisfiable": the file that is there is as long as the site's, or longer.
NOTHING_LEFT = "http-416"

# What another run would only find again; everything else is worth another try.
HOPELESS = frozenset(
    {rule.reason for rule in [*_OF_STATUS.values(), *(rule for _, rule in _OF_WORDS)] if rule.verdict is Verdict.NEVER}
    | {ID_TAKEN, A_LIST}
)
# Faults of the moment, which say nothing against a video however often they come.
NOT_OF_THE_VIDEO = frozenset({RATE_LIMITED, SIGN_IN, NOT_WRITTEN, "network", "timeout", "server-error"})


def fault_of(error: BaseException) -> FetchError:
    """Sort what yt-dlp raised, by the HTTP status behind it if there is one, else by its words."""
    if isinstance(error, FetchError):
        return error
    chain = list(_chain(error))
    for cause in chain:
        if isinstance(cause, OSError) and cause.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS):
            return FetchError(NOT_WRITTEN, f"cannot write ({cause.strerror})", Verdict.STOP, remedy="make room")
    message = _CAUSE.sub("", plain(error).removeprefix("ERROR: ")) or type(error).__name__
    for cause in chain:
        status = getattr(cause, "status", None)
        if isinstance(status, int) and hasattr(cause, "response"):
            return _of_status(status, cause, message)
    for words, rule in _OF_WORDS:
        if re.search(words, message, re.IGNORECASE):
            return FetchError(rule.reason, message, rule.verdict, remedy=rule.remedy)
    return FetchError("extractor", message, Verdict.AGAIN)


def _of_status(status: int, cause: BaseException, message: str) -> FetchError:
    if getattr(cause, "redirect_loop", False):
        return FetchError("redirect-loop", message, Verdict.AGAIN)
    if rule := _OF_STATUS.get(status):
        return FetchError(rule.reason, message, rule.verdict, wait_s=_wait_s(cause), remedy=rule.remedy)
    if status >= 500:
        return FetchError("server-error", message, Verdict.SOON, wait_s=_wait_s(cause))
    return FetchError(f"http-{status}", message, Verdict.AGAIN)


def _wait_s(cause: BaseException) -> float:
    headers = getattr(getattr(cause, "response", None), "headers", None)
    return retry_after_s(headers.get("Retry-After") if headers else None, time.time())


def retry_after_s(header: str | None, now: float) -> float:
    """Seconds that a ``Retry-After`` header asks to wait, in either of its two forms; 0 where it asks for nothing.

    Example:
        >>> retry_after_s("120", 0.0), retry_after_s("Thu, 01 Jan 1970 00:01:00 GMT", 0.0), retry_after_s("soon", 0.0)
        (120.0, 60.0, 0.0)
    """
    text = (header or "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text), 86_400.0)
    try:
        return max(0.0, min(email.utils.parsedate_to_datetime(text).timestamp() - now, 86_400.0))
    except (ValueError, TypeError):
        return 0.0


def _chain(error: BaseException | None) -> list[BaseException]:
    """The error and all that stand behind it; yt-dlp keeps those in three different places."""
    found: list[BaseException] = []
    todo = [error]
    while todo and len(found) < 20:
        this = todo.pop(0)
        if this is None or any(this is known for known in found):
            continue
        found.append(this)
        exc_info = getattr(this, "exc_info", None)
        todo += [exc_info[1] if exc_info else None, getattr(this, "cause", None), this.__cause__, this.__context__]
    return found
