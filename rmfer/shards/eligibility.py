"""Who can be an anchor: whom enough faces of others surround, and who is seen again far away."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rmfer.shards.index import Index

NOBODY, ALONE, FEW, SHORT = (
    "no faces",
    "only one person",
    "too few faces of others",
    "nobody seen at two moments far enough apart",
)


@dataclass(frozen=True)
class Eligibility:
    """Which videos, identities and rows can be an anchor under a stride.

    ``videos``: numbers of the videos that can give one; ``persons``: for each of these, its identities that can, as
    numbers over all videos. ``left_out``: (video, reason) of the others. ``serves`` (P, stride) bool: whether identity
    p can be an anchor at frames f with f % stride = phase; ``first``, ``last`` (P, stride) int32: its frames there.
    """

    stride: int
    far: int
    videos: npt.NDArray[np.int64]
    persons: dict[int, npt.NDArray[np.int64]]
    left_out: tuple[tuple[str, str], ...]
    serves: npt.NDArray[np.bool_]
    first: npt.NDArray[np.int32]
    last: npt.NDArray[np.int32]

    @classmethod
    def of(cls, index: Index, *, stride: int, positives: int, distance: int) -> Eligibility:
        """Look once at every identity; with a stride above 1, at the frame of every row."""
        far = distance * stride
        counts, first, last = _phases(index, stride)
        sizes = np.diff(index.video_person)
        video_of = np.repeat(np.arange(len(index.videos)), sizes)
        in_video = np.zeros((len(index.videos), stride), np.int64)
        np.add.at(in_video, video_of, counts)
        surrounded = in_video[video_of] - counts >= positives
        # A frame where the person is not seen has last < first.
        again = last.astype(np.int64) - first >= far
        serves = surrounded & again
        videos, persons, left_out = [], {}, []
        for video, name in enumerate(index.videos):
            begin, end = index.video_person[video : video + 2].tolist()
            able = begin + np.flatnonzero(serves[begin:end].any(axis=1))
            if len(able):
                videos.append(video)
                persons[video] = able
            elif end - begin < 2:
                left_out.append((name, ALONE if end > begin else NOBODY))
            else:
                left_out.append((name, SHORT if surrounded[begin:end].any() else FEW))
        return cls(stride, far, np.asarray(videos, np.int64), persons, tuple(left_out), serves, first, last)

    def anchors(self, person: int, frames: npt.NDArray[np.int32]) -> npt.NDArray[np.int64]:
        """Which of an identity's rows can be an anchor, given their frames in order."""
        far = np.int32(self.far)
        if self.stride == 1:
            # Sorted frames: those that have one far behind them are a tail, those that have one far before, a head.
            head = int(frames.searchsorted(self.last[person, 0] - far, side="right"))
            tail = int(frames.searchsorted(self.first[person, 0] + far))
            return np.concatenate([np.arange(head), np.arange(max(head, tail), len(frames))])
        phases = frames % np.int32(self.stride)
        since, until = frames - self.first[person][phases], self.last[person][phases] - frames
        return np.flatnonzero(self.serves[person][phases] & ((since >= far) | (until >= far)))


def _phases(index: Index, stride: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """How often each identity is seen in each phase, and its first and last frame there, (P, stride) each."""
    starts = index.person_start
    if stride == 1:
        ends = (starts[:-1], starts[1:] - 1)
        first, last = (index.person_frame[at][:, None] if len(at) else np.empty((0, 1), np.int32) for at in ends)
        return np.diff(starts)[:, None], first, last
    shape = (len(starts) - 1, stride)
    counts, first, last = np.zeros(shape, np.int64), np.zeros(shape, np.int32), np.full(shape, -1, np.int32)
    for person in range(shape[0]):
        frames = index.person_frame[starts[person] : starts[person + 1]]
        phases = frames % np.int32(stride)
        counts[person] = np.bincount(phases, minlength=stride)
        # Where a place is given several values, the last one stays.
        last[person, phases] = frames
        first[person, phases[::-1]] = frames[::-1]
    return counts, first, last
