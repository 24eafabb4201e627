"""``rmset review``: look at shards in the browser, and put right who is who by clicks."""

from __future__ import annotations

import webbrowser
from pathlib import Path

import click

from rmset_builder.core.command_line import TextPath, echo
from rmset_builder.core.errors import RmsetError


@click.command("review", context_settings={"show_default": True})
@click.argument("shards", type=TextPath(file_okay=False), default="shards")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    show_default="the folder's usual one, or any that is free",
    help="The port; 0 for any that is free.",
)
@click.option("--host", default="127.0.0.1", help="The address to listen at; any other lets other machines in.")
@click.option("--open/--no-open", "opens", default=False, help="Open it in the browser.")
def command(*, shards: Path, port: int | None, host: str, opens: bool) -> None:
    """Serve the pages of `rmset report` on the folder SHARDS (default: shards/) to this machine's browser.

    There people are merged, split, exchanged and left out by clicks or keys, and all of it can be undone: what is done
    is what the commands of these names do. Whoever has the printed address may do so; it is given to nobody else. Ends
    with Ctrl-C.
    """
    if not shards.is_dir():
        raise RmsetError(f"no folder of shards at {shards}", remedy="make one with: rmset extract VIDEO")
    try:
        from rmset_builder.review.serve import listen, listen_as_usual, serve  # noqa: PLC0415  an extra, and slow to import
    except ModuleNotFoundError as error:
        raise RmsetError(
            f"rmset review needs {error.name}, which is missing", remedy="pip install 'rmset-builder[review]'"
        ) from error
    listening = listen_as_usual(shards, host) if port is None else listen(host, port)
    if listening.for_others:
        echo(
            f"warning: --host {host} lets other machines in: whoever has the address sees the faces and corrects them, "
            "and what is sent can be read on its way",
            err=True,
        )

    def ready() -> None:
        click.echo(listening.door.address)
        echo(f"the pages of {shards}, until Ctrl-C", err=True)
        if opens:
            webbrowser.open(listening.door.address)

    serve(shards, listening, ready)
    echo("ended; what was corrected stays", err=True)
