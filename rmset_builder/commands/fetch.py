"""``rmset fetch``: from keywords to a collection of videos."""

from __future__ import annotations

import json
import os
import re
import urllib.parse
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from rmset_builder.core.command_line import echo, something_is_done
from rmset_builder.core.errors import VideoError
from rmset_builder.fetching.collect import Fate, Options, Result, worth_another_try
from rmset_builder.fetching.describe import place_of
from rmset_builder.fetching.faults import CERTIFICATE, PROXY
from rmset_builder.fetching.filters import Rules
from rmset_builder.fetching.job import Event, Job, SearchFailed, Short
from rmset_builder.fetching.ledger import Ledger
from rmset_builder.fetching.lockfile import Attrition, Lock, is_lock, load_lock, lock_path, write_lock
from rmset_builder.fetching.report import (
    DownloadProgress,
    as_json,
    dry_run_table,
    line_of,
    summary,
    when_to_go_on,
    why,
)
from rmset_builder.fetching.ytdlp import Access
from rmset_builder.manifest.schema import YOUTUBE, Manifest, load_manifest

_RATE = re.compile(r"(\d+(?:\.\d+)?)\s*([kKmM]?)")
_LARGE = {"": 1, "k": 1_000, "m": 1_000_000}
_FAILURES = (Fate.FAILED, Fate.GONE, Fate.BLOCKED)
_NAMED = 10
_PROXIES = ("http", "https", "socks4", "socks4a", "socks5", "socks5h")


def _rate(ctx: click.Context, parameter: click.Parameter, value: str) -> int:
    match = _RATE.fullmatch(value.strip())
    if not match:
        raise click.BadParameter(f"{value!r} is no speed in bytes per second, such as 500K or 2.5M")
    return int(float(match[1]) * _LARGE[match[2].lower()])


def _place(ctx: click.Context, parameter: click.Parameter, value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_-]{0,32}", value):
        raise click.BadParameter(f"{value!r} is not a word of at most 32 letters, digits, _ and -, such as se")
    return value


def _proxy(ctx: click.Context, parameter: click.Parameter, value: str) -> str:
    """An address with a scheme; nothing of it is told, as a password may stand in it."""
    full = value if "://" in value or not value else f"http://{value}"
    try:
        parts = urllib.parse.urlsplit(full)
        fits = not full or (parts.scheme in _PROXIES and bool(parts.hostname) and parts.port != 0)
    except ValueError:
        fits = False
    if not fits:
        raise click.BadParameter("it is no address such as http://host:8080 or socks5://name:password@host:1080")
    return full


@click.command("fetch", context_settings={"show_default": True})
@click.argument("manifest", type=click.Path(path_type=Path), default="manifests/keywords.yaml")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), default="videos", help="Folder of the videos.")
@click.option("--limit", type=click.IntRange(min=0), help="Download at most so many videos in this run.")
@click.option("--dry-run", is_flag=True, help="Show what would be fetched and why not the rest.")
@click.option("--lock", is_flag=True, help="Then write MANIFEST's lock file: the ids and hashes of what is here.")
@click.option("--search-again", is_flag=True, help="Repeat searches that were made before, for what is new.")
@click.option("--retry-all", is_flag=True, help="Try again even what is gone or was given up.")
@click.option(
    "--sleep", type=click.FloatRange(min=0), default=10.0, help="Pause between downloads, up to twice it; seconds."
)
@click.option(
    "--sleep-requests", type=click.FloatRange(min=0), default=0.75, help="Pause between other requests, seconds."
)
@click.option("--limit-rate", default="0", callback=_rate, help="Most bytes per second, such as 2M; 0: no limit.")
@click.option("--least-rate", default="4K", callback=_rate, help="Slower downloads are given up; bytes per second.")
@click.option("--patience", type=click.FloatRange(min=1), default=30.0, help="For so long they may be slower, seconds.")
@click.option("--timeout", type=click.FloatRange(min=1), default=20.0, help="Wait for an answer so long, seconds.")
@click.option("--retries", type=click.IntRange(0, 20), default=3, help="Take up a broken transfer so many times.")
@click.option(
    "--backoff", type=click.FloatRange(min=0), default=2.0, help="Wait before the first retry, then twice it, seconds."
)
@click.option(
    "--cookies",
    type=click.Path(path_type=Path),
    help="Speak to sites as the owner of this cookies.txt; recorded. The file is not written to.",
)
@click.option(
    "--proxy",
    default="",
    callback=_proxy,
    help="Speak to sites through this proxy; recorded. The environment's is not used.",
)
@click.option(
    "--place",
    default="",
    callback=_place,
    help="Your word for where you ask from, such as se; what is blocked at one place is tried again at another.",
)
@click.option("--allow-plugins", is_flag=True, help="Load yt-dlp's plug-ins, which are code that nobody checks.")
@click.option("--json", "as_json_lines", is_flag=True, help="One JSON object a video on stdout.")
@click.pass_context
def command(
    ctx: click.Context,
    /,
    *,
    manifest: Path,
    out: Path,
    limit: int | None,
    dry_run: bool,
    lock: bool,
    search_again: bool,
    retry_all: bool,
    sleep: float,
    sleep_requests: float,
    limit_rate: int,
    least_rate: int,
    patience: float,
    timeout: float,
    retries: int,
    backoff: float,
    cookies: Path | None,
    proxy: str,
    place: str,
    allow_plugins: bool,
    as_json_lines: bool,
) -> None:
    """Search, judge and download what MANIFEST asks for; or exactly what a lock file (*.lock.yaml) names.

    Every video ever seen, and what became of it, is noted in catalog.jsonl in the folder of the videos. A second run
    does only what is missing and what may succeed this time. Even a dry run notes what it saw, so that it is not
    asked for again.

    Exit codes: 0 done; 1 some videos failed, or the site asked to be left alone; 2 nothing was done.
    """
    wanted = load_lock(manifest) if is_lock(manifest) else load_manifest(manifest)
    if isinstance(wanted, Lock) and lock:
        raise click.UsageError(f"--lock writes a lock file, and {manifest} is one already")
    access = Access(
        cookies=cookies,
        proxy=proxy,
        place=place,
        allow_plugins=allow_plugins,
        sleep_requests_s=sleep_requests,
        limit_rate=limit_rate,
        least_rate=least_rate,
        patience_s=patience,
        timeout_s=timeout,
        retries=retries,
        backoff_s=backoff,
        javascript=_javascript(wanted),
    )
    _tell_of_proxy(proxy)
    rules = Rules(wanted.filters, wanted.licence == "creative-commons") if isinstance(wanted, Manifest) else None
    options = Options(access=access, rules=rules, dry_run=dry_run, limit=limit, sleep_s=sleep, retry_all=retry_all)
    console = Console(stderr=True)
    with Ledger(out) as ledger, DownloadProgress(console) as progress:
        job = Job(ledger, options, progress)
        events = (
            job.run_lock(wanted) if isinstance(wanted, Lock) else job.run(wanted, manifest, search_again=search_again)
        )
        results, search_faults = _follow(events, out, dry_run=dry_run, as_json_lines=as_json_lines)
        lost = job.attrition(wanted) if isinstance(wanted, Lock) and not dry_run else None
        locked = None
        if lock and not dry_run and isinstance(wanted, Manifest):
            locked = write_lock(lock_path(manifest), wanted, ledger)
    if dry_run and not as_json_lines:
        _show(results)
    echo(f"{out}: {summary(results)}" + (f", {job.waiting:,} not reached" if job.waiting else ""), err=True)
    if lost is not None:
        _tell_attrition(lost)
    if locked is not None:
        echo(f"{lock_path(manifest)}: {locked:,} videos", err=True)
    _tell_of_blocked(results, place_of(access))
    failed = len(search_faults) + sum(result.fate in _FAILURES for result in results)
    useless = _nothing_done(results, search_faults)
    for site, fault in job.heeded.distrusted.items():
        click.echo(f"nothing more was asked of {site}: {fault}", err=True)
    stopped = job.heeded.stopped
    if stopped is not None:
        click.echo(when_to_go_on(stopped, datetime.now().astimezone()), err=True)
    elif any(result.fate is Fate.FAILED and worth_another_try(result.video) for result in results) and not useless:
        click.echo("give the same command again to retry what may yet succeed", err=True)
    if useless:
        ctx.exit(2)
    ctx.exit(1 if failed or stopped is not None or (lost is not None and not lost.complete) else 0)


def _nothing_done(results: list[Result], search_faults: list[VideoError]) -> bool:
    """Whether all that was tried met a fault of this machine's, or of its way to the site."""
    faults = [*search_faults, *(result.fault for result in results)]
    return bool(faults) and all(fault is not None and fault.reason in (CERTIFICATE, PROXY) for fault in faults)


def _follow(
    events: Iterator[Event], out: Path, *, dry_run: bool, as_json_lines: bool
) -> tuple[list[Result], list[VideoError]]:
    """Tell of everything when it happens; the results, and the faults of searches."""
    results: list[Result] = []
    short: list[Short] = []
    search_faults: list[VideoError] = []
    for event in events:
        if isinstance(event, Result):
            results.append(event)
            if event.fate is Fate.FETCHED:
                something_is_done()
            _tell(event, out, dry_run=dry_run, as_json_lines=as_json_lines)
        elif isinstance(event, SearchFailed):
            search_faults.append(event.fault)
            where = f"search {event.search.keyword!r} of {event.search.group!r}"
            click.echo(f"failed: {where}: {event.fault.reason}: {event.fault}", err=True)
        elif isinstance(event, Short):
            short.append(event)
    _tell_of_short(short)
    return results, search_faults


def _tell_of_short(short: list[Short]) -> None:
    """Which keywords have fewer videos than were asked for, all their candidates being used up."""
    for event in short[:_NAMED]:
        batch = event.batch
        elsewhere = f"; {batch.elsewhere} more belong to earlier searches" if batch.elsewhere else ""
        looked_at = f"its {len(batch.ids)} candidates are used up" if batch.ids else "the search found none"
        click.echo(
            f"note: {batch.group} / {batch.keyword}: {event.have} of {batch.wanted}, {looked_at}{elsewhere}", err=True
        )
    if len(short) > _NAMED:
        click.echo(f"note: and {len(short) - _NAMED} more keywords", err=True)


def _tell(result: Result, out: Path, *, dry_run: bool, as_json_lines: bool) -> None:
    if as_json_lines:
        click.echo(json.dumps(as_json(result)))
    elif result.fate in _FAILURES:
        echo(f"{'blocked here' if result.fate is Fate.BLOCKED else 'failed'}: {result.video.id}{why(result)}", err=True)
    elif result.fate is Fate.FETCHED and not dry_run:
        echo(line_of(result, str(out)))


def _show(results: list[Result]) -> None:
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=200)
    if any(result.fate is not Fate.SPARE for result in results):
        console.print(dry_run_table(results))


def _tell_attrition(lost: Attrition) -> None:
    total = sum(map(len, (lost.same, lost.changed, lost.gone, lost.blocked, lost.missing)))
    click.echo(f"attrition: {len(lost.same):,} of {total:,} videos are here as they were locked", err=True)
    kinds = {"gone": lost.gone, "changed": lost.changed, "blocked here": lost.blocked, "missing": lost.missing}
    for name, ids in kinds.items():
        if ids:
            more = f" and {len(ids) - _NAMED:,} more" if len(ids) > _NAMED else ""
            click.echo(f"  {len(ids):,} {name}: {', '.join(ids[:_NAMED])}{more}", err=True)


def _tell_of_blocked(results: list[Result], place: str) -> None:
    blocked = sum(result.fate in (Fate.BLOCKED, Fate.BLOCKED_BEFORE) for result in results)
    if blocked:
        told = f"note: blocked for those who ask from here ({place}): {blocked:,}, which may be there for others"
        click.echo(f"{told}; another --proxy, or --place WORD once you are elsewhere, tries them again", err=True)


def _tell_of_proxy(proxy: str) -> None:
    names = [
        name for name in ("https_proxy", "HTTPS_PROXY", "http_proxy", "HTTP_PROXY", "all_proxy") if name in os.environ
    ]
    if names and not proxy:
        click.echo(f'note: {names[0]} is set and not used; use it with --proxy "${names[0]}"', err=True)


def _javascript(wanted: Manifest | Lock) -> dict[str, Any]:
    """The JavaScript runtime for YouTube, by name; a warning where it is needed and missing."""
    youtube = wanted.source == YOUTUBE if isinstance(wanted, Manifest) else any("youtu" in v.url for v in wanted.videos)
    if not youtube:
        return {}
    from rmset_builder.doctor.packages import check_javascript, find_javascript  # noqa: PLC0415

    found = find_javascript()
    if found is None:
        finding = check_javascript()
        click.echo(f"note: {finding.found}; mend: {finding.mend}", err=True)
        return {}
    return {found.name: found.path}
