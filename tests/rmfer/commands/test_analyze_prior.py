"""`rmfer analyze prior` says of real shards what a network predicts of the sets that training draws."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pytest
import torch
from small_models import info_of, stirred_net, write_run
from small_shards import wall

from rmfer.cli import main
from rmfer.evaluation import FOLDER
from rmfer.evaluation.comparison import confusion_on_test
from rmfer.labels import class_names
from rmfer.predict.recogniser import Recogniser
from rmfer.shards import AnchorSampler, ImageReader, SamplerSettings, open_index
from rmset_builder.shards.checked_parquet import write_checked

SETS = 3


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(["analyze", "prior", *map(str, arguments)])
    out, err = capsys.readouterr()
    return int(ended.value.code or 0), out, err


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("model") / "run")


@pytest.fixture
def shards(tmp_path: Path, make_shards: Callable[..., list[Path]]) -> Path:
    make_shards(tmp_path / "shards", "v", wall(90, 6), size=64)
    return tmp_path / "shards"


def test_what_is_told_is_what_the_network_predicts(
    shards: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = (shards, "--model", model, "--sets", SETS, "--frame-stride", 1, "--seed", 5, "--device", "cpu")
    code, out, err = run(capsys, *line, "--json")
    assert (code, err) == (0, "")
    told = json.loads(out)
    index = open_index(shards)
    sampler, reader = AnchorSampler(index, SamplerSettings(seed=5, frame_stride=1)), ImageReader(index)
    recogniser = Recogniser(stirred_net(), info_of(), torch.device("cpu"))
    p, q = [], []
    for number in range(SETS):
        found = [bytes(one) for one in reader.read_many(sampler.draw(epoch=0, number=number).rows)]  # type: ignore[arg-type]
        pictures = [cv2.imdecode(np.frombuffer(one, np.uint8), cv2.IMREAD_COLOR_RGB) for one in found]
        labels = recogniser.probabilities([np.asarray(one, np.uint8) for one in pictures]).argmax(1)
        p.append((labels[1:51] == labels[0]).mean())
        q.append((labels[51:] != labels[0]).mean())
    # Two JPEG decoders may differ by a grey level, and a face on the edge change its expression.
    assert told["p"][0] == pytest.approx(np.mean(p), abs=0.03)
    assert told["q"][0] == pytest.approx(np.mean(q), abs=0.03)
    assert (told["sets"], told["frame_stride"], told["intervals_over"]) == (SETS, 1, "sets")
    assert told["p_imp"] is not None
    assert told["corrected"] is None, "the run keeps no test"
    code, out, _ = run(capsys, *line)
    assert code == 0
    assert out.startswith("3 anchor sets of 1 video; 95 % intervals over sets\np, positives like their anchor   ")
    assert out.endswith("what p must be for ACL to pay: docs/prior.md\n")


def test_a_runs_own_test_is_known(tmp_path: Path) -> None:
    folder = tmp_path / "tested"
    labels = np.repeat(np.arange(8), 10)
    found = np.full((80, 8), 0.02, np.float32)
    found[np.arange(80), labels] = 0.86
    found[::10] = np.roll(found[::10], 1, axis=1)
    columns = {"image": [f"test/{number}.png" for number in range(80)], "label": labels}
    columns |= dict(zip(class_names(8), found.T, strict=True))
    (folder / FOLDER).mkdir(parents=True)
    assert confusion_on_test(folder, which="last", classes=8) is None
    write_checked(pa.table(columns), folder / FOLDER / "own-test-last.parquet")
    confusion = confusion_on_test(folder, which="last", classes=8)
    np.testing.assert_array_equal(confusion, 9 * np.eye(8) + np.roll(np.eye(8), 1, axis=1))


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--model", "absent"), "absent"),
        ((), "Missing option '--model'"),
    ],
)
def test_wrong_ones_are_one_line(
    shards: Path, arguments: tuple[str, ...], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = run(capsys, shards, *arguments)
    assert (code, out) == (2, "")
    assert len(err.splitlines()) == 1
    assert told in err


def test_no_shards(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, tmp_path / "none", "--model", model, "--device", "cpu")
    assert (code, out) == (2, "")
    assert "no folder of shards" in err
