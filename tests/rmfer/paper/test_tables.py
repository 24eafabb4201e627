"""``rmfer table`` and ``rmfer figure`` at the smallest size: every table and figure, complete, from real trainings."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from training_helpers import Finished, run, run_process, seen, write_benchmark

from rmfer.paper import train
from rmfer.paper.published import published
from rmfer.runs.job import Job
from rmfer.runs.many import Ended

TINY = ["--set", "labelled=28", "--set", "batch_size=8", "--set", "positives=3", "--set", "negatives=3"]
TINY += ["--set", "pretrain_batch=8", "--set", "pretrain_steps=1", "--set", "attention_batches=1"]
OF_RUNS = [number for number, table in published().items() if table.measures]
DAGGER = "\N{DAGGER}"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("paper")
    write_benchmark(folder / "benchmark", valid=2, test=2)
    return folder


@pytest.fixture
def line(place: Path, make_shards: Callable[..., list[Path]]) -> list[str]:
    """The options of all commands."""
    shards = place / "shards"
    if not shards.is_dir():
        shards.mkdir()
        make_shards(shards, "wall", seen(people=5, frames=90), size=32)
    return ["--benchmark", str(place / "benchmark"), "--rmset", str(shards), "--quick", *TINY]


@pytest.fixture
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Runs are trained here, one after another, which spares the seconds that torch takes to import; their folders."""
    trained: list[str] = []

    def run_all(jobs: list[Job], **_: Any) -> Ended:
        for job in jobs:
            if not job.is_done:
                trained.append(job.folder.name)
                done = run(["train", "--out", str(job.folder), *job.arguments])
                assert done.returncode == 0, done.stderr
        return Ended()

    monkeypatch.setattr(train, "run_all", run_all)
    return trained


def table(number: int, line: list[str], place: Path, *more: str) -> Finished:
    return run(["table", str(number), *line, "--out", str(place / "paper"), *more])


@pytest.mark.slow
@pytest.mark.parametrize("number", OF_RUNS)
def test_every_table_of_runs_is_complete(number: int, line: list[str], place: Path, in_this_process: list[str]) -> None:
    done = table(number, line, place, "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    printed = published()[number]
    assert [row["name"] for row in told["rows"]] == [row.name for row in printed.rows]
    for row, paper in zip(told["rows"], printed.rows, strict=True):
        first, *others = row["lines"]
        assert first["source"] == f"paper {DAGGER}"
        assert list(first["cells"]) == list(map(str, paper.paper))
        if paper.why_not:
            assert others[0]["cells"][0] == f"not run: {paper.why_not}"
            continue
        if paper.needs == "celeba":
            assert others[0]["cells"][0] == "not run: needs CelebA: --celeba PATH"
            continue
        here = next(other for other in others if other["source"] == "here")
        values = [float(cell) for cell in here["cells"] if cell != "\N{EN DASH}"]
        assert len(values) == len(set(printed.measures))
        found = [one["mean"] for one in told["found"][row["name"]]["values"][""]][: len(values)]
        assert values == pytest.approx(found, abs=0.006)
        (run_folder,) = told["runs"][row["name"]]
        results = json.loads((place / "paper" / "runs" / run_folder / "results.json").read_text())
        if printed.measures[0] == "overall":
            assert values[0] == pytest.approx(100 * results["last"]["test"]["overall"], abs=0.006)
        minus = [other for other in others if "minus" in other["source"]]
        assert len(minus) == (printed.measures[0] == "overall" and not paper.is_base)
    assert any("other data, not to be compared" in note for note in told["notes"])
    assert json.loads((place / "paper" / f"table{number}.json").read_text()) == told

    trained = list(in_this_process)
    again = table(number, line, place)
    assert again.returncode == 0
    assert in_this_process == trained  # nothing is trained twice
    assert f"Table {number}." in again.stdout and "mean nothing" in again.stdout


@pytest.mark.slow
@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_every_figure_is_drawn_from_the_papers_own_runs(
    number: int, line: list[str], place: Path, in_this_process: list[str]
) -> None:
    done = run(["figure", str(number), *line, "--work", str(place / "paper"), *(["--which", "last"])])
    assert done.returncode == 0, done.stderr
    for suffix in ("png", "pdf"):
        assert (place / "paper" / f"figure{number}.{suffix}").stat().st_size > 10_000


@pytest.mark.slow
def test_a_table_trains_in_processes_of_their_own(line: list[str], place: Path, tmp_path: Path) -> None:
    done = run_process(["table", "6", *line, "--out", str(tmp_path / "paper"), "--markdown", "--set", "epochs=1"])
    assert done.returncode == 0, done.stderr
    rows = [row for row in done.stdout.splitlines() if row.startswith("| tau")]
    assert len(rows) == 4
    assert [row.split("|")[3].strip() for row in rows] == ["0.3083", "0.4413", "0.5133", "0.5589"]
    assert len(list((tmp_path / "paper" / "runs").glob("ial-*-seed42/results.json"))) == 4


def test_tables_without_runs(place: Path, line: list[str]) -> None:
    counts = table(10, line, place, "--json")
    assert counts.returncode == 0, counts.stderr
    assert [row["name"] for row in json.loads(counts.stdout)["rows"]][:2] == ["neutral", "happiness"]
    settings = table(8, line, place)
    assert settings.returncode == 0
    lines = [each.split() for each in settings.stdout.splitlines() if each.strip()]
    papers, ours = ([each for each in lines if source in each] for source in ("paper", "here"))
    assert len(papers) == len(ours) == 7
    for paper, own in zip(papers, ours, strict=True):
        assert paper[paper.index("paper") + 1 :] == own[own.index("here") + 1 :]
    keywords = table(1, line, place, "--manifest", str(Path(__file__).parents[3] / "manifests" / "keywords.yaml"))
    assert keywords.returncode == 0
    assert keywords.stdout.count("racism, discrimination, 911") == 2


def test_table_2_is_the_shards_statistics(demo_shards: Path, tmp_path: Path) -> None:
    done = run_process(["table", "2", "--rmset", str(demo_shards), "--out", str(tmp_path)])
    assert done.returncode == 0, done.stderr
    assert "45,570,580" in done.stdout


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["15"], "15 is not in the range"),
        (["4", "--set", "tua=1"], "tua is no setting"),
        (["4", "--rmset", "nowhere"], "nowhere is no folder"),
        (["1", "--manifest", "none.yaml"], "none.yaml"),
    ],
)
def test_what_cannot_be_is_told_in_a_line(words: list[str], told: str, place: Path, line: list[str]) -> None:
    done = run(["table", *words[:1], *line, "--out", str(place / "refused"), *words[1:]])
    assert done.returncode == 2
    assert told in done.stderr
    assert "Traceback" not in done.stderr
    shutil.rmtree(place / "refused", ignore_errors=True)
