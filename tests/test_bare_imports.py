"""What importing each door pulls in, in an interpreter that has imported nothing else."""

from __future__ import annotations

import subprocess
import sys

import pytest

# torch belongs to training alone, insightface to packs that are downloaded, matplotlib to figures.
TORCH = ("torch", "torchvision", "timm")
MODELS = ("insightface", "onnxruntime")
HEAVY = (*TORCH, *MODELS, "cv2", "sklearn", "scipy", "pyarrow", "av", "matplotlib")


def imported(module: str, names: tuple[str, ...]) -> list[str]:
    """Which of the ``names`` are there once ``module`` is imported."""
    program = f"import sys, {module}\nprint(*[name for name in {names!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return done.stdout.split()


@pytest.mark.parametrize("module", ["rmset_builder.cli", "rmfer.cli"])
def test_a_command_line_is_light(module: str) -> None:
    assert imported(module, HEAVY) == []


@pytest.mark.parametrize(
    "module",
    [
        "rmset_builder.api",
        "rmset_builder.commands.extract",
        "rmset_builder.commands.fetch",
        "rmset_builder.demo.compose",
    ],
)
def test_the_builder_does_without_torch(module: str) -> None:
    assert imported(module, (*TORCH, "insightface", "matplotlib")) == []


@pytest.mark.parametrize(
    "module",
    ["rmfer.training.trainer", "rmfer.shards", "rmfer.labelled", "rmfer.losses.acl", "rmfer.evaluation.evaluate"],
)
def test_training_does_without_the_builders_models(module: str) -> None:
    assert imported(module, MODELS) == []


def test_aligned_pictures_need_no_models() -> None:
    assert imported("rmfer.predict.predictor", MODELS) == []
    assert imported("rmfer.predict.videos", MODELS) == ["onnxruntime"]


@pytest.mark.parametrize("module", ["rmset_builder.api", "rmfer.training.trainer"])
def test_the_test_would_see_it(module: str) -> None:
    assert imported(module, ("numpy", "cv2")) == ["numpy", "cv2"]
