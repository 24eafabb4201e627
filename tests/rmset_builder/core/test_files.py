from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from rmset_builder.core.files import TEMPORARY_SUFFIX, as_address, mtime_ns, sha256_of, whole_file


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_name_is_seen_only_when_the_file_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "numbers.txt"
    with whole_file(path) as temporary:
        assert not path.exists()
        temporary.write_text("1 2")
        assert not path.exists()
        assert temporary.parent == tmp_path
        assert temporary.name.startswith(".numbers.txt.")
        assert temporary.name.endswith(TEMPORARY_SUFFIX)
    assert path.read_text() == "1 2"
    assert names(tmp_path) == ["numbers.txt"]


def test_the_old_file_is_there_until_the_new_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "numbers.txt"
    path.write_text("old")
    with whole_file(path) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("written", [True, False])
def test_a_failure_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, error: type[BaseException], written: bool
) -> None:
    path = tmp_path / "numbers.txt"
    path.write_text("old")
    with pytest.raises(error), whole_file(path) as temporary:
        if written:
            temporary.write_text("ne")
        raise error
    assert path.read_text() == "old"
    assert names(tmp_path) == ["numbers.txt"]


def test_nothing_written_is_an_error_and_no_empty_file(tmp_path: Path) -> None:
    path = tmp_path / "numbers.txt"
    path.write_text("old")
    with pytest.raises(FileNotFoundError), whole_file(path):
        pass
    assert path.read_text() == "old"
    assert names(tmp_path) == ["numbers.txt"]


def test_folders_are_made(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "c.txt"
    with whole_file(path) as temporary:
        temporary.write_bytes(b"x")
    assert path.read_bytes() == b"x"


def test_several_at_once_keep_to_themselves(tmp_path: Path) -> None:
    with whole_file(tmp_path / "a") as one, whole_file(tmp_path / "b") as two:
        one.write_text("1")
        two.write_text("2")
        assert names(tmp_path) == sorted([one.name, two.name])
    assert ((tmp_path / "a").read_text(), (tmp_path / "b").read_text()) == ("1", "2")


def test_two_processes_write_one_name_and_one_of_them_wins_whole(tmp_path: Path) -> None:
    path = tmp_path / "shared.txt"
    program = (
        "import sys; from pathlib import Path; from rmset_builder.core.files import whole_file\n"
        f"for _ in range(30):\n    with whole_file(Path({str(path)!r})) as t: t.write_text(sys.argv[1] * 5000)"
    )
    running = [subprocess.Popen([sys.executable, "-c", program, letter]) for letter in "ab"]
    assert [process.wait() for process in running] == [0, 0]
    assert path.read_text() in {"a" * 5000, "b" * 5000}
    assert names(tmp_path) == ["shared.txt"]


def test_a_killed_process_leaves_only_what_no_reader_looks_at(tmp_path: Path) -> None:
    path = tmp_path / "numbers.txt"
    program = (
        "import os; from pathlib import Path; from rmset_builder.core.files import whole_file\n"
        f"with whole_file(Path({str(path)!r})) as t:\n    t.write_text('half'); os._exit(9)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 9
    (left,) = names(tmp_path)
    assert left.startswith(".")
    assert left.endswith(TEMPORARY_SUFFIX)

    # Who writes the same file next removes it, and neither another's who is at work nor another machine's.
    dead = left.rpartition("-")[2].removesuffix(TEMPORARY_SUFFIX)
    others = [left.replace(f"-{dead}.", f"-{os.getppid()}."), f".numbers.txt.0badc0de-{dead}{TEMPORARY_SUFFIX}"]
    others.append(left.replace("numbers", "letters"))
    for name in others:
        (tmp_path / name).touch()
    with whole_file(path) as temporary:
        temporary.write_text("all")
    assert names(tmp_path) == sorted([*others, "numbers.txt"])


@pytest.mark.parametrize("size", [0, 1, 100_000, 3_000_001])
def test_the_hash_is_sha256(tmp_path: Path, size: int) -> None:
    data = os.urandom(size)
    (tmp_path / "f").write_bytes(data)
    assert sha256_of(tmp_path / "f") == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize(
    ("given", "address"),
    [
        ("https://a.example/b?v=c://d", "https://a.example/b?v=c:/d"),
        ("rtsp://a/b", "rtsp://a/b"),
        ("videos/a.mp4", ""),
        ("C:/videos", ""),
        ("file:///a.mp4", ""),
        ("a:b/c", ""),
    ],
)
def test_an_address_is_known_though_it_was_taken_for_a_path(given: str, address: str) -> None:
    assert as_address(Path(given)) == address


def test_what_is_there_is_no_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "http:").mkdir()
    (tmp_path / "http:" / "a").touch()
    assert as_address(Path("http:/a")) == ""
    assert as_address(Path("http:/" + "a" * 300)) == "http://" + "a" * 300


@pytest.mark.parametrize(("year_ns", "stored"), [(10_413_792_000 * 10**9, 2**63 - 1), (-1, -1), (5, 5)])
def test_the_time_of_any_change_fits_into_64_bits(tmp_path: Path, year_ns: int, stored: int) -> None:
    path = tmp_path / "f"
    path.touch()
    os.utime(path, ns=(year_ns, year_ns))
    if path.stat().st_mtime_ns != year_ns:
        pytest.skip("this disk holds no such time")
    assert mtime_ns(path.stat()) == stored
