"""Brings the table of columns in the documentation up to date: `python -m rmset_builder.shards.docs_table`."""

from __future__ import annotations

from pathlib import Path

import click

from rmset_builder.shards.columns import table_of
from rmset_builder.shards.schema import COLUMNS

PAGE = Path(__file__).parents[2] / "docs" / "extraction.md"


def with_table(page: str) -> str:
    """The page with the table as the contract has it, in the place of the one that it has."""
    table = table_of(COLUMNS.values())
    before, head, rest = page.partition(table.partition("\n")[0])
    if not head:
        raise ValueError("the page has no table of columns")
    after = rest.partition("\n\n")[2]
    return f"{before}{table}\n\n{after}"


@click.command()
def main() -> None:
    """Bring the table of the shards' columns in docs/extraction.md up to date."""
    PAGE.write_text(with_table(PAGE.read_text("utf-8")), "utf-8")
    click.echo(f"{PAGE}: {len(COLUMNS)} columns")


if __name__ == "__main__":
    main()
