"""The arms of the paper's comparison on FERPlus, and the settings of each: all alike but for the losses."""

from __future__ import annotations

from typing import Any

BASE = "base"
ARMS = {
    "continued": ["base"],
    "ial": ["ial"],
    "ial-acl": [],
    "acl": ["acl-without-ial"],
    "ial-acl-no-self-masking": ["no-self-masking"],
    "ial-acl-without-fer": ["ial-without-fer"],
    "ial-acl-on-benchmark": ["acl-on-benchmark"],
}
SMALL = {"backbone": "resnet18_stride1", "backbone_args": {"channels": [16, 32, 64, 128]}}
COMMON: dict[str, Any] = {
    "size": 48,
    "soft_labels": True,
    "flip": 0.5,
    "rotate": 15,
    "zoom": 0.15,
    "shift": 4,
    "select_on": "overall",
    "log_every": 100,
}
FROM_NOTHING: dict[str, Any] = {
    **COMMON,
    "weights": "none",
    "lambda1": 0,
    "lambda2": 0,
    "epochs_pre": 0,
    "augment": False,
    "balance": "none",
    "sam": False,
    "optimizer": "adamw",
    "weight_decay": 0.05,
    "schedule": "onecycle",
    "lr": 2e-3,
    "batch_size": 128,
    "ema": 0.998,
}
# As the paper trains: the classes balanced, SAM, Adam, at a rate that changes a trained network gently.
BRANCHING: dict[str, Any] = {
    **COMMON,
    "balance": "weighted",
    "sam": True,
    "optimizer": "adam",
    "lr": 1e-4,
    "schedule": "linear",
    "batch_size": 128,
    "ema": 0.99,
    "frame_stride": 10,
    "epochs_pre": 1,
}
# Settings of the base, and of the arms over BRANCHING.
SCALES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    # For some sittings of two cores.
    "cpu": (
        {**SMALL, "epochs": 40, "validate_every": 2, "workers": 1},
        {**SMALL, "epochs": 5, "workers": 1},
    ),
    # For some minutes of one GPU, four runs at a time.
    "gpu": (
        {
            "backbone": "resnet18_stride1",
            "batch_size": 256,
            "epochs": 40,
            "validate_every": 5,
            "workers": 4,
        },
        {"backbone": "resnet18_stride1", "epochs": 5, "workers": 4},
    ),
    # A rehearsal of all parts on a few pictures.
    "smoke": (
        {
            **SMALL,
            "backbone_args": {"channels": [16, 16, 16, 16]},
            "batch_size": 16,
            "epochs": 2,
            "ema": 0.9,
            "workers": 1,
        }
        | {"validate_every": 2},
        {
            **SMALL,
            "backbone_args": {"channels": [16, 16, 16, 16]},
            "batch_size": 16,
            "epochs": 2,
            "ema": 0.9,
            "workers": 1,
        },
    ),
}
