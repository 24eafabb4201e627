"""Inter-sample attention per epoch, as Fig. 1 has it: in the log, right, and without effect on what is trained."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from training_helpers import arguments, events, run, write_benchmark

from rmfer.analysis.batches import balanced_batches
from rmfer.labelled.registry import open_benchmark
from rmfer.model.saved import load_model


def test_the_log_has_the_attention_of_each_validation(tmp_path: Path) -> None:
    benchmark, out, without = write_benchmark(tmp_path / "benchmark", valid=6), tmp_path / "with", tmp_path / "without"
    settings = {"lambda2": 0, "epochs": 2, "epochs_pre": 0}
    done = run(arguments(benchmark, tmp_path, out, attention_batches=3, **settings))
    assert done.returncode == 0, done.stderr
    assert run(arguments(benchmark, tmp_path, without, **settings)).returncode == 0
    told = [line["attention"] for line in events(out, "epoch")]
    assert len(told) == 2 and all(0 < value < 1 for value in told)
    assert all("attention" not in line for line in events(without, "epoch"))
    ours, theirs = (load_file(where / "last.safetensors") for where in (out, without))
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)

    net, info = load_model(out, which="last")
    split = open_benchmark(benchmark).splits["valid"]
    mean, std = (np.asarray(levels, np.float32) for levels in (info.mean, info.std))
    found = []
    for own in balanced_batches(split.labels, 3, seed=info.config["seed"]):
        pixels = np.stack([split.decode(int(item)) for item in own]).astype(np.float32) / 255
        with torch.inference_mode():
            z = net.embed(torch.from_numpy((pixels - mean) / std).permute(0, 3, 1, 2))[1]
        scores = torch.nn.functional.cosine_similarity(z[:, None], z[None], dim=2) / info.config["tau"]
        weights = scores.fill_diagonal_(-torch.inf).softmax(1)
        labels = torch.from_numpy(split.labels[own])
        same = (labels[:, None] == labels[None]) & ~torch.eye(32, dtype=torch.bool)
        found.append(float(weights[same].mean()))
    assert told[-1] == pytest.approx(np.mean(found), rel=1e-3)
