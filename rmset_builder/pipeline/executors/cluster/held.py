"""Videos whose lock another process holds: of a run that has just died, behind a cut network, or somebody else's."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

from rmset_builder.pipeline.executors.cluster.messages import Order
from rmset_builder.pipeline.results import Outcome, Result
from rmset_builder.pipeline.task import Task
from rmset_builder.shards.layout import work_folder
from rmset_builder.shards.videos_table import DONE, VideoRecord, read_videos

_BETWEEN_TRIES_S = 2.0


@dataclass
class _Video:
    """One of them: what was found when it was tried, when it is tried again, and how its holder gets on."""

    task: Task
    refused: Result
    due: float
    grown: int
    since: float


class Held:
    """Puts such videos off, as long as whoever has them gets on with them.

    Args:
        order: the run's, for the folder of the shards and what they must have been made with.
        patience_s: how long a holder may stand still.
    """

    def __init__(self, order: Order, patience_s: float) -> None:
        self._order = order
        self._patience_s = patience_s
        self._before = read_videos(order.out)
        self._waiting: dict[str, _Video] = {}
        self._known: dict[str, _Video] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, task: Task, refused: Result) -> None:
        """A worker was refused a video's lock."""
        now, grown = time.monotonic(), self._grown(task)
        known = self._known.get(task.video)
        since = known.since if known is not None and known.grown == grown else now
        video = _Video(task, refused, now + _BETWEEN_TRIES_S, grown, since)
        self._waiting[task.video] = self._known[task.video] = video

    def due(self) -> Task | None:
        """A video that may be tried again by now."""
        for video in self._waiting.values():
            if video.due <= time.monotonic():
                return self._waiting.pop(video.task.video).task
        return None

    def ended(self) -> Iterator[Result]:
        """Videos that their holders have finished meanwhile, and those of holders that stand still for too long."""
        if not self._waiting:
            return
        records = read_videos(self._order.out)
        for name, video in list(self._waiting.items()):
            record = records.get(name)
            if record is not None and self._is_new(record):
                del self._waiting[name]
                yield Result(name, Outcome.DONE, record)
            elif time.monotonic() - video.since > self._patience_s:
                del self._waiting[name]
                yield video.refused

    def _is_new(self, record: VideoRecord) -> bool:
        recipe = self._order.recipe
        made_so = (record.settings_sha256, record.models_sha256) == (recipe.settings.sha256, recipe.models_sha256)
        return record.state == DONE and made_so and record != self._before.get(record.id)

    def _grown(self, task: Task) -> int:
        """The bytes that the holder has written so far."""
        try:
            return sum(path.stat().st_size for path in work_folder(self._order.out, task.video).iterdir())
        except OSError:
            return 0
