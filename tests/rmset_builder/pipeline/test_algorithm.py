"""Nobody has to remember that other code may give other shards: the seal does."""

from __future__ import annotations

import pytest

from rmset_builder.pipeline.algorithm import SEAL
from rmset_builder.pipeline.seal import deciding_sources, digest_of

SOURCE = """
from x import y
LIMIT = 3
class Rule:
    '''A rule.'''
    share: float = 0.5
def f(a: int, *, b: str = "b") -> int:
    '''What it is for.'''
    return a + LIMIT  # why
"""


def digest(text: str) -> str:
    return digest_of([("module", text)])


def test_the_code_that_decides_is_sealed() -> None:
    assert digest_of(deciding_sources()) == SEAL, (
        "code that decides what shards hold has changed. If shards stay what they were, byte for byte, run "
        "`python -m rmset_builder.pipeline.seal --same`; else without --same, which makes older shards stale"
    )


def test_all_that_decides_is_looked_at() -> None:
    names = {name for name, _ in deciding_sources()}
    assert names >= {
        "core/geometry.py",
        "detection/scrfd.py",
        "faces/jpeg.py",
        "identity/clustering.py",
        "inference/graphs.py",
        "pipeline/face_pipeline.py",
        "tracking/tracker.py",
        "video/shots.py",
    }


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("# why", "# because"),
        ("What it is for.", "Another word."),
        ("a: int", "a: float"),
        ("-> int", ""),
        ("from x import y", "import x"),
        ("a + LIMIT", "(a  +\n            LIMIT)"),
    ],
)
def test_what_changes_nothing_breaks_no_seal(before: str, after: str) -> None:
    assert digest(SOURCE.replace(before, after)) == digest(SOURCE)


@pytest.mark.parametrize(
    ("before", "after"),
    [("= 3", "= 4"), ("0.5", "0.6"), ("a + LIMIT", "a - LIMIT"), ("a + LIMIT", "LIMIT + a"), ('"b"', '"c"')],
)
def test_what_may_change_a_shard_breaks_it(before: str, after: str) -> None:
    assert digest(SOURCE.replace(before, after)) != digest(SOURCE)
