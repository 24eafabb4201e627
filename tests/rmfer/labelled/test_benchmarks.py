from __future__ import annotations

import re
from pathlib import Path

import cv2
import numpy as np
import pytest
import small_benchmarks
from benchmark_layouts import LAYOUTS
from small_benchmarks import face, zip_of

from rmfer.errors import BenchmarkError, RmferError
from rmfer.labelled import Benchmark, hold_out, open_benchmark
from rmfer.labelled.readers import ferplus
from rmfer.labelled.synthetic import Settings, write_benchmark
from rmfer.labels import EXPRESSIONS, class_names


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
