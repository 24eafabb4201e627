"""Which faces a training step compares: an anchor, faces of others at nearby frames, faces of the same person far away.

The rule is written out in docs/training-store.md; the tests hold a second, slow program made from that text.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rmfer.data.rng import choose, uniforms
from rmfer.errors import RmferError
from rmfer.shards.eligibility import Eligibility
from rmfer.shards.index import Index

ATTEMPTS = 100
Int64s = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class SamplerSettings:
    """How anchor sets are drawn.

    Args:
        seed: of all draws.
        positives: faces of other people in a set.
        negatives: faces of the same person in a set.
        frame_stride: every how many-th frame counts; distances are in frames so thinned. The paper does not tell it;
            with 1 the likest of an anchor's positives are often one person's (docs/training-store.md).
        min_distance: how many thinned frames a negative is away from the anchor at least.
        anchors_per_step: anchor sets a step and rank.

    Raises:
        RmferError: a value is out of range.
    """

    seed: int = 42
    positives: int = 50
    negatives: int = 50
    frame_stride: int = 10
    min_distance: int = 30
    anchors_per_step: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.seed < 2**64:
            raise RmferError(f"seed {self.seed} is not a number from 0 to 2^64 - 1")
        for name in ("positives", "negatives", "frame_stride", "min_distance", "anchors_per_step"):
            if getattr(self, name) < 1:
                raise RmferError(f"{name} {getattr(self, name)} is not a number from 1 on")

    @property
    def set_size(self) -> int:
        """Faces in an anchor set."""
        return 1 + self.positives + self.negatives


@dataclass(frozen=True)
class AnchorSet:
    """One anchor and the faces it is compared with, as rows of the index.

    ``rows`` (1 + positives + negatives,) int64: the anchor, the positives, the negatives. ``radius`` is the r that the
    positives' window ended with, in thinned frames.
    """

    number: int
    video: str
    identity: int
    frame: int
    radius: int
    rows: Int64s


class AnchorSampler:
    """Draws anchor sets; what it draws depends on the index, the settings, the epoch and the set's number alone.

    Args:
        index: of the shards.
        settings: how to draw.
        rank: of this process, from 0.
        world_size: how many processes draw; together they draw what one alone would.

    Raises:
        RmferError: no video can give an anchor set.

    Example:
        >>> sampler = AnchorSampler(open_index(Path("shards")), SamplerSettings(seed=1))  # doctest: +SKIP
        >>> sampler.draw(epoch=0, number=0).rows.shape  # doctest: +SKIP
        (101,)
    """

    def __init__(
        self, index: Index, settings: SamplerSettings | None = None, *, rank: int = 0, world_size: int = 1
    ) -> None:
        if not 0 <= rank < world_size:
            raise RmferError(f"rank {rank} is not one of {world_size} from 0 on")
        self.index = index
        self.settings = settings = settings or SamplerSettings()
        self.rank, self.world_size = rank, world_size
        self.eligible = Eligibility.of(
            index, stride=settings.frame_stride, positives=settings.positives, distance=settings.min_distance
        )
        if not len(self.eligible.videos):
            raise RmferError(
                f"no video of {index.folder} can give an anchor set ({_reasons(self.eligible.left_out)})",
                remedy="use a smaller frame_stride (1 is the smallest), or extract longer videos with more people",
            )

    def numbers(self, step: int) -> range:
        """The numbers, within the epoch, of the sets that this rank draws at ``step``."""
        size = self.settings.anchors_per_step
        first = (step * self.world_size + self.rank) * size
        return range(first, first + size)

    def step(self, epoch: int, step: int) -> list[AnchorSet]:
        """The sets of this rank at ``step`` of ``epoch``, both from 0."""
        return [self.draw(epoch=epoch, number=number) for number in self.numbers(step)]

    def draw(self, *, epoch: int, number: int, avoid: Sequence[int] = ()) -> AnchorSet:
        """Anchor set ``number`` of ``epoch``; with ``avoid``, one without these rows.

        Raises:
            RmferError: too little is left without the rows to avoid.
        """
        settings, shunned = self.settings, np.unique(np.asarray(avoid, np.int64))
        count = 3 + settings.positives + settings.negatives
        for attempt in range(ATTEMPTS):
            numbers = uniforms(count, seed=settings.seed, epoch=epoch, number=number, attempt=attempt)
            if (drawn := self._draw(number, numbers.tolist(), shunned)) is not None:
                return drawn
        raise RmferError(
            f"no anchor set of {self.index.folder} is whole: too many pictures cannot be read",
            remedy="mend the shards that the messages before name",
        )

    def _draw(self, number: int, numbers: Sequence[float], avoid: Int64s) -> AnchorSet | None:
        index, settings, eligible = self.index, self.settings, self.eligible
        stride, far = settings.frame_stride, settings.min_distance * settings.frame_stride
        video = _pick(eligible.videos, numbers[0])
        person = _pick(eligible.persons[video], numbers[1])
        first_row = int(index.video_start[video])
        own = slice(*index.person_start[person : person + 2].tolist())
        frames = index.person_frame[own]

        anchors = eligible.anchors(person, frames)
        negatives_of = index.person_row[own]
        if len(avoid):
            anchors = anchors[~np.isin(negatives_of[anchors] + first_row, avoid)]
        if not len(anchors):
            return None
        at = _pick(anchors, numbers[2])
        frame = int(frames[at])

        distance = frames - np.int32(frame)
        is_negative = np.abs(distance) >= far
        if stride > 1:
            is_negative &= distance % np.int32(stride) == 0
        negatives = np.flatnonzero(is_negative)
        if len(avoid):
            negatives = negatives[~np.isin(negatives_of[negatives] + first_row, avoid)]
        window = self._window(video, int(index.identity[first_row + negatives_of[at]]), frame, avoid)
        if not len(negatives) or window is None:
            return None
        radius, positives = window

        cut = 3 + settings.positives
        chosen = positives[choose(numbers[3:cut], len(positives))]
        if len(negatives) < settings.negatives:
            picks = [int(u * len(negatives)) for u in numbers[cut:]]
        else:
            picks = choose(numbers[cut:], len(negatives))
        rows = np.concatenate([[first_row + int(negatives_of[at])], chosen, first_row + negatives_of[negatives[picks]]])
        identity = int(index.identity[first_row + negatives_of[at]])
        return AnchorSet(number, index.videos[video], identity, frame, radius, rows.astype(np.int64))

    def _window(self, video: int, identity: int, frame: int, avoid: Int64s) -> tuple[int, Int64s] | None:
        """The smallest allowed r whose window has enough faces of others, and their rows; None where no r has."""
        index, settings = self.index, self.settings
        first, stop = index.video_start[video : video + 2].tolist()
        frames = index.frame[first:stop]
        people = int(index.video_person[video + 1] - index.video_person[video])
        least = math.ceil((settings.positives / people - 1) / 2) + 1
        radius = least
        while True:
            reach = radius * settings.frame_stride
            begin, end = _between(frames, frame - reach, frame + reach)
            rows = np.flatnonzero(index.identity[first + begin : first + end] != identity) + begin
            if settings.frame_stride > 1:
                rows = rows[(frames[rows] - np.int32(frame)) % np.int32(settings.frame_stride) == 0]
            if len(avoid):
                rows = rows[~np.isin(rows + first, avoid)]
            if len(rows) >= settings.positives:
                break
            if begin == 0 and end == len(frames):
                return None
            radius *= 2
        if radius > least:
            # Of the windows that were passed over, the first with enough.
            away = (frames[rows] - np.int32(frame)) // np.int32(settings.frame_stride)
            needs = np.where(away >= 0, away + 1, -away)
            radius = max(least, int(np.partition(needs, settings.positives - 1)[settings.positives - 1]))
            rows = rows[needs <= radius]
        return radius, rows + first


def _pick(values: Int64s, number: float) -> int:
    return int(values[int(number * len(values))])


def _between(frames: npt.NDArray[np.int32], low: int, high: int) -> tuple[int, int]:
    """Where frames ``low`` <= f < ``high`` begin and end."""
    # As int32: a search for anything wider copies all frames.
    limits = np.clip([low, high], 0, np.iinfo(np.int32).max).astype(np.int32)
    begin, end = frames.searchsorted(limits).tolist()
    return begin, end


def _reasons(left_out: Sequence[tuple[str, str]]) -> str:
    counts = Counter(reason for _, reason in left_out)
    return ", ".join(f"{count:,} x {reason}" for reason, count in counts.most_common())
