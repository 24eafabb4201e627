"""Weights and settings that lie: told in one line, without the memory or the time that they ask for."""

from __future__ import annotations

import io
import json
import struct
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from rmfer.errors import RmferError
from rmfer.model.pickled import read_pickled
from rmfer.model.weights import read_weights, tensors_of
from rmfer.plain_yaml import NotYamlError, read_yaml
from rmfer.training.presets import resolve

# ----------------------------------------------------------------------------------------------------------- weights


def saved(path: Path, what: Any) -> Path:
    torch.save(what, path)
    return path


def test_a_network_whose_parts_name_each_other(tmp_path: Path) -> None:
    """Forty parts, each with the next one twice: two to the fortieth, were they listed."""
    net = nn.Sequential(nn.Linear(1, 1))
    for _ in range(40):
        net = nn.Sequential(net, net)
    with pytest.raises(RmferError, match="parts contain each other without end"):
        read_pickled(saved(tmp_path / "net.pt", net))


def test_tensors_that_share_their_numbers_beyond_belief(tmp_path: Path) -> None:
    numbers = torch.zeros(1000, 1000)
    with pytest.raises(RmferError, match="share their numbers beyond belief"):
        read_pickled(saved(tmp_path / "net.pt", {f"w{n}": numbers.T for n in range(2000)}))
    tied = read_pickled(saved(tmp_path / "tied.pt", {"a": numbers, "b": numbers}))
    assert torch.equal(tied["a"], tied["b"])


def test_what_a_pickle_numbers_beyond_what_it_holds(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "net.pt", "w") as written:
        written.writestr("net/data.pkl", b"\x80\x02}r\xff\xff\xff\x7f.")
    with pytest.raises(RmferError, match="it numbers what it holds beyond what it holds"):
        read_pickled(tmp_path / "net.pt")


def test_checkpoints_that_hold_themselves(tmp_path: Path) -> None:
    state: dict[str, Any] = {"module.module.a": torch.ones(2)}
    state["state_dict"] = state
    assert list(tensors_of(state)) == ["a"]
    file = io.BytesIO()
    torch.save(state, file)
    (tmp_path / "x.pt").write_bytes(file.getvalue())
    assert list(read_weights(tmp_path / "x.pt")) == ["a"]


@pytest.mark.parametrize(
    "header",
    [
        {"a": {"dtype": "F32", "shape": [1 << 40], "data_offsets": [0, 1 << 42]}},
        {"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]}},
        {
            "a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]},
            "b": {"dtype": "F32", "shape": [2], "data_offsets": [4, 12]},
        },
        {"a": {"dtype": "F99", "shape": [2], "data_offsets": [0, 8]}},
        {"a": {"dtype": "F32", "shape": [1 << 33, 1 << 33], "data_offsets": [0, 8]}},
        {"a": {"dtype": "F32", "shape": [2], "data_offsets": [8, 0]}},
    ],
    ids=["too long", "too short", "overlapping", "of no dtype", "running over", "backwards"],
)
@pytest.mark.parametrize("length", [None, 1 << 62, 1])
def test_headers_of_safetensors_that_lie(header: dict[str, Any], length: int | None, tmp_path: Path) -> None:
    text = json.dumps(header).encode()
    path = tmp_path / "x.safetensors"
    path.write_bytes(struct.pack("<Q", length or len(text)) + text + bytes(12))
    with pytest.raises(RmferError, match=r"x.safetensors cannot be read"):
        read_weights(path)


# ---------------------------------------------------------------------------------------------------------- settings


def doubling(levels: int) -> str:
    return "a0: &a0 [1, 1]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, levels))


@pytest.mark.parametrize("text", ["2024-99-99", "!!timestamp x", "!!bool x", "&a [*a]", "[" * 5000, doubling(60)])
def test_yaml_that_stands_for_too_much_or_nothing(text: str, tmp_path: Path) -> None:
    with pytest.raises(NotYamlError) as raised:
        read_yaml(text)
    assert "\n" not in str(raised.value)
    path = tmp_path / "p.yaml"
    path.write_text(text)
    with pytest.raises(RmferError, match="cannot be read"):
        resolve([str(path)], [])
    if "\n" not in text:
        with pytest.raises(RmferError, match="is not YAML"):
            resolve([], [f"lr={text}"])


@pytest.mark.parametrize("text", ["x = " + "[" * 5000, "x = " + "9" * 5000, "x = 2024-99-99", "\0"])
def test_a_toml_that_is_none(text: str, tmp_path: Path, rmset: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    (tmp_path / "rmset.toml").write_text(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        done = rmset("stats", tmp_path)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1), done.stderr
    assert "rmset.toml cannot be read" in done.stderr
