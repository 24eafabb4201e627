"""The card and the table of sources: right figures, a header that hubs read, and text from outside that stays text."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import replace
from typing import Any

import pytest
import yaml
from cards import CC_BY, HOSTILE, PUBLICATION, facts_with
from markdown_it import MarkdownIt

from rmset_builder.core.errors import one_line
from rmset_builder.reports.card_facts import Facts, Source
from rmset_builder.reports.card_words import Publication
from rmset_builder.reports.dataset_card import dataset_card, size_category
from rmset_builder.reports.formats import as_text
from rmset_builder.reports.sources_table import COLUMNS as SOURCE_COLUMNS
from rmset_builder.reports.sources_table import sources_table
from rmset_builder.shards.schema import COLUMNS

READER = MarkdownIt("commonmark").enable(["table", "strikethrough"])


def parts(facts: Facts, publication: Publication = PUBLICATION) -> tuple[dict[str, Any], str]:
    """The header of a card, read, and the page below it."""
    empty, header, body = dataset_card(facts, publication).split("---\n", 2)
    assert empty == ""
    return yaml.safe_load(header), body


def texts(page: str) -> list[str]:
    """What a reader sees of each paragraph, heading and cell of a page."""
    inline = [token for token in READER.parse(page) if token.type == "inline"]
    return ["".join(one.content for one in token.children or []) for token in inline]


def kinds(page: str) -> set[str]:
    """Every kind of element in a page."""
    tokens = READER.parse(page)
    return {one.type for token in tokens for one in (token, *(token.children or []))}


def table(page: str, heading: str) -> dict[str, list[str]]:
    """The rows of the table with that first heading, by first cell."""
    lines = page[page.index(f"| {heading} |") :].split("\n\n", maxsplit=1)[0].splitlines()[2:]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {first: others for first, *others in cells}


def test_the_header_is_what_hubs_read() -> None:
    header, _ = parts(facts_with())
    assert header["license"] == "other"
    assert header["size_categories"] == ["n<1K"]
    assert header["task_categories"] == ["image-feature-extraction"]
    assert header["pretty_name"] == "Faces"
    assert "language" not in header
    (config,) = header["configs"]
    assert config["config_name"] == "default"
    assert [one["split"] for one in config["data_files"]] == ["train"]


@pytest.mark.parametrize(
    ("rows", "named"),
    [
        (0, "n<1K"), (999, "n<1K"), (1000, "1K<n<10K"), (99_999, "10K<n<100K"), (45_570_579, "10M<n<100M"),
        (10**9 - 1, "100M<n<1B"), (10**9, "n>1B"),
    ],
)  # fmt: skip
def test_size_categories(rows: int, named: str) -> None:
    assert size_category(rows) == named


def test_the_figures_are_the_facts() -> None:
    facts = facts_with(
        ("Anger", "Sadness", "Anger"),
        sources=(
            Source(video="a", licence=CC_BY, collected="2026-03-02"),
            Source(video="b", collected="2025-12-31"),
            Source(video="c", licence=CC_BY),
        ),
        seconds=5400.0,
        shards=7,
        bytes=12_345_678,
        not_done=4,
        dropped={"unsure": 1234, "short-lived": 5},
        videos_removed=3,
        people_removed=11,
        models=("pack, sha256 12ab",),
        versions={"numpy": ("2.1", "2.2")},
        settings={"image_size": ("260",)},
    )
    _, page = parts(facts, replace(PUBLICATION, creator="An Institute", contact="mail@institute.example"))
    assert table(page, "Expression")["Anger"] == ["2", "4", "20", "40"]
    assert table(page, "Expression")["Total"] == ["3", "6", "30", "60"]
    assert table(page, "licence, as stated") == {CC_BY: ["2"], "unknown": ["1"]}
    assert table(page, "made with") == {"models": ["pack, sha256 12ab"], "numpy": ["2.1, 2.2"]}
    assert table(page, "setting") == {r"image\_size": ["260"]}
    for told in (
        "60 aligned faces of 6 people, counted by video, in 30 frames of 3 videos, 1.5 hours: ",
        "They lie in 7 Parquet files, 12.3 MB.",
        "The videos were collected from 2025-12-31 to 2026-03-02 (known of 2 of 3 videos).",
        "5 faces of people who are on screen too shortly; 1,234 faces of which the detector was never sure; 4 whole "
        "videos, which could not be extracted.",
        "Taken down so far: whole videos 3, single people 11.",
        "Version 1.2.3, 2026-01-02. Published by An Institute.",
        "without giving reasons: mail@institute.example.",
    ):
        assert any(told in text for text in texts(page)), told


def test_what_is_unknown_is_said_to_be() -> None:
    _, page = parts(facts_with())
    assert table(page, "licence, as stated") == {"unknown": ["1"]}
    assert "When the videos were collected is not known." in page
    assert "The publisher has not said where to ask" in page
    assert "| made with |" not in page


def test_every_column_is_told_without_links_into_another_page() -> None:
    _, page = parts(facts_with())
    assert list(table(page, "column")) == list(COLUMNS)
    assert "](#" not in page
    assert page.count("`videos.parquet`") == 1  # where it says that this file stays at home


def test_embeddings_are_left_out_unless_asked_for() -> None:
    header, page = parts(facts_with(embedding=512))
    assert len(header["configs"]) == 1
    assert "\n    identities/*.parquet\n" not in page
    assert "`identities/*.parquet` is left out" in page
    header, page = parts(facts_with(embedding=512), replace(PUBLICATION, with_embeddings=True))
    assert header["configs"][1]["data_files"] == [{"split": "train", "path": "identities/*.parquet"}]
    assert "\n    identities/*.parquet\n" in page
    assert "of 512 numbers" in page


@pytest.mark.parametrize("text", HOSTILE)
def test_text_from_outside_stays_text(text: str) -> None:
    facts = facts_with(
        (text,),
        sources=(Source(video="a", licence=text, group=text),),
        versions={"x": (text,)},
        settings={text: ("1",)},
    )
    publication = replace(PUBLICATION, name=text, creator=text, contact=text)
    header, page = parts(facts, publication)
    harmless = parts(facts_with(versions={"x": ("1",)}, settings={"y": ("1",)}))
    assert header == {**harmless[0], "pretty_name": one_line(text)}
    assert kinds(page) == kinds(harmless[1])
    shown = [" ".join(one.split()) for one in texts(page)]
    whole = " ".join(one_line(text).split())
    assert shown.count(whole) == 5  # title, group, licence, version, setting
    assert f"Published by {whole}" in "\n".join(shown)


def test_bare_addresses_become_no_links_for_those_who_make_some() -> None:
    escaped = as_text("www.site.example http://site.example mailto:a@site.example WWW.site.example")
    assert not re.search(r"(?i)www\.|https?:|mailto:|\w@", escaped)


@pytest.mark.parametrize("text", HOSTILE)
def test_the_table_of_sources_holds_any_title_as_text(text: str) -> None:
    source = Source(video="-a_1", title=text, author=text, licence=CC_BY, address="https://site.example/a?b=1,2")
    heading, row = csv.reader(io.StringIO(sources_table([source])))
    assert heading == list(SOURCE_COLUMNS)
    found = dict(zip(heading, row, strict=True))
    assert found["video"] == "-a_1"
    assert found["title"].removeprefix("'") == one_line(text).removeprefix("'")
    assert not found["title"].startswith(("=", "+", "-", "@"))
    assert found["author"] == found["title"]
    assert found["address"] == source.address
    assert found["width"] == ""
