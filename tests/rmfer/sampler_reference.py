"""Anchor sets drawn slowly, row by row, from the text of docs/training-store.md alone; it shares no code with rmfer."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Row:
    number: int
    video: str
    frame: int
    identity: int


def numbers(seed: int, epoch: int, number: int, attempt: int, count: int) -> list[float]:
    raw = np.random.Philox(key=seed, counter=[0, number, epoch, 256 * attempt]).random_raw(count)
    return [(int(value) >> 11) * 2.0**-53 for value in raw]


def floyd(us: list[float], candidates: list[int]) -> list[int]:
    m, k = len(candidates), len(us)
    taken: list[int] = []
    for i, u in enumerate(us):
        j = m - k + i
        pick = math.floor(u * (j + 1))
        taken.append(j if pick in taken else pick)
    return [candidates[at] for at in taken]


def draw(
    rows: list[Row],
    seed: int,
    epoch: int,
    number: int,
    *,
    positives: int = 50,
    negatives: int = 50,
    stride: int = 1,
    distance: int = 30,
    avoid: frozenset[int] = frozenset(),
) -> tuple[list[int], int] | None:
    """The rows of a set and its r; None where no video can give one."""

    def counting(anchor: Row, row: Row) -> float | None:
        away = row.frame - anchor.frame
        return away / stride if away % stride == 0 and row.video == anchor.video else None

    def others(anchor: Row, without: frozenset[int]) -> list[tuple[float, Row]]:
        found = [(counting(anchor, row), row) for row in rows]
        return [
            (d, row)
            for d, row in found
            if d is not None and row.identity != anchor.identity and row.number not in without
        ]

    def far(anchor: Row, without: frozenset[int]) -> list[Row]:
        found = [(counting(anchor, row), row) for row in rows if row.identity == anchor.identity]
        return [row for d, row in found if d is not None and abs(d) >= distance and row.number not in without]

    nobody: frozenset[int] = frozenset()
    able = [row for row in rows if len(others(row, nobody)) >= positives and far(row, nobody)]
    if not able:
        return None
    for attempt in range(100):
        us = numbers(seed, epoch, number, attempt, 3 + positives + negatives)
        videos = sorted({row.video for row in able})
        video = videos[math.floor(us[0] * len(videos))]
        people = sorted({row.identity for row in able if row.video == video})
        person = people[math.floor(us[1] * len(people))]
        anchors = [row for row in able if (row.video, row.identity) == (video, person) and row.number not in avoid]
        if not anchors:
            continue
        anchor = anchors[math.floor(us[2] * len(anchors))]
        pool = others(anchor, avoid)
        away = far(anchor, avoid)
        if len(pool) < positives or not away:
            continue
        identities = len({row.identity for row in rows if row.video == video})
        r = math.ceil((positives / identities - 1) / 2) + 1
        while len(near := [row.number for d, row in pool if -r <= d < r]) < positives:
            r += 1
        chosen = floyd(us[3 : 3 + positives], near)
        last = us[3 + positives :]
        if len(away) < negatives:
            same = [away[math.floor(u * len(away))].number for u in last]
        else:
            same = floyd(last, [row.number for row in away])
        return [anchor.number, *chosen, *same], r
    raise AssertionError("no attempt succeeded")
