"""Tables as people and programs get them: nothing is cut off or torn apart, however narrow the screen."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

import pytest
from rich.console import Console
from small_benchmarks import raf_db

from rmfer.labelled.registry import open_benchmark
from rmfer.paper.collect import Found, Spread
from rmfer.paper.plan import Data, plan_runs
from rmfer.paper.published import published
from rmfer.paper.render import Shown, as_json, markdown, print_table
from rmfer.paper.show import NOT_COMPARABLE, show_counts, show_runs, show_settings

# No run of a table's then reads shards.
ON_LABELLED = ("acl_source=benchmark", "pretrain_epochs=0")


def printed(shown: Shown, width: int) -> str:
    text = io.StringIO()
    print_table(shown, Console(file=text, width=width))
    return text.getvalue()


def numbers(text: str) -> list[str]:
    return re.findall(r"\d[\d,.e-]*", text)


@pytest.mark.parametrize("width", [40, 80, 200])
@pytest.mark.parametrize("shown", [show_settings(published()[8]), show_counts(published()[10], None)])
def test_no_number_is_lost_on_any_screen(shown: Shown, width: int) -> None:
    cells = [cell for _, lines in shown.rows for line in lines for cell in line.cells]
    body = printed(shown, width).partition("\N{BOX DRAWINGS LIGHT HORIZONTAL}")[2].partition("note:")[0]
    assert sorted(numbers(body)) == sorted(numbers(" ".join([*cells, *(name for name, _ in shown.rows)])))


@pytest.mark.parametrize("number", [8, 10])
def test_widest_tables_of_the_print_fit_a_screen_of_80(number: int) -> None:
    shown = show_settings(published()[8]) if number == 8 else show_counts(published()[10], None)
    body = printed(shown, 80).partition("note:")[0]
    assert max(map(len, body.splitlines())) <= 80


@pytest.fixture
def eleventh(tmp_path: Path) -> Shown:
    """Table 11 on RAF-DB, of which two of its three columns are."""
    raf_db(tmp_path / "raf-db")
    data = Data(open_benchmark(tmp_path / "raf-db"), tmp_path)
    base = Found({"": (Spread(80.125, 0.5, 3), Spread(70.0, 0.25, 3), Spread(80.125, 0.5, 3))}, {})
    other = Found(base.values, {"": ((-1.25, -2.5, 0.5), (0.5, -0.25, 1.0), (-1.25, -2.5, 0.5))})
    return show_runs(published()[11], {"gamma 0.1": base, "gamma 0.5": other}, [], data, quick=False)


def test_columns_of_other_data_stay_empty(eleventh: Shown) -> None:
    rows = dict(eleventh.rows)
    paper, here, minus = rows["gamma 0.5"]
    assert (paper.source, paper.cells) == ("paper", ("91.04", "85.04", "66.33"))
    assert here.cells == ("80.12 \N{PLUS-MINUS SIGN} 0.50", "70.00 \N{PLUS-MINUS SIGN} 0.25", "\N{EN DASH}")
    assert minus.cells == ("-1.25 [-2.50, +0.50]", "+0.50 [-0.25, +1.00]", "\N{EN DASH}")
    assert rows["gamma 0.05"][1].cells[0] == "not run: unfinished"
    # As printed, and not as a float would have it.
    assert rows["gamma 1.0"][0].cells == ("91", "84.32", "65.99")


def test_unfinished_and_failed_runs_are_told(tmp_path: Path) -> None:
    raf_db(tmp_path / "raf-db")
    data = Data(open_benchmark(tmp_path / "raf-db"), tmp_path)
    table = published()[9]
    planned = plan_runs(table, data, tmp_path, seeds=(1, 2, 3), quick=False, changes=ON_LABELLED)
    found = {"Ours w/o ACL, IAL": Found({"": (Spread(50.0, 1.0, 2),)}, {})}
    lost = next(one.job for one in planned if one.row.name == "Ours")
    shown = show_runs(table, found, planned, data, quick=False, failed={lost.folder.name: "exit code 2: no memory"})
    rows = dict(shown.rows)
    assert [line.source for line in rows["Ours w/o ACL, IAL"]] == [f"paper {NOT_COMPARABLE}", "here, 2 of 3 seeds"]
    assert rows["Ours"][1].cells == ("not run: unfinished",)
    assert shown.notes[0] == "Ours, seed 1 failed: exit code 2: no memory"


def test_intervals_are_not_torn_apart(eleventh: Shown) -> None:
    text = printed(eleventh, 40)
    assert text.count("[-2.50, +0.50]") == text.count("[-0.25, +1.00]") == 1


def test_markdown_and_json_have_every_cell(eleventh: Shown) -> None:
    lines = markdown(eleventh).splitlines()
    assert "| gamma 0.5 | paper | 91.04 | 85.04 | 66.33 |" in lines
    assert "|  |   minus the base | -1.25 [-2.50, +0.50] | +0.50 [-0.25, +1.00] | \N{EN DASH} |" in lines
    assert {line.count("|") for line in lines if line.startswith("|")} == {6}
    told = json.loads(json.dumps(as_json(eleventh, {"failed": {}})))
    assert told["columns"] == ["RAF-DB overall", "RAF-DB average", "AffectNet-7"]
    assert told["rows"][1]["lines"][0] == {"source": "paper", "cells": ["91.33", "85.59", "66.85"]}
    assert told["failed"] == {}
