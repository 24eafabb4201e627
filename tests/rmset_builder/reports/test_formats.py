"""Every format has the same numbers, and reads back."""

from __future__ import annotations

import csv
import io
import json
import re

import pytest
from rich.console import Console

from rmset_builder.reports.formats import as_json, comma_separated, latex, markdown, plain, show
from rmset_builder.reports.paper import NOTE, PRINTED_TOTAL, TABLE_2, Counts
from rmset_builder.reports.stats import tabulate
from rmset_builder.shards.videos_table import VideoRecord

TABLE = tabulate(
    [
        VideoRecord(id="a", group="Anger", identities=98, frames=206_817, faces=2_612_570),
        VideoRecord(id="b", group=r"50%_$#&{}~^\|*[red]", identities=1, frames=2, faces=3),
        VideoRecord(id="c", group="울음", identities=4, frames=5, faces=6),
    ]
)

NAMES = ["Anger", r"50%_$#&{}~^\|*[red]", "울음"]


def numbers(cells: list[str]) -> Counts:
    return Counts(*(int(cell.replace(",", "")) for cell in cells))


def test_plain_text_is_aligned_and_reads_back() -> None:
    heading, rule, *rows = plain(TABLE).splitlines()
    assert re.split(r" {2,}", heading) == ["Expression", "video #", "face #", "frame #", "image #"]
    assert set(rule) == {"-", " "}
    found = {cells[0]: numbers(cells[1:]) for row in rows if "---" not in row for cells in [re.split(r" {2,}", row)]}
    assert found == {**TABLE.rows, "Total": TABLE.total}
    # Two Korean letters are four columns wide.
    assert {len(line) for line in (heading, rule, *rows) if "울음" not in line} == {len(rule)}
    assert {len(line) for line in rows if "울음" in line} == {len(rule) - 2}


def test_plain_text_beside_the_paper() -> None:
    text = plain(
        tabulate([VideoRecord(id="a", group="Anger", identities=98, frames=1, faces=26)], paper=True), paper=True
    )
    rows = [re.split(r" {2,}", line.strip()) for line in text.splitlines()]
    at = rows.index(["Anger", "1", "98", "1", "26"])
    assert rows[at + 1] == ["paper", "14", "196", "206,817", "2,612,570"]
    assert rows[at + 2] == ["ratio", "0.071", "0.50", "4.8e-06", "1e-05"]
    assert ["paper", "216", "3,478", "3,140,699", "45,570,580"] in rows
    assert text.endswith("\n\n" + NOTE)
    assert [row[0] for row in rows[2:-2:3]][:5] == list(TABLE_2)


def test_a_terminal_shows_the_same_numbers_and_no_markup() -> None:
    screen = io.StringIO()
    show(TABLE, Console(file=screen, force_terminal=True, width=100), paper=True)
    assert "\x1b[" in screen.getvalue()
    text = re.sub(r"\x1b\[[\d;]*m", "", screen.getvalue())
    assert NAMES[1] in text
    for counts in (*TABLE.rows.values(), TABLE.total, TABLE_2["Anger"], PRINTED_TOTAL):
        assert re.search(r"\s+".join(f"{count:,}" for count in counts), text), counts
    assert " ".join(text.split()).endswith(NOTE)


def test_a_hostile_group_cannot_command_the_terminal() -> None:
    table = tabulate([VideoRecord(id="a", group="\x1b[2J\nx")])
    for form in (plain, markdown, latex):
        assert "\x1b" not in form(table)
        assert "\nx" not in form(table)


def test_markdown_reads_back() -> None:
    heading, rule, *rows = markdown(TABLE).splitlines()
    assert rule == "|---|--:|--:|--:|--:|"
    assert heading == "| Expression | video # | face # | frame # | image # |"
    cells = [[cell.strip() for cell in re.split(r"(?<!\\)\|", row)[1:-1]] for row in rows]
    found = {re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", name): numbers(counts) for name, *counts in cells}
    assert found == {**TABLE.rows, "Total": TABLE.total}
    beside = markdown(TABLE, paper=True)
    assert "| *paper* | 14 | 196 | 206,817 | 2,612,570 |\n| *ratio* | 0.071 | 0.50 | 1.00 | 1.00 |" in beside
    assert beside.endswith(f" |\n\n{NOTE}")


def unlatex(text: str) -> str:
    words = {"backslash": "\\", "asciitilde": "~", "asciicircum": "^"}
    text = re.sub(r"\\text(\w+)\{\}", lambda match: chr(0xE000 + list(words).index(match[1])), text)
    text = re.sub(r"\\(.)", r"\1", text.replace("{[}", "["))
    for index, sign in enumerate(words.values()):
        text = text.replace(chr(0xE000 + index), sign)
    return text


def test_latex_reads_back() -> None:
    text = latex(TABLE)
    body = text.split("\\midrule\n", 1)[1].split("\\bottomrule")[0].replace("\\midrule\n", "")
    rows = [re.split(r" (?<!\\)& ", row.removesuffix(r" \\")) for row in body.splitlines()]
    assert {unlatex(name): numbers(counts) for name, *counts in rows} == {**TABLE.rows, "Total": TABLE.total}
    assert r"50\%\_\$\#\&\{\}\textasciitilde{}\textasciicircum{}\textbackslash{}|*{[}red] & 1 &" in text
    assert r"Expression & video \# & face \# & frame \# & image \# \\" in text
    for word in ("toprule", "midrule", "bottomrule"):
        assert f"\\{word}\n" in text
    beside = latex(TABLE, paper=True)
    assert r"\quad paper & 14 & 196 & 206,817 & 2,612,570 \\" in beside
    assert r"\quad ratio & 0.071 & 0.50 & 1.00 & 1.00 \\" in beside
    assert beside.endswith(rf"\par{{\footnotesize {NOTE}}}")


def test_csv_reads_back() -> None:
    rows = list(csv.DictReader(io.StringIO(comma_separated(TABLE))))
    assert list(rows[0]) == ["expression", "videos", "faces", "frames", "images"]
    found = {row.pop("expression"): Counts(**{key: int(value) for key, value in row.items()}) for row in rows}
    assert found == {**TABLE.rows, "Total": TABLE.total}
    anger, odd, _, total = csv.DictReader(io.StringIO(comma_separated(TABLE, paper=True)))
    assert anger["paper_faces"] == "196"
    assert float(anger["ratio_faces"]) == 98 / 196
    assert odd["paper_faces"] == odd["ratio_images"] == ""
    assert total["paper_images"] == "45570580"


def test_json_reads_back() -> None:
    found = json.loads(as_json(TABLE))
    assert {row.pop("expression"): Counts(**row) for row in found["rows"]} == TABLE.rows
    assert found["total"] == TABLE.total._asdict()
    assert "note" not in found
    beside = json.loads(as_json(TABLE, paper=True))
    assert [row["expression"] for row in beside["rows"]] == NAMES
    assert beside["rows"][0]["paper"] == TABLE_2["Anger"]._asdict()
    assert beside["rows"][0]["ratio"]["faces"] == 0.5
    assert beside["rows"][1]["paper"] is beside["rows"][1]["ratio"] is None
    assert beside["total"]["paper"] == PRINTED_TOTAL._asdict()
    assert beside["total"]["ratio"]["images"] == pytest.approx(2_612_579 / 45_570_580)
    assert beside["note"] == NOTE
