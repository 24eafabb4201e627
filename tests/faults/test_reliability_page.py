"""docs/reliability.md says what was measured, and a campaign's lines are summed up rightly."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from trials import LOG, cannot_try, inputs_tried, trial

from benchmarks.reliability_page import PAGE, RESULTS, renewed, summed_up, with_tables


def test_the_page_is_what_the_results_render_to() -> None:
    page, kept = PAGE.read_text("utf-8"), json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    assert with_tables(page, kept) == page, "run: python benchmarks/reliability.py page"
    with pytest.raises(ValueError, match="no table of inputs"):
        with_tables(page.replace("<!-- inputs -->", ""), kept)


def test_trials_become_rows_and_rows_a_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = tmp_path / "trials.jsonl"
    monkeypatch.setenv(LOG, str(log))
    for seconds in (1.0, 9.0, 2.0):
        with trial("kill -9", "rmset extract") as one:
            one.recovery_s = seconds
    with pytest.raises(AssertionError), trial("kill -9", "rmset extract") as one:
        one.rows_lost, one.left_over = 7, 2
        raise AssertionError
    with pytest.raises(pytest.skip.Exception):
        cannot_try("disk full", "rmset fetch", "nothing can be mounted")
    inputs_tried("shards, bits flipped", "rmset verify", tried=1200, crashes=0)
    inputs_tried("shards, bits flipped", "rmset verify", tried=800, crashes=1)

    lines = [json.loads(line) for line in log.read_text().splitlines()]
    kept = {
        section: {
            "date": "2026-01-02",
            "machine": "m",
            "versions": {"python": "3"},
            "rows": summed_up(section, [line for line in lines if line["section"] == section]),
        }
        for section in ("faults", "inputs")
    }
    assert kept["faults"]["rows"][0] == {
        "fault": "kill -9", "command": "rmset extract", "tried": 4, "failed": 1, "rows_lost": 7, "files_left_over": 2,
        "recovery_s": {"median": 2.0, "worst": 9.0},
    }  # fmt: skip
    table = with_tables("a\n<!-- faults -->old<!-- end -->\nb\n<!-- inputs -->old<!-- end -->\nc\n", kept).splitlines()
    assert "| kill -9 | `rmset extract` | 4 | 3 | 7 | 2 | 2.0 (worst 9.0) |" in table
    assert "| disk full | `rmset fetch` | 0 | not here: nothing can be mounted |  |  |  |" in table
    assert "| shards, bits flipped | `rmset verify` | 2,000 | 1 |" in table
    assert table.count("2026-01-02; m; python 3.") == 2
    assert not [line for line in table if "old" in line]


def test_a_part_of_a_campaign_renews_its_own_rows() -> None:
    before = [{"kind": "a", "command": "x", "tried": 1}, {"kind": "b", "command": "x", "tried": 1}]
    rows = [{"kind": "c", "command": "x", "tried": 2}, {"kind": "a", "command": "x", "tried": 3}]
    assert renewed("inputs", before, rows) == [rows[1], before[1], rows[0]]
