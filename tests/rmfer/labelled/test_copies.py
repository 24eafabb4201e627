"""Data sets in the states in which people have them: copies of copies, half unpacked, from other systems."""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
import small_benchmarks
import yaml
from small_benchmarks import face, save, zip_of
from small_models import write_run
from training_helpers import SETTINGS, run, write_benchmark

from rmfer.errors import BenchmarkError
from rmfer.labelled import Benchmark, RandomSets, open_benchmark


def labels_of(benchmark: Benchmark) -> dict[str, list[int]]:
    return {name: split.labels.tolist() for name, split in benchmark.splits.items()}


def settings(**chosen: object) -> list[str]:
    return [part for key, value in {**SETTINGS, **chosen}.items() for part in ("--set", f"{key}={value}")]


def test_raf_db_of_kaggle_without_its_tables_and_with_them_elsewhere(tmp_path: Path) -> None:
    expected = small_benchmarks.raf_db_kaggle(tmp_path)
    for split in ("train", "test"):
        # As Excel leaves them, and beside the pictures' folders.
        rows = (tmp_path / f"{split}_labels.csv").read_text().replace("\n", "\r\n")
        (tmp_path / f"DATASET/{split}_labels.csv").write_bytes(b"\xef\xbb\xbf" + rows.encode())
        (tmp_path / f"{split}_labels.csv").unlink()
    beside = open_benchmark(tmp_path)
    assert (labels_of(beside), beside.notes) == (expected, ())
    assert labels_of(open_benchmark(tmp_path / "DATASET")) == expected
    np.testing.assert_array_equal(beside.splits["test"].decode(3), open_benchmark(tmp_path).splits["test"].decode(3))
    for split in ("train", "test"):
        (tmp_path / f"DATASET/{split}_labels.csv").unlink()
    bare = open_benchmark(tmp_path)
    assert {split: sorted(own) for split, own in labels_of(bare).items()} == {s: sorted(o) for s, o in expected.items()}
    assert len(bare.notes) == 2 and "the labels are those of the folders" in bare.notes[0]
    # Numbers alone might mean anything.
    (tmp_path / "DATASET").rename(tmp_path / "faces")
    with pytest.raises(BenchmarkError, match="is no benchmark"):
        open_benchmark(tmp_path)


def test_celeba_without_identities_serves_for_random_sets_and_says_what_is_unknown(tmp_path: Path) -> None:
    small_benchmarks.celeba_kaggle(tmp_path)
    done = run(["benchmark", str(tmp_path)])
    assert done.returncode == 0
    assert "CelebA (celeba), no expressions, nor identities" in done.stdout
    assert "Identities   unknown     unknown  unknown\nTotal              8           2        2\n" in done.stdout
    assert "note: without identity_CelebA.txt nobody is told from anybody; random sets of its pictures" in done.stdout
    split = open_benchmark(tmp_path).splits["train"]
    with RandomSets(
        split, mean=(0.5,) * 3, std=(0.5,) * 3, positives=3, negatives=3, size=16, steps_per_epoch=1, workers=1
    ) as sets:
        assert next(iter(sets)).images.shape == (1, 7, 3, 16, 16)
    # The official files without that one, its tables with Windows's ends of lines.
    official = tmp_path / "official"
    official.mkdir()
    small_benchmarks.celeba(official)
    (official / "identity_CelebA.txt").unlink()
    partition = official / "list_eval_partition.txt"
    partition.write_bytes(partition.read_bytes().replace(b"\n", b"\r\n"))
    assert [len(own) for own in open_benchmark(official).splits.values()] == [8, 2, 2]


LACKING = ("Manually_Annotated_Images/2/train1.jpg", "Manually_Annotated_Images/1/train6.jpg")


@pytest.fixture
def lacking(tmp_path: Path) -> Path:
    """AffectNet's tables, two of whose pictures are not there."""
    folder = tmp_path / "affectnet"
    folder.mkdir()
    small_benchmarks.affectnet_csv(folder)
    for name in LACKING:
        (folder / name).unlink()
    return folder


def test_what_is_missing_is_skipped_on_demand_alone_counted_and_named(lacking: Path, tmp_path: Path) -> None:
    names = [str(lacking / name) for name in LACKING]
    for place in (lacking, zip_of(lacking, tmp_path / "a.zip")):
        with pytest.raises(
            BenchmarkError, match=r"train1.jpg: is missing, and so are 1 others of 16; put .*--skip-missing"
        ):
            open_benchmark(place)
        split = open_benchmark(place, skip_missing=True).splits["train"]
        assert (
            len(split) == 14 and [name.replace(f"{tmp_path}/a.zip:", f"{lacking}/") for name in split.missing] == names
        )
        assert split.dropped["missing"] == 2
        np.testing.assert_array_equal(split.labels, [0, 2, 3, 4, 5, 7, 0, 1, 2, 3, 4, 5, 6, 7])
        assert split.name_of(1).endswith("3/train2.jpg")

    assert run(["benchmark", str(lacking)]).returncode == 2
    done = run(["benchmark", str(lacking), "--skip-missing"])
    assert done.returncode == 0
    assert "left out of training: 2 none, 2 uncertain, 2 non-face, 2 missing\n" in done.stdout
    assert f"note: left out as their files are missing: 2 of train: {', '.join(names)}\n" in done.stdout
    told = json.loads(run(["benchmark", str(lacking), "--skip-missing", "--json"]).stdout)
    assert [told["splits"][split]["missing"] for split in ("train", "test")] == [names, []]


def test_the_first_are_named_and_nothing_at_all_is_no_benchmark(tmp_path: Path) -> None:
    small_benchmarks.raf_db(tmp_path)
    pictures = sorted((tmp_path / "Image/aligned").glob("train*"))
    for picture in pictures[:9]:
        picture.unlink()
    assert open_benchmark(tmp_path, skip_missing=True).splits["train"].dropped == {"missing": 9}
    assert "train_00005_aligned.jpg and 4 more\n" in run(["benchmark", str(tmp_path), "--skip-missing"]).stdout
    for picture in pictures[9:]:
        picture.unlink()
    with pytest.raises(
        BenchmarkError, match=r"train_00001_aligned.jpg: is missing, and so are 14 others of 15; put"
    ) as told:
        open_benchmark(tmp_path, skip_missing=True)
    assert "--skip-missing" not in str(told.value)


def test_cut_faces_without_labels_and_labels_without_faces(tmp_path: Path) -> None:
    small_benchmarks.affectnet_npy(tmp_path)
    (tmp_path / "train_set/annotations/3_exp.npy").unlink()
    (tmp_path / "train_set/images/5.jpg").unlink()
    with pytest.raises(BenchmarkError, match=r"images/5.jpg: is missing, and so are 1 others of 17; put"):
        open_benchmark(tmp_path)
    split = open_benchmark(tmp_path, skip_missing=True).splits["train"]
    assert [Path(name).name for name in split.missing] == ["5.jpg", "3_exp.npy"]
    assert split.labels.tolist() == [number * 5 % 8 for number in range(17) if number not in (3, 5)]


def test_train_and_evaluate_skip_and_keep_a_record(lacking: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    line = ["train", "--benchmark", str(lacking), "--out", str(out), "--device", "cpu", "--skip-missing"]
    line += settings(lambda2=0, epochs=1, epochs_pre=1, classes=8, holdout=0.1)
    without = [part for part in line if part != "--skip-missing"]
    assert (run(without).returncode, out.exists()) == (2, False)
    done = run(line)
    assert done.returncode == 0, done.stderr
    assert f"all of them: {out / 'missing.txt'}" in done.stderr
    assert (out / "missing.txt").read_text() == "".join(f"train\t{lacking / name}\n" for name in LACKING)
    told = yaml.safe_load((out / "config.yaml").read_text())
    assert told["settings"]["skip_missing"] is True
    assert (told["benchmark"]["pictures"], told["benchmark"]["missing"]) == ({"train": 14, "test": 8}, {"train": 2})

    (lacking / "Manually_Annotated_Images/1/test0.jpg").unlink()
    model = write_run(tmp_path / "other")
    line = ["evaluate", str(model), "--benchmark", str(lacking), "--device", "cpu", "--json"]
    assert run(line).returncode == 2
    done = run([*line, "--skip-missing"])
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["images"], found["missing"]) == (7, 1)
    assert "1 images of the split are missing and were left out" in found["notes"]
    listed = (model / "evaluation/affectnet-csv-test-best-missing.txt").read_text()
    assert f"test\t{lacking / 'Manually_Annotated_Images/1/test0.jpg'}\n" in listed and listed.count("\n") == 3


def test_tables_and_pictures_of_windows(tmp_path: Path) -> None:
    expected = small_benchmarks.affectnet_csv(tmp_path)
    for table in ("training.csv", "validation.csv"):
        text = (tmp_path / table).read_text().replace("/", "\\").replace("\n", "\r\n")
        (tmp_path / table).write_bytes(b"\xef\xbb\xbf" + text.encode())
    for picture in (tmp_path / "Manually_Annotated_Images").rglob("*.jpg"):
        picture.rename(picture.with_suffix(".JPG"))
    benchmark = open_benchmark(tmp_path)
    assert labels_of(benchmark) == expected
    assert benchmark.splits["train"].name_of(4).endswith("Manually_Annotated_Images/2/train4.JPG")
    assert benchmark.splits["train"].decode(4).shape == (24, 20, 3)
    with zipfile.ZipFile(tmp_path / "packed.zip", "w") as archive:
        for path in sorted(tmp_path.rglob("*")):
            if path.is_file() and path.suffix != ".zip":
                info = zipfile.ZipInfo("x")
                info.filename = str(path.relative_to(tmp_path)).replace("/", "\\")
                archive.writestr(info, path.read_bytes())
    packed = open_benchmark(tmp_path / "packed.zip")
    assert labels_of(packed) == expected
    np.testing.assert_array_equal(packed.splits["test"].decode(1), benchmark.splits["test"].decode(1))


def test_what_macos_adds_is_no_picture(tmp_path: Path) -> None:
    expected = small_benchmarks.folders(tmp_path / "a/set")
    for picture in (tmp_path / "a/set").rglob("*.png"):
        shadow = tmp_path / "a/__MACOSX/set" / picture.relative_to(tmp_path / "a/set")
        shadow.parent.mkdir(parents=True, exist_ok=True)
        shadow.with_name(f"._{picture.name}").write_bytes(b"\0\5\26\7")
    (tmp_path / "a/set/train/__MACOSX").mkdir()
    (tmp_path / "a/set/train/.DS_Store").write_bytes(b"\0\0\0\1Bud1")
    (tmp_path / "a/set/train/anger/._0.png").write_bytes(b"\0\5\26\7")
    for place in (tmp_path / "a", zip_of(tmp_path / "a", tmp_path / "a.zip")):
        assert labels_of(open_benchmark(place)) == expected


def test_folders_in_capitals_and_without_any_to_test_on(tmp_path: Path) -> None:
    folder = write_benchmark(tmp_path / "own", train=2, valid=1, test=1)
    for old, new in (("train", "Train"), ("valid", "VALIDATION"), ("test", "Test")):
        (folder / old).rename(folder / new)
    save(folder / "Train/anger/LAST.PNG", face(1))
    found = open_benchmark(folder)
    assert {name: len(split) for name, split in found.splits.items()} == {"train": 15, "valid": 7, "test": 7}
    for picture in (folder / "Test").rglob("*.png"):
        picture.unlink()
    with pytest.raises(BenchmarkError, match=rf"^{re.escape(str(folder / 'Test'))}: has no pictures"):
        open_benchmark(folder)
    (folder / "Test").rename(tmp_path / "elsewhere")
    bare = open_benchmark(folder)
    assert list(bare.splits) == ["train", "valid"] and "--split valid" in bare.notes[0]
