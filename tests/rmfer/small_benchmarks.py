"""Small benchmarks in the very layouts in which the real ones are given out."""

from __future__ import annotations

import csv
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np

from rmfer.labels import EXPRESSIONS

Write = Callable[[Path], dict[str, list[int]]]


def face(number: int, size: tuple[int, int] = (40, 32), *, grey: bool = False) -> np.ndarray:
    """(H, W, 3) RGB, like no other."""
    shape = (6, 5, 1 if grey else 3)
    noise = np.random.default_rng(number).integers(20, 236, shape, dtype=np.uint8)
    return cv2.resize(np.broadcast_to(noise, (6, 5, 3)).copy(), size[::-1], interpolation=cv2.INTER_CUBIC)


def save(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))


def zip_of(folder: Path, target: Path, *, below: str = "") -> Path:
    """``folder`` as a zip, its content one folder down if ``below`` names one."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            archive.write(path, below + path.relative_to(folder).as_posix())
    return target


# Each writes a benchmark and returns the labels that its splits must have, in the order of the files.


def raf_db(folder: Path) -> dict[str, list[int]]:
    order = ["surprise", "fear", "disgust", "happiness", "sadness", "anger", "neutral"]
    lines, labels = [], dict[str, list[int]]()
    for split, count in (("train", 15), ("test", 8)):
        labels[split] = []
        for number in range(1, count + 1):
            code = 1 + number * 3 % 7
            lines.append(f"{split}_{number:05d}.jpg {code}")
            labels[split].append(EXPRESSIONS.index(order[code - 1]))
            save(folder / f"Image/aligned/{split}_{number:05d}_aligned.jpg", face(number))
    (folder / "EmoLabel").mkdir()
    (folder / "EmoLabel/list_patition_label.txt").write_text("\n".join(lines) + "\n")
    return labels


def raf_db_kaggle(folder: Path) -> dict[str, list[int]]:
    order = ["surprise", "fear", "disgust", "happiness", "sadness", "anger", "neutral"]
    labels = {}
    for split, count in (("train", 15), ("test", 8)):
        rows, labels[split] = ["image,label"], list[int]()
        for number in range(1, count + 1):
            code = 1 + number * 3 % 7
            name = f"{split}_{number:05d}_aligned.jpg"
            rows.append(f"{name},{code}")
            labels[split].append(EXPRESSIONS.index(order[code - 1]))
            save(folder / f"DATASET/{split}/{code}/{name}", face(number))
        (folder / f"{split}_labels.csv").write_text("\n".join(rows) + "\n")
    return labels


def affectnet_csv(folder: Path) -> dict[str, list[int]]:
    header = ["subDirectory_filePath", "face_x", "face_y", "face_width", "face_height", "facial_landmarks"]
    header += ["expression", "valence", "arousal"]
    labels = {}
    for split, table, count in (("train", "training.csv", 22), ("test", "validation.csv", 11)):
        rows, labels[split] = [header], list[int]()
        for number in range(count):
            code = number % 11
            file = f"{number % 3 + 1}/{split}{number}.jpg"
            rows.append([file, "4", "5", "20", "24", "1.5;2.5;3.5;4.5", str(code), "-0.1", "0.3"])
            if code < 8:
                labels[split].append(code)
                save(folder / "Manually_Annotated_Images" / file, face(number))
        with (folder / table).open("w", newline="") as target:
            csv.writer(target).writerows(rows)
    return labels


def affectnet_npy(folder: Path) -> dict[str, list[int]]:
    labels = {}
    for split, name, count in (("train", "train_set", 17), ("test", "val_set", 8)):
        labels[split] = []
        for number in range(count):
            code = number * 5 % 8
            labels[split].append(code)
            save(folder / name / f"images/{number}.jpg", face(number))
            (folder / name / "annotations").mkdir(exist_ok=True)
            # As in the real files: the number as text.
            np.save(folder / name / f"annotations/{number}_exp.npy", np.asarray(str(code)))
            np.save(folder / name / f"annotations/{number}_val.npy", np.asarray("0.25"))
    return labels


def fer2013(folder: Path) -> dict[str, list[int]]:
    order = ["anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral"]
    usages = {"train": "Training", "valid": "PublicTest", "test": "PrivateTest"}
    lines, labels = ["emotion,pixels,Usage"], dict[str, list[int]]()
    for split, count in (("train", 15), ("valid", 7), ("test", 8)):
        labels[split] = []
        for number in range(count):
            code = number * 3 % 7
            pixels = " ".join(map(str, face(number, (48, 48), grey=True)[..., 0].ravel().tolist()))
            lines.append(f"{code},{pixels},{usages[split]}")
            labels[split].append(EXPRESSIONS.index(order[code]))
    (folder / "fer2013.csv").write_text("\n".join(lines) + "\n")
    return labels


VOTES = ["neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt", "unknown", "NF"]


def ferplus_rows(first: int, count: int, usage: str) -> tuple[list[list[str]], list[int]]:
    """Lines of fer2013new.csv; every eleventh has no name."""
    rows, labels = [], []
    for number in range(first, first + count):
        winner = number % 11
        votes = [0] * 10
        if winner == 10:
            votes[9] = 10
        else:
            votes[winner] = 5
            votes[9 if winner < 9 else 0] = 5 if winner < 9 else 4  # of equals the first wins
        rows.append([usage, "" if winner == 10 else f"fer{number:07d}.png", *map(str, votes)])
        if winner < 8:
            labels.append(EXPRESSIONS.index(VOTES[winner]))
    return rows, labels


def ferplus(folder: Path) -> dict[str, list[int]]:
    header = ["Usage", "Image name", *VOTES]
    rows, labels, first = [header], {}, 0
    for split, usage, name, count in (
        ("train", "Training", "FER2013Train", 33),
        ("valid", "PublicTest", "FER2013Valid", 11),
        ("test", "PrivateTest", "FER2013Test", 12),
    ):
        own, labels[split] = ferplus_rows(first, count, usage)
        rows += own
        beside = []
        for row in own:
            if row[1]:
                save(folder / "data" / name / row[1], face(int(row[1][3:10]), (48, 48), grey=True))
                # Those that lie beside the pictures say something else.
                beside.append([row[1], "(0, 0, 48, 48)", *["0"] * 3, "10", *["0"] * 6])
        with (folder / "data" / name / "label.csv").open("w", newline="") as target:
            csv.writer(target).writerows(beside)
        first += count
    with (folder / "fer2013new.csv").open("w", newline="") as target:
        csv.writer(target).writerows(rows)
    return labels


def celeba(folder: Path) -> dict[str, list[int]]:
    identities, parts, labels = [], [], dict[str, list[int]](train=[], valid=[], test=[])
    for number in range(1, 13):
        part = 0 if number < 9 else number % 2 + 1
        identities.append(f"{number:06d}.jpg {2880 + number % 4}")
        parts.append(f"{number:06d}.jpg {part}")
        labels[("train", "valid", "test")[part]].append(2880 + number % 4)
        save(folder / f"img_align_celeba/{number:06d}.jpg", face(number, (44, 36)))
    (folder / "identity_CelebA.txt").write_text("\n".join(identities) + "\n")
    (folder / "list_eval_partition.txt").write_text("\n".join(parts) + "\n")
    return labels


def celeba_kaggle(folder: Path) -> dict[str, list[int]]:
    """Without identities, with tables as .csv, and the pictures a folder further down."""
    found = celeba(folder)
    (folder / "identity_CelebA.txt").unlink()
    lines = (folder / "list_eval_partition.txt").read_text().replace(" ", ",")
    (folder / "list_eval_partition.txt").unlink()
    (folder / "list_eval_partition.csv").write_text("image_id,partition\n" + lines)
    (folder / "list_attr_celeba.csv").write_text("image_id,Smiling\n000001.jpg,-1\n")
    (folder / "img_align_celeba").rename(folder / "inner")
    (folder / "img_align_celeba").mkdir()
    (folder / "inner").rename(folder / "img_align_celeba/img_align_celeba")
    return {split: [-1] * len(own) for split, own in found.items()}


def folders(
    folder: Path,
    names: Sequence[str] = EXPRESSIONS,
    counts: Sequence[int] = (3, 1, 2),
    size: tuple[int, int] = (40, 32),
) -> dict[str, list[int]]:
    labels, number = {}, 0
    for split, count in zip(("train", "valid", "test"), counts, strict=True):
        found = []
        for label, name in enumerate(names):
            for at in range(count):
                number += 1
                save(folder / split / name / f"{at}.png", face(number, size))
                found.append((name, label))
        labels[split] = [label for _, label in sorted(found, key=lambda pair: pair[0])]
    return labels
