"""A training among many: what it is called, where it lies and how `rmfer train` is to be called for it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Job:
    """A run: an arm with a seed, the run that it begins from, and the arguments of `rmfer train` beside ``--out``."""

    arm: str
    seed: int
    folder: Path
    base: Path | None = None
    arguments: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """As people are told of it."""
        return f"{self.arm}, seed {self.seed}"

    @property
    def is_done(self) -> bool:
        """Whether its results are there."""
        return (self.folder / "results.json").is_file()

    @property
    def is_begun(self) -> bool:
        """Whether there is something to go on with."""
        return any((self.folder / name).is_file() for name in ("last.ckpt", "log.jsonl"))

    @property
    def is_ready(self) -> bool:
        """Whether what it begins with is there."""
        return self.base is None or (self.base / "results.json").is_file()

    def results(self) -> dict[str, Any]:
        """What `rmfer train` found."""
        found: dict[str, Any] = json.loads((self.folder / "results.json").read_text(encoding="utf-8"))
        return found


def assignments(settings: Mapping[str, Any]) -> list[str]:
    """Settings as `rmfer train` takes them."""
    texts = ((name, value if isinstance(value, str) else json.dumps(value)) for name, value in settings.items())
    return [word for name, text in texts for word in ("--set", f"{name}={text}")]
