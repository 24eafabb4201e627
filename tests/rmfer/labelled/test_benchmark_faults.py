"""Benchmarks that are not whole, or hostile."""

from __future__ import annotations

import io
import re
import shutil
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import small_benchmarks
from benchmark_layouts import LAYOUTS
from small_benchmarks import face, save, zip_of

from rmfer.errors import BenchmarkError
from rmfer.labelled import open_benchmark


def replace_line(path: Path, number: int, line: str) -> None:
    lines = path.read_text().splitlines()
    lines[number - 1] = line
    path.write_text("\n".join(lines) + "\n")


@pytest.mark.parametrize(
    ("kind", "file", "line", "text", "message"),
    [
        ("ferplus", "fer2013new.csv", 4, "Training,fer0000002.png,1,2,3", "has no 10 votes after its first two fields"),
        ("ferplus", "fer2013new.csv", 4, "Training,fer0000002.png" + ",0" * 10, "has no 10 votes"),
        ("ferplus", "fer2013new.csv", 4, "Test,fer0000002.png" + ",1" * 10, "Usage 'Test' is none of Training"),
        ("raf-db", "EmoLabel/list_patition_label.txt", 2, "train_00002.jpg 8", "is not such as 'train_00001.jpg 5'"),
        ("raf-db", "EmoLabel/list_patition_label.txt", 2, "train_00002.jpg", "is not such as"),
        ("affectnet-csv", "training.csv", 3, "1/x.jpg,1,1,9,9,0;0,11,0,0", "has no subDirectory_filePath"),
        ("affectnet-csv", "validation.csv", 3, "1/x.jpg,1,1", "expression from 0 to 10"),
        ("raf-db-kaggle", "train_labels.csv", 3, "train_00002_aligned.jpg,8", "has no image and label from 1 to 7"),
        ("raf-db-kaggle", "train_labels.csv", 3, "train_00002_aligned.jpg", "has no image and label from 1 to 7"),
        ("raf-db-kaggle", "test_labels.csv", 1, "name,label", "does not name the columns image, label"),
        ("celeba-kaggle", "list_eval_partition.csv", 3, "000002.jpg", "is no file and number"),
        ("fer2013", "fer2013.csv", 5, "7,1 2 3,Training", "has no emotion from 0 to 6"),
        ("fer2013", "fer2013.csv", 1, "emotion,pixels", "does not name the columns"),
        ("celeba", "identity_CelebA.txt", 3, "000003.jpg", "is no file and number"),
    ],
)
def test_wrong_lines(kind: str, file: str, line: int, text: str, message: str, tmp_path: Path) -> None:
    LAYOUTS[kind][0](tmp_path)
    replace_line(tmp_path / file, line, text)
    with pytest.raises(BenchmarkError, match=rf"^{re.escape(str(tmp_path / file))}, line {line}: .*{message}"):
        open_benchmark(tmp_path)


@pytest.mark.parametrize(
    ("kind", "file"),
    [
        ("ferplus", "data/FER2013Train/fer0000003.png"),
        ("raf-db", "Image/aligned/test_00002_aligned.jpg"),
        ("raf-db-kaggle", "DATASET/train/7/train_00002_aligned.jpg"),
        ("affectnet-csv", "Manually_Annotated_Images/2/train1.jpg"),
        ("affectnet-npy", "train_set/annotations/3_exp.npy"),
        ("affectnet-npy", "val_set/images/3.jpg"),
        ("celeba", "img_align_celeba/000002.jpg"),
    ],
)
def test_missing_files(kind: str, file: str, tmp_path: Path) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    LAYOUTS[kind][0](folder)
    (folder / file).unlink()
    number = re.search(r"\d+", Path(file).stem)
    assert number is not None
    for place in (folder, zip_of(folder, tmp_path / "set.zip")):
        with pytest.raises(BenchmarkError, match=rf"(?s){number[0]}.*(is missing|without its other).*; put ") as raised:
            open_benchmark(place)
        assert "\n" not in str(raised.value)


def test_several_missing(tmp_path: Path) -> None:
    small_benchmarks.raf_db(tmp_path)
    for number in (2, 5, 9):
        (tmp_path / f"Image/aligned/train_0000{number}_aligned.jpg").unlink()
    with pytest.raises(BenchmarkError, match=r"train_00002_aligned.jpg: is missing, and so are 2 others of 15; put"):
        open_benchmark(tmp_path)
    shutil.rmtree(tmp_path / "Image")
    with pytest.raises(BenchmarkError, match=r"Image/aligned: is missing; unpack Image/aligned.zip there"):
        open_benchmark(tmp_path)


@pytest.mark.parametrize("content", [b"", b"\xff\xd8nonsense"])
def test_pictures_that_do_not_decode(content: bytes, tmp_path: Path) -> None:
    small_benchmarks.raf_db(tmp_path)
    path = tmp_path / "Image/aligned/train_00003_aligned.jpg"
    path.write_bytes(content)
    split = open_benchmark(tmp_path).splits["train"]
    with pytest.raises(
        BenchmarkError, match=rf"^{re.escape(str(path))}: (is empty|cannot be decoded); put the picture"
    ):
        split.decode(2)


@pytest.mark.parametrize("pixels", ["1 2 3", "x", " ".join(["256"] * 2304), ""])
def test_lines_without_a_picture(pixels: str, tmp_path: Path) -> None:
    small_benchmarks.fer2013(tmp_path)
    replace_line(tmp_path / "fer2013.csv", 4, f"1,{pixels},Training")
    split = open_benchmark(tmp_path).splits["train"]
    split.decode(1)
    with pytest.raises(BenchmarkError, match=r"fer2013.csv, line 4: has no 2,304 pixels from 0 to 255"):
        split.decode(2)


def test_hostile_names_lead_nowhere(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    small_benchmarks.affectnet_csv(folder)
    save(tmp_path / "secret.jpg", face(1))
    outside = [f"../../{tmp_path.name}/../secret.jpg", "../../secret.jpg", str(tmp_path / "secret.jpg")]
    for name in outside:
        replace_line(folder / "training.csv", 2, f"{name},0,0,9,9,,1,0,0")
        for place in (folder, zip_of(folder, tmp_path / "set.zip")):
            with pytest.raises(BenchmarkError, match="is missing"):
                open_benchmark(place)
    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as archive:
        archive.writestr("../escaped.txt", "x")
        archive.writestr("/absolute/train/happy/1.png", "x")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(BenchmarkError, match="is no benchmark"):
        open_benchmark(tmp_path / "bad.zip")
    assert sorted(tmp_path.rglob("*")) == before


def test_zips_that_are_not_whole(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    small_benchmarks.raf_db(folder)
    path = zip_of(folder, tmp_path / "set.zip")
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(BenchmarkError, match="is neither a folder nor a whole zip"):
        open_benchmark(path)
    with pytest.raises(BenchmarkError, match="is not there"):
        open_benchmark(tmp_path / "none.zip")
    # One byte of one picture.
    name = "Image/aligned/train_00004_aligned.jpg"
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        info = archive.getinfo(name)
    broken = bytearray(content)
    broken[info.header_offset + 30 + len(name) + info.compress_size // 2] ^= 16
    path.write_bytes(broken)
    split = open_benchmark(path).splits["train"]
    split.decode(2)
    with pytest.raises(BenchmarkError, match=rf"set.zip:{name}: is damaged; fetch it again"):
        split.decode(3)
    # Encrypted, as RAF-DB is given out.
    locked = bytearray(content)
    at = locked.index(b"PK\x01\x02")
    while locked[at : at + 4] == b"PK\x01\x02":
        locked[at + 8] |= 1
        sizes = [int.from_bytes(locked[at + n : at + n + 2], "little") for n in (28, 30, 32)]
        at += 46 + sum(sizes)
    path.write_bytes(locked)
    with pytest.raises(BenchmarkError, match="is encrypted; unpack it and name the folder, with the password"):
        open_benchmark(path)


def test_many_threads_read_one_zip(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    folder.mkdir()
    small_benchmarks.folders(folder, counts=(6, 1, 1))
    split = open_benchmark(zip_of(folder, tmp_path / "set.zip")).splits["train"]
    expected = [split.read(number) for number in range(len(split))]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(split.read, list(range(len(split))) * 20)) == expected * 20
