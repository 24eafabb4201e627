"""``rmset card``: what somebody who publishes shards has to tell of them."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import click
from click.core import ParameterSource

from rmset_builder.core.command_line import TextPath, echo, echo_path, something_is_done
from rmset_builder.core.errors import RmsetError, one_line
from rmset_builder.core.files import is_file
from rmset_builder.fetching.catalog import CATALOG_NAME
from rmset_builder.reports.card_facts import Facts, read_facts
from rmset_builder.reports.card_files import write_card
from rmset_builder.reports.card_words import CARD, CROISSANT, SOURCES, Publication
from rmset_builder.reports.croissant import croissant
from rmset_builder.reports.dataset_card import dataset_card
from rmset_builder.reports.sources_table import sources_table

_VERSION = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+")


@click.command("card", context_settings={"show_default": True})
@click.argument("shards", type=TextPath(file_okay=False), default="shards")
@click.option(
    "--videos", type=click.Path(path_type=Path, file_okay=False), default="videos", help="Folder of the catalog."
)
@click.option("--out", type=TextPath(file_okay=False), help="The folder to write to.", show_default="SHARDS")
@click.option("--name", default="Reaction mashup faces", help="What the data set is called.")
@click.option("--version", default="1.0.0", help="Its version; raise it whenever somebody was taken out.")
@click.option("--url", "address", default="", help="Where it is published.", show_default="not told")
@click.option("--creator", default="", help="The organisation that publishes it.", show_default="not told")
@click.option("--contact", default="", help="Where to ask for a removal.", show_default="not told")
@click.option(
    "--with-embeddings", is_flag=True, help="Publish identities/, too: biometrics by which people are recognised."
)
@click.option("--force", is_flag=True, help="Write over files that others wrote or changed.")
@click.pass_context
def command(
    ctx: click.Context,
    /,
    *,
    shards: Path,
    videos: Path,
    out: Path | None,
    name: str,
    version: str,
    address: str,
    creator: str,
    contact: str,
    with_embeddings: bool,
    force: bool,
) -> None:
    """Write what whoever publishes the folder SHARDS (default: shards/) must tell of it.

    README.md, a data set's card for hubs; croissant.json, the same for programs; SOURCES.csv, the videos with their
    licences. All is taken from the shards and the catalog. Nothing is uploaded, and no right to publish comes of it.
    """
    if not _VERSION.fullmatch(version):
        raise click.UsageError(f"--version {version!r} is not three numbers such as 1.0.0")
    if address and not address.startswith(("https://", "http://")):
        raise click.UsageError(f"--url {address!r} is no address of a page")
    if ctx.get_parameter_source("videos") is not ParameterSource.DEFAULT and not is_file(videos / CATALOG_NAME):
        raise RmsetError(f"no {CATALOG_NAME} in {videos}", remedy="name the folder that rmset fetch wrote to")
    facts = read_facts(shards, videos)
    if with_embeddings and not facts.embedding:
        raise RmsetError(f"there are no embeddings in {shards}", remedy="leave out --with-embeddings")
    day = f"{datetime.now(UTC):%Y-%m-%d}"
    publication = Publication(
        name=one_line(name),
        version=version,
        day=day,
        address=one_line(address),
        creator=one_line(creator),
        contact=one_line(contact),
        with_embeddings=with_embeddings,
    )
    sources = sources_table(facts.sources)
    texts = {
        CARD: dataset_card(facts, publication),
        CROISSANT: croissant(facts, publication, sources),
        SOURCES: sources,
    }
    paths = write_card(shards if out is None else out, texts, force=force)
    something_is_done()
    for path in paths:
        echo_path(path)
    _tell(facts, publication)


def _tell(facts: Facts, publication: Publication) -> None:
    if not publication.contact:
        echo("note: the card does not say where to ask for a removal: --contact", err=True)
    required = {"--creator": publication.creator, "--url": publication.address}
    if unsaid := [option for option, said in required.items() if not said]:
        echo(f"note: {CROISSANT} lacks what its specification requires: {', '.join(unsaid)}", err=True)
    if unknown := sum(not source.licence for source in facts.sources):
        echo(f"note: the licences of {unknown:,} of {len(facts.sources):,} videos are not known", err=True)
    if uncredited := sum(bool(source.title) and not source.author for source in facts.sources):
        echo(f"note: of {uncredited:,} videos with a Creative Commons licence the author is not known", err=True)
    chosen = [f"--include '{pattern}'" for pattern in publication.patterns]
    chosen += [f"--exclude '{pattern}'" for pattern in publication.excluded]
    echo(f"publish these files and no others: hf upload NAME FOLDER . --type dataset {' '.join(chosen)}", err=True)
