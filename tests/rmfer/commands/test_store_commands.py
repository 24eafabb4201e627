from __future__ import annotations

import io
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image
from small_models import info_of, stirred_net
from small_shards import wall

from rmfer.cli import main
from rmfer.data.device import normalize
from rmfer.model.saved import save_model
from rmfer.shards import AnchorSampler, ImageReader, SamplerSettings, open_index

Make = Callable[..., list[Path]]


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    return int(ended.value.code or 0), out, err


@pytest.fixture
def folder(tmp_path: Path, make_shards: Make) -> Path:
    """A video of six people in two shards."""
    make_shards(tmp_path / "shards", "v", wall(90, 6), per_shard=300, size=128)
    return tmp_path / "shards"


def test_index_is_built_and_described(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = f"{folder}: 540 faces of 6 identities in 1 video, 2 shards\n"
    assert run(capsys, "index", folder) == (0, told, "indexed 2 of 2 shards\n")
    assert run(capsys, "index", folder) == (0, told, "")
    code, out, _ = run(capsys, "index", folder, "--json", "--index", folder.parent / "elsewhere")
    assert (code, json.loads(out)["faces"]) == (0, 540)
    assert (folder.parent / "elsewhere").is_dir()


def test_faults_and_exit_codes(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = folder / "v-00001.parquet"
    path.write_bytes(path.read_bytes()[:9000])
    code, out, err = run(capsys, "index", folder)
    assert (code, out) == (2, "")
    assert re.search(rf"^rmfer: {path}: is not a whole Parquet file; .*--skip-bad .*$", err, re.MULTILINE)
    code, out, err = run(capsys, "index", folder, "--skip-bad")
    assert code == 1
    assert out.endswith("1 shard; 1 left out\n")
    assert f"left out: {path}: is not a whole" in err
    code, out, err = run(capsys, "sample", folder, "--frame-stride", 1, "--skip-bad")
    assert code == 1
    assert out.startswith("set 0: v, identity ")
    assert err.endswith("\n1 left out\n")
    assert run(capsys, "index", folder.parent / "none")[::2] == (
        2,
        f"rmfer: no folder of shards at {folder.parent / 'none'}; make one with: rmset extract VIDEO\n",
    )
    assert run(capsys, "index", "--nonsense")[0] == 2
    assert run(capsys, "nothing")[0] == 2


def test_samples_are_those_of_training(folder: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    png = tmp_path / "deep" / "set.png"
    code, out, err = run(
        capsys,
        "sample",
        folder,
        "--frame-stride",
        1,
        "--seed",
        9,
        "--epoch",
        2,
        "--number",
        5,
        "--sets",
        2,
        "--json",
        "--out",
        png,
    )
    assert code == 0
    sampler = AnchorSampler(open_index(folder), SamplerSettings(seed=9, frame_stride=1))
    for line, number in zip(out.splitlines(), (5, 6), strict=True):
        told, drawn = json.loads(line), sampler.draw(epoch=2, number=number)
        assert told["rows"] == drawn.rows.tolist()
        assert (told["video"], told["identity"], told["frame"]) == ("v", drawn.identity, drawn.frame)
    assert cv2.imread(str(png)).shape == (5 * 96 + 2 * 4, 25 * 96, 3)
    assert str(png) in err
    code, out, _ = run(capsys, "sample", folder, "--frame-stride", 1)
    assert code == 0
    assert "50 positives: 5 other people at frames" in out


def test_a_model_tells_its_likest_positives(folder: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    net = stirred_net(size=48)
    save_model(tmp_path / "best.safetensors", net, info_of())
    line = ("sample", folder, "--frame-stride", 1, "--model", tmp_path, "--gamma", 0.06)
    code, out, _ = run(capsys, *line, "--json")
    assert code == 0
    told, index = json.loads(out), open_index(folder)
    # Read by Pillow, shrunk by its rule and chosen by hand.
    files = [Image.open(io.BytesIO(ImageReader(index).read(row))) for row in told["rows"][:51]]
    small = np.stack([np.asarray(file.resize((48, 48), Image.Resampling.BOX)) for file in files])
    with torch.no_grad():
        z = net.embed(normalize(torch.from_numpy(small).permute(0, 3, 1, 2)))[1]
    likeness = torch.nn.functional.cosine_similarity(z[:1], z[1:])
    rank = likeness.argsort(descending=True).argsort()
    places = [told["rows"][1:51].index(row) for row in told["p_imp"]]
    assert len(places) == 3
    assert rank[places].max() < 6
    assert told["p_imp_identities"] == index.identity[told["p_imp"]].tolist()
    people = len(set(told["p_imp_identities"]))
    assert f"P_imp, the 3 likest: {people} people at frames" in run(capsys, *line)[1]

    save_model(tmp_path / "best.safetensors", net, info_of(untrained=("projection",)))
    code, _, err = run(capsys, *line)
    assert code == 2
    assert "without IAL and ACL" in err


def test_a_bad_picture_is_named_or_counted(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    index = open_index(folder)
    row = int(AnchorSampler(index, SamplerSettings(frame_stride=1)).draw(epoch=0, number=0).rows[7])
    path, number = index.place(row)
    content = bytearray(path.read_bytes())
    content[int(index.offset[row]) + 400] ^= 1
    path.write_bytes(content)
    code, out, err = run(capsys, "sample", folder, "--frame-stride", 1)
    assert (code, out) == (2, "")
    assert err.startswith(f"rmfer: {path}, row {number}: its bytes are not those that were written")
    code, out, err = run(capsys, "sample", folder, "--frame-stride", 1, "--skip-bad")
    assert code == 1
    assert "1 left out" in err


def test_too_little_to_draw_from(tmp_path: Path, make_shards: Make, capsys: pytest.CaptureFixture[str]) -> None:
    make_shards(tmp_path, "v", wall(29, 4), size=32)
    code, _, err = run(capsys, "sample", tmp_path, "--frame-stride", 1)
    assert code == 2
    assert "can give an anchor set (1 x nobody seen at two moments far enough apart); use a smaller frame_stride" in err


def test_as_a_program() -> None:
    done = subprocess.run([sys.executable, "-m", "rmfer", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("rmfer, version ")
    heavy = ("torch", "numpy", "pyarrow", "onnxruntime", "insightface", "av", "rmset_builder.pipeline.extract")
    done = subprocess.run(
        [sys.executable, "-c", f"import rmfer.cli, sys; print([name for name in {heavy} if name in sys.modules])"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "[]\n"


def test_the_documents_example_runs(tmp_path: Path, make_shards: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    # Thirty of every tenth frame apart is 300 frames.
    make_shards(tmp_path / "shards", "v", wall(320, 4), size=32)
    monkeypatch.chdir(tmp_path)
    text = (Path(__file__).parents[3] / "docs" / "training-store.md").read_text()
    (example,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    names: dict[str, object] = {}
    exec(example, names)
    assert names["batch"].images.shape == (1, 101, 3, 260, 260)  # type: ignore[attr-defined]
    assert names["state"]["step"] == 1  # type: ignore[index]
