"""What a manifest asks for, as batches of candidates: results of a search, addresses, files of folders."""

from __future__ import annotations

import urllib.parse
from collections.abc import Container, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from rmset_builder.core.errors import RmsetError
from rmset_builder.core.jsonl import append_rows, mend_end, parse_object, read_lines
from rmset_builder.fetching.catalog import FILE_SITE, Video
from rmset_builder.fetching.describe import number
from rmset_builder.fetching.ids import plain, safe_id
from rmset_builder.fetching.ledger import Ledger, now
from rmset_builder.fetching.ytdlp import Info, Session, version
from rmset_builder.manifest.schema import FOLDER, URL, YOUTUBE, Manifest
from rmset_builder.video.ids import distinct_id, video_id
from rmset_builder.video.info import VIDEO_SUFFIXES

SEARCHES_NAME = "searches.jsonl"

# Fewest results to look at, and how many for each video to keep: most fall to the filters.
LEAST_RESULTS = 20
RESULTS_FOR_EACH = 5

_YOUTUBE_RESULTS = "https://www.youtube.com/results?"
# YouTube's own code for "Creative Commons" among the filters of its results page, and for "videos".
_YOUTUBE_CREATIVE_COMMONS, _YOUTUBE_VIDEOS = "EgIwAQ==", "EgIQAQ=="
_NO_VIDEO = ("Tab", "Playlist", "Channel", "User", "Search", "SearchURL")


@dataclass(frozen=True)
class Search:
    """A search to make: for whom, and the address that yt-dlp is given."""

    group: str
    keyword: str
    url: str


@dataclass(frozen=True)
class Batch:
    """Ids of candidates, best first, of which ``wanted`` are to be downloaded; None for all.

    ``elsewhere`` counts results that belong to another group or keyword, which found them first.
    """

    group: str
    keyword: str
    ids: tuple[str, ...]
    wanted: int | None = None
    elsewhere: int = 0


def searches_of(manifest: Manifest) -> list[Search]:
    """Every search of a manifest, in its order.

    Example:
        >>> manifest = Manifest.model_validate({"groups": [{"name": "Anger", "keywords": ["racism"]}]})
        >>> searches_of(manifest)[0].url
        'https://www.youtube.com/results?search_query=reaction+mashup+video+racism&sp=EgIwAQ%3D%3D'
    """
    found = []
    for query in manifest.queries():
        if manifest.source == YOUTUBE:
            code = _YOUTUBE_CREATIVE_COMMONS if manifest.licence == "creative-commons" else _YOUTUBE_VIDEOS
            url = _YOUTUBE_RESULTS + urllib.parse.urlencode({"search_query": query.query, "sp": code})
        else:
            page = manifest.source.startswith(("http://", "https://"))
            words = urllib.parse.quote_plus(query.query) if page else query.query
            count = str(results_for(manifest.per_keyword))
            url = manifest.source.replace("{count}", count).replace("{licence}", manifest.licence)
            url = url.replace("{query}", words)
        found.append(Search(query.group, query.keyword, url))
    return found


def results_for(per_keyword: int) -> int:
    """How many results of a search to look at."""
    return max(LEAST_RESULTS, RESULTS_FOR_EACH * per_keyword)


@dataclass
class SearchLog:
    """``searches.jsonl``: every search that was made, when, and the ids it found, in the order of their rank."""

    path: Path
    known: dict[tuple[str, str, str], tuple[int, list[str]]] = field(default_factory=dict)

    @classmethod
    def open(cls, folder: Path) -> SearchLog:
        """The log of a folder, its end mended."""
        log = cls(folder / SEARCHES_NAME)
        mend_end(log.path)
        if not log.path.exists():
            return log
        for row in filter(None, map(parse_object, read_lines(log.path))):
            try:
                key = (str(row["group"]), str(row["keyword"]), str(row["url"]))
                log.known[key] = (int(row["count"]), [str(one) for one in row["results"]])
            except (ValueError, KeyError, TypeError):
                continue
        return log

    def results(self, search: Search, count: int) -> list[str] | None:
        """What a search found, if it was made for at least ``count`` results."""
        made = self.known.get((search.group, search.keyword, search.url))
        return made[1] if made is not None and made[0] >= count else None

    def add(self, search: Search, count: int, results: list[str]) -> None:
        """Note a search."""
        row = {**asdict(search), "count": count, "results": results, "yt_dlp": version(), "when": now()}
        append_rows(self.path, [row])
        self.known[search.group, search.keyword, search.url] = (count, results)


def take_results(ledger: Ledger, search: Search, entries: Iterable[Info]) -> list[str]:
    """Note the results of a search in the ledger; a video known from elsewhere stays what it is.

    Returns:
        The ids of all results, in order.
    """
    new: dict[str, Video] = {}
    ids: list[str] = []
    for entry in entries:
        url = video_url(entry)
        if not url:
            continue
        known = ledger.of_url(url) or next((video for video in new.values() if video.url == url), None)
        if known is None:
            site, site_id = str(entry.get("ie_key") or ""), str(entry.get("id") or "")
            known = Video(
                id=_free_id(ledger, new, site_id, url),
                url=url,
                site=site,
                site_id=plain(site_id),
                title=plain(entry.get("title")),
                channel=plain(entry.get("channel") or entry.get("uploader")),
                duration_s=number(entry.get("duration")),
                live_status=plain(entry.get("live_status")),
                group=search.group,
                keyword=search.keyword,
                rank=len(ids) + 1,
            )
            new[known.id] = known
        if known.id not in ids:
            ids.append(known.id)
    ledger.record(*new.values())
    return ids


def video_url(entry: Info) -> str:
    """The address of a search result that is a video; empty for channels, playlists and what is no web address."""
    site, url, site_id = str(entry.get("ie_key") or ""), entry.get("url"), entry.get("id")
    if site == "Youtube" and isinstance(site_id, str):
        # Shorts and links with a time or a list are the same video.
        return f"https://www.youtube.com/watch?v={urllib.parse.quote(site_id, safe='')}"
    if not isinstance(url, str) or site.endswith(_NO_VIDEO) or len(url) > 2000:
        return ""
    return url if url.startswith(("http://", "https://")) else ""


def batch_of_search(ledger: Ledger, search: Search, ids: list[str], wanted: int) -> Batch:
    """The candidates of a search: those of its results that no other search found before.

    What the same keyword found earlier and does not find now comes last.
    """
    own = [one for one in ids if _is_of(ledger.get(one), search.group, search.keyword)]
    earlier = [video.id for video in ledger if _is_of(video, search.group, search.keyword) and video.id not in own]
    return Batch(search.group, search.keyword, (*own, *earlier), wanted, elsewhere=len(ids) - len(own))


def batches_of_addresses(ledger: Ledger, session: Session, manifest: Manifest) -> Iterator[Batch]:
    """A batch for each group of a manifest of addresses."""
    for group in manifest.groups:
        ids: list[str] = []
        for rank, url in enumerate(group.urls, 1):
            known = ledger.of_url(url)
            if known is None:
                site, site_id = session.address_of(url)
                name = site_id or Path(urllib.parse.urlsplit(url).path).stem
                free = _free_id(ledger, (), site_id, url, readable=name)
                known = Video(id=free, url=url, site=site, site_id=plain(site_id), group=group.name, rank=rank)
                ledger.record(known)
            ids.append(known.id)
        yield _of_group(ledger, group.name, ids)


def batches_of_folders(ledger: Ledger, manifest: Manifest, beside: Path) -> Iterator[Batch]:
    """A batch for each group of a manifest of folders, which are relative to the folder ``beside``.

    Raises:
        RmsetError: a folder is not there or cannot be listed.
    """
    for group in manifest.groups:
        ids: list[str] = []
        for name in group.folders:
            folder = (beside / Path(name).expanduser()).resolve()
            try:
                files = sorted(p for p in folder.iterdir() if p.suffix.lower() in VIDEO_SUFFIXES and p.is_file())
            except OSError as error:
                message = f"the folder {name} of the group {group.name!r} cannot be listed ({error.strerror})"
                raise RmsetError(message, remedy=f"it is looked for at {folder}") from error
            new: list[Video] = []
            for file in files:
                url = file.as_uri()
                known = ledger.of_url(url)
                if known is None:
                    free = video_id(file)
                    if ledger.get(free) is not None or any(video.id == free for video in new):
                        free = distinct_id(file.stem, url)
                    known = Video(
                        id=free, url=url, site=FILE_SITE, title=plain(file.stem), group=group.name, rank=len(ids) + 1
                    )
                    new.append(known)
                ids.append(known.id)
            ledger.record(*new)
        yield _of_group(ledger, group.name, ids)


def is_search(manifest: Manifest) -> bool:
    """Whether a manifest's videos are searched for."""
    return manifest.source not in (URL, FOLDER)


def _of_group(ledger: Ledger, group: str, ids: list[str]) -> Batch:
    own = [one for one in dict.fromkeys(ids) if _is_of(ledger.get(one), group)]
    return Batch(group, "", tuple(own), elsewhere=len(set(ids)) - len(own))


def _is_of(video: Video | None, group: str, keyword: str | None = None) -> bool:
    return video is not None and video.group == group and keyword in (None, video.keyword)


def _free_id(ledger: Ledger, new: Container[str], site_id: str, url: str, *, readable: str = "") -> str:
    """An id that no other video has: the site's own if possible."""
    name = safe_id(site_id) if site_id else distinct_id(readable or "video", url)
    if name in new or ledger.get(name) is not None:
        return distinct_id(site_id or readable, site_id, url)
    return name
