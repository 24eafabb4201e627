"""Why a video could not be fetched: yt-dlp's exceptions sorted into a few reasons, each with what follows from it."""

from __future__ import annotations

import email.utils
import errno
import re
import ssl
import time
from dataclasses import dataclass
from enum import Enum

from rmset_builder.core.errors import VideoError
from rmset_builder.fetching.ids import plain
from rmset_builder.fetching.phrases import (
    BLOCKED_BY_LAW,
    BLOCKED_HERE,
    NEEDS_ACCOUNT,
    RATE_LIMITED,
    SIGN_IN,
    said_by_site,
    said_by_yt_dlp,
    site_words,
)

NOT_WRITTEN = "not-written"
UNREACHED = "no-connection"
CERTIFICATE = "certificate"
PROXY = "proxy"


class Verdict(Enum):
    """What a fault means for the video and for all others."""

    AGAIN = "may succeed in another run"
    SOON = "may succeed in a moment"
    ELSEWHERE = "may succeed through another proxy, or at another place"
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


COOKIES = "go on later, more slowly (--sleep), or as a signed-in user with --cookies FILE"
_OF_STATUS = {
    401: _Rule(SIGN_IN, Verdict.STOP, COOKIES),
    403: _Rule("forbidden", Verdict.AGAIN),
    404: _Rule("not-found", Verdict.GONE),
    407: _Rule(PROXY, Verdict.STOP, "check the name and password in --proxy"),
    410: _Rule("removed", Verdict.GONE),
    429: _Rule(RATE_LIMITED, Verdict.STOP),
    451: _Rule(BLOCKED_BY_LAW, Verdict.ELSEWHERE),
}
_RULES = {
    "age-restricted": _Rule("age-restricted", Verdict.NEVER),
    "private": _Rule("private", Verdict.GONE),
    "members-only": _Rule("members-only", Verdict.NEVER),
    RATE_LIMITED: _Rule(RATE_LIMITED, Verdict.STOP),
    SIGN_IN: _Rule(SIGN_IN, Verdict.STOP, COOKIES),
    BLOCKED_HERE: _Rule(BLOCKED_HERE, Verdict.ELSEWHERE),
    "drm": _Rule("drm", Verdict.NEVER),
    "password": _Rule("password", Verdict.NEVER),
    "live": _Rule("live", Verdict.AGAIN),
    "removed": _Rule("removed", Verdict.GONE),
    NEEDS_ACCOUNT: _Rule(NEEDS_ACCOUNT, Verdict.AGAIN, "give --cookies FILE of an account that may see it"),
    "unsupported": _Rule("unsupported", Verdict.NEVER),
    "unsafe-extension": _Rule("unsafe-extension", Verdict.NEVER),
    "no-format": _Rule("no-format", Verdict.AGAIN),
    "server-error": _Rule("server-error", Verdict.SOON),
    "cut-short": _Rule("cut-short", Verdict.SOON),
    "timeout": _Rule("timeout", Verdict.SOON),
    "network": _Rule("network", Verdict.SOON),
    "javascript": _Rule("extractor", Verdict.AGAIN, "run: rmset doctor"),
    "extractor": _Rule("extractor", Verdict.AGAIN),
    PROXY: _Rule(PROXY, Verdict.SOON, "check --proxy"),
}
# Of OpenSSL: not valid yet, expired; another host's, another address's.
_OF_ANOTHER_TIME, _OF_ANOTHER_HOST = (9, 10), (62, 64)

_CAUSE = re.compile(r" \(caused by .*|;? please report this issue on .*", re.DOTALL)

ID_TAKEN = "id-taken"
A_LIST = "a-list"
# "Range not satisfiable": the file that is there is as long as the site's, or longer.
NOTHING_LEFT = "http-416"

# What depends on where one asks from.
PLACE_BOUND = frozenset({BLOCKED_HERE, BLOCKED_BY_LAW})
# What another run would only find again; everything else is worth another try.
HOPELESS = frozenset(
    {rule.reason for rule in _RULES.values() if rule.verdict is Verdict.NEVER} | PLACE_BOUND | {ID_TAKEN, A_LIST}
)
# Faults of the moment or of this machine, which say nothing against a video however often they come.
NOT_OF_THE_VIDEO = frozenset(
    {RATE_LIMITED, SIGN_IN, NEEDS_ACCOUNT, NOT_WRITTEN, CERTIFICATE, PROXY, "network", "timeout", "server-error"}
)


def fault_of(error: BaseException) -> FetchError:
    """Sort what yt-dlp raised: by its type, by what the site says in words, by the HTTP status behind it.

    The words of an extractor go before a status: it has seen the status, and says what that means.
    """
    if isinstance(error, FetchError):
        return error
    chain = list(_chain(error))
    for cause in chain:
        if isinstance(cause, OSError) and cause.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS):
            return FetchError(NOT_WRITTEN, f"cannot write ({cause.strerror})", Verdict.STOP, remedy="make room")
    message = _CAUSE.sub("", plain(error).removeprefix("ERROR: ")) or type(error).__name__
    words = site_words(_told_by(chain))
    reason = _of_extractor(chain) or said_by_site(words)
    if not reason and (found := _of_transport(chain, message)) is not None:
        return found
    rule = _RULES[reason or said_by_yt_dlp(words) or "extractor"]
    return FetchError(rule.reason, message, rule.verdict, remedy=rule.remedy)


def _told_by(chain: list[BaseException]) -> str:
    """What is said, without the extractor's name and the video's id, which yt-dlp sets before it."""
    from yt_dlp.utils import ExtractorError  # noqa: PLC0415  its import takes most of a second

    told = next((one.orig_msg for one in chain if isinstance(one, ExtractorError)), None)
    return str(chain[0]) if told is None else str(told)


def _of_extractor(chain: list[BaseException]) -> str:
    """The reason by the type of what an extractor raised; empty where that does not tell."""
    from yt_dlp.utils import ExtractorError, GeoRestrictedError, UnsupportedError, UserNotLive  # noqa: PLC0415

    speaker = next((one for one in chain if isinstance(one, ExtractorError)), None)
    for kind, reason in ((GeoRestrictedError, BLOCKED_HERE), (UnsupportedError, "unsupported"), (UserNotLive, "live")):
        if isinstance(speaker, kind):
            return reason
    return ""


def _of_transport(chain: list[BaseException], message: str) -> FetchError | None:
    """The fault by what went wrong on the way to the site, or by the status of its answer."""
    from yt_dlp.networking.exceptions import (  # noqa: PLC0415
        CertificateVerifyError,
        HTTPError,
        IncompleteRead,
        ProxyError,
        TransportError,
    )
    from yt_dlp.utils import ContentTooShortError  # noqa: PLC0415

    for cause in chain:
        if isinstance(cause, ssl.SSLCertVerificationError | CertificateVerifyError):
            return _of_certificate(chain, message)
    for cause in chain:
        reason = ""
        if isinstance(cause, HTTPError):
            return _of_status(cause.status, cause, message)
        if isinstance(cause, IncompleteRead | ContentTooShortError):
            reason = "cut-short"
        elif isinstance(cause, ProxyError):
            reason = PROXY
        elif isinstance(cause, TransportError):
            reason = said_by_yt_dlp(str(cause)) or "network"
        elif isinstance(cause, TimeoutError):
            reason = "timeout"
        elif isinstance(cause, ConnectionError):
            reason = "network"
        if reason:
            rule = _RULES[reason]
            return FetchError(rule.reason, message, rule.verdict, remedy=rule.remedy)
    return None


def _of_certificate(chain: list[BaseException], message: str) -> FetchError:
    error = next((one for one in chain if isinstance(one, ssl.SSLCertVerificationError)), None)
    code, why = (error.verify_code, error.verify_message) if error is not None else (0, message)
    if code in _OF_ANOTHER_TIME:
        remedy = "see whether this machine's clock is right; if it is, the site has to renew its certificate"
    elif code in _OF_ANOTHER_HOST:
        remedy = "check the address: something else answers there"
    else:
        remedy = (
            "if you know whose it is (a site or a network of your own), name a file with it in SSL_CERT_FILE; "
            "if not, somebody stands between you and the site"
        )
    return FetchError(CERTIFICATE, f"the certificate is not trusted ({plain(why)})", Verdict.AGAIN, remedy=remedy)


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
    todo = [error] if error is not None else []
    while todo and len(found) < 20:
        this = todo.pop(0)
        if any(this is known for known in found):
            continue
        found.append(this)
        exc_info = getattr(this, "exc_info", None)
        # What it was raised over comes before what had been caught before that.
        behind = [getattr(this, "cause", None), this.__cause__, this.__context__, exc_info[1] if exc_info else None]
        todo += [one for one in [*behind, getattr(this, "reason", None)] if isinstance(one, BaseException)]
    return found
