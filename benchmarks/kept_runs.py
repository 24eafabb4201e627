"""What comparisons of trainings keep of each run, so that the next call need not train it again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from common import HERE

from rmfer.evaluation.comparison import read_answers
from rmfer.evaluation.paired import differences
from rmfer.runs.job import Job

Bools = npt.NDArray[np.bool_]
# FERPlus's two, and where `rmfer train` keeps what it finds by them.
RULES = {"argmax": "test", "majority": "test-majority"}
MEASURES = ("overall", "average")


@dataclass(frozen=True)
class Found:
    """What a run found: accuracies on test by rule, and which of the N test pictures it was right about."""

    accuracies: dict[str, dict[str, float]]
    correct: Bools

    def as_json(self) -> dict[str, Any]:
        """As plain values, the N answers as hexadecimal digits."""
        return {"accuracies": self.accuracies, "correct": np.packbits(self.correct).tobytes().hex()}

    @classmethod
    def from_json(cls, told: Mapping[str, Any], pictures: int) -> Found:
        """What `as_json` made."""
        bits = np.unpackbits(np.frombuffer(bytes.fromhex(told["correct"]), np.uint8))
        return cls(told["accuracies"], bits[:pictures].astype(np.bool_))


def found_by(job: Job) -> Found:
    """What a finished run's folder has, of its last epoch."""
    last = job.results()["last"]
    told = {rule: {name: last[split][name] for name in MEASURES} for rule, split in RULES.items() if split in last}
    return Found(told, read_answers(job.folder, split="test", which="last").correct)


def gain(
    ours: Sequence[Found], theirs: Sequence[Found], labels: npt.NDArray[np.int64], chosen: Bools
) -> dict[str, list[float]]:
    """Per cent by which one side is better, with the 95 % interval over pairs of runs and ``chosen`` pictures."""
    sides = (np.stack([one.correct[chosen] for one in side]) for side in (ours, theirs))
    return {
        name: [round(100 * value, 2) for value in (told.value, *told.interval)]
        for name, told in differences(*sides, labels[chosen], in_pairs=True).items()
    }


def spread(found: Sequence[Found], rule: str, measure: str) -> list[float]:
    """Mean and deviation (of the sample; 0 of one run) of an accuracy, in per cent."""
    values = [100 * one.accuracies[rule][measure] for one in found]
    deviation = float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
    return [round(float(np.mean(values)), 2), round(deviation, 2)]


def digest_of(settings: Mapping[str, Any]) -> str:
    """Of all settings: what was found with others is not this experiment's."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:16]


def kept_results(name: str, digest: str, folder: Path = HERE) -> dict[str, Any]:
    """The "results" of ``name``.json, if they are of the same settings; else nothing."""
    path = folder / f"{name}.json"
    if not path.is_file():
        return {}
    results: dict[str, Any] = json.loads(path.read_text())["results"]
    return results if results.get("digest") == digest else {}
