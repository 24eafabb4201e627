"""A split of a benchmark: pictures and their labels."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt

from rmfer.data.rng import HOLD_OUT, PART, uniforms
from rmfer.errors import BenchmarkError
from rmfer.labelled.images import Images, Pixels

Int64s = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Shares = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Split:
    """Pictures 0 .. N - 1 and their labels.

    Args:
        name: "train", "valid" or "test".
        labels: (N,) in the order of ``rmfer.labels``; of CelebA, identities, and -1 where nobody says who it is.
        images: of the benchmark.
        items: (N,) which of ``images`` they are.
        dropped: how many pictures were left out, by reason.
        missing: the files that are not there, as errors call them.
        shares: (N, classes) of each expression among a picture's votes, adding up to 1; None where nobody voted.
        rules: by name, where papers choose their pictures by several: (N,) whether they do so. The first chooses all.
    """

    name: str
    labels: Int64s
    images: Images
    items: Int64s
    dropped: Mapping[str, int]
    missing: tuple[str, ...] = field(default=(), repr=False)
    shares: Shares | None = field(default=None, repr=False)
    rules: Mapping[str, Bools] = field(default_factory=dict, repr=False)

    def __len__(self) -> int:
        return len(self.labels)

    def name_of(self, number: int) -> str:
        """What an error calls picture ``number``: its file, its place in a zip, or its line of a table."""
        return self.images.name_of(int(self.items[number]))

    def read(self, number: int) -> bytes:
        """The encoded bytes of picture ``number``.

        Raises:
            BenchmarkError: they cannot be read; names the file.
        """
        return self.images.read(int(self.items[number]))

    def decode(self, number: int) -> Pixels:
        """Picture ``number``, (H, W, 3) RGB, not to be written to; grey ones have three equal channels.

        Raises:
            BenchmarkError: it cannot be decoded; names the file.
        """
        return self.images.decode(int(self.items[number]))

    def counts(self, classes: int) -> Int64s:
        """(classes,) pictures of each."""
        return np.bincount(self.labels, minlength=classes).astype(np.int64)

    def part(self, numbers: Int64s, name: str | None = None) -> Split:
        """The split of pictures ``numbers`` alone, which then have other numbers."""
        return Split(
            name or self.name,
            self.labels[numbers],
            self.images,
            self.items[numbers],
            {},
            shares=None if self.shares is None else self.shares[numbers],
            rules={rule: chosen[numbers] for rule, chosen in self.rules.items()},
        )

    def by_rule(self, rule: str) -> Split:
        """The split of those pictures alone that ``rule`` chooses; all of them where it has no rules."""
        chosen = self.rules.get(rule)
        return self if chosen is None or chosen.all() else self.part(np.flatnonzero(chosen))

    @cached_property
    def digest(self) -> str:
        """Of names and labels."""
        digest = hashlib.blake2b(self.name.encode(), digest_size=16)
        digest.update(self.labels.tobytes())
        digest.update("\n".join(map(self.images.key_of, self.items.tolist())).encode())
        return digest.hexdigest()


def draw_part(split: Split, count: int, *, seed: int) -> tuple[Split, Split]:
    """``count`` pictures of ``split`` at random, each class in its natural share, and all others.

    Shares are rounded so that they add up (largest remainders), but a class that has a picture keeps one.

    Raises:
        BenchmarkError: there are not so many pictures, or fewer are asked for than there are classes.
    """
    labels, counts = np.unique(split.labels, return_counts=True)
    if not len(labels) <= count <= len(split):
        raise BenchmarkError(
            split.name,
            f"{count:,} pictures cannot be drawn from {len(split):,} of {len(labels)} expressions",
            remedy=f"ask for {len(labels)} to {len(split):,}: --set labelled=...",
        )
    exact = counts / len(split) * count
    own = np.maximum(np.floor(exact).astype(np.int64), 1)
    order = np.argsort(own - exact, kind="stable")
    for place in order[: max(0, count - int(own.sum()))]:
        own[place] += 1
    while own.sum() > count:
        own[np.argmax(own)] -= 1
    numbers = uniforms(len(split), seed=seed, epoch=0, number=0, purpose=PART)
    chosen = np.zeros(len(split), np.bool_)
    for label, share in zip(labels, own, strict=True):
        rows = np.flatnonzero(split.labels == label)
        chosen[rows[np.argsort(numbers[rows], kind="stable")[:share]]] = True
    return split.part(np.flatnonzero(chosen)), split.part(np.flatnonzero(~chosen))


def hold_out(split: Split, share: float, *, seed: int) -> tuple[Split, Split]:
    """Part ``split`` at random into one to train on and one, named "valid", to validate on.

    Of each class ``share`` is held out, rounded, but at least one picture and never all.
    """
    numbers = uniforms(len(split), seed=seed, epoch=0, number=0, purpose=HOLD_OUT)
    held = np.zeros(len(split), np.bool_)
    for label in np.unique(split.labels):
        own = np.flatnonzero(split.labels == label)
        count = min(max(round(share * len(own)), 1), len(own) - 1)
        held[own[np.argsort(numbers[own], kind="stable")[:count]]] = True
    return split.part(np.flatnonzero(~held)), split.part(np.flatnonzero(held), "valid")
