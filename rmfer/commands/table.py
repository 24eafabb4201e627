"""``rmfer table``: the tables of the paper's supplement, beside what is found here."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console

from rmset_builder.core.command_line import INTERRUPTED, SpreadingCommand, TextPath, something_is_done
from rmset_builder.core.files import whole_file

if TYPE_CHECKING:
    from rmfer.paper.published import Table
    from rmfer.paper.render import Shown

_STATISTICS = 2


@click.command("table", cls=SpreadingCommand, spreading=["--seeds"], context_settings={"show_default": True})
@click.argument("number", type=click.IntRange(1, 14))
@click.option("--quick", is_flag=True, help="A rehearsal in minutes, whose figures mean nothing.")
@click.option("--seeds", type=click.IntRange(0), multiple=True, help="Of each row.  [default: 42 43 44; quick: 42]")
@click.option("--set", "changes", multiple=True, metavar="KEY=VALUE", help="A setting of all runs, over everything.")
@click.option(
    "--benchmark", "benchmark_path", type=TextPath(), help="Its folder or zip.  [default: the first in data/]"
)
@click.option("--rmset", "shards", type=TextPath(), default=Path("shards"), help="Shards.")
@click.option("--celeba", type=TextPath(), help="CelebA, for a row of table 4.")
@click.option("--manifest", type=TextPath(), default=Path("manifests/keywords.yaml"), help="For table 1.")
@click.option("--jobs", type=click.IntRange(1), help="Runs at a time.  [default: one a GPU, or two]")
@click.option("--minutes", type=click.FloatRange(0, min_open=True), help="Stop in time; the same command goes on.")
@click.option("--device", help="cpu, cuda (all GPUs) or cuda:N.  [default: cuda where there is one]")
@click.option(
    "--out", type=TextPath(), default=Path("paper"), help="Folder of runs, which tables share, and of tables."
)
@click.option("--markdown", "as_markdown", is_flag=True, help="Print Markdown.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def command(ctx: click.Context, /, *, number: int, out: Path, as_markdown: bool, as_json: bool, **options: Any) -> None:
    """Print table NUMBER of the paper's supplement beside what is found here, and train what it needs.

    \b
    rmfer table 10 --benchmark ferplus.zip
    rmfer table 4 --quick --benchmark ferplus.zip --rmset shards/
    rmfer table 9 --benchmark ferplus.zip --seeds 42 43 44 --set weights=enet_b2_7.safetensors

    Runs lie in OUT/runs and are used by every table that needs them; a run that is done is not done again, one that was
    stopped goes on. What cannot be compared with the paper is marked. docs/paper.md says what each table takes.
    """
    # torch takes seconds to import, and --help does without.
    from rmfer.paper.published import published  # noqa: PLC0415
    from rmfer.paper.render import as_json as plain  # noqa: PLC0415
    from rmfer.paper.render import markdown, print_table  # noqa: PLC0415

    table = published()[number]
    if number == _STATISTICS:
        ctx.exit(_statistics(options["shards"], as_markdown=as_markdown, as_json=as_json))
    shown, figures, ended = (_of_runs if table.measures else _without_runs)(table, out=out, **options)
    told = plain(shown, figures)
    with whole_file(out / f"table{number}.json") as temporary:
        temporary.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    something_is_done()
    if as_json:
        click.echo(json.dumps(told, indent=1))
    elif as_markdown:
        click.echo(markdown(shown), nl=False)
    else:
        print_table(shown, Console())
    if ended is not None and ended.interrupted:
        ctx.exit(INTERRUPTED)
    if ended is not None and ended.failed:
        ctx.exit(1)


def _of_runs(
    table: Table,
    *,
    out: Path,
    quick: bool,
    seeds: tuple[int, ...],
    benchmark_path: Path | None,
    shards: Path,
    celeba: Path | None,
    manifest: Path,
    **training: Any,
) -> tuple[Shown, dict[str, Any], Any]:
    from rmfer.labelled.registry import open_benchmark  # noqa: PLC0415
    from rmfer.paper.collect import collect  # noqa: PLC0415
    from rmfer.paper.plan import Data  # noqa: PLC0415
    from rmfer.paper.show import show_runs  # noqa: PLC0415
    from rmfer.paper.train import train_rows  # noqa: PLC0415

    data = Data(open_benchmark(benchmark_path), shards, celeba)
    chosen = seeds or ((42,) if quick else (42, 43, 44))
    planned, ended = train_rows(table, data, out, seeds=chosen, quick=quick, **training)
    found = collect(table, planned, data.benchmark.path)
    figures = {
        "found": {name: asdict(own) for name, own in found.items()},
        "runs": {one.row.name: [] for one in planned},
        "failed": ended.failed,
    }
    for one in planned:
        figures["runs"][one.row.name].append(one.job.folder.name)  # type: ignore[index]
    return show_runs(table, found, planned, data, quick=quick, failed=ended.failed), figures, ended


def _without_runs(
    table: Table, *, benchmark_path: Path | None, manifest: Path, **_: Any
) -> tuple[Shown, dict[str, Any], Any]:
    from rmfer.labelled.registry import open_benchmark  # noqa: PLC0415
    from rmfer.paper.show import show_counts, show_keywords, show_settings  # noqa: PLC0415
    from rmset_builder.manifest.schema import load_manifest  # noqa: PLC0415

    if table.presets:
        return show_settings(table), {}, None
    if table.benchmark or len(table.columns) > 1:
        return show_counts(table, open_benchmark(benchmark_path)), {}, None
    groups = {group.name: group.keywords for group in load_manifest(manifest).groups}
    return show_keywords(table, groups), {}, None


def _statistics(shards: Path, *, as_markdown: bool, as_json: bool) -> int:
    """Table 2 is `rmset stats --paper`'s."""
    form = "json" if as_json else "markdown" if as_markdown else "table"
    command = [sys.executable, "-m", "rmset_builder", "stats", "--paper", "--format", form, "--", str(shards)]
    return subprocess.run(command, check=False).returncode
