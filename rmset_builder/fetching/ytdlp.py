"""yt-dlp, used as a library with few rights: one call a video, which writes into one given folder only.

No plug-ins, configuration files, cookies or proxies unless asked for; no postprocessors, no external programs but
the JavaScript runtime that YouTube needs, never a shell.
"""

from __future__ import annotations

import io
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rmset_builder.core.errors import RmsetError
from rmset_builder.fetching.faults import A_LIST, NOTHING_LEFT, FetchError, Verdict, fault_of
from rmset_builder.fetching.ids import plain
from rmset_builder.fetching.watchdog import Pulse, watchdog

NO_PLUGINS = "YTDLP_NO_PLUGINS"
LARGEST_HEIGHT = 1080
PAGE_SECONDS = 180.0
LARGEST_THUMBNAIL = 5_000_000

Info = dict[str, Any]
OnProgress = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True)
class Access:
    """How sites are spoken to.

    ``cookies`` is a file in Netscape's format, which is read and never written; ``proxy`` an address, or empty for
    none, whatever the environment says; ``place`` the user's own word for where one asks from. ``sleep_requests_s`` is
    slept between the requests of one video; ``limit_rate`` is in bytes per second, 0 for no limit. A download that gets
    less than ``least_rate`` bytes per second during ``patience_s`` is given up. ``retries`` broken downloads are taken
    up again, after ``backoff_s`` · 2ⁿ seconds.
    """

    cookies: Path | None = None
    proxy: str = ""
    place: str = ""
    allow_plugins: bool = False
    sleep_requests_s: float = 0.75
    limit_rate: int = 0
    least_rate: int = 4096
    patience_s: float = 30.0
    timeout_s: float = 20.0
    retries: int = 3
    backoff_s: float = 2.0
    javascript: dict[str, str] = field(default_factory=dict)

    def backoff(self, n: int) -> float:
        """Seconds to wait after attempt ``n``, the first being number 0; yt-dlp calls it by that name."""
        return float(min(self.backoff_s * 2.0 ** min(n, 10), 120.0))


class Session:
    """Searches, metadata, thumbnails and downloads through yt-dlp.

    Args:
        access: how sites are spoken to.
        cache: a folder for what yt-dlp wants to remember between videos (YouTube's player, by hash).
    """

    def __init__(self, access: Access, cache: Path) -> None:
        self.access = access
        self._cache = cache
        # Kept in memory from video to video, as sites renew them; the user's file stays as it is.
        self._cookies = _read_cookies(access.cookies) if access.cookies else ""
        self._spoken = False
        _set_plugins(allowed=access.allow_plugins)

    def search(self, url: str, count: int) -> list[Info]:
        """The first ``count`` results of a search page, as flat entries; nothing of them is looked at yet.

        Raises:
            FetchError: the search failed.
        """
        options = {"extract_flat": True, "playlist_items": f"1:{count}", "lazy_playlist": False}
        with self._open(options) as (ydl, _), _within(PAGE_SECONDS):
            found = ydl.extract_info(url, download=False)
            entries = [entry for entry in (found or {}).get("entries") or [] if entry]
            return [ydl.sanitize_info(entry) for entry in entries]

    def address_of(self, url: str) -> tuple[str, str]:
        """Site and id of an address, found without asking the site; empty where that is not possible."""
        import yt_dlp  # noqa: PLC0415
        from yt_dlp.extractor import gen_extractor_classes  # noqa: PLC0415  slow, and seldom needed

        with yt_dlp.YoutubeDL({"quiet": True}, auto_init=False):
            for extractor in gen_extractor_classes():
                if extractor.suitable(url):
                    key = str(extractor.ie_key())
                    return ("", "") if key == "Generic" else (key, str(extractor.get_temp_id(url) or ""))
        return "", ""

    @contextmanager
    def video(self, url: str, *, min_height: int = 0) -> Iterator[OpenVideo]:
        """The full metadata of one video, and the means to download it at once, while its addresses are fresh.

        Raises:
            FetchError: there is no such video, or it cannot be had.
        """
        tallest = max(LARGEST_HEIGHT, min_height)
        options = {
            "noplaylist": True,
            "extract_flat": "in_playlist",
            "playlist_items": "1",
            # Only the picture is wanted: nothing needs to be joined. AV1 is not decoded by every GPU.
            "format": "bestvideo*/best",
            "format_sort": [f"res:{tallest}", "vcodec:h264", "proto", "fps", "vbr"],
        }
        with self._open(options) as (ydl, heard):
            with _within(PAGE_SECONDS):
                info = ydl.extract_info(url, download=False)
            if not info:
                raise FetchError("extractor", heard.last or "yt-dlp found nothing", Verdict.AGAIN)
            if info.get("_type", "video") != "video" or "entries" in info:
                message = f"{plain(url)} is a list of videos, not one"
                raise FetchError(A_LIST, message, Verdict.NEVER, remedy="name its videos one by one")
            yield OpenVideo(ydl, self.access, ydl.sanitize_info(info, remove_private_keys=True))

    @contextmanager
    def _open(self, own: dict[str, Any]) -> Iterator[tuple[Any, _Listener]]:
        import yt_dlp  # noqa: PLC0415  it takes most of a second, which a run with nothing to do need not spend

        if self._spoken:
            polite_sleep(self.access.sleep_requests_s)
        self._spoken = True
        heard = _Listener()
        cookies = io.StringIO(self._cookies) if self._cookies else None
        options = {**self._options(), **own, "cookiefile": cookies, "logger": heard}
        try:
            ydl = yt_dlp.YoutubeDL(options)
            ydl.cookiejar  # noqa: B018  reads the cookies, which may be no cookies
        except (yt_dlp.utils.YoutubeDLError, OSError, ValueError) as error:
            raise RmsetError(f"yt-dlp refuses ({plain(error)})", remedy="check --cookies and --proxy") from error
        with ydl:
            yield ydl, heard
        if cookies is not None:
            self._cookies = cookies.getvalue().lstrip("\0") or self._cookies

    def _options(self) -> dict[str, Any]:
        access = self.access
        return {
            "quiet": True,
            "noprogress": True,
            "color": "never",
            "ignoreerrors": False,
            "cachedir": str(self._cache),
            "usenetrc": False,
            "enable_file_urls": False,
            # An empty address means a direct connection; None would take whatever the environment names.
            "proxy": access.proxy,
            # Else a video that is blocked here is asked for again under an invented address.
            "geo_bypass": False,
            # Else a certificate that the user trusts would count for nothing beside those that yt-dlp brings.
            "compat_opts": {"no-certifi"}
            if os.environ.get("SSL_CERT_FILE") or os.environ.get("SSL_CERT_DIR")
            else set(),
            "socket_timeout": access.timeout_s,
            "sleep_interval_requests": access.sleep_requests_s,
            "ratelimit": access.limit_rate or None,
            "retries": access.retries,
            "fragment_retries": access.retries,
            # The queue itself takes up what fails before a download.
            "extractor_retries": min(access.retries, 1),
            "file_access_retries": 1,
            "retry_sleep_functions": dict.fromkeys(("http", "fragment", "extractor"), access.backoff),
            "skip_unavailable_fragments": False,
            "continuedl": True,
            "nopart": False,
            "updatetime": False,
            "fixup": "never",
            "postprocessors": [],
            "allow_playlist_files": False,
            "js_runtimes": {name: {"path": path} for name, path in access.javascript.items()} or {"deno": {}},
        }


class OpenVideo:
    """One video whose metadata is known; ``info`` is yt-dlp's, as plain data."""

    def __init__(self, ydl: Any, access: Access, info: Info) -> None:
        self._ydl = ydl
        self._access = access
        self.info = info

    def thumbnail(self) -> bytes:
        """The bytes of the video's thumbnail; empty where it has none or it cannot be had."""
        url = self.info.get("thumbnail")
        if not isinstance(url, str) or not url.startswith(("http://", "https://")):
            return b""
        try:
            with _within(self._access.patience_s), self._ydl.urlopen(url) as answer:
                content: bytes = answer.read(LARGEST_THUMBNAIL)
        except FetchError as fault:
            # A thumbnail is worth nothing of its own; only what concerns the whole queue counts.
            if fault.verdict is Verdict.STOP:
                raise
            return b""
        return content

    def download(self, stem: Path, progress: OnProgress) -> Path:
        """Download the chosen format, going on where an earlier attempt at the same format and size ended.

        Args:
            stem: where to, without a suffix; while it is incomplete, ``.part`` is added to the name.
            progress: told of the bytes that are there and of those expected (0 where unknown).

        Returns:
            The path of the file.

        Raises:
            FetchError: it could not be downloaded; what has come of it stays for the next attempt.
        """
        pulse = Pulse()
        finished: list[str] = []

        def hook(status: dict[str, Any]) -> None:
            pulse.bytes = int(status.get("downloaded_bytes") or pulse.bytes)
            progress(pulse.bytes, int(status.get("total_bytes") or status.get("total_bytes_estimate") or 0))
            if status.get("status") == "finished":
                finished.append(str(status["filename"]))

        self._ydl.params["outtmpl"]["default"] = str(stem).replace("%", "%%") + ".%(ext)s"
        self._ydl.add_progress_hook(hook)
        access = self._access
        least = min(access.least_rate, access.limit_rate / 2) if access.limit_rate else access.least_rate
        try:
            with _within(access.patience_s, pulse, least):
                self._ydl.process_ie_result(dict(self.info), download=True)
        except FetchError as fault:
            if fault.reason == NOTHING_LEFT and (whole := _take_as_whole(stem)) is not None:
                return whole
            if fault.verdict is Verdict.SOON:  # which yt-dlp has tried
                raise FetchError(fault.reason, fault.message, Verdict.AGAIN) from fault
            raise
        if not finished or not Path(finished[-1]).is_file():
            raise FetchError("cut-short", "yt-dlp ended without a file", Verdict.AGAIN)
        return Path(finished[-1])


def _take_as_whole(stem: Path) -> Path | None:
    """The partial file of a stem as a whole one, to be looked at as any other.

    Killed between the last byte and the renaming, yt-dlp asks for what comes after the last byte, time and again.
    """
    for part in stem.parent.glob(f"{stem.name}.*.part"):
        return part.replace(part.with_suffix(""))
    return None


class _Listener:
    """Keeps the last thing that yt-dlp complained of; the rest is not for users."""

    def __init__(self) -> None:
        self.last = ""

    def debug(self, message: str) -> None:
        """Nothing."""

    def warning(self, message: str) -> None:
        """Keep it: it may be the only word on why nothing was found."""
        self.last = plain(message)

    def error(self, message: str) -> None:
        """Keep it."""
        self.last = plain(message)


@contextmanager
def _within(seconds: float, pulse: Pulse | None = None, least_rate: float = 1.0) -> Iterator[None]:
    """A call into yt-dlp that may not stand still for so long, and of which every fault is a `FetchError`."""
    from yt_dlp.utils import YoutubeDLError  # noqa: PLC0415

    try:
        with watchdog(pulse or Pulse(), window_s=seconds, least_bytes_per_s=least_rate):
            yield
    except FetchError:
        raise
    except (YoutubeDLError, OSError, ValueError, LookupError, TypeError, AttributeError, AssertionError) as error:
        # The last ones: an extractor that trips over a page it did not expect. One video must not end the run.
        raise fault_of(error) from error


def version() -> str:
    """yt-dlp's version, without importing yt-dlp."""
    from importlib import metadata  # noqa: PLC0415

    return metadata.version("yt-dlp")


def _set_plugins(*, allowed: bool) -> None:
    if not allowed:
        os.environ[NO_PLUGINS] = "1"
    elif os.environ.get(NO_PLUGINS):
        raise RmsetError(f"--allow-plugins, but {NO_PLUGINS} is set", remedy=f"run: unset {NO_PLUGINS}")


def _read_cookies(path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RmsetError(f"--cookies {path} cannot be read ({error})", remedy="give a file of cookies.txt") from error
    if not text.startswith(("# Netscape HTTP Cookie File", "# HTTP Cookie File")):
        raise RmsetError(
            f"--cookies {path} is no cookies.txt in Netscape's format",
            remedy="its first line must be: # Netscape HTTP Cookie File",
        )
    return text


def polite_sleep(seconds: float) -> None:
    """Sleep, but for nothing when there is nothing to sleep for."""
    if seconds > 0:
        time.sleep(seconds)
