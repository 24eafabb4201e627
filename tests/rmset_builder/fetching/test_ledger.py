from __future__ import annotations

import json
from pathlib import Path

import pytest

from rmset_builder.core.errors import RmsetError
from rmset_builder.fetching.catalog import CATALOG_NAME, FETCHED, Provenance, Video, parse_row, read_catalog, read_rows
from rmset_builder.fetching.ledger import PARTIAL_FOLDER, Ledger

ROW = Video(id="a", url="http://x/a", title="Überraschung 🎬", group="Anger", duration_s=7.5, state="failed", times=2)


def lines(folder: Path) -> list[str]:
    return (folder / CATALOG_NAME).read_text(encoding="utf-8").splitlines()


def test_rows_are_added_and_the_last_of_an_id_holds(tmp_path: Path) -> None:
    with Ledger(tmp_path / "new") as ledger:
        ledger.record(ROW, ROW.with_(id="b"))
        ledger.record(ledger["a"].with_(state="gone"))
        assert ledger.of_url("http://x/a") is not None
    found = read_rows(tmp_path / "new")
    assert [(v.id, v.state, v.title, v.duration_s) for v in found.values()] == [
        ("a", "gone", ROW.title, 7.5), ("b", "failed", ROW.title, 7.5),
    ]  # fmt: skip
    assert len(lines(tmp_path / "new")) == 3
    assert all(v.when.endswith("Z") for v in found.values())
    assert read_catalog(tmp_path / "new")["a"] == Provenance(title=ROW.title, url="http://x/a", group="Anger")


@pytest.mark.parametrize("cut", [1, 2, 40, 200])
def test_a_torn_last_line_is_taken_off(tmp_path: Path, cut: int) -> None:
    with Ledger(tmp_path) as ledger:
        ledger.record(ROW, ROW.with_(id="b"))
    path = tmp_path / CATALOG_NAME
    path.write_bytes(path.read_bytes()[:-cut])
    with Ledger(tmp_path) as ledger:
        kept = ["a", "b"] if cut == 1 else ["a"]  # a line that lacks only its end is whole
        assert [video.id for video in ledger] == kept
        ledger.record(ROW.with_(id="c"))
    assert [json.loads(line)["id"] for line in lines(tmp_path)] == [*kept, "c"]


def test_rows_from_elsewhere_are_read_with_care(tmp_path: Path) -> None:
    for line in ("", "[]", "7", "{}", '{"id": ""}', '{"id": 7}', "{", "null"):
        assert parse_row(line) is None
    row = parse_row('{"id": "a", "duration_s": 7, "times": "x", "bytes": true, "height": 1.5, "new": 1, "checked": 1}')
    assert row == Video(id="a", duration_s=7)
    (tmp_path / CATALOG_NAME).write_bytes(b'\xff\xfe\n{"id": "a"}\nnonsense\n{"id": "b"}\n')
    assert list(read_rows(tmp_path)) == ["a", "b"]
    with pytest.raises(RmsetError, match="cannot be read"):
        (tmp_path / "folder" / CATALOG_NAME).mkdir(parents=True)
        read_rows(tmp_path / "folder")


def test_a_title_with_a_separator_of_lines_stays_one_row_when_another_video_is_forgotten(tmp_path: Path) -> None:
    odd = ROW.with_(id="odd", title="one\u2028two\u0085three\x0cfour")
    with Ledger(tmp_path) as ledger:
        ledger.record(odd, ROW)
        ledger.forget(ROW.id, Video(id=ROW.id, state="pruned"))
    assert read_rows(tmp_path)["odd"].title == odd.title
    assert [row.state for row in read_rows(tmp_path).values()] == [odd.state, "pruned"]


def test_one_process_at_a_time(tmp_path: Path) -> None:
    with Ledger(tmp_path), pytest.raises(RmsetError, match="another process is at work"), Ledger(tmp_path):
        pass
    with Ledger(tmp_path):
        pass
    (tmp_path / "file").touch()
    with pytest.raises(RmsetError, match="cannot be written to"), Ledger(tmp_path / "file"):
        pass


def fetched(folder: Path, content: bytes = b"film") -> tuple[Path, Video]:
    path = folder / PARTIAL_FOLDER / "a.x.mp4"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    return path, ROW.with_(state=FETCHED, file="a.mp4", bytes=len(content))


def test_a_file_gets_its_name_and_its_row(tmp_path: Path) -> None:
    with Ledger(tmp_path) as ledger:
        ledger.stage(*fetched(tmp_path))
        assert ledger.is_here(ledger["a"])
        (tmp_path / "a.mp4").write_bytes(b"other length")
        assert not ledger.is_here(ledger["a"])
        (tmp_path / "a.mp4").unlink()
        assert not ledger.is_here(ledger["a"])


@pytest.mark.parametrize("step", ["record", "_move"])
def test_a_crash_between_row_and_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, Ledger(tmp_path) as ledger:
        ledger.record(ROW)
        patch.setattr(Ledger, step, crash)
        with pytest.raises(KeyboardInterrupt):
            ledger.stage(*fetched(tmp_path))
    with Ledger(tmp_path) as ledger:
        assert ledger.is_here(ledger["a"]) == (step == "_move")
        assert (tmp_path / "a.mp4").exists() == (step == "_move")


def test_what_is_forgotten_leaves_a_tombstone_alone(tmp_path: Path) -> None:
    with Ledger(tmp_path) as ledger:
        ledger.record(ROW, ROW.with_(id="b", url="http://x/b"), ROW.with_(state="found"))
        ledger.forget("a", Video(id="a", state="pruned", message="asked"))
        assert ledger["a"].state == "pruned"
    assert [(row["id"], row["title"]) for row in map(json.loads, lines(tmp_path))] == [("b", ROW.title), ("a", "")]
