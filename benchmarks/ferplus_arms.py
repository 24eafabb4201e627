"""The arms of the paper's comparison on FERPlus, and the settings of each: all alike but for the losses."""

from __future__ import annotations

from typing import Any

BASE = "base"
CONTINUED, IAL, ACL = "continued", "ial", "ial-acl"
# The presets of each arm, and what of its own it needs beside the settings that all share.
ARMS: dict[str, tuple[list[str], dict[str, Any]]] = {
    CONTINUED: (["base"], {}),
    IAL: (["ial"], {}),
    ACL: ([], {}),
    "mixup": (["mixup"], {}),
    "simclr": (["simclr"], {"pretrain_epochs": 1}),
    "eac": (["eac"], {}),
    # Its consistency rises for a third of the epochs, as in the repository.
    "soft": (["soft"], {"loss_options": {"soft": {"ramp": 1}}}),
    # The base's classifier: a normalised one would have to be learnt anew in a few hundred steps.
    "ada-cm": (["ada-cm"], {"head": "linear"}),
    "acl": (["acl-without-ial"], {}),
    "ial-acl-no-self-masking": (["no-self-masking"], {}),
    "ial-without-fer": (["ial-without-fer"], {}),
    "ial-acl-on-benchmark": (["acl-on-benchmark"], {}),
}
# Those whose learning rate is chosen on the validation split, each by itself; ablations have that of what they ablate.
TUNED = (CONTINUED, IAL, ACL, "mixup", "simclr", "eac", "soft", "ada-cm")
RATES = (1e-5, 3e-5, 1e-4)
# Balanced batches trade overall accuracy for average accuracy, and the more so the higher the rate: either alone would
# choose the lowest or the highest of all, so that rates are chosen by the mean of both, which the paper gives.
CHOSEN_BY = ("overall", "average")
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
# As the paper trains: the classes balanced, SAM, Adam, at a rate that changes a trained network gently. What presets of
# other methods say of optimiser, batch and epochs gives way, so that all arms have the same budget.
BRANCHING: dict[str, Any] = {
    **COMMON,
    "balance": "weighted",
    "sam": True,
    "optimizer": "adam",
    "weight_decay": 0.0,
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
        {**SMALL, "epochs": 2, "epochs_pre": 0, "precision": "bfloat16", "workers": 1},
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
            "positives": 8,
            "negatives": 8,
            "pretrain_steps": 2,
            "pretrain_batch": 16,
            "workers": 1,
        },
    ),
}
