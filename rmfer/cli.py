"""The command ``rmfer``."""

from __future__ import annotations

import click

from rmset_builder import __version__


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="rmfer")
def main() -> None:
    """Train the RMFER expression recogniser on shards. No command of it is ready yet; see `rmset` for the shards."""
