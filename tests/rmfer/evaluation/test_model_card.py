from __future__ import annotations

import numpy as np
import yaml
from small_models import info_of

from rmfer.evaluation.evaluate import Evaluation
from rmfer.evaluation.model_card import model_card
from rmfer.labels import class_names


def test_the_card_tells_both_epochs_and_their_intervals() -> None:
    counts = np.diag(np.arange(20, 28)) + 3
    last = Evaluation("Own", "test", counts, info_of(which="last", epoch=8))
    best = Evaluation("Own", "test", counts + np.eye(8, dtype=int), info_of())
    card = model_card(info_of(), [last, best])
    _, header, body = card.split("---\n", 2)
    results = yaml.safe_load(header)["model-index"][0]["results"]
    told = [metric["value"] for result in results for metric in result["metrics"]]
    wanted = [share for found in (last, best) for share in (found.overall, found.average)]
    assert told == [round(100 * share, 2) for share in wanted]
    for found in (last, best):
        low, high = (f"{100 * bound:.2f}" for bound in found.intervals.overall)
        assert f"{100 * found.overall:.2f} ({low} – {high})" in body  # noqa: RUF001
    assert "| last (9) |" in body
    assert "| best (5) |" in body
    assert all(f"| {name} | {count} |" in body for name, count in zip(class_names(8), counts.sum(axis=1), strict=True))
    assert "chosen by average accuracy on the validation split" in body
    assert "/home/somebody" not in card
    assert "| first weights | enet.pt |" in body


def test_a_card_without_test_or_validation() -> None:
    assert "Not evaluated." in model_card(info_of(), [])
    found = Evaluation("Own", "test", np.eye(8, dtype=int), info_of(metrics={}))
    assert "no validation split" in model_card(info_of(metrics={}), [found])
