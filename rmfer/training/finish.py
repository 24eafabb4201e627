"""After the last epoch: the test split, once, for the last and the best epoch; results and model card."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from rmfer.evaluate import Evaluation, evaluate
from rmfer.evaluation_files import write_evaluation
from rmfer.files import whole_file
from rmfer.labels import class_names
from rmfer.measures import class_recalls
from rmfer.model.saved import ModelInfo, load_model
from rmfer.model_card import model_card
from rmfer.training.run import Run

RESULTS = "results.json"
CARD = "MODEL_CARD.md"
EVALUATION = "evaluation"
WHICH = ("last", "best")


def finish(run: Run, device: torch.device) -> str:
    """Evaluate both epochs on the test split, if there is one, and write what was found.

    Returns:
        What the user is told: a line for each epoch.
    """
    results: dict[str, Any] = {}
    tested: list[Evaluation] = []
    for which in WHICH:
        net, info = load_model(run.folder, which=which, device=device)
        test = None
        if "test" in run.benchmark.splits:
            # Where the last epoch is the best, there is nothing new to see.
            again = tested and tested[-1].info.epoch == info.epoch
            test = replace(tested[-1], info=info) if again else evaluate(net, info, run.benchmark, device=device)[0]
            tested.append(test)
            write_evaluation(test, run.folder / EVALUATION, f"{run.benchmark.kind}-test-{which}")
        results[which] = _result(info, test)
    _write(run.folder / RESULTS, json.dumps(results, indent=1) + "\n")
    _write(run.folder / CARD, model_card(info, tested))
    return "\n".join(_line(which, results[which]) for which in WHICH)


def _result(info: ModelInfo, test: Evaluation | None) -> dict[str, Any]:
    valid = {name.removeprefix("valid_"): value for name, value in info.metrics.items()}
    told: dict[str, Any] = {"epoch": info.epoch + 1, "valid": valid}
    if test is not None:
        recalls = class_recalls(test.confusion).tolist()
        told["test"] = {
            "overall": test.overall,
            "average": test.average,
            "recalls": dict(zip(class_names(info.classes), recalls, strict=True)),
            "confusion": test.confusion.tolist(),
        }
    return told


def _write(path: Path, text: str) -> None:
    with whole_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _line(which: str, result: dict[str, Any]) -> str:
    parts = [
        f"{split} overall {100 * result[split]['overall']:.2f} %, average {100 * result[split]['average']:.2f} %"
        for split in ("valid", "test")
        if result.get(split)
    ]
    return f"{which} (epoch {result['epoch']}): " + ("; ".join(parts) or "no split to evaluate on")
