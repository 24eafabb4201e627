from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image
from small_models import info_of, stirred_net, write_run
from training_helpers import run

from rmfer.labels import class_names
from rmfer.predict.drawing import COLOURS, annotate, scale_for
from rmfer.predict.pictures import read_picture
from rmfer.predict.recogniser import Recogniser
from rmfer.predict.results import Face
from rmfer.predict.sources import InputError, find_sources
from rmset_builder.api import PictureFaces
from rmset_builder.demo.compose import find_photo

NAMES = class_names(8)
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_run(tmp_path_factory.mktemp("model") / "run")


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_six_people_on_a_photo(model: Path, tmp_path: Path) -> None:
    photo = find_photo()
    done = run(["predict", str(model), str(photo), "--out", str(tmp_path / "out"), "--json", "--device", "cpu"])
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert json.loads((tmp_path / "out" / "t1.json").read_text()) == told
    assert len(told["faces"]) == 6
    lefts = [face["box"][0] for face in told["faces"]]
    assert lefts == sorted(lefts)
    pixels = read_picture(photo)
    with PictureFaces("offline") as faces:
        found = faces.find(pixels)
    assert all(face.shape == (260, 260, 3) for face in found.pictures)
    wanted = Recogniser(stirred_net(), info_of(), CPU).probabilities(found.pictures)
    for face, shares in zip(told["faces"], wanted, strict=True):
        assert face["score"] > 0.5
        assert list(face["probabilities"]) == list(NAMES)
        assert list(face["probabilities"].values()) == pytest.approx(shares.tolist(), abs=2e-6)
        assert face["label"] == NAMES[shares.argmax()]
        assert face["probability"] == max(face["probabilities"].values())
    with Image.open(tmp_path / "out" / "t1.jpg") as marked:
        assert (marked.width, marked.height) == (told["width"], told["height"])
        changed = np.abs(np.asarray(marked, int) - pixels).max(axis=2) > 60
    assert 0.005 < changed.mean() < 0.2
    for face in told["faces"]:  # what is inside a box stays to be seen
        x0, y0, x1, y1 = (round(side) for side in face["box"])
        assert changed[y0 + 20 : y1 - 20, x0 + 20 : x1 - 20].mean() < 0.05


def test_faces_are_aligned_as_shards_are(demo_video: Path, demo_shards: Path) -> None:
    table = pq.read_table(next(demo_shards.glob("*-00000.parquet")), columns=["frame", "bbox", "image"])
    number = 19  # at which the detector looked
    with av.open(str(demo_video)) as container:
        frame = next(f for n, f in enumerate(container.decode(video=0)) if n == number)
    with PictureFaces("offline") as faces:
        found = faces.find(frame.to_ndarray(format="rgb24"))
    rows = [row for row in table.to_pylist() if row["frame"] == number]
    assert len(rows) == 6
    for row in rows:
        nearest = np.abs(found.boxes - np.array(row["bbox"])).sum(axis=1).argmin()
        shard = cv2.imdecode(np.frombuffer(row["image"]["bytes"], np.uint8), cv2.IMREAD_COLOR_RGB)
        # JPEG, and inputs of other sizes, in which a landmark may be a fraction of a pixel elsewhere.
        assert np.abs(shard.astype(int) - found.pictures[nearest]).mean() < 4


def test_a_video(model: Path, small_video: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = run(
        ["predict", str(model), str(small_video), "--out", str(out), "--every", "5", "--json", "--device", "cpu"]
    )
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in out.iterdir()) == ["small.json", "small.jsonl", "small.mp4"]
    told, lines = json.loads(done.stdout), lines_of(out / "small.jsonl")
    assert (told["frames"], told["frames_with_faces"]) == (25, 25)
    assert len(told["people"]) == 6
    assert [line["frame"] for line in lines] == [0, 5, 10, 15, 20]
    assert [line["time_s"] for line in lines] == pytest.approx([0, 0.2, 0.4, 0.6, 0.8])
    for person in told["people"]:
        own = [
            list(face["probabilities"].values())
            for line in lines
            for face in line["faces"]
            if face["identity"] == person["identity"]
        ]
        assert person["frames"] == len(own) == 5
        assert list(person["probabilities"].values()) == pytest.approx(np.mean(own, axis=0).tolist(), abs=1e-5)
    with av.open(str(out / "small.mp4")) as container:
        frames = list(container.decode(video=0))
    assert (len(frames), frames[0].width, frames[0].height) == (25, 640, 360)
    with av.open(str(small_video)) as container:
        before = [frame.to_ndarray(format="rgb24").astype(int) for frame in container.decode(video=0)]
    for frame, bare in zip(frames, before, strict=True):  # those in between are marked too
        changed = np.abs(frame.to_ndarray(format="rgb24") - bare).max(axis=2) > 60
        assert changed.mean() > 0.02


def test_what_fails_is_listed_and_the_rest_goes_on(model: Path, tmp_path: Path) -> None:
    inputs, out = tmp_path / "in", tmp_path / "out"
    (inputs / "deep" / ".hidden").mkdir(parents=True)
    face = np.full((48, 48, 3), 120, np.uint8)
    for name in ("a.png", "deep/a.png", "deep/.hidden/b.png"):
        Image.fromarray(face).save(inputs / name)
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (90, 90, 3), np.uint8)).save(inputs / "cut.jpg")
    (inputs / "cut.jpg").write_bytes((inputs / "cut.jpg").read_bytes()[:900])
    (inputs / "words.jpg").write_text("no picture")
    (inputs / "empty.mp4").write_bytes(b"")
    (tmp_path / "nothing").mkdir()
    arguments = [inputs, inputs / "a.png", tmp_path / "none.png", tmp_path / "nothing"]
    done = run(["predict", str(model), *map(str, arguments), "--out", str(out), "--device", "cpu"])
    assert done.returncode == 1
    assert [line.partition(": ")[2] for line in done.stdout.splitlines()] == [
        f"no face -> {out / 'a.jpg'}",
        f"no face -> {out / 'deep' / 'a.jpg'}",
    ]
    faults = sorted(line for line in done.stderr.splitlines() if line.startswith("failed: "))
    assert len(faults) == 5
    for fault, part in zip(
        faults,
        (
            "cut.jpg is damaged",
            "empty.mp4 is empty",
            "words.jpg is no picture",
            "none.png does not exist",
            "holds no picture",
        ),
        strict=True,
    ):
        assert part in fault
    assert done.stderr.endswith(f"{out}: 2 done, 5 failed\n")
    assert sorted(str(p.relative_to(out)) for p in out.rglob("*") if p.is_file()) == [
        "a.jpg",
        "a.json",
        "deep/a.jpg",
        "deep/a.json",
    ]


def test_aligned_pictures_need_no_detector(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("rmset_builder")]:
        monkeypatch.setitem(sys.modules, name, None)
    face = np.random.default_rng(4).integers(0, 255, (48, 48, 3), np.uint8)
    path = tmp_path / "face.png"
    Image.fromarray(face).save(path)
    line = ["predict", str(model), str(path), "--out", str(tmp_path / "out"), "--json", "--device", "cpu"]
    done = run(line)
    assert done.returncode == 2
    assert "rmset_builder" in done.stderr
    assert "--aligned" in done.stderr
    done = run([*line, "--aligned", "--no-pictures"])
    assert done.returncode == 0, done.stderr
    wanted = Recogniser(stirred_net(), info_of(), CPU).probabilities([face])[0]
    (told,) = json.loads(done.stdout)["faces"]
    assert list(told["probabilities"].values()) == pytest.approx(wanted.tolist(), abs=2e-6)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["face.json"]


def test_nothing_that_is_looked_at_is_written_over(model: Path, tmp_path: Path) -> None:
    path = tmp_path / "face.jpg"
    Image.fromarray(np.zeros((48, 48, 3), np.uint8)).save(path)
    before = path.read_bytes()
    done = run(["predict", str(model), str(path), "--out", str(tmp_path), "--aligned", "--device", "cpu"])
    assert done.returncode == 2
    assert "would be written over; give another folder" in done.stderr
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["face.jpg"]


def test_sources_keep_apart(tmp_path: Path) -> None:
    for name in ("x/a.png", "x/a.jpg", "y/a.png", "y/film.mp4", "y/notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = find_sources([tmp_path / "x", tmp_path / "y", tmp_path / "x" / "a.png"], video_suffixes=frozenset({".mp4"}))
    assert [(str(s.path.relative_to(tmp_path)), str(s.name), s.is_video) for s in found.items] == [
        ("x/a.jpg", "a", False),
        ("x/a.png", "a-2", False),
        ("y/a.png", "a-3", False),
        ("y/film.mp4", "film", True),
    ]
    assert not found.faults
    assert "\n" not in str(InputError("bad\nname"))


def test_pictures_of_all_kinds(tmp_path: Path) -> None:
    ramp = np.tile(np.linspace(0, 255, 40).astype(np.uint8), (30, 1))
    turned = Image.Exif()
    turned[0x0112] = 6  # the camera was held upright
    Image.fromarray(ramp).save(tmp_path / "turned.jpg", exif=turned, quality=95)
    assert read_picture(tmp_path / "turned.jpg").shape == (40, 30, 3)
    Image.fromarray(ramp.astype(np.uint16) * 257).save(tmp_path / "deep.png")
    assert np.abs(read_picture(tmp_path / "deep.png")[:, :, 0].astype(int) - ramp).max() <= 1
    clear = np.zeros((30, 40, 4), np.uint8)
    Image.fromarray(clear).save(tmp_path / "clear.png")
    assert (read_picture(tmp_path / "clear.png") == 255).all()
    Image.fromarray(ramp).convert("CMYK").save(tmp_path / "print.tif")
    assert read_picture(tmp_path / "print.tif").shape == (30, 40, 3)
    if os.geteuid():
        (tmp_path / "print.tif").chmod(0)
        with pytest.raises(InputError, match="may not be read"):
            read_picture(tmp_path / "print.tif")


def test_grey_is_what_the_model_was_trained_on() -> None:
    net, grey = stirred_net(), {"mean": (0.5, 0.5, 0.5), "std": (0.2, 0.2, 0.2)}
    face = np.random.default_rng(5).integers(0, 255, (60, 60, 3), np.uint8)
    as_grey = cv2.cvtColor(
        cv2.cvtColor(cv2.resize(face, (48, 48), interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB
    )
    wanted = Recogniser(net, info_of(**grey), CPU, grey=False).probabilities([as_grey])
    assert np.allclose(Recogniser(net, info_of(**grey), CPU).probabilities([face]), wanted, atol=1e-6)
    assert not np.allclose(Recogniser(net, info_of(**grey), CPU, grey=False).probabilities([face]), wanted, atol=1e-4)
    assert not Recogniser(net, info_of(), CPU).grey


def test_marks_keep_clear_of_one_another() -> None:
    """Neighbours in a row, each of another expression: every label's ground is there in full."""
    picture = np.zeros((720, 1280, 3), np.uint8)
    faces = [
        Face(np.eye(8, dtype=np.float32)[n], box=(20 + 155 * n, 300, 150 + 155 * n, 450), score=0.9) for n in range(8)
    ]
    drawn = annotate(picture, faces, NAMES)
    assert not picture.any()
    assert drawn.shape == picture.shape
    for n, colour in enumerate(COLOURS):
        alone = annotate(picture, [faces[n]], NAMES)
        ours, wanted = ((each == colour).all(axis=2).sum() for each in (drawn, alone))
        assert ours > 0.95 * wanted
    assert scale_for(48, 48) == 14
    assert annotate(picture[:48, :48], [Face(faces[0].probabilities)], NAMES).shape == (672, 672, 3)
