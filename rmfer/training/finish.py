"""After the last epoch: the test split, once, for the last and the best epoch; results and model card."""

from __future__ import annotations

import json
from typing import Any

import torch

from rmfer.evaluate import Evaluation, evaluate
from rmfer.files import whole_file
from rmfer.labels import class_names
from rmfer.measures import class_recalls
from rmfer.model.saved import ModelInfo, load_model
from rmfer.training.run import Run

RESULTS = "results.json"
WHICH = ("last", "best")


def finish(run: Run, device: torch.device) -> str:
    """Evaluate both epochs on the test split, if the benchmark has one, and write ``results.json``.

    Returns:
        What the user is told: a line for each epoch.
    """
    results: dict[str, Any] = {}
    tested: dict[int, Evaluation] = {}
    for which in WHICH:
        net, info = load_model(run.folder, which=which, device=device)
        if "test" in run.benchmark.splits and info.epoch not in tested:
            tested[info.epoch] = evaluate(net, info, run.benchmark, "test", device=device)[0]
        results[which] = _result(info, tested.get(info.epoch))
    with whole_file(run.folder / RESULTS) as temporary:
        temporary.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
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


def _line(which: str, result: dict[str, Any]) -> str:
    parts = [
        f"{split} overall {100 * result[split]['overall']:.2f} %, average {100 * result[split]['average']:.2f} %"
        for split in ("valid", "test")
        if result.get(split)
    ]
    return f"{which} (epoch {result['epoch']}): " + ("; ".join(parts) or "no split to evaluate on")
