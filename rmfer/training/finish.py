"""After the last epoch: the test split, once, for the last and the best epoch; results and model card."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from rmfer.evaluation import FOLDER, class_recalls
from rmfer.evaluation.evaluate import Evaluation, Probabilities, by_rules, evaluate
from rmfer.evaluation.files import write_evaluation, write_table
from rmfer.evaluation.model_card import model_card
from rmfer.labels import class_names
from rmfer.model.saved import ModelInfo, load_model
from rmfer.training.run import Run
from rmset_builder.core.files import whole_file

RESULTS = "results.json"
CARD = "MODEL_CARD.md"
WHICH = ("last", "best")


def finish(run: Run, device: torch.device) -> str:
    """Evaluate both epochs on the test split, if there is one, and write what was found.

    Returns:
        What the user is told: a line for each epoch.
    """
    results: dict[str, Any] = {}
    tested: list[Evaluation] = []
    latest: tuple[Evaluation, Probabilities] | None = None
    for which in WHICH:
        net, info = load_model(run.folder, which=which, device=device)
        every: list[Evaluation] = []
        if "test" in run.benchmark.splits:
            split, folder = run.benchmark.splits["test"], run.folder / FOLDER
            stem = f"{run.benchmark.kind}-test-{which}"
            # Where the last epoch is the best, there is nothing new to see.
            if latest is None or latest[0].info.epoch != info.epoch:
                latest = evaluate(net, info, run.benchmark, device=device)
            found, probabilities = replace(latest[0], info=info), latest[1]
            every = by_rules(found, split, probabilities)
            for name, by_rule in _named(every, stem).items():
                write_evaluation(by_rule, folder, name)
            write_table(folder / f"{stem}.parquet", split, probabilities, found.names)
            tested += every
        results[which] = _result(info, every)
    _write(run.folder / RESULTS, json.dumps(results, indent=1) + "\n")
    _write(run.folder / CARD, model_card(info, tested))
    return "\n".join(_line(which, results[which]) for which in WHICH)


def _result(info: ModelInfo, every: Sequence[Evaluation]) -> dict[str, Any]:
    valid = {name.removeprefix("valid_"): value for name, value in info.metrics.items()}
    told: dict[str, Any] = {"epoch": info.epoch + 1, "valid": valid}
    for name, test in _named(every, "test").items():
        recalls = class_recalls(test.confusion).tolist()
        told[name] = {
            **({"rule": test.rule} if test.rule else {}),
            "images": test.images,
            "overall": test.overall,
            "average": test.average,
            "recalls": dict(zip(class_names(info.classes), recalls, strict=True)),
            "confusion": test.confusion.tolist(),
        }
    return told


def _named(every: Sequence[Evaluation], stem: str) -> dict[str, Evaluation]:
    """The evaluation by the first rule as ``stem``, those by others with the rule's name behind."""
    return {f"{stem}-{found.rule}" if number else stem: found for number, found in enumerate(every)}


def _write(path: Path, text: str) -> None:
    with whole_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _line(which: str, result: dict[str, Any]) -> str:
    parts = [
        f"{split} overall {100 * result[split]['overall']:.2f} %, average {100 * result[split]['average']:.2f} %"
        for split in ("valid", *(name for name in result if name.startswith("test")))
        if result.get(split)
    ]
    return f"{which} (epoch {result['epoch']}): " + ("; ".join(parts) or "no split to evaluate on")
