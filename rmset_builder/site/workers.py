"""The pages of many videos, one after the other in this process or several at once in processes of their own."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool

from rmset_builder.core.child_processes import belong_to_parent, interruptions_wait
from rmset_builder.core.errors import RmsetError
from rmset_builder.site.summary import Summary
from rmset_builder.site.video_page import PageTask, make_page

_WORTH_IT = 6
"""Pages from which on processes are started for them: to start one takes as long as to make a few."""


def make_pages(tasks: Sequence[PageTask], jobs: int) -> Iterator[Summary]:
    """Make the pages, at most so many at a time; yields each one's summary when it is whole.

    Raises:
        RmsetError: a process was killed.
        OSError: a page cannot be written.
    """
    if jobs == 1 or len(tasks) < _WORTH_IT:
        yield from map(make_page, tasks)
        return
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(min(jobs, len(tasks)), mp_context=context, initializer=belong_to_parent)
    try:
        with interruptions_wait():
            running = [pool.submit(make_page, task) for task in tasks]
        for done in as_completed(running):
            yield done.result()
    except BrokenProcessPool as error:
        raise RmsetError(
            "a process that made pages was killed, perhaps for want of memory", remedy="fewer --jobs take less"
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)
