"""Lines of JSON that are whole, or mended."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rmset_builder.core.jsonl import append_rows, mend_end, parse_object, read_lines

ROWS = [{"id": "a", "title": "caf\u00e9\u2028two\nlines"}, {"id": "b", "n": 7}, {}]


def test_rows_come_back_in_order_whatever_their_texts_hold(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    append_rows(path, ROWS[:1])
    append_rows(path, ROWS[1:])
    append_rows(path, [])
    assert [parse_object(line) for line in read_lines(path)] == ROWS
    assert "caf\u00e9" in path.read_text("utf-8"), "as it can be read by eye"


@given(st.binary(max_size=40))
def test_any_end_is_mended_and_no_whole_line_is_lost(tmp_path_factory: pytest.TempPathFactory, end: bytes) -> None:
    path = tmp_path_factory.mktemp("mended") / "rows.jsonl"
    path.write_bytes(b'{"id": "a"}\n' + end)
    mend_end(path)
    content = path.read_bytes()
    assert content.startswith(b'{"id": "a"}\n') and content.endswith(b"\n")
    mend_end(path)
    assert path.read_bytes() == content


def test_a_torn_line_is_taken_off_and_a_whole_one_gets_its_end(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    for end, mended in ((b'{"id": ', b""), (b'{"id": "b"}', b'{"id": "b"}\n')):
        path.write_bytes(b'{"id": "a"}\n' + end)
        mend_end(path)
        assert path.read_bytes() == b'{"id": "a"}\n' + mended
    mend_end(tmp_path / "nowhere")
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("line", ["", "[]", "7", "null", '"id"', "{", "{'id': 1}", "\ufffd"])
def test_what_is_no_object_is_none(line: str) -> None:
    assert parse_object(line) is None


def test_bytes_that_are_no_text_cost_a_letter_or_are_told(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b"caf\xe9\r\n\nlast")
    assert list(read_lines(path)) == ["caf\ufffd", "", "last"]
    with pytest.raises(UnicodeDecodeError):
        list(read_lines(path, errors="strict"))
    with pytest.raises(FileNotFoundError):
        list(read_lines(tmp_path / "nowhere"))
