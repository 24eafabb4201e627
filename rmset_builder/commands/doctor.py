"""``rmset doctor``: the checks of the machine as aligned lines or as JSON."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rmset_builder import __version__
from rmset_builder.core.command_line import TextPath, echo
from rmset_builder.doctor.checkup import NAME_WIDTH, examine, exit_code
from rmset_builder.doctor.finding import Finding, Mark
from rmset_builder.pipeline.model_pack import DEFAULT_PACK

if TYPE_CHECKING:
    from rich.console import Console

_SHOWN = {Mark.OK: "ok", Mark.WARN: "warn", Mark.FAIL: "FAIL"}
_STYLE = {Mark.OK: "green", Mark.WARN: "yellow", Mark.FAIL: "bold red"}
_MARK_WIDTH = max(map(len, _SHOWN.values()))
_INDENT = " " * (_MARK_WIDTH + NAME_WIDTH + 4)
_NARROWEST = 60


@click.command()
@click.option(
    "--gpu", type=click.IntRange(min=0), metavar="N", help="The GPU that must work.", show_default="the CPU will do"
)
@click.option("--models", default=DEFAULT_PACK, help="The model pack: offline, one of insightface's, or a folder.")
@click.option("--out", type=TextPath(), default=Path("shards"), help="The folder for shards.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.", show_default="off")
@click.pass_context
def command(ctx: click.Context, gpu: int | None, models: str, out: Path, as_json: bool) -> None:
    """Check whether this machine is fit for the job, and say what would repair it.

    Exit codes: 0 `rmset extract` can work; 2 it cannot, and the lines marked FAIL say why.
    """
    findings = examine(models=models, gpu=gpu, out=out)
    ctx.exit(exit_code(_print_json(findings) if as_json else _print_lines(findings)))


def _print_json(findings: Iterable[Finding]) -> list[Finding]:
    done = list(findings)
    report = {"version": __version__, "exit_code": exit_code(done), "checks": [asdict(finding) for finding in done]}
    click.echo(json.dumps(report, indent=2))
    return done


def _print_lines(findings: Iterable[Finding]) -> list[Finding]:
    console, done = _console(), []
    for finding in findings:
        done.append(finding)
        if console is not None and console.is_terminal:
            _print_coloured(console, finding)
        else:
            for line in lines_of(finding):
                echo(line)
    return done


def lines_of(finding: Finding, *, width: int | None = None) -> list[str]:
    """The lines that show a finding, wrapped under themselves where ``width`` is given; a command is never wrapped."""
    head = f"{_SHOWN[finding.mark]:<{_MARK_WIDTH}}  {finding.name:<{NAME_WIDTH}}  "
    found = [head + finding.found]
    if width is not None:
        found = textwrap.wrap(
            finding.found,
            max(width, _NARROWEST),
            initial_indent=head,
            subsequent_indent=_INDENT,
            break_on_hyphens=False,
            break_long_words=False,
        )
    return [*found, f"{_INDENT}mend: {finding.mend}"] if finding.mend else found


def _console() -> Console | None:
    """rich's console; None where rich is missing, which is a finding and no reason to stop."""
    try:
        from rich.console import Console  # noqa: PLC0415
    except ImportError:
        return None
    return Console(highlight=False)


def _print_coloured(console: Console, finding: Finding) -> None:
    from rich.text import Text  # noqa: PLC0415

    text = Text("\n".join(lines_of(finding, width=console.width)))
    text.stylize(_STYLE[finding.mark], 0, _MARK_WIDTH)
    text.highlight_regex(r"mend: .*", "bold")
    console.print(text, soft_wrap=True)
