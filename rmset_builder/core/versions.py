"""``--version`` with the versions that matter."""

from __future__ import annotations

import platform
from collections.abc import Callable, Sequence
from typing import Any

import click


def version_option(program: str, own: str, packages: Sequence[str]) -> Callable[[Any], Any]:
    """The option ``--version``: the program's own, Python's, and those of the ``packages`` that are installed."""

    def show(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
        if wanted and not ctx.resilient_parsing:
            click.echo(
                "\n".join([f"{program}, version {own}", f"python {platform.python_version()}", *_found(packages)])
            )
            ctx.exit()

    return click.option(
        "--version", is_flag=True, expose_value=False, is_eager=True, callback=show, help="Show the version and exit."
    )


def _found(packages: Sequence[str]) -> list[str]:
    # Slow to import, and some packages describe themselves at length: other commands do without.
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415

    lines = []
    for name in packages:
        try:
            lines.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    return lines
