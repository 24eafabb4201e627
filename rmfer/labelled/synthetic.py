"""A benchmark of cartoon faces, drawn: for the demo and for tests, where no real benchmark may be carried along.

What a tiny network learns from it says that training works, and nothing about people's faces.

    python -m rmfer.labelled.synthetic --out demo/benchmark
"""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

import click
import cv2
import numpy as np
import numpy.typing as npt

from rmfer.errors import BenchmarkError, RmferError
from rmfer.labels import class_names

SETTINGS_FILE = "synthetic.json"
_SCALE = 4  # faces are drawn so many times as large and then shrunk, which smooths their lines
_SUBPIXEL = 4  # bits of OpenCV's fixed-point coordinates

Image = npt.NDArray[np.uint8]
Colour = tuple[int, int, int]


@dataclass(frozen=True)
class Face:
    """What makes an expression; lengths in units of the face's half height.

    Args:
        curve: of the mouth: its corners above (+) or below (-) its middle.
        tilt: the left corner of the mouth higher than the right.
        gape: how far the mouth is open.
        width: of the mouth.
        brow: how high the brows are.
        slant: their inner ends above (+) or below (-) the outer.
        lids: how open the eyes are, 1 = usual.
        wrinkle: of the nose, from 0 to 1.
    """

    curve: float = 0.0
    tilt: float = 0.0
    gape: float = 0.0
    width: float = 0.3
    brow: float = 0.0
    slant: float = 0.0
    lids: float = 1.0
    wrinkle: float = 0.0


FACES = {
    "neutral": Face(),
    "happiness": Face(curve=0.18, width=0.36, brow=0.02, lids=0.8),
    "sadness": Face(curve=-0.13, width=0.26, slant=0.12, lids=0.7),
    "surprise": Face(gape=0.22, width=0.15, brow=0.14, lids=1.5),
    "fear": Face(curve=-0.05, gape=0.08, width=0.32, brow=0.1, slant=0.12, lids=1.4),
    "disgust": Face(curve=-0.1, tilt=0.05, gape=0.03, width=0.24, brow=-0.05, slant=-0.05, lids=0.5, wrinkle=1.0),
    "anger": Face(curve=-0.07, width=0.3, brow=-0.05, slant=-0.14, lids=0.9),
    "contempt": Face(tilt=0.14, width=0.28, brow=0.01, lids=0.75),
}


@dataclass(frozen=True)
class Settings:
    """What a benchmark is drawn by; the same settings give the same pictures."""

    classes: int = 7
    train: int = 60
    valid: int = 10
    test: int = 20
    smallest: int = 64
    largest: int = 96
    seed: int = 42


def write_benchmark(out: Path, settings: Settings | None = None) -> bool:
    """Draw a benchmark into the folder ``out``, as folders named after expressions; all of it or nothing.

    Returns:
        Whether it was drawn; False where the very one lies there already.

    Raises:
        BenchmarkError: something else lies there.
        RmferError: the folder cannot be written.
    """
    settings = settings or Settings()
    wanted = json.dumps(asdict(settings), indent=1) + "\n"
    if out.exists():
        try:
            if (out / SETTINGS_FILE).read_text(encoding="utf-8") == wanted:
                return False
        except OSError:
            pass
        raise BenchmarkError(str(out), "is there, and something else", remedy="name another folder, or delete it")
    unfinished = out.with_name(f".{out.name}.unfinished")
    try:
        shutil.rmtree(unfinished, ignore_errors=True)
        _write(unfinished, settings)
        (unfinished / SETTINGS_FILE).write_text(wanted, encoding="utf-8")
        unfinished.rename(out)
    except OSError as error:
        raise RmferError(f"{out} cannot be written ({error.strerror})", remedy="name another folder") from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return True


def _write(folder: Path, settings: Settings) -> None:
    for part, split in enumerate(("train", "valid", "test")):
        for label, name in enumerate(class_names(settings.classes)):
            (folder / split / name).mkdir(parents=True, exist_ok=True)
            for number in range(getattr(settings, split)):
                rng = np.random.default_rng([settings.seed, part, label, number])
                size = int(rng.integers(settings.smallest, settings.largest + 1))
                picture = draw(FACES[name], size, rng)
                cv2.imwrite(str(folder / split / name / f"{number:04d}.png"), picture)


def draw(face: Face, size: int, rng: np.random.Generator) -> Image:
    """A (size, size, 3) BGR picture of ``face``: its place, size, slant, colours, strength and noise are ``rng``'s."""
    canvas = np.empty((size * _SCALE, size * _SCALE, 3), np.uint8)
    canvas[:] = rng.integers(30, 226, 3)
    skin = rng.uniform(0.35, 1.0) * np.asarray([160, 195, 235]) * rng.uniform(0.85, 1.0, 3)
    _Pen(canvas, face, rng).draw(_colour(skin))
    picture = cv2.resize(canvas, (size, size), interpolation=cv2.INTER_AREA).astype(np.float32)
    # Light from one side, then the sensor's noise.
    picture *= np.linspace(rng.uniform(0.75, 1.0), rng.uniform(0.75, 1.0), size, dtype=np.float32)[None, :, None]
    picture += rng.normal(0, rng.uniform(2, 10), picture.shape).astype(np.float32)
    drawn: Image = picture.clip(0, 255).round().astype(np.uint8)
    return drawn


class _Pen:
    """Draws one face; coordinates from -1 to 1 across it, y downwards."""

    def __init__(self, canvas: Image, face: Face, rng: np.random.Generator) -> None:
        self.canvas, self.face, self.rng = canvas, face, rng
        side = len(canvas)
        self.strength = rng.uniform(0.75, 1.25)
        self.middle = side * (0.5 + rng.uniform(-0.06, 0.06, 2))
        self.half = np.asarray([rng.uniform(0.3, 0.38), rng.uniform(0.38, 0.45)]) * side
        angle = rng.uniform(-0.15, 0.15)
        self.turn = np.asarray([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        self.line = max(1, round(side * rng.uniform(0.016, 0.026)))

    def draw(self, skin: Colour) -> None:
        """Head, hair, eyes, brows, nose and mouth."""
        face, rng, strength = self.face, self.rng, self.strength
        dark = _colour(np.asarray(skin) * 0.25)
        self.oval((0, -0.12), (1.05, 1.0), _colour(rng.integers(10, 120, 3)))
        self.oval((0, 0), (0.95, 1.0), skin)
        apart, iris = rng.uniform(0.36, 0.44), _colour(rng.integers(20, 130, 3))
        for side in (-1.0, 1.0):
            lids = 0.11 * (1 + (face.lids - 1) * strength)
            self.oval((side * apart, -0.2), (0.17, lids), (245, 245, 245))
            self.oval((side * apart, -0.2), (0.075, min(0.075, lids)), iris)
            height = -0.42 - face.brow * strength
            slant = face.slant * strength / 2
            self.stroke([(side * (apart - 0.18), height - slant), (side * (apart + 0.18), height + slant)], dark, 2)
            if face.wrinkle:
                self.stroke([(side * 0.06, -0.12), (side * 0.16, 0.02)], dark, 1)
        self.stroke([(0, -0.1), (rng.uniform(0.05, 0.09), 0.18), (0, 0.2)], _colour(np.asarray(skin) * 0.6), 1)
        self.mouth(dark)

    def mouth(self, dark: Colour) -> None:
        """Between two curves; where they are one, a line."""
        face, strength = self.face, self.strength
        across = np.linspace(-1, 1, 25)
        middle = 0.52 - strength * (face.curve * (across**2 - 0.5) + face.tilt * (across + 1) / 2)
        opening = strength * face.gape * np.sqrt(1 - across**2)
        x = across * face.width
        upper, lower = np.stack([x, middle - opening], 1), np.stack([x, middle + opening], 1)
        if face.gape:
            cv2.fillPoly(
                self.canvas, [self.place(np.concatenate([upper, lower[::-1]]))], (40, 20, 70), cv2.LINE_AA, _SUBPIXEL
            )
        for lip in (upper, lower):
            self.stroke(lip, dark, 1)

    def oval(self, middle: tuple[float, float], half: tuple[float, float], colour: Colour) -> None:
        """A filled ellipse."""
        around = np.linspace(0, 2 * np.pi, 60, endpoint=False)
        points = np.asarray(middle) + np.stack([np.cos(around), np.sin(around)], 1) * half
        cv2.fillPoly(self.canvas, [self.place(points)], colour, cv2.LINE_AA, _SUBPIXEL)

    def stroke(self, points: npt.ArrayLike, colour: Colour, thick: int) -> None:
        """A line through ``points``."""
        cv2.polylines(
            self.canvas, [self.place(np.asarray(points))], False, colour, thick * self.line, cv2.LINE_AA, _SUBPIXEL
        )

    def place(self, points: npt.NDArray[np.float64]) -> npt.NDArray[np.int32]:
        """Points of the face as OpenCV's fixed-point pixels."""
        pixels = (points * self.half) @ self.turn.T + self.middle
        fixed: npt.NDArray[np.int32] = (pixels * 2**_SUBPIXEL).round().astype(np.int32)
        return fixed


def _colour(levels: npt.ArrayLike) -> Colour:
    blue, green, red = (int(level) for level in np.asarray(levels).clip(0, 255))
    return blue, green, red


@click.command(context_settings={"show_default": True, "help_option_names": ["-h", "--help"]})
@click.option("--out", type=click.Path(path_type=Path), default=Path("demo/benchmark"), help="The folder.")
@click.option("--classes", type=click.IntRange(7, 8), default=Settings.classes, help="7, or 8 with contempt.")
@click.option("--train", type=click.IntRange(1), default=Settings.train, help="Pictures a class to train on.")
@click.option("--valid", type=click.IntRange(1), default=Settings.valid, help="Pictures a class to validate on.")
@click.option("--test", type=click.IntRange(1), default=Settings.test, help="Pictures a class to test on.")
@click.option("--seed", type=click.IntRange(0), default=Settings.seed, help="Of all that is random.")
def main(*, out: Path, classes: int, train: int, valid: int, test: int, seed: int) -> None:
    """Draw a benchmark of cartoon faces."""
    try:
        drawn = write_benchmark(out, Settings(classes, train, valid, test, seed=seed))
    except RmferError as error:
        raise click.UsageError(str(error)) from error
    click.echo(f"{out}: {(train + valid + test) * classes:,} cartoon faces" + ("" if drawn else ", drawn before"))


if __name__ == "__main__":
    main()
