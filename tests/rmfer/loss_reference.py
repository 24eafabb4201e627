"""The paper's losses written from their formulas in plain Python floats: slow, without torch, nothing shared."""

from __future__ import annotations

import math
from collections.abc import Sequence

Vector = Sequence[float]


def cosine(a: Vector, b: Vector) -> float:
    return sum(x * y for x, y in zip(a, b, strict=True)) / math.sqrt(sum(x * x for x in a) * sum(y * y for y in b))


def attention(z: Sequence[Vector], tau: float, self_mask: bool) -> list[list[float]]:
    rows = []
    for i, own in enumerate(z):
        powers = [0.0 if self_mask and i == j else math.exp(cosine(own, other) / tau) for j, other in enumerate(z)]
        rows.append([power / math.fsum(powers) for power in powers])
    return rows


def cross_entropy(logits: Vector, label: int) -> float:
    return math.log(math.fsum(math.exp(logit) for logit in logits)) - logits[label]


def ial(
    f: Sequence[Vector],
    z: Sequence[Vector],
    labels: Sequence[int],
    weight: Sequence[Vector],
    bias: Vector,
    tau: float,
    self_mask: bool,
) -> float:
    losses = []
    for row, label in zip(attention(z, tau, self_mask), labels, strict=True):
        mixed = [math.fsum(share * face[d] for share, face in zip(row, f, strict=True)) for d in range(len(f[0]))]
        logits = [
            math.fsum(w * x for w, x in zip(line, mixed, strict=True)) + b for line, b in zip(weight, bias, strict=True)
        ]
        losses.append(cross_entropy(logits, label))
    return math.fsum(losses) / len(losses)


def choose(anchor: Vector, faces: Sequence[Vector], gamma: float, *, nearest: bool) -> list[int]:
    sign = -1 if nearest else 1
    ranked = sorted(range(len(faces)), key=lambda place: (sign * cosine(anchor, faces[place]), place))
    return ranked[: math.ceil(gamma * len(faces))]


def acl(anchor: Vector, near: Sequence[Vector], far: Sequence[Vector], tau: float, self_mask: bool) -> float:
    above = math.fsum(math.exp(cosine(anchor, face) / tau) for face in near)
    below = above + math.fsum(math.exp(cosine(anchor, face) / tau) for face in far)
    return -math.log(above / (below if self_mask else below + math.exp(1 / tau)))


def nt_xent(a: Sequence[Vector], b: Sequence[Vector], tau: float) -> float:
    views = [*a, *b]
    losses = []
    for i, view in enumerate(views):
        partner = views[(i + len(a)) % len(views)]
        below = math.fsum(math.exp(cosine(view, other) / tau) for j, other in enumerate(views) if j != i)
        losses.append(-math.log(math.exp(cosine(view, partner) / tau) / below))
    return math.fsum(losses) / len(losses)
