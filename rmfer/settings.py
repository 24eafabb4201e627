"""What a run is made of: every setting of training, with the paper's default and where it is from."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, NonNegativeFloat, ValidationError, field_validator, model_validator

from rmfer.errors import RmferError
from rmset_builder.core.machine import usable_cores

# What may differ between a run and its resumption: it changes neither the weights nor the figures. Whether pictures
# that are missing are skipped does not, as what is left of the data is compared by itself.
FREE_ON_RESUME = frozenset(
    {"epochs", "workers", "log_every", "checkpoint_minutes", "compile", "skip_missing", "attention_batches"}
)


class TrainConfig(BaseModel):
    """All settings of a run; frozen. Wrong values and unknown names raise pydantic's ValidationError.

    The defaults are the paper's for AffectNet-7 (Table 8 and Sec. 1 of its supplement).
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    # Model
    backbone: str = Field("tf_efficientnet_b2", description="Any name of timm's.")
    backbone_args: dict[str, Any] = Field({}, description="Further arguments to timm.create_model.")
    weights: str = Field("hub", description='"hub": timm\'s pretrained ones; "none": from scratch; or a file.')
    classes: Literal[7, 8] | None = Field(None, description="7 leaves out contempt; by default what the benchmark has.")
    head: Literal["linear", "normalised"] = Field(
        "linear", description="How h_main classifies; normalised: the features' direction, after dropout (Ada-CM)."
    )
    size: int = Field(260, ge=16, description="Height and width of the pictures, pixels.")

    # Labelled batches
    batch_size: int = Field(32, ge=2, description="Labelled pictures a step, over all processes.")
    labelled: int = Field(0, ge=0, description="Train on so many pictures, classes in their natural shares; 0: all.")
    label_rule: Literal["argmax", "majority"] = Field(
        "argmax", description="FERPlus's pictures that are trained and validated on; test is told by both."
    )
    balance: Literal["weighted", "exact", "none"] = Field("weighted", description="Classes within a batch.")
    augment: bool = Field(True, description="The paper's augmentation.")
    soft_labels: bool = Field(False, description="Train with what voters found, not with what most of them did; ours.")
    flip: float = Field(0.0, ge=0, le=1, description="Share of labelled pictures that are mirrored, besides; ours.")
    rotate: float = Field(0.0, ge=0, lt=180, description="Labelled pictures are turned by up to so many degrees; ours.")
    zoom: float = Field(0.0, ge=0, lt=1, description="Labelled pictures are enlarged or shrunk by up to so much; ours.")
    shift: float = Field(0.0, ge=0, description="Labelled pictures are moved by up to so many pixels; ours.")
    mixup_alpha: float = Field(0.0, ge=0, description="Of the Beta distribution; 0: no mixup.")
    skip_missing: bool = Field(False, description="Leave out pictures that labels name and that are not there.")
    holdout: float = Field(
        0.0, ge=0, lt=0.5, description="Share of the training split to validate on, if none is given."
    )

    # Anchor sets
    acl_source: str = Field("shards", description="Where anchor sets are from: shards, benchmark, celeba or prior.")
    acl_options: dict[str, Any] = Field({}, description="Of that source; of prior: p, q, styles.")
    celeba: str | None = Field(None, description="CelebA's folder or zip, for acl_source: celeba.")
    anchors_per_step: int = Field(1, ge=1, description="Over all processes.")
    positives: int = Field(50, ge=1, description="P.")
    negatives: int = Field(50, ge=1, description="N.")
    shard_colour: Literal["benchmark", "grey", "colour"] = Field(
        "benchmark", description="Shards' pictures are made grey, or where the benchmark's are grey, or never."
    )
    frame_stride: int = Field(10, ge=1, description="Every how many-th frame counts; not published.")

    # Losses
    tau: float = Field(0.25, gt=0, description="Temperature of the cosine similarities.")
    gamma: float = Field(0.1, gt=0, le=1, description="Share of P and N that is kept.")
    lambda_fer: float = Field(1.0, ge=0, description="Weight of the classification loss.")
    lambda1: float = Field(1.0, ge=0, description="Weight of IAL.")
    lambda2: float = Field(1.0, ge=0, description="Weight of ACL.")
    losses: dict[str, NonNegativeFloat] = Field({}, description="Weights of further losses, by the name of each.")
    loss_options: dict[str, dict[str, Any]] = Field({}, description="Of further losses, by the name of each.")
    unlabelled: Literal["none", "rest", "shards"] = Field(
        "none", description="Pictures for methods that want some without labels: those beside `labelled`, or shards'."
    )
    self_masking: bool = Field(True, description="Leave a face's similarity to itself out.")
    evaluate_with: Literal["main", "att"] = Field("main", description="Which classifier accuracy is reported from.")

    # Optimisation
    optimizer: Literal["adam", "adamw", "sgd"] = "adam"
    lr: float = Field(2e-6, gt=0)
    momentum: float = Field(0.9, ge=0, lt=1, description="Of sgd.")
    nesterov: bool = Field(False, description="Nesterov's momentum, for sgd.")
    schedule: Literal["constant", "linear", "cosine", "onecycle", "exponential"] = Field(
        "constant", description="Down to 0 at the last step; onecycle rises from lr / 25 first; exponential: by decay."
    )
    decay: float = Field(0.9, gt=0, le=1, description="Of the learning rate, an epoch, with schedule: exponential.")
    rise: float = Field(0.3, gt=0, lt=1, description="Share of all steps in which onecycle rises.")
    decay_from: float = Field(0.0, ge=0, lt=1, description="Share of all steps after which the schedule goes down.")
    warmup_epochs: float = Field(0.0, ge=0, description="Epochs in which the learning rate rises to lr.")
    weight_decay: float = Field(0.0, ge=0)
    sam: bool = Field(True, description="Sharpness-aware minimisation over the optimiser.")
    rho: float = Field(0.05, gt=0, description="SAM's radius.")
    ema: float = Field(
        0.0, ge=0, lt=1, description="Decay a step of the averaged weights that are evaluated and kept; 0: none; ours."
    )
    epochs_pre: int = Field(3, ge=0, description="Epochs before ACL joins.")
    epochs: int = Field(30, ge=1)
    pretrain_epochs: int = Field(0, ge=0, description="SimCLR on the shards first, for so many epochs.")
    pretrain_steps: int = Field(0, ge=0, description="Steps of an epoch of SimCLR; 0: until each face came once.")
    pretrain_batch: int = Field(128, ge=2, description="Faces a step of SimCLR, over all processes.")
    pretrain_lr: float = Field(1e-4, gt=0)
    pretrain_tau: float = Field(0.5, gt=0, description="SimCLR's temperature.")

    # Running
    validate_every: int = Field(1, ge=1, description="Epochs between validations, when weights are kept.")
    attention_batches: int = Field(
        0, ge=0, description="Balanced batches of 32 whose inter-sample attention each validation tells (Fig. 1)."
    )
    select_on: Literal["average", "overall"] = Field("average", description="Validation accuracy that names the best.")
    seed: int = Field(42, ge=0, lt=2**63)
    precision: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "auto", description="auto: bfloat16 on a GPU, float32 on the CPU."
    )
    channels_last: bool = True
    compile: bool = Field(False, description="torch.compile the backbone.")
    deterministic: bool = Field(False, description="Only kernels that give the same bits every time.")
    workers: int | None = Field(
        None, ge=1, description=f"Threads that decode; by default {usable_cores()}, one a core that may be used."
    )
    log_every: int = Field(50, ge=1, description="Steps between lines of the log.")
    checkpoint_minutes: float = Field(10.0, gt=0, description="Besides those after validations.")

    @field_validator("backbone_args")
    @classmethod
    def _plain(cls, value: dict[str, Any]) -> dict[str, Any]:
        # timm wants tuples where YAML knows lists only.
        return {key: tuple(item) if isinstance(item, list) else item for key, item in value.items()}

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if self.lambda_fer == 0 and self.lambda1 == 0 and not self.losses:
            raise ValueError("lambda_fer and lambda1 are both 0: nothing learns from the labels")
        if self.lambda_fer == 0 and self.evaluate_with == "main" and not self.losses:
            raise ValueError("lambda_fer is 0, so the main classifier does not learn: set evaluate_with=att")
        if self.lambda1 == 0 and self.evaluate_with == "att":
            raise ValueError("lambda1 is 0, so the attention's classifier does not learn: set evaluate_with=main")
        if self.mixup_alpha and self.lambda1:
            raise ValueError("mixup mixes labels, which IAL has no place for: set lambda1=0")
        if self.schedule == "onecycle" and (self.warmup_epochs or self.decay_from):
            raise ValueError("onecycle rises and falls by itself: leave warmup_epochs and decay_from at 0")
        if self.nesterov and (self.optimizer != "sgd" or not self.momentum):
            raise ValueError("nesterov is a way of sgd's momentum: set optimizer=sgd")
        if self.epochs_pre > self.epochs:
            raise ValueError(f"epochs_pre {self.epochs_pre} is above epochs {self.epochs}")
        return self

    @property
    def uses_acl(self) -> bool:
        """Whether any epoch has the contrastive loss."""
        return self.lambda2 > 0 and self.epochs_pre < self.epochs

    @property
    def moves_pictures(self) -> bool:
        """Whether labelled pictures are mirrored, turned, enlarged or moved."""
        return any((self.flip, self.rotate, self.zoom, self.shift))

    @property
    def needs_shards(self) -> bool:
        """Whether the run reads faces of shards."""
        return (
            (self.uses_acl and self.acl_source == "shards") or self.pretrain_epochs > 0 or self.unlabelled == "shards"
        )

    def dump(self) -> dict[str, Any]:
        """As plain values, for YAML, JSON and checkpoints."""
        return self.model_dump(mode="json")


def with_defaults(told: dict[str, Any]) -> dict[str, Any]:
    """Settings that an older version kept: one that it did not know has its default, which was done until then."""
    return {**make_config({}).dump(), **told}


def make_config(values: dict[str, Any]) -> TrainConfig:
    """A configuration from plain ``values``.

    Raises:
        RmferError: one is unknown, of the wrong kind, or contradicts another; all are named.
    """
    try:
        return TrainConfig.model_validate(values)
    except ValidationError as error:
        told = "; ".join(_fault(dict(fault)) for fault in error.errors())
        raise RmferError(f"settings: {told}", remedy="`rmfer train --list-settings` prints them all") from None


def _fault(fault: dict[str, Any]) -> str:
    where, message = ".".join(map(str, fault["loc"])), str(fault["msg"]).removeprefix("Value error, ")
    if fault["type"] == "extra_forbidden":
        return f"{where} is no setting"
    return f"{where} {fault['input']!r}: {message}" if where else message
