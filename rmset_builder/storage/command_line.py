"""The option of every command that reads from or writes to a bucket."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from rmset_builder.storage.cache import VARIABLE

Function = TypeVar("Function", bound=Callable[..., Any])


def _name(_: click.Context, __: click.Parameter, value: Path | None) -> None:
    if value is not None:
        os.environ[VARIABLE] = str(value.absolute())  # processes that are started know it, too


def cache_option(function: Function) -> Function:
    """``--cache``: where this machine keeps what comes from and goes to buckets."""
    option = click.option(
        "--cache",
        type=click.Path(path_type=Path, file_okay=False),
        callback=_name,
        expose_value=False,
        metavar="DIR",
        help="Folder for what is read from and on its way to s3:// addresses.",
        show_default=f"${VARIABLE}, ~/.cache/rmset",
    )
    return option(function)
