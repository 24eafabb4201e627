from __future__ import annotations

import functools
import os
import pickle
import struct
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import timm
import torch
from torch import nn

from rmfer.cli import main
from rmfer.errors import RmferError
from rmfer.model.network import RmferNet
from rmfer.model.pickled import read_pickled
from rmfer.model.weights import load_weights

HSEMOTION = ["anger", "disgust", "fear", "happiness", "neutral", "sadness", "surprise"]
CANONICAL = ["neutral", "happiness", "sadness", "surprise", "fear", "disgust", "anger"]


@pytest.fixture(scope="module")
def network() -> nn.Module:
    """As hsemotion's enet_b2_7 is made: timm's, its classifier a sequence of one; on its way through training."""
    torch.manual_seed(1)
    net = timm.create_model("tf_efficientnet_b2", num_classes=0)
    net.classifier = nn.Sequential(nn.Linear(net.num_features, 7))
    net.act = functools.partial(nn.functional.leaky_relu, negative_slope=0.1)
    net.register_buffer("passing", torch.ones(3), persistent=False)
    return net


def save(value: Any, path: Path, *, legacy: bool) -> Path:
    torch.save(value, path, _use_new_zipfile_serialization=not legacy)
    return path


@pytest.mark.parametrize("legacy", [False, True])
def test_a_pickled_network_gives_its_state_dict(network: nn.Module, tmp_path: Path, legacy: bool) -> None:
    found = read_pickled(save(network, tmp_path / "net.pt", legacy=legacy))
    expected = network.state_dict()
    assert list(found) == list(expected)
    assert all(torch.equal(found[name], value) and found[name].dtype == value.dtype for name, value in expected.items())


@pytest.mark.parametrize("legacy", [False, True])
def test_mappings_and_wrapped_networks_give_theirs(tmp_path: Path, legacy: bool) -> None:
    net = nn.Sequential(nn.Linear(3, 2).half(), nn.BatchNorm1d(2))
    net[0].weight = nn.Parameter(net[0].weight.t().contiguous().t())  # columns first
    net.register_parameter("shared", net[0].bias)
    expected = net.state_dict()
    wrapped = nn.Module()
    wrapped.add_module("module", net)
    for value in (net, expected, {"state_dict": expected, "epoch": 3}, {"model": net, "args": None}, wrapped):
        found = read_pickled(save(value, tmp_path / "some.pt", legacy=legacy))
        assert found.keys() == expected.keys()
        assert all(torch.equal(found[name], expected[name]) and found[name].is_contiguous() for name in expected)


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as caught:
        main([str(argument) for argument in arguments])
    out, err = capsys.readouterr()
    return int(caught.value.code or 0), out, err


def test_convert_makes_weights_that_train_begins_with(
    network: nn.Module, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, out = save(network, tmp_path / "enet_b2_7.pt", legacy=False), tmp_path / "enet_b2_7.safetensors"
    code, told, _ = run(capsys, "convert", file)
    assert code == 0
    assert f"{out}: backbone (506 tensors), head_main" in told and ", ".join(HSEMOTION) in told

    net = RmferNet(classes=7)
    report = load_weights(net, out)
    assert not (report.misshapen or report.unused)
    assert {name.partition(".")[0] for name in report.missing} == {"projection"}
    images = torch.randn(2, 3, 64, 64)
    theirs, ours = network.eval()(images), net.eval()(images)
    for place, name in enumerate(CANONICAL):
        torch.testing.assert_close(ours[:, place], theirs[:, HSEMOTION.index(name)])
    torch.testing.assert_close(net.logits(images, "att"), ours)


def test_convert_with_labels_in_another_order(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    net = timm.create_model("resnet10t", num_classes=8)
    file = save(net, tmp_path / "net.pt", legacy=False)
    names = [*reversed(CANONICAL), "contempt"]
    code, _, _ = run(capsys, "convert", file, "--labels", ", ".join(names).title())
    found = safetensors.torch.load_file(tmp_path / "net.safetensors")
    assert code == 0 and torch.equal(found["head_main.weight"][:7].flip(0), net.fc.weight[:7])

    code, _, err = run(capsys, "convert", file, "--labels", "anger,fear", "--out", tmp_path / "x.safetensors")
    assert code == 2 and "8 expressions" in err
    code, _, err = run(capsys, "convert", file)
    assert code == 2 and "is there already" in err
    code, _, err = run(capsys, "convert", file, "--out", tmp_path / "x.pt")
    assert code == 2 and ".safetensors" in err
    assert {path.name for path in tmp_path.iterdir()} == {"net.pt", "net.safetensors"}


def test_convert_leaves_out_a_classifier_of_other_things(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    net = timm.create_model("resnet10t", num_classes=10)
    code, told, _ = run(capsys, "convert", save(net, tmp_path / "net.pt", legacy=True))
    assert code == 0 and "left out" in told and "fc.weight, fc.bias" in told and "head_main" not in told


# Files that mean harm -------------------------------------------------------------------------------------------------


class _Calls:
    """Pickles as a call."""

    def __init__(self, function: Callable[..., Any], *args: Any) -> None:
        self.call = function, args

    def __reduce__(self) -> Any:
        return self.call


def _fetch_by_name(mark: Path) -> Any:
    # getattr(OrderedDict, "__init__").__globals__ and the like: what a list of allowed modules alone would let through.
    return _Calls(getattr, _Calls(__import__, "os"), "system")


ATTACKS: dict[str, Callable[[Path], Any]] = {
    "a command": lambda mark: _Calls(os.system, f"touch {mark}"),
    "eval": lambda mark: _Calls(eval, f"open({str(mark)!r}, 'w')"),
    "open": lambda mark: _Calls(open, str(mark), "w"),
    "touch": lambda mark: _Calls(Path.touch, mark),
    "getattr": _fetch_by_name,
    "torch.load of another file": lambda mark: _Calls(torch.load, str(mark)),
    "torch.save": lambda mark: _Calls(torch.save, [1], str(mark)),
    "a library's function": lambda mark: _Calls(torch.hub.download_url_to_file, "file:///etc/hostname", str(mark)),
    "a partial": lambda mark: _Calls(functools.partial(torch.save, [1], str(mark))),
}


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("name", list(ATTACKS))
def test_nothing_in_a_pickle_is_run(
    tmp_path: Path, name: str, legacy: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    net, mark = nn.Linear(2, 2), tmp_path / "mark"
    net.hidden = ATTACKS[name](mark)
    file = save(net, tmp_path / "evil.pt", legacy=legacy)
    try:
        found = read_pickled(file)
    except RmferError as error:
        assert str(file) in str(error) and ("is refused" in str(error) or name == "a partial")
        code, _, err = run(capsys, "convert", file)
        assert code == 2 and err.count("\n") == 1 and not file.with_suffix(".safetensors").exists()
    else:  # functions of torch's own become shells like its classes
        assert name in ("torch.load of another file", "torch.save", "a library's function")
        assert torch.equal(found["weight"], net.weight)
    assert not mark.exists()


@pytest.mark.parametrize("state", ["N}U{0}{1}Ns\x86", "}U{0}{1}Ns", "N}U\x09__class__Ns\x86", "(lp0\n"])
@pytest.mark.parametrize(
    "name", ["torch._utils\n_rebuild_tensor_v2", "torch\nFloatStorage", "collections\nOrderedDict"]
)
def test_what_a_pickle_may_call_cannot_be_changed_by_it(tmp_path: Path, name: str, state: str) -> None:
    """BUILD sets attributes of whatever is on the stack, also of functions and classes."""
    attribute = "items" if "Dict" in name else "_value"
    told = state.replace("{0}", chr(len(attribute))).replace("{1}", attribute)
    path = _archive(tmp_path / "net.pt", f"\x80\x02c{name}\n{told}b.".encode("latin1"))
    with pytest.raises(RmferError, match=r"tries to change|AttributeError|TypeError|UnpicklingError"):
        read_pickled(path)
    net = nn.Linear(2, 2)
    assert torch.equal(read_pickled(save(net, path, legacy=False))["weight"], net.weight)


def _archive(path: Path, program: bytes, data: dict[str, bytes] | None = None, **options: Any) -> Path:
    with zipfile.ZipFile(path, "w", **options) as archive:
        for name, content in {"data.pkl": program, **(data or {})}.items():
            archive.writestr(f"net/{name}", content)
    return path


def _tensor_program(size: tuple[int, ...], stride: tuple[int, ...], count: int, offset: int = 0) -> bytes:
    """A mapping with one tensor of these properties over a storage "0" that is said to have ``count`` numbers."""

    class Pickler(pickle.Pickler):
        def persistent_id(self, value: Any) -> Any:
            return ("storage", torch.FloatStorage, "0", "cpu", count) if value is storage else None

    import io  # noqa: PLC0415

    storage, out = object(), io.BytesIO()
    rebuild = _Calls(torch._utils._rebuild_tensor_v2, storage, offset, size, stride, False, OrderedDict())
    Pickler(out, protocol=2).dump({"weight": rebuild})
    return out.getvalue()


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        (((2, 2), (2, 1), 4), None),
        (((2, 2), (2, 1), 4, 1), "out of bounds"),
        (((2, 3), (3, 1), 4), "out of bounds"),
        (((2, 2), (2, 1), 5), "cut short"),
        (((1 << 40,), (0,), 4), "larger than its data"),
        (((2,), (-1,), 4), "no network"),
    ],
)
def test_tensors_beyond_their_data_are_refused(tmp_path: Path, shape: Any, words: str | None) -> None:
    path = _archive(tmp_path / "net.pt", _tensor_program(*shape), {"data/0": struct.pack("<4f", 1, 2, 3, 4)})
    if words is None:
        assert read_pickled(path)["weight"].tolist() == [[1, 2], [3, 4]]
    else:
        with pytest.raises(RmferError, match=words):
            read_pickled(path)


def test_damaged_and_foreign_files_are_told_in_a_line(network: nn.Module, tmp_path: Path) -> None:
    def told(path: Path) -> str:
        with pytest.raises(RmferError) as caught:
            read_pickled(path)
        assert str(path) in str(caught.value) and "\n" not in str(caught.value)
        return str(caught.value)

    path = tmp_path / "net.pt"
    assert "no file" in told(path)
    for legacy in (False, True):
        whole = save(nn.Linear(30, 30), path, legacy=legacy).read_bytes()
        for length in (0, 1, 10, 300, len(whole) // 2, len(whole) - 5):
            path.write_bytes(whole[:length])
            told(path)
    assert "no network" in told(Path(__file__))
    assert "holds no network" in told(save(3, path, legacy=False))
    assert "compressed" in told(_archive(path, b"N.", compression=zipfile.ZIP_DEFLATED))
    assert "big-endian" in told(_archive(path, b"N.", {"byteorder": b"big"}))
    assert "_rebuild_sparse_tensor" in told(save({"weight": torch.eye(2).to_sparse()}, path, legacy=False))
    endless = nn.Module()
    endless.add_module("self", endless)
    assert "without end" in told(save(endless, path, legacy=False))
