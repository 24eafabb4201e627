from __future__ import annotations

import io
import re
import shutil
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest
import small_benchmarks
from small_benchmarks import Write, face, save, zip_of

from rmfer.errors import BenchmarkError, RmferError
from rmfer.labelled import Benchmark, hold_out, open_benchmark
from rmfer.labelled.readers import ferplus
from rmfer.labelled.synthetic import Settings, write_benchmark
from rmfer.labels import EXPRESSIONS, class_names

LAYOUTS: dict[str, tuple[Write, int]] = {
    "ferplus": (small_benchmarks.ferplus, 8),
    "raf-db": (small_benchmarks.raf_db, 7),
    "raf-db-kaggle": (small_benchmarks.raf_db_kaggle, 7),
    "affectnet-csv": (small_benchmarks.affectnet_csv, 8),
    "affectnet-npy": (small_benchmarks.affectnet_npy, 8),
    "fer2013": (small_benchmarks.fer2013, 7),
    "celeba": (small_benchmarks.celeba, 0),
    "celeba-kaggle": (small_benchmarks.celeba_kaggle, 0),
    "folders": (small_benchmarks.folders, 8),
}


def labels_of(benchmark: Benchmark) -> dict[str, list[int]]:
    return {name: split.labels.tolist() for name, split in benchmark.splits.items()}


@pytest.mark.parametrize("kind", LAYOUTS)
def test_a_layout_as_folder_and_as_zip(kind: str, tmp_path: Path) -> None:
    write, classes = LAYOUTS[kind]
    folder = tmp_path / "set"
    folder.mkdir()
    expected = write(folder)
    places = [folder, zip_of(folder, tmp_path / "a.zip"), zip_of(folder, tmp_path / "b.zip", below="one/two/")]
    (tmp_path / "outer").mkdir()
    (tmp_path / "outer" / "inner").symlink_to(folder)
    opened = [open_benchmark(place) for place in [*places, tmp_path / "outer"]]
    for benchmark in opened:
        assert (benchmark.kind, benchmark.classes) == (kind.removesuffix("-kaggle"), classes)
        assert labels_of(benchmark) == expected
        assert benchmark.digest == opened[0].digest
    for name, split in opened[0].splits.items():
        for number in range(len(split)):
            pixels = split.decode(number)
            assert pixels.dtype == np.uint8
            assert pixels.shape[2] == 3
            decoded = cv2.imdecode(np.frombuffer(split.read(number), np.uint8), cv2.IMREAD_COLOR)
            if kind != "affectnet-csv":  # cut to its box
                np.testing.assert_array_equal(pixels, decoded[..., ::-1])
            for other in opened[1:]:
                np.testing.assert_array_equal(pixels, other.splits[name].decode(number))
        with pytest.raises(ValueError, match="read-only"):
            pixels[0, 0, 0] = 1


def test_seven_of_eight(tmp_path: Path) -> None:
    for kind in ("ferplus", "affectnet-csv", "affectnet-npy", "folders"):
        folder = tmp_path / kind
        folder.mkdir()
        expected = LAYOUTS[kind][0](folder)
        benchmark = open_benchmark(folder, classes=7)
        assert benchmark.classes == 7
        assert labels_of(benchmark) == {n: [x for x in labels if x < 7] for n, labels in expected.items()}
        assert benchmark.splits["train"].dropped["contempt"] == expected["train"].count(7) > 0
        assert benchmark.digest != open_benchmark(folder).digest


@pytest.mark.parametrize("kind", ["raf-db", "fer2013", "celeba"])
def test_classes_that_a_benchmark_has_not(kind: str, tmp_path: Path) -> None:
    LAYOUTS[kind][0](tmp_path)
    with pytest.raises(RmferError, match="has no "):
        open_benchmark(tmp_path, classes=8)
    with pytest.raises(RmferError, match="9 expressions are not told apart"):
        class_names(9)


def test_affectnet(tmp_path: Path) -> None:
    small_benchmarks.affectnet_csv(tmp_path)
    benchmark = open_benchmark(tmp_path)
    train = benchmark.splits["train"]
    assert dict(train.dropped) == {"none": 2, "uncertain": 2, "non-face": 2}
    whole = cv2.cvtColor(cv2.imread(str(tmp_path / "Manually_Annotated_Images/1/train0.jpg")), cv2.COLOR_BGR2RGB)
    np.testing.assert_array_equal(train.decode(0), whole[5:29, 4:24])
    assert benchmark.mean == (0.6112, 0.4708, 0.4095)
    assert benchmark.eval_std == (0.2080, 0.1852, 0.1737)
    # As it is unpacked, the lists lie in a folder of their own; some copies have no line with the columns' names.
    (tmp_path / "Manually_Annotated_file_lists").mkdir()
    for name in ("training.csv", "validation.csv"):
        lines = (tmp_path / name).read_text().splitlines(keepends=True)
        (tmp_path / "Manually_Annotated_file_lists" / name).write_text("".join(lines[1:]))
        (tmp_path / name).unlink()
    again = open_benchmark(tmp_path)
    assert labels_of(again) == labels_of(benchmark)
    np.testing.assert_array_equal(again.splits["train"].decode(3), train.decode(3))


def test_fer2013_with_other_columns_and_ferplus_votes(tmp_path: Path) -> None:
    small_benchmarks.fer2013(tmp_path)
    first = open_benchmark(tmp_path)
    np.testing.assert_array_equal(first.splits["test"].decode(2), face(2, (48, 48), grey=True))
    assert first.splits["valid"].name_of(0) == f"{tmp_path / 'fer2013.csv'}, line 17"
    lines = [line.split(",") for line in (tmp_path / "fer2013.csv").read_text().splitlines()]
    other = tmp_path / "kaggle"
    other.mkdir()
    swapped = [", ".join([a, c, b]) if a == "emotion" else ",".join([a, c, b]) for a, b, c in lines]
    (other / "icml_face_data.csv").write_text("\n".join(swapped) + "\n")
    assert labels_of(open_benchmark(other)) == labels_of(first)
    # Beside FER2013's table, that of FERPlus tells of its lines one by one.
    rows = [["Usage", "Image name", *small_benchmarks.VOTES]]
    expected = {}
    for split, begin, count, usage in (
        ("train", 0, 15, "Training"),
        ("valid", 15, 7, "PublicTest"),
        ("test", 22, 8, "PrivateTest"),
    ):
        own, expected[split] = small_benchmarks.ferplus_rows(begin, count, usage)
        rows += own
    (tmp_path / "fer2013new.csv").write_text("\n".join(",".join(row) for row in rows) + "\n")
    plus = open_benchmark(tmp_path)
    assert (plus.kind, labels_of(plus)) == ("ferplus", expected)
    np.testing.assert_array_equal(plus.splits["test"].decode(0), face(0, (48, 48), grey=True))
    (tmp_path / "fer2013new.csv").write_text("\n".join(",".join(row) for row in rows[:-1]) + "\n")
    with pytest.raises(BenchmarkError, match=r"has 8 pictures for PrivateTest, fer2013new.csv votes on 7"):
        open_benchmark(tmp_path)


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY", np.asarray([1, 2]), np.asarray("x"), np.asarray("11")])
def test_labels_that_are_no_number(content: bytes | np.ndarray, tmp_path: Path) -> None:
    small_benchmarks.affectnet_npy(tmp_path)
    path = tmp_path / "val_set/annotations/2_exp.npy"
    path.write_bytes(content) if isinstance(content, bytes) else np.save(path, content)
    with pytest.raises(BenchmarkError, match=rf"^{re.escape(str(path))}: has no number from 0 to 10"):
        open_benchmark(tmp_path)
    for same_number in (np.asarray([2]), np.asarray(2, np.int8), np.asarray(b"2"), np.asarray(2.0)):
        np.save(path, same_number)
        assert open_benchmark(tmp_path).splits["test"].labels[2] == 2


def test_ferplus_without_its_votes_says_so(tmp_path: Path) -> None:
    small_benchmarks.ferplus(tmp_path)
    assert open_benchmark(tmp_path).notes == ()
    benchmark = open_benchmark(tmp_path / "data")
    assert set(benchmark.splits["test"].labels.tolist()) == {EXPRESSIONS.index("sadness")}
    assert "papers count those of fer2013new.csv" in benchmark.notes[0]


@pytest.mark.shared("ferplus.zip")
def test_ferplus_counts_are_those_of_table_10(shared: Path) -> None:
    benchmark = open_benchmark(shared / "ferplus.zip")
    train, test = benchmark.splits["train"], benchmark.splits["test"]
    assert train.counts(8).tolist() == [10309, 7528, 3515, 3562, 652, 191, 2467, 165]
    assert test.counts(8).tolist() == [1262, 928, 444, 444, 93, 23, 325, 27]
    assert (len(train), len(test), benchmark.classes, benchmark.title) == (28389, 3546, 8, "FERPlus")
    pixels = train.decode(0)
    assert pixels.shape == (48, 48, 3)
    assert (pixels == pixels[..., :1]).all()
    assert benchmark.mean == pytest.approx((0.508,) * 3, abs=0.003)
    assert benchmark.std == pytest.approx((0.255,) * 3, abs=0.003)
    assert benchmark.eval_mean == benchmark.mean
    assert benchmark.is_grey
    # FER+'s own rule: more than half of the votes, single ones left out.
    assert [int(split.rules["majority"].sum()) for split in benchmark.splits.values()] == [25060, 3199, 3153]
    assert test.shares is not None
    np.testing.assert_allclose(test.shares.sum(axis=1), 1, atol=1e-6)
    clear = test.rules["majority"]
    assert (test.shares.argmax(axis=1) == test.labels)[clear].all()


def test_votes_are_shared_out_without_single_ones() -> None:
    # neutral, happiness, surprise, sadness, anger, disgust, fear, contempt, unknown, no face
    votes = np.array([[5, 1, 0, 3, 0, 0, 0, 0, 2, 0], [1, 0, 0, 0, 0, 0, 0, 1, 8, 0], [5, 0, 0, 4, 1, 0, 0, 0, 0, 0]])
    found = ferplus.shares(votes, 8)
    for name, row, share in (
        ("neutral", 0, 5 / 8),
        ("sadness", 0, 3 / 8),
        ("happiness", 0, 0),
        ("contempt", 1, 0.5),
        ("anger", 2, 0),
    ):
        assert found[row, EXPRESSIONS.index(name)] == pytest.approx(share)
    assert ferplus.has_majority(votes).tolist() == [False, True, True]


def test_names_of_folders(tmp_path: Path) -> None:
    names = ["Neutral", "happy", "sad", "SURPRISED", "fearful", "disgusted", "angry"]
    expected = small_benchmarks.folders(tmp_path, names)
    (tmp_path / "train/.cache").mkdir()
    (tmp_path / "train/happy/notes.txt").write_text("no picture")
    benchmark = open_benchmark(tmp_path)
    assert benchmark.classes == 7
    assert labels_of(benchmark) == expected
    (tmp_path / "train/bored").mkdir()
    with pytest.raises(BenchmarkError, match=r"train/bored: is no expression; name it one of neutral, happiness"):
        open_benchmark(tmp_path)


def test_normalisation_is_measured(tmp_path: Path) -> None:
    small_benchmarks.folders(tmp_path, size=(10, 20))
    benchmark = open_benchmark(tmp_path)
    split = benchmark.splits["train"]
    pixels = np.concatenate([split.decode(n).reshape(-1, 3) for n in range(len(split))]) / 255
    np.testing.assert_allclose(benchmark.mean, pixels.mean(0), atol=1e-5)
    np.testing.assert_allclose(benchmark.std, pixels.std(0), atol=1e-5)


def test_the_first_below_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BenchmarkError, match=r"^data/: does not exist; put a benchmark there"):
        open_benchmark()
    Path("data").mkdir()
    with pytest.raises(BenchmarkError, match=r"^data: is no benchmark and has none; it is empty; any of these"):
        open_benchmark()
    source = tmp_path / "source"
    source.mkdir()
    small_benchmarks.raf_db(source)
    (Path("data") / "a.zip").write_bytes(b"PK and no more")
    zip_of(source, Path("data/raf.zip"))
    (Path("data") / "celeba").mkdir()
    small_benchmarks.celeba(Path("data/celeba"))
    assert open_benchmark().kind == "raf-db", "CelebA has no expressions to train on"
    (Path("data") / "affect").mkdir()
    small_benchmarks.affectnet_npy(Path("data/affect"))
    assert open_benchmark().kind == "affectnet-npy", "folders before zips"


def test_holding_out(tmp_path: Path) -> None:
    small_benchmarks.folders(tmp_path, counts=(10, 1, 2))
    split = open_benchmark(tmp_path).splits["train"]
    train, valid = hold_out(split, 0.2, seed=3)
    assert (train.counts(8).tolist(), valid.counts(8).tolist()) == ([8] * 8, [2] * 8)
    assert (train.name, valid.name) == ("train", "valid")
    assert sorted([*train.items.tolist(), *valid.items.tolist()]) == list(range(80))
    assert hold_out(split, 0.2, seed=3)[1].digest == valid.digest != hold_out(split, 0.2, seed=4)[1].digest
    assert hold_out(split, 0.001, seed=3)[1].counts(8).tolist() == [1] * 8


def test_cartoons(tmp_path: Path) -> None:
    few = Settings(classes=8, train=3, valid=1, test=2, smallest=24, largest=32)
    assert write_benchmark(tmp_path / "a", few)
    assert write_benchmark(tmp_path / "b", few)
    assert not write_benchmark(tmp_path / "a", few)
    one, other = open_benchmark(tmp_path / "a"), open_benchmark(tmp_path / "b")
    assert one.splits["train"].counts(8).tolist() == [3] * 8
    assert len({one.splits["train"].read(n) for n in range(24)}) == 24
    assert all(one.splits["test"].read(n) == other.splits["test"].read(n) for n in range(16))
    with pytest.raises(BenchmarkError, match="is there, and something else"):
        write_benchmark(tmp_path / "a", Settings(classes=8))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]


# ------------------------------------------------------------------------------------------------------------- faults


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
