from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import safetensors.torch
import timm
import torch
from safetensors import safe_open
from torch import nn

from rmfer.errors import RmferError
from rmfer.model.network import RmferNet
from rmfer.model.saved import ModelInfo, load_model, save_model
from rmfer.model.weights import load_weights

TINY = "mobilenetv3_small_050"
INFO = ModelInfo(
    backbone=TINY,
    backbone_args={"drop_rate": 0.1},
    classes=8,
    size=48,
    mean=(0.5, 0.4, 0.3),
    std=(0.2, 0.2, 0.1),
    benchmark="FERPlus",
    preset="ferplus-average ial",
    epoch=3,
    which="best",
    metrics={"valid_average": 0.75},
    config={"lr": 1e-5, "backbone_args": {}},
)


@pytest.fixture(scope="module")
def net() -> RmferNet:
    torch.manual_seed(3)
    return RmferNet(TINY, classes=8, backbone_args={"drop_rate": 0.1}).eval()


@pytest.fixture(scope="module")
def images() -> torch.Tensor:
    return torch.randn(2, 3, 48, 48, generator=torch.Generator().manual_seed(1))


def same(net: nn.Module, other: nn.Module) -> bool:
    ours, theirs = net.state_dict(), other.state_dict()
    return list(ours) == list(theirs) and all(torch.equal(ours[name], theirs[name]) for name in ours)


@pytest.mark.parametrize(
    ("backbone", "options", "features"),
    [
        (TINY, {}, 1024),  # a layer stands between its last map and its classifier
        ("resnet18", {}, 512),
        ("vit_tiny_patch16_224", {"img_size": 48, "depth": 2}, 192),
        ("convnext_atto.d2_in1k", {}, 320),
    ],
)
def test_any_backbone_of_timm_serves(backbone: str, options: dict[str, object], features: int) -> None:
    net = RmferNet(backbone, classes=7, backbone_args=options).eval()
    f, z = net.embed(torch.randn(2, 3, 48, 48))
    assert net.features == features and f.shape == z.shape == (2, features)


def test_the_paper_s_backbone_has_1408_features() -> None:
    assert RmferNet(classes=8).features == 1408


def test_the_first_map_of_stride_1_is_as_large_as_the_picture() -> None:
    net = RmferNet("resnet18_stride1", classes=7, backbone_args={"channels": [16, 24, 32, 40]})
    sizes = dict[str, torch.Size]()
    for name in ("act1", "layer1", "layer2", "layer3", "layer4"):
        net.backbone.get_submodule(name).register_forward_hook(
            lambda _, __, out, name=name: sizes.__setitem__(name, out.shape[1:])
        )
    assert net(torch.rand(2, 3, 48, 48)).shape == (2, 7)
    assert net.features == 40
    assert list(sizes.values()) == [(16, 48, 48), (16, 48, 48), (24, 24, 24), (32, 12, 12), (40, 6, 6)]
    assert [entry["reduction"] for entry in net.backbone.feature_info] == [1, 1, 2, 4, 8]
    with pytest.raises(RmferError, match="no weights of resnet18_stride1"):
        RmferNet("resnet18_stride1", classes=7, pretrained=True)


def test_classifiers_begin_alike_and_part_ways(net: RmferNet, images: torch.Tensor) -> None:
    f, z = net.embed(images)
    assert torch.equal(net(images), net.head_main(f)) and torch.equal(z, net.projection(f))
    assert torch.equal(net.logits(images, "att"), net(images)) and net(images).shape == (2, 8)
    assert net.head_att.weight is not net.head_main.weight
    with pytest.raises(ValueError, match="head"):
        net.logits(images, "third")


@pytest.mark.parametrize(
    ("backbone", "options", "told"),
    [
        ("tf_efficientnet_b22", {}, "did you mean tf_efficientnet_b2"),
        ("nothing at all", {}, "list_models"),
        ("resnet18", {"depht": 3}, "depht"),
        ("resnet18", {"checkpoint_path": "x.pt"}, "may not set checkpoint_path"),
        ("hf-hub:someone/something", {}, "no backbone"),
    ],
)
def test_wrong_backbones_are_told_in_a_line(backbone: str, options: dict[str, object], told: str) -> None:
    with pytest.raises(RmferError, match=told) as caught:
        RmferNet(backbone, classes=7, backbone_args=options)
    assert "\n" not in str(caught.value)


def test_weights_that_cannot_be_fetched_name_the_way_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(RmferError, match=r"weights of resnet18 cannot be had.*weights=FILE"):
        RmferNet("resnet18", classes=7, pretrained=True)


# On disk --------------------------------------------------------------------------------------------------------------


def test_a_saved_model_returns_as_it_was(net: RmferNet, images: torch.Tensor, tmp_path: Path) -> None:
    path = tmp_path / "run" / "best.safetensors"
    save_model(path, net.to(memory_format=torch.channels_last), INFO)  # type: ignore[call-overload]
    for where in (path, path.parent):
        found, info = load_model(where)
        assert info == INFO and not found.training
        assert same(found, net)
        torch.testing.assert_close(found(images), net(images))
    assert [file.name for file in path.parent.iterdir()] == ["best.safetensors"]
    with safe_open(path, "pt") as file:
        assert json.loads(file.metadata()["rmfer.model"])["size"] == 48


def test_arguments_of_a_backbone_return_as_tuples(tmp_path: Path) -> None:
    options = {"img_size": (48, 32), "depth": 1}
    net = RmferNet("vit_tiny_patch16_224", classes=7, backbone_args=options)
    info = replace(INFO, backbone="vit_tiny_patch16_224", backbone_args=options, classes=7)
    save_model(tmp_path / "last.safetensors", net, info)
    found, told = load_model(tmp_path, which="last")
    assert same(found, net) and told == info


def test_wrong_models_are_told_in_a_line(net: RmferNet, tmp_path: Path) -> None:
    def told(path: Path, which: str = "best") -> str:
        with pytest.raises(RmferError) as caught:
            load_model(path, which=which)
        assert str(path) in str(caught.value) and "\n" not in str(caught.value)
        return str(caught.value)

    assert "does not exist" in told(tmp_path / "none")
    assert "holds no last.safetensors" in told(tmp_path, "last")
    good = tmp_path / "good.safetensors"
    save_model(good, net, INFO)
    cut = tmp_path / "cut.safetensors"
    for length in (0, 5, 5000, good.stat().st_size - 1):
        cut.write_bytes(good.read_bytes()[:length])
        assert "cannot be read" in told(cut)
    plain = tmp_path / "plain.safetensors"
    safetensors.torch.save_file({"weight": torch.zeros(2)}, plain)
    assert "not written by `rmfer train`" in told(plain)
    for other, words in [
        (replace(INFO, backbone="resnet18", backbone_args={}), "not those of the network it names"),
        (replace(INFO, classes=7), "head_att.bias, head_att.weight, head_main.bias and 1 more"),
        (replace(INFO, backbone="hf-hub:evil/net"), "no backbone"),
        (replace(INFO, evaluate_with="both"), "evaluate_with"),  # type: ignore[arg-type]
    ]:
        save_model(cut, net, other)
        with pytest.raises(RmferError, match=words):
            load_model(cut)
    weights = safetensors.torch.load_file(good)
    safetensors.torch.save_file(weights, cut, {"rmfer.format": "2", "rmfer.model": "{}"})
    assert "format 2" in told(cut)
    safetensors.torch.save_file(weights, cut, {"rmfer.format": "1", "rmfer.model": "{"})
    assert "is wrong" in told(cut)


# Weights to begin with ------------------------------------------------------------------------------------------------


def fresh(classes: int = 8) -> RmferNet:
    torch.manual_seed(99)
    return RmferNet(TINY, classes=classes)


def test_weights_of_a_run_are_taken_whole(net: RmferNet, tmp_path: Path) -> None:
    save_model(tmp_path / "best.safetensors", net, INFO)
    torch.save({"format": 1, "net": net.state_dict()}, tmp_path / "last.ckpt")
    torch.save({"module._orig_mod." + name: value for name, value in net.state_dict().items()}, tmp_path / "ddp.pth")
    for name in ("best.safetensors", "last.ckpt", "ddp.pth"):
        other = fresh()
        report = load_weights(other, tmp_path / name)
        assert same(other, net), name
        assert not (report.missing or report.misshapen or report.unused)
        assert "\n" not in str(report)


def test_weights_of_a_bare_backbone_are_taken_without_its_classifier(tmp_path: Path) -> None:
    torch.manual_seed(5)
    bare = timm.create_model(TINY, num_classes=8)
    torch.save({"state_dict": bare.state_dict()}, tmp_path / "bare.pth")
    other, before = fresh(), fresh()
    report = load_weights(other, str(tmp_path / "bare.pth"))
    taken = bare.state_dict()
    assert report.unused == ("classifier.bias", "classifier.weight")
    assert all(torch.equal(value, taken[name]) for name, value in other.backbone.state_dict().items())
    assert same(other.head_main, before.head_main) and same(other.projection, before.projection)
    told = str(report).splitlines()
    assert told[1:] == [
        "  not in the file, begun at random: projection (4 tensors), head_main (2 tensors), head_att (2 tensors)",
        "  left out, having no place: classifier.bias, classifier.weight",
    ]


def test_what_does_not_fit_is_named_and_left(net: RmferNet, tmp_path: Path) -> None:
    weights = {name: value for name, value in net.state_dict().items() if not name.startswith("head_att.")}
    weights["backbone.conv_stem.weight"] = torch.zeros(16, 1, 3, 3)
    safetensors.torch.save_file(weights, tmp_path / "w.safetensors")
    report = load_weights(same_classes := fresh(), tmp_path / "w.safetensors")
    assert report.misshapen == (("backbone.conv_stem.weight", (16, 1, 3, 3), (16, 3, 3, 3)),)
    assert "backbone.conv_stem.weight [16, 1, 3, 3] (here [16, 3, 3, 3])" in str(report)
    assert same(same_classes.head_att, net.head_main)
    other = fresh(classes=7)
    report = load_weights(other, tmp_path / "w.safetensors")
    assert [name for name, *_ in report.misshapen[1:]] == ["head_main.weight", "head_main.bias"]
    assert same(other.head_main, fresh(classes=7).head_main) and same(other.head_att, other.head_main)


def test_h_att_begins_as_h_main_wherever_it_is_missing(net: RmferNet, tmp_path: Path) -> None:
    weights = {name: value + 1 for name, value in net.state_dict().items() if not name.startswith("head_att.")}
    other_shape = {"head_att.weight": torch.zeros(7, net.features), "head_att.bias": torch.zeros(7)}
    for number, extra in enumerate(({}, other_shape)):
        path = tmp_path / f"{number}.pt"
        torch.save(weights | extra, path)
        found = fresh()
        load_weights(found, path)
        assert torch.equal(found.head_att.weight, net.head_main.weight + 1)
        assert torch.equal(found.head_att.bias, net.head_main.bias + 1)


def test_untrained_parts_are_not_saved(net: RmferNet, images: torch.Tensor, tmp_path: Path) -> None:
    info = replace(INFO, untrained=("projection", "head_att"))
    save_model(tmp_path / "best.safetensors", net, info)
    with safe_open(tmp_path / "best.safetensors", "pt") as file:
        assert {name.partition(".")[0] for name in file.keys()} == {"backbone", "head_main"}  # noqa: SIM118
    found, told = load_model(tmp_path)
    assert told == info
    torch.testing.assert_close(found(images), net(images))
    assert torch.equal(found.head_att.weight, found.head_main.weight)
    # A run's folder serves as weights to begin with.
    again = fresh()
    report = load_weights(again, tmp_path)
    assert {name.partition(".")[0] for name in report.missing} == {"projection"}
    torch.testing.assert_close(again.eval()(images), net(images))


def test_wrong_weights_are_told_in_a_line(net: RmferNet, tmp_path: Path) -> None:
    def told(path: Path, backbone: str = TINY) -> str:
        other = RmferNet(backbone, classes=8)
        before = {name: value.clone() for name, value in other.state_dict().items()}
        with pytest.raises(RmferError) as caught:
            load_weights(other, path)
        assert all(torch.equal(value, before[name]) for name, value in other.state_dict().items())
        assert str(path) in str(caught.value) and "\n" not in str(caught.value)
        return str(caught.value)

    path = tmp_path / "weights.safetensors"
    assert "no file" in told(path)
    save_model(path, net, INFO)
    assert "of the backbone's" in told(path, "resnet18")
    path.write_bytes(path.read_bytes()[:-1])
    assert "cannot be read" in told(path)
    assert "unknown kind" in told(Path(__file__))
    path = tmp_path / "empty.pth"
    torch.save({}, path)
    assert "it has none" in told(path)
    torch.save(nn.Linear(2, 2), path)
    assert "rmfer convert" in told(path)
    path.write_bytes(b"")
    assert "damaged" in told(path)
