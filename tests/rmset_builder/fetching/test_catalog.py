from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from rmset_builder.fetching.catalog import CATALOG_NAME, Provenance, read_catalog

FULL = {
    "id": "a",
    "title": "Überraschung 🎬",
    "url": "https://example.org",
    "licence": "CC-BY",
    "group": "Anger",
    "keyword": "k",
}


def write(folder: Path, *lines: str | bytes) -> None:
    whole = b"".join((line if isinstance(line, bytes) else line.encode()) + b"\n" for line in lines)
    (folder / CATALOG_NAME).write_bytes(whole)


def test_a_catalog_that_may_not_be_read_is_told_with_its_mend(
    tmp_path: Path, bound_by_rights: Callable[[], None]
) -> None:
    path = tmp_path / CATALOG_NAME
    path.write_text("{}")
    path.chmod(0)
    program = (
        "import sys; from pathlib import Path; from rmset_builder.fetching.catalog import read_catalog\n"
        "try: print(read_catalog(Path(sys.argv[1])))\nexcept Exception as error: print(type(error).__name__, error)"
    )
    for folder, told in (
        (tmp_path, f"RmsetError {path} cannot be read (Permission denied); run: chmod u+r {path}\n"),
        (path / "deeper", "{}\n"),
    ):
        command = [sys.executable, "-c", program, folder]
        done = subprocess.run(command, preexec_fn=bound_by_rights, capture_output=True, text=True, check=False)
        assert done.stdout == told, done.stderr


def test_no_catalog_tells_of_nothing(tmp_path: Path) -> None:
    assert read_catalog(tmp_path) == {}
    assert read_catalog(tmp_path / "nowhere") == {}
    (tmp_path / CATALOG_NAME).mkdir()
    assert read_catalog(tmp_path) == {}


@pytest.mark.parametrize("ascii_only", [True, False])
def test_a_row_is_a_videos_origin(tmp_path: Path, ascii_only: bool) -> None:
    write(tmp_path, json.dumps(FULL, ensure_ascii=ascii_only), '{"id": "b", "state": "new", "duration": 3}')
    known = {key: value for key, value in FULL.items() if key != "id"}
    assert read_catalog(tmp_path) == {"a": Provenance(**known), "b": Provenance()}


def test_the_last_row_of_a_video_holds(tmp_path: Path) -> None:
    write(tmp_path, '{"id": "a", "title": "old", "url": "u"}', '{"id": "b"}', '{"id": "a", "title": "new"}')
    assert read_catalog(tmp_path)["a"] == Provenance(title="new")


@pytest.mark.parametrize(
    "line",
    [
        '{"id": "z", "title": "to',
        "",
        "[]",
        "7",
        "null",
        '"id"',
        "{}",
        '{"id": 7}',
        '{"id": null}',
        '{"title": "z"}',
        b"\xff\xfe\x00",
        "{'id': 'z'}",
    ],
)
def test_lines_that_are_no_rows_are_passed_over(tmp_path: Path, line: str | bytes) -> None:
    write(tmp_path, '{"id": "a"}', line, '{"id": "b"}', line)
    assert list(read_catalog(tmp_path)) == ["a", "b"]


def test_a_torn_last_line_without_an_end(tmp_path: Path) -> None:
    (tmp_path / CATALOG_NAME).write_text('{"id": "a"}\n{"id": "b"')
    assert list(read_catalog(tmp_path)) == ["a"]
    (tmp_path / CATALOG_NAME).write_text('{"id": "a"}\n{"id": "b"}')
    assert list(read_catalog(tmp_path)) == ["a", "b"]


def test_what_is_no_text_is_not_known(tmp_path: Path) -> None:
    write(tmp_path, '{"id": "a", "title": 5, "url": null, "licence": ["CC"], "group": "Fear"}')
    assert read_catalog(tmp_path) == {"a": Provenance(group="Fear")}


def test_bytes_that_are_no_text_cost_a_letter_and_not_the_row(tmp_path: Path) -> None:
    write(tmp_path, b'{"id": "a", "title": "caf\xe9"}')
    assert read_catalog(tmp_path)["a"].title == "caf�"
