"""Files whose numbers lie: they are told in one line, without the memory or the time that they ask for."""

from __future__ import annotations

import pickle
import resource
import struct
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import small_benchmarks
from labelled.benchmark_layouts import LAYOUTS

from rmfer.errors import BenchmarkError
from rmfer.labelled import archive, open_benchmark
from rmset_builder.core.errors import RmsetError
from rmset_builder.core.jsonl import mend_end, parse_object
from rmset_builder.decoder_limits import MOST_PIXELS, refuse_large_jpeg
from rmset_builder.shards.checked_parquet import open_checked
from rmset_builder.shards.pages import OffsetIndex, PageError, locate_pages, picture
from rmset_builder.shards.thrift import CompactReader
from rmset_builder.shards.tombstones import read_tombstones

# ---------------------------------------------------------------------------------------------------------- Parquet


def varint(number: int) -> bytes:
    text = bytearray()
    while number > 127:
        text.append(number & 127 | 128)
        number >>= 7
    return bytes([*text, number])


def index(*entries: tuple[int, int, int], promised: int = 0) -> bytes:
    pages = [b"\x16" + varint(a * 2) + b"\x15" + varint(b * 2) + b"\x16" + varint(c * 2) + b"\0" for a, b, c in entries]
    return b"\x19\xfc" + varint(promised or len(entries)) + b"".join(pages) + b"\0"


def test_no_number_has_more_than_64_bits() -> None:
    assert CompactReader(b"\xff" * 9 + b"\x01").varint() == 2**64 - 1
    assert CompactReader(b"\xff" * 9 + b"\x01").integer() == -(2**63)
    with pytest.raises(ValueError, match="more than 64 bits"):
        CompactReader(b"\xff" * 100_000 + b"\0").varint()


@pytest.mark.parametrize("promised", [1 << 31, 1 << 40, 1 << 62])
def test_an_index_of_more_pages_than_it_has(promised: int) -> None:
    data = index((4, 200, 0), promised=promised)
    with pytest.raises(PageError, match="its offset index is cut"):
        locate_pages([data], [OffsetIndex(0, len(data), 5)])


def test_rows_that_only_add_up_when_they_run_over() -> None:
    first, second = index((4, 200, 0)), index((300, 200, 0))
    groups = [OffsetIndex(0, len(first), 2**62), OffsetIndex(0, len(second), 8 - 2**62)]
    with pytest.raises(PageError, match="contradicts"):
        locate_pages([first, second], groups)


def test_more_rows_than_bytes_are_not_read(tmp_path: Path) -> None:
    """Some kilobytes, from which pyarrow would make gigabytes."""
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"frame": pa.array(np.zeros(3_000_000, np.int32))}), path)
    with pytest.raises(OSError, match=r"promises 3,000,000 rows in [0-9,]+ bytes"):
        open_checked(path)


def page_of(levels: bytes, values: int) -> bytes:
    body = struct.pack("<I", len(levels)) + levels
    head = b"\x15\x00\x15" + varint(len(body) * 2) + b"\x15" + varint(len(body) * 2)
    return head + b"\x2c\x15" + varint(values * 2) + b"\x15\x00\x15\x06\x15\x06\x00\x00" + body


def test_levels_of_a_page_take_time_by_their_number_alone() -> None:
    """As one number of so many bits, the levels of this page would take an hour."""
    values = 4_000_000
    page = page_of(varint(values // 8 << 1 | 1) + b"\xaa" * (values // 4) + bytes(values), values)
    with pytest.raises(PageError):
        picture(page, values - 1)


# --------------------------------------------------------------------------------------------------- lines of JSON


@pytest.mark.parametrize("line", ["[" * 100_000, '{"id": ' + "[" * 100_000, "9" * 100_000])
def test_lines_nested_beyond_reason(line: str, tmp_path: Path) -> None:
    assert parse_object(line) is None
    path = tmp_path / "rows.jsonl"
    path.write_text('{"id": "a"}\n' + line)
    mend_end(path)
    assert path.read_text() in ('{"id": "a"}\n', f'{{"id": "a"}}\n{line}\n')


@pytest.mark.parametrize("identity", ["Infinity", "-Infinity", "NaN", "[" * 50_000])
def test_tombstones_of_nobody(identity: str, tmp_path: Path) -> None:
    (tmp_path / "pruned.jsonl").write_text(f'{{"video": "a", "identity": {identity}}}\n{{"video": "b"}}\n')
    with pytest.raises(RmsetError, match=r"pruned.jsonl:1 is no tombstone"):
        read_tombstones(tmp_path)


# -------------------------------------------------------------------------------------------------------- benchmarks


@pytest.mark.parametrize(
    ("kind", "file", "line"),
    [
        ("ferplus", "fer2013new.csv", 'Training,"' + "x" * 200_000 + '"' + ",1" * 10),
        ("ferplus", "fer2013new.csv", "Training,fer0000002.png," + "9" * 30 + ",1" * 9),
        ("raf-db-kaggle", "train_labels.csv", '"' + "x" * 200_000 + '",1'),
        ("affectnet-csv", "training.csv", '"' + "x" * 200_000 + '"'),
        ("affectnet-csv", "training.csv", "1/train1.jpg,1e300,0,9,9,,1,0,0"),
        ("fer2013", "fer2013.csv", None),
        ("celeba", "identity_CelebA.txt", "000003.jpg " + "9" * 5000),
        ("celeba", "identity_CelebA.txt", "000003.jpg " + "9" * 40),
    ],
)
def test_fields_beyond_what_any_table_holds(kind: str, file: str, line: str | None, tmp_path: Path) -> None:
    LAYOUTS[kind][0](tmp_path)
    lines = (tmp_path / file).read_text().splitlines()
    if line is None:
        lines[0] = "emotion,emotion,pixels,Usage"
    else:
        lines[2] = line
    (tmp_path / file).write_text("\n".join(lines) + "\n")
    with pytest.raises(BenchmarkError, match=rf"{file}, line [0-9]+: "):
        open_benchmark(tmp_path)


def test_a_zip_of_nothing_but_line_ends(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    small_benchmarks.raf_db(folder)
    (folder / "EmoLabel/list_patition_label.txt").write_bytes(b"\n" * 60_000_000)
    bomb = small_benchmarks.zip_of(folder, tmp_path / "bomb.zip")
    assert bomb.stat().st_size < 200_000
    with pytest.raises(BenchmarkError, match="has more than 4,000,000 lines"):
        open_benchmark(bomb)


def told_otherwise(path: Path, name: str, *, size: int, at: int) -> None:
    """Let the zip's directory tell another size of a member: ``at`` 20 of the packed, 24 of the whole file."""
    content = bytearray(path.read_bytes())
    entry = content.rindex(name.encode()) - 46
    assert content[entry : entry + 4] == b"PK\x01\x02"
    content[entry + at : entry + at + 4] = size.to_bytes(4, "little")
    path.write_bytes(content)


@pytest.mark.parametrize(("at", "size"), [(20, 0xFFFFFFF0), (24, 0xFFFFFFF0), (24, archive.LARGEST + 1)])
def test_members_that_say_that_they_are_huge(at: int, size: int, tmp_path: Path) -> None:
    folder, name = tmp_path / "set", "EmoLabel/list_patition_label.txt"
    folder.mkdir()
    small_benchmarks.raf_db(folder)
    path = small_benchmarks.zip_of(folder, tmp_path / "set.zip")
    told_otherwise(path, name, size=size, at=at)
    with pytest.raises(BenchmarkError, match=rf"{name}: is (larger than 1 GiB|damaged)"):
        open_benchmark(path)


def test_zips_that_need_another_reader_and_such_with_thousands_of_members(tmp_path: Path) -> None:
    path = tmp_path / "set.zip"
    with zipfile.ZipFile(path, "w") as written:
        for number in range(30_000):
            written.writestr(f"train/../{number}/x.png", b"")
    with pytest.raises(BenchmarkError, match="is no benchmark"):
        open_benchmark(path)
    content = bytearray(path.read_bytes())
    at = content.rindex(b"PK\x01\x02")
    content[at + 6 : at + 8] = (99).to_bytes(2, "little")  # the version that is needed to read it
    path.write_bytes(content)
    with pytest.raises(BenchmarkError, match="is neither a folder nor a whole zip"):
        open_benchmark(path)


def test_a_link_in_a_zip_is_a_file_with_a_path_in_it(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    small_benchmarks.raf_db(folder)
    path = small_benchmarks.zip_of(folder, tmp_path / "set.zip")
    small_benchmarks.save(tmp_path / "secret.jpg", small_benchmarks.face(1))
    member = zipfile.ZipInfo("Image/aligned/train_00016_aligned.jpg")
    member.external_attr = 0o120777 << 16
    with zipfile.ZipFile(path, "a") as written:
        written.writestr(member, str(tmp_path / "secret.jpg"))
        lines = (folder / "EmoLabel/list_patition_label.txt").read_text() + "train_00016.jpg 5\n"
        written.writestr("EmoLabel/list_patition_label.txt", lines)
    split = open_benchmark(path).splits["train"]
    with pytest.raises(BenchmarkError, match=r"train_00016_aligned.jpg: cannot be decoded"):
        split.decode(15)


@pytest.mark.parametrize(
    "content",
    [
        b"PK\x03\x04" + bytes(100),
        b"\x93NUMPY\1\0v\0{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999, 9), }".ljust(128),
        b"\x93NUMPY\1\0v\0{'descr': '|O', 'fortran_order': False, 'shape': (), }".ljust(128) + pickle.dumps(print),
        b"\x93NUMPY\1\0v\0{'descr': '<c16', 'fortran_order': False, 'shape': (), }".ljust(127) + b"\n" + bytes(16),
    ],
    ids=["a zip", "a huge array", "a pickle", "a complex number"],
)
def test_numpy_files_that_hold_something_else(content: bytes, tmp_path: Path) -> None:
    small_benchmarks.affectnet_npy(tmp_path)
    file = tmp_path / "train_set/annotations/3_exp.npy"
    file.write_bytes(content)
    with pytest.raises(BenchmarkError, match=r"3_exp.npy: has no number from 0 to 10"):
        open_benchmark(tmp_path)


# ---------------------------------------------------------------------------------------------------------- pictures


def png(width: int, height: int) -> bytes:
    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rest = chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + rest


def test_pictures_that_say_that_they_are_huge(tmp_path: Path) -> None:
    small_benchmarks.raf_db(tmp_path)
    (tmp_path / "Image/aligned/train_00003_aligned.jpg").write_bytes(png(30_000, 30_000))
    split = open_benchmark(tmp_path).splits["train"]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(BenchmarkError, match="cannot be decoded"):
        split.decode(2)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 500_000
    jpeg = bytearray((tmp_path / "Image/aligned/train_00004_aligned.jpg").read_bytes())
    refuse_large_jpeg(bytes(jpeg))
    at = jpeg.index(b"\xff\xc0") + 5
    jpeg[at : at + 4] = struct.pack(">HH", 65_000, 65_000)
    assert MOST_PIXELS < 65_000**2
    with pytest.raises(ValueError, match="65,000 x 65,000 pixels"):
        refuse_large_jpeg(bytes(jpeg))
