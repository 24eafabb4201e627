"""``python -m rmset_builder.demo`` composes the demo's video."""

import sys

import click

from rmset_builder.core.errors import RmsetError
from rmset_builder.demo.compose import command

try:
    command()
except RmsetError as error:
    click.echo(f"rmset_builder.demo: {error}", err=True)
    sys.exit(2)
