from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from onnx import numpy_helper
from small_models import info_of, stirred_net, write_run
from training_helpers import run

from rmfer.errors import RmferError
from rmfer.export import onnx as onnx_export
from rmfer.export.onnx import export_onnx, largest_difference
from rmfer.labels import class_names


@pytest.mark.parametrize(
    ("backbone", "head"), [("test_efficientnet", "att"), ("test_resnet", "main"), ("tf_efficientnet_b2", "main")]
)
def test_onnx_runtime_gives_torchs_logits(backbone: str, head: str, tmp_path: Path) -> None:
    size = 64
    net = stirred_net(backbone, size=size)
    info = info_of(backbone, size=size, evaluate_with=head)
    exported = export_onnx(net, info, tmp_path / "net.onnx")
    assert [path.name for path in tmp_path.iterdir()] == ["net.onnx"]
    session = ort.InferenceSession(exported.path, providers=["CPUExecutionProvider"])
    images = torch.randn(5, 3, size, size, generator=torch.Generator().manual_seed(9))
    with torch.inference_mode():
        wanted = net.logits(images, head=head).numpy()
    assert wanted.std(axis=0).min() > 0.05  # or parity would be easy
    for batch in (1, 5):
        found = session.run(["logits"], {"images": images[:batch].numpy()})[0]
        assert found.shape == (batch, 8)
        assert np.abs(found - wanted[:batch]).max() <= 1e-4
    assert exported.difference <= 1e-4
    other = "main" if head == "att" else "att"
    with torch.inference_mode():
        assert np.abs(net.logits(images, head=other).numpy() - wanted).max() > 0.05


def test_command_writes_whole_files_that_explain_themselves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, out = write_run(tmp_path / "run"), tmp_path / "deep" / "net.onnx"
    done = run(["export", str(model), "--onnx", str(out), "--which", "last", "--json"])
    assert (done.returncode, done.stderr) == (0, "")
    told = json.loads(done.stdout)
    held = {prop.key: prop.value for prop in onnx.load(out).metadata_props}
    assert told["metadata"].items() <= held.items()
    assert json.loads(held["classes"]) == list(class_names(8))
    assert json.loads(held["mean"]) == [0.5, 0.45, 0.4]
    assert (held["size"], held["channels"], held["epoch"]) == ("48", "RGB", "5")
    before = out.read_bytes()

    # The exporter writes another network than it was given: nothing takes the file's name.
    monkeypatch.setattr(onnx_export, "write_graph", lambda module, info, path, metadata: path.write_bytes(before))
    other = stirred_net()
    with torch.no_grad():
        other.head_main.bias[2] += 0.001
    with pytest.raises(RmferError, match=r"was not written: ONNX Runtime's logits differ from torch's by 0\.001"):
        export_onnx(other, info_of(), out)
    assert [path.name for path in out.parent.iterdir()] == ["net.onnx"]
    assert out.read_bytes() == before

    # What float32 rounds off is no fault: logits a hundred thousand times as large, in both.
    larger, net = onnx.load(out), stirred_net()
    (weight,) = (held for held in larger.graph.initializer if held.name == "net.head_main.weight")
    weight.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(weight) * np.float32(1e5), weight.name))
    with torch.no_grad():
        net.head_main.weight *= 1e5
    onnx.save(larger, tmp_path / "larger.onnx")
    difference, allowed = largest_difference(net, tmp_path / "larger.onnx", size=48)
    assert 1e-4 < difference <= allowed


def test_faults(tmp_path: Path) -> None:
    done = run(["export", str(tmp_path / "none"), "--onnx", str(tmp_path / "net.onnx")])
    assert done.returncode == 2
    assert "does not exist" in done.stderr
    (tmp_path / "file").write_text("")
    model = write_run(tmp_path / "run")
    done = run(["export", str(model), "--onnx", str(tmp_path / "file" / "net.onnx")])
    assert done.returncode == 2
    assert "cannot be written" in done.stderr
