"""A video's row from yt-dlp's metadata, in which every type is checked."""

from __future__ import annotations

import hashlib
import urllib.parse

from rmset_builder.fetching.catalog import DIRECT, Video
from rmset_builder.fetching.ids import plain
from rmset_builder.fetching.ytdlp import Access, Info, version


def described(video: Video, info: Info, access: Access) -> Video:
    """The row of a video with what its own page says, and how that was asked for."""
    seen = video.with_(
        site=plain(info.get("extractor_key") or video.site),
        site_id=plain(info.get("id") or video.site_id),
        title=plain(info.get("title") or video.title),
        channel=plain(info.get("channel") or info.get("uploader") or video.channel),
        licence=plain(info.get("license")),
        upload_date=_date(info.get("upload_date")),
        duration_s=number(info.get("duration")) or video.duration_s,
        width=_whole(info.get("width")),
        height=_whole(info.get("height")),
        age_limit=_whole(info.get("age_limit")),
        live_status=plain(info.get("live_status")),
        format=plain(f"format {info.get('format_id')}, {info.get('protocol')}", 80),
        checked=True,
    )
    return with_means(seen, access)


def with_means(video: Video, access: Access) -> Video:
    """The row with how its video was asked for: with cookies, through which proxy, by which yt-dlp."""
    return video.with_(cookies=access.cookies is not None, proxy=_without_secrets(access.proxy), yt_dlp=version())


def place_of(access: Access) -> str:
    """From where sites are asked, in a word: directly or through which proxy, at the place that the user named.

    Providers choose a country by a proxy's user name or password, so two that differ in these alone are two places;
    of those the word has twelve bits of a hash, too few to guess them by.
    """
    proxy = _without_secrets(access.proxy)
    if "@" in urllib.parse.urlsplit(access.proxy).netloc:
        proxy += f"#{hashlib.sha256(access.proxy.encode('utf-8', 'surrogatepass')).hexdigest()[:3]}"
    return f"{access.place}:{proxy or DIRECT}" if access.place else proxy or DIRECT


def number(value: object) -> float | None:
    """A number that is not negative; None for anything else."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) and value >= 0 else None


def _whole(value: object) -> int | None:
    found = number(value)
    return None if found is None else int(found)


def _date(value: object) -> str:
    text = plain(value, 8)
    return f"{text[:4]}-{text[4:6]}-{text[6:]}" if len(text) == 8 and text.isdigit() else ""


def _without_secrets(proxy: str) -> str:
    """Scheme, host and port of a proxy's address, without the name and password that may stand in it."""
    parts = urllib.parse.urlsplit(proxy)
    host = f"[{parts.hostname}]" if parts.hostname and ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}" + (f":{parts.port}" if parts.port else "") if proxy else ""
