"""A process is killed at every single step of a correction: what it leaves is the old state or the new one."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from corrections import wall
from filelock import FileLock

from rmset_builder.core.errors import RmsetError
from rmset_builder.corrections import rewrite
from rmset_builder.corrections.correct import catch_up, drop, merge, swap, undo
from rmset_builder.corrections.ledger import LEDGER_NAME, read_ledger
from rmset_builder.shards import writer
from rmset_builder.shards.layout import lock_path
from rmset_builder.verify.collection import verify

ACTIONS: dict[str, Callable[[Path], object]] = {
    "merge": lambda shards: merge(shards, "wall", [0, 1]),
    "swap": lambda shards: swap(shards, "wall", (0, 1), first=8),
    "drop": lambda shards: drop(shards, "wall", 1),
    "undo": undo,
}
SMALL = ((0, 0, 0, 15), (1, 1, 0, 15), (2, 2, 0, 15), (3, 3, 0, 4), (3, 3, 9, 15))
# Whatever is put in its place, taken away or made safe goes through one of these.
STEPS = ("replace", "rename", "unlink", "fsync", "rmdir")


def killed_at(step: int, action: Callable[[], object]) -> bool:
    """Run ``action`` in a process that dies at its n-th step; whether it died."""
    child = os.fork()
    if not child:
        left = [step]

        def dying(name: str, real: Callable[..., object]) -> Callable[..., object]:
            def call(*arguments: object, **options: object) -> object:
                left[0] -= 1
                if left[0] < 0:
                    os._exit(9)
                return real(*arguments, **options)

            return call

        for name in STEPS:
            setattr(os, name, dying(name, getattr(os, name)))
        try:
            action()
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9


@pytest.mark.parametrize("name", ACTIONS)
def test_the_old_state_or_the_new_one(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "ROWS_PER_SHARD", 40)
    start, new = tmp_path / "start", tmp_path / "new"
    wall.extract(start, wall=SMALL)
    if name == "undo":
        drop(start, "wall", 2)
    shutil.copytree(start, new)
    ACTIONS[name](new)
    old_state, new_state = wall.contents(start), wall.contents(new)
    noted = len(read_ledger(start))
    outcomes = []
    # Every other step, from another one on for each kind: they end in the same way of putting files in their place.
    for step in range(len(name) % 2, 200, 2):
        shards = tmp_path / f"killed-{step}"
        shutil.copytree(start, shards)
        died = killed_at(step, partial(ACTIONS[name], shards))
        made = rewrite.is_unfinished(shards, "wall") or len(read_ledger(shards)) > noted
        catch_up(shards)
        left = {path: content for path, content in wall.contents(shards).items() if not path.startswith(".")}
        assert left == (new_state if made else old_state), f"killed at step {step}"
        assert len(read_ledger(shards)) == noted + made
        assert not [path for path in (shards / ".work").iterdir() if path.suffix != ".lock"]
        outcomes.append(made)
        shutil.rmtree(shards)
        if not died:
            break
    assert not died, "it has so many steps"
    assert outcomes == sorted(outcomes)
    assert {False, True} <= set(outcomes)


def test_what_was_interrupted_is_told_and_finished_by_whatever_comes_next(tmp_path: Path) -> None:
    shards = tmp_path / "shards"
    wall.extract(shards)
    wall.extract(shards, "other")
    for step in range(200):
        killed_at(step, partial(merge, shards, "wall", [0, 1]))
        if rewrite.is_unfinished(shards, "wall"):
            break
    (fault,) = verify(shards, tmp_path / "none", quick=True, threads=1).faults
    assert fault.endswith(
        f"its shards are not corrected as {LEDGER_NAME} says; finish with: rmset corrections {shards}"
    )
    drop(shards, "other", 0)  # of another video: the numbers of corrections must not get mixed up
    assert [(entry.number, entry.video) for entry in read_ledger(shards)] == [(1, "wall"), (2, "other")]
    assert verify(shards, tmp_path / "none", quick=True, threads=1).faults == []


def test_a_full_disk_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shards = tmp_path / "shards"
    wall.extract(shards)
    before = wall.contents(shards)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(rewrite, "write_identities", full)
    with pytest.raises(RmsetError, match=r"wall cannot be corrected .No space left on device., nothing was changed"):
        merge(shards, "wall", [0, 1])
    assert wall.contents(shards) == before
    assert read_ledger(shards) == []


def test_not_while_the_video_is_being_extracted(tmp_path: Path) -> None:
    shards = tmp_path / "shards"
    wall.extract(shards)
    lock_path(shards, "wall").parent.mkdir()
    with FileLock(lock_path(shards, "wall")), pytest.raises(RmsetError, match="wall is at work in another process"):
        merge(shards, "wall", [0, 1])


def test_a_damaged_ledger_stops_everything(tmp_path: Path) -> None:
    shards = tmp_path / "shards"
    wall.extract(shards)
    merge(shards, "wall", [0, 1])
    merge(shards, "wall", [0, 1])
    path = shards / LEDGER_NAME
    first, second = path.read_text().splitlines()
    path.write_text(f"{first}\n{second[:50]}")  # torn by a crash: it was never made
    assert [one.number for one in read_ledger(shards)] == [1]
    path.write_text(f"{first[:50]}\n{second}\n")
    with pytest.raises(RmsetError, match=rf"{LEDGER_NAME}:1 is no correction; mend it before anything else"):
        undo(shards)
    for wrong in ("[]", '{"number": 1}', '{"number": 1, "kind": "swap", "video": "wall", "groups": []}', "[" * 100_000):
        path.write_text(f"{wrong}\n{second}\n")
        with pytest.raises(RmsetError, match="is no correction"):
            read_ledger(shards)
