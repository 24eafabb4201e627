from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import CancelledError, wait
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rmset_builder.core.priority_pool import Urgency, Workers

PATIENCE_S = 10


@pytest.fixture
def one() -> Iterator[Workers]:
    with closing(Workers(1)) as workers:
        yield workers


def held(workers: Workers) -> threading.Event:
    """Keep the only thread busy until the event is set, so that all that follows is waiting when it is."""
    begun, go_on = threading.Event(), threading.Event()

    def hold() -> None:
        begun.set()
        assert go_on.wait(PATIENCE_S)

    workers.at(Urgency.AWAITED).submit(hold)
    assert begun.wait(PATIENCE_S)
    return go_on


@given(st.lists(st.sampled_from(Urgency), max_size=30))
def test_what_is_more_urgent_begins_first_and_else_what_came_first(urgencies: list[Urgency]) -> None:
    order: list[int] = []
    with closing(Workers(1)) as workers:
        go_on = held(workers)
        futures = [workers.at(urgency).submit(order.append, number) for number, urgency in enumerate(urgencies)]
        go_on.set()
        assert not wait(futures, PATIENCE_S).not_done
    assert order == sorted(range(len(urgencies)), key=lambda number: urgencies[number])


def test_results_and_arguments_are_handed_through(one: Workers) -> None:
    desk = one.at(Urgency.DEFERRED)
    assert desk.submit(divmod, 17, 5).result(PATIENCE_S) == (3, 2)
    assert desk.submit(int, "11", base=2).result(PATIENCE_S) == 3
    assert list(desk.map(lambda a, b: a * b, [1, 2, 3], [4, 5, 6], timeout=PATIENCE_S)) == [4, 10, 18]


@pytest.mark.parametrize("error", [ValueError("wrong"), KeyboardInterrupt(), SystemExit(3)])
def test_an_error_reaches_who_asked_and_ends_no_thread(one: Workers, error: BaseException) -> None:
    def fail() -> None:
        raise error

    failed = one.at(Urgency.AHEAD).submit(fail)
    assert failed.exception(PATIENCE_S) is error
    assert one.at(Urgency.AHEAD).submit(int, 7).result(PATIENCE_S) == 7


def test_all_threads_work_at_the_same_time() -> None:
    meeting = threading.Barrier(3)
    with closing(Workers(3)) as workers:
        arrived = [workers.at(Urgency.AHEAD).submit(meeting.wait, PATIENCE_S) for _ in range(3)]
        assert sorted(future.result(PATIENCE_S) for future in arrived) == [0, 1, 2]


def test_what_was_cancelled_in_time_is_not_done(one: Workers) -> None:
    done: list[str] = []
    go_on = held(one)
    desk = one.at(Urgency.AHEAD)
    first, second = desk.submit(done.append, "first"), desk.submit(done.append, "second")
    assert first.cancel()
    go_on.set()
    second.result(PATIENCE_S)
    assert done == ["second"]


def test_closing_ends_the_threads_and_cancels_what_has_not_begun() -> None:
    before = set(threading.enumerate())
    workers = Workers(2, name="closing")
    mine = [thread for thread in threading.enumerate() if thread not in before]
    assert sorted(thread.name for thread in mine) == ["closing_0", "closing_1"]
    go_on, at_work = threading.Event(), threading.Barrier(3)

    def hold() -> str:
        at_work.wait(PATIENCE_S)
        assert go_on.wait(PATIENCE_S)
        return "finished"

    begun = [workers.at(Urgency.DEFERRED).submit(hold) for _ in range(2)]
    at_work.wait(PATIENCE_S)
    never = [workers.at(urgency).submit(int) for urgency in Urgency]
    threading.Timer(0.05, go_on.set).start()
    workers.close()
    assert [future.result(0) for future in begun] == ["finished"] * 2
    assert not any(thread.is_alive() for thread in mine)
    for future in never:
        with pytest.raises(CancelledError):
            future.result(0)


def test_nothing_is_taken_after_the_end(one: Workers) -> None:
    one.close()
    with pytest.raises(RuntimeError, match="dismissed"):
        one.at(Urgency.AWAITED).submit(int)
    one.close()
