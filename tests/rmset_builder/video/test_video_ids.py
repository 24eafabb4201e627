from __future__ import annotations

import doctest
import os
import re
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rmset_builder.fetching import ids
from rmset_builder.video import ids as video_ids
from rmset_builder.video.ids import distinct_id, video_id, video_id_by_place

STEMS = st.text(st.characters(exclude_characters="\0/", exclude_categories=("Cs",)), min_size=1, max_size=100)


@pytest.mark.parametrize(
    "stem", ["wall9", "dQw4w9WgXcQ", "-dash_and_", "_-Ab3_xYz_", "x" * 80, "etc--3b5fdca81a4e2df2"]
)
def test_a_stem_that_is_an_id_is_the_id(stem: str) -> None:
    assert video_id(Path("videos", f"{stem}.mp4")) == stem


@pytest.mark.parametrize(
    ("stem", "readable"),
    [
        ("try not; rm -rf", "try_not_rm_-rf"),
        ("_ a _", "a"),
        ("ünïcödé", "unicode"),
        ("日本", "video"),
        ("реакция", "video"),
        ("..", "video"),
        ("_", "video"),
        ("a.b.c", "a_b_c"),
        ("x" * 300, "x" * 40),
        ("\x1b[31mred\n", "31mred"),
        ("n\udcffne", "n_ne"),
    ],
)
def test_any_other_stem_stays_readable_and_gets_its_hash(stem: str, readable: str) -> None:
    assert re.fullmatch(re.escape(readable) + "--[0-9a-f]{16}", video_id(Path("videos", f"{stem}.mp4")))


@given(st.lists(STEMS, unique_by=lambda stem: unicodedata.normalize("NFC", stem), max_size=20))
def test_two_stems_never_give_one_id(stems: list[str]) -> None:
    ids = [video_id(Path("videos", f"{stem}.mp4")) for stem in stems]
    assert len(set(ids)) == len(ids)
    for one in ids:
        assert re.fullmatch(r"[A-Za-z0-9_-]{1,80}", one)
        assert video_id(Path(f"{one}.mkv")) == one, "an id's own id is itself"


def test_a_mac_takes_letters_and_accents_apart() -> None:
    names = {unicodedata.normalize(form, "réaction à 한국.mp4") for form in ("NFC", "NFD")}
    assert len(names) == 2
    assert len({video_id(Path(name)) for name in names}) == 1


def test_an_id_is_the_same_in_every_locale(tmp_path: Path) -> None:
    path = tmp_path / "été 日本.mp4"
    program = "import sys; from pathlib import Path; from rmset_builder.video.ids import video_id; "
    program += "print(video_id(Path(sys.argv[1])))"
    bare = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    for locale in ({}, bare):
        done = subprocess.run(
            [sys.executable, "-c", program, os.fsencode(path)],
            env={**os.environ, **locale},
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.strip() == video_id(path)


def test_places_tell_files_of_one_name_apart() -> None:
    one, two, three = Path("/v/a/x.mp4"), Path("/v/b/x.mp4"), Path("/w/a/x.mp4")
    assert video_id_by_place(one, 2) != video_id_by_place(two, 2)
    assert video_id_by_place(one, 2) == video_id_by_place(three, 2)
    assert video_id_by_place(one, 3) != video_id_by_place(three, 3)
    assert video_id_by_place(one, 2).startswith("x--")


def test_parts_are_not_run_together() -> None:
    assert distinct_id("same", "a", "bc") != distinct_id("same", "ab", "c")


def test_the_examples_of_the_documents() -> None:
    assert doctest.testmod(video_ids).failed == doctest.testmod(ids).failed == 0
    one = video_id(Path("Überraschung 2.mp4"))
    assert one in (Path(__file__).parents[3] / "docs" / "extraction.md").read_text(encoding="utf-8")
