from __future__ import annotations

import csv
import json
import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from small_models import info_of, stirred_net, write_run
from training_helpers import run, write_benchmark

from rmfer.errors import RmferError
from rmfer.evaluation import confusion_matrix
from rmfer.evaluation.evaluate import by_rules, evaluate
from rmfer.labelled.registry import open_benchmark
from rmfer.labels import class_names


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_benchmark(tmp_path_factory.mktemp("own") / "Own", classes=8, train=1, valid=1, test=5)


@pytest.mark.parametrize("head", ["main", "att"])
def test_each_picture_is_judged_by_itself(own: Path, head: str) -> None:
    benchmark = open_benchmark(own)
    net, info = stirred_net(), info_of(evaluate_with=head)
    found, probabilities = evaluate(net, info, benchmark, batch_size=7, workers=1)
    split = benchmark.splits["test"]
    for number in range(len(split)):
        pixels = cv2.resize(split.decode(number), (48, 48), interpolation=cv2.INTER_LINEAR) / 255
        image = torch.tensor((pixels - info.mean) / info.std, dtype=torch.float32).permute(2, 0, 1)[None]
        with torch.inference_mode():
            wanted = net.logits(image, head=head).softmax(1)[0].numpy()
        assert np.abs(probabilities[number] - wanted).max() < 1e-4
    assert found.confusion.tolist() == confusion_matrix(split.labels, probabilities.argmax(1), classes=8).tolist()
    assert evaluate(net, info, benchmark, batch_size=64, workers=2)[0].confusion.tolist() == found.confusion.tolist()


def test_a_rule_by_which_there_is_no_picture_is_left_out(own: Path) -> None:
    benchmark = open_benchmark(own)
    found, probabilities = evaluate(stirred_net(), info_of(), benchmark, batch_size=8, workers=1)
    split = benchmark.splits["test"]
    every = np.ones(len(split), np.bool_)
    split = replace(split, rules={"argmax": every, "majority": ~every, "some": np.arange(len(split)) < 9})
    told = by_rules(found, split, probabilities)
    assert [(one.rule, one.images) for one in told] == [("argmax", 40), ("some", 9)]
    assert by_rules(found, replace(split, rules={}), probabilities) == [found]


def test_command_tells_and_writes_the_same(own: Path, tmp_path: Path) -> None:
    model = write_run(tmp_path / "run")
    done = run(["evaluate", str(model), "--benchmark", str(own), "--json", "--device", "cpu"])
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    folder = model / "evaluation"
    assert sorted(path.name for path in folder.iterdir()) == [
        f"folders-test-best.{s}" for s in ("csv", "json", "parquet", "png")
    ]
    assert json.loads((folder / "folders-test-best.json").read_text()) == told
    counts = np.array(told["confusion"]["counts"])
    assert counts.sum() == told["images"] == 40
    assert told["overall_accuracy"]["value"] == np.trace(counts) / 40
    assert told["average_accuracy"]["low"] <= told["average_accuracy"]["value"] <= told["average_accuracy"]["high"]
    with (folder / "folders-test-best.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    names = class_names(8)
    rows, columns = ([names.index(line[key]) for line in lines] for key in ("label", "found"))
    assert confusion_matrix(rows, columns, classes=8).tolist() == counts.tolist()
    assert all(abs(sum(float(line[name]) for name in names) - 1) < 1e-5 for line in lines)
    assert all(Path(line["image"]).is_file() for line in lines)

    out = tmp_path / "elsewhere"
    done = run(
        ["evaluate", str(model / "last.safetensors"), "--benchmark", str(own), "--split", "train", "--out", str(out)]
    )
    assert done.returncode == 0, done.stderr
    assert (out / "folders-train-last.png").is_file()
    assert "overall accuracy" in done.stdout
    assert "note: it was trained on these very images" in done.stdout


def test_fewer_and_more_classes(own: Path, tmp_path: Path) -> None:
    seven = write_benchmark(tmp_path / "Seven", classes=7, train=1, valid=1, test=1)
    found, _ = evaluate(stirred_net(), info_of(), open_benchmark(seven))
    assert found.absent == ("contempt",)
    assert found.average == pytest.approx(found.overall)
    assert "no image of contempt, left out of the average" in found.notes
    with pytest.raises(RmferError, match="has 8 expressions, the model knows 7"):
        evaluate(stirred_net(classes=7), info_of(classes=7), open_benchmark(own))
    model = write_run(tmp_path / "run", classes=7)
    done = run(["evaluate", str(model), "--benchmark", str(own), "--json"])  # the command leaves contempt out
    assert json.loads(done.stdout)["images"] == 35


def test_faults(own: Path, tmp_path: Path) -> None:
    model = write_run(tmp_path / "run")
    lacking = write_benchmark(tmp_path / "Lacking", classes=8, train=1, valid=1, test=1)
    shutil.rmtree(lacking / "valid")
    done = run(["evaluate", str(model), "--benchmark", str(lacking), "--split", "valid"])
    assert done.returncode == 2
    assert "Lacking has no split valid; it has: train, test" in done.stderr
    done = run(["evaluate", str(model), "--benchmark", str(own), "--device", "nonsense"])
    assert done.returncode == 2
    assert "--device nonsense is no device" in done.stderr
    net = stirred_net()
    with torch.no_grad():
        net.head_main.bias[0] = float("nan")
    with pytest.raises(RmferError, match="not numbers"):
        evaluate(net, info_of(), open_benchmark(own))
