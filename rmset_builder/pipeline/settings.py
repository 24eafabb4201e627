"""Every choice that changes what a shard holds, in one frozen object with one hash."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator

from rmset_builder.identity.clustering import IdentityRules
from rmset_builder.identity.purity import PurityRules
from rmset_builder.pipeline.algorithm import ALGORITHM
from rmset_builder.tracking.keyframes import KeyframeRules
from rmset_builder.tracking.matching import LinkRules

_LEAST_DET_SIZE = 64

Share = Annotated[float, Field(ge=0, le=1)]


@dataclass(frozen=True)
class Rules:
    """What the stages go by: the settings where one of them is a stage's, and the numbers that are the stage's own."""

    keyframes: KeyframeRules
    links: LinkRules
    purity: PurityRules
    identity: IdentityRules


class ExtractSettings(BaseModel):
    """How faces are found, kept and told apart. The defaults are the measured ones (docs/extraction.md).

    Example:
        >>> ExtractSettings(image_size=224).sha256 == ExtractSettings().sha256
        False
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    image_size: Annotated[int, Field(ge=16, le=1024, description="side of an aligned face, pixels")] = 260
    jpeg_quality: Annotated[int, Field(ge=1, le=100, description="JPEG quality of an aligned face")] = 95
    det_size: Annotated[
        int, Field(ge=0, le=4096, description="longer side of the detector's input, pixels; 0: as each shot needs")
    ] = 0
    det_threshold: Annotated[Share, Field(description="score from which on the detector is believed")] = 0.5
    det_threshold_low: Annotated[Share, Field(description="score that still continues a track")] = 0.2
    detect_every: Annotated[int, Field(ge=1, le=8, description="frames between detections on steady shots")] = 4
    motion: Annotated[Share, Field(description="motion that calls for detection in between, share of a box")] = 0.1
    faces_per_track: Annotated[
        int, Field(ge=1, le=100, description="faces embedded of a track that is no doubtful case")
    ] = 2
    same_person: Annotated[Share, Field(description="least cosine similarity of one person's tracks")] = 0.33
    min_presence_s: Annotated[float, Field(ge=0, description="identities on screen for less are left out, seconds")] = (
        1.0
    )

    @field_validator("det_size")
    @classmethod
    def _not_tiny(cls, side: int) -> int:
        if 0 < side < _LEAST_DET_SIZE:
            raise ValueError(f"must be 0 or at least {_LEAST_DET_SIZE}")
        return side

    @property
    def rules(self) -> Rules:
        """The rules of all stages."""
        return Rules(
            KeyframeRules(detect_every=self.detect_every, motion=self.motion, det_threshold=self.det_threshold),
            LinkRules(det_threshold=self.det_threshold),
            PurityRules(),
            IdentityRules(same_person=self.same_person),
        )

    @property
    def sha256(self) -> str:
        """Hash of all that decides a shard's content: the settings, the rules and the algorithm."""
        rules = json.dumps(asdict(self.rules), sort_keys=True)
        return hashlib.sha256(f"{ALGORITHM} {self.model_dump_json()} {rules}".encode()).hexdigest()
