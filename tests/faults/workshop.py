"""The commands that are disturbed, what lies before them, and what an undisturbed run leaves."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from corrections import wall
from disturbed import Contents, Finished, contents, run
from small_shards import picture
from training_helpers import arguments, write_benchmark

from rmset_builder.corrections.correct import merge


@dataclass(frozen=True)
class Case:
    """A command, given in a folder that is prepared for it.

    Attributes:
        words: the command line, ``rmset`` or ``rmfer`` first.
        needs: what lies in the folder: videos, their shards, a wall's shards, a correction, a benchmark, a run.
        always: whether it is tried among all other tests, too, and not in campaigns alone.
        again: words to add for the second time, where it has begun.
        refused: what the second time says where the first was complete after all.
    """

    words: tuple[str, ...]
    needs: tuple[str, ...]
    always: bool = True
    again: tuple[str, ...] = ()
    refused: str = ""


TRAIN = tuple(
    arguments(Path("benchmark"), Path("shards"), Path("run"), epochs=2, epochs_pre=0, checkpoint_minutes=1e-4)
)
EXTRACT = ("extract", "videos", "--out", "shards", "--jobs", "1", "--threads", "2")
PRUNE = ("prune", "shards", "--video", "a", "--identity", "1", "--why", "asked", "--videos", "videos")
CASES = {
    "rmset extract": Case(("rmset", *EXTRACT), ("videos",)),
    "rmset prune": Case(
        ("rmset", *PRUNE),
        ("videos", "shards"),
        refused="for the very same reason",
    ),
    "rmset merge": Case(("rmset", "merge", "a", "0", "1", "--as-of", "0"), ("shards",), refused="that is so already"),
    "rmset split": Case(
        ("rmset", "split", "a", "0", "--track", "1", "--as-of", "1"),
        ("shards", "correction"),
        always=False,
        refused="no such",
    ),
    "rmset undo": Case(
        ("rmset", "undo", "--number", "1"),
        ("shards", "correction"),
        always=False,
        refused="there is no correction 1 that counts",
    ),
    "rmset export": Case(
        ("rmset", "export", "shards", "--to", "webdataset", "--out", "exported"),
        ("shards",),
        refused="--out exported is there already",
    ),
    "rmset report": Case(("rmset", "report", "shards", "--out", "report"), ("shards",), always=False),
    "rmfer index": Case(("rmfer", "index", "shards"), ("shards",)),
    # Among all other tests tests/rmfer/training/ kills it.
    "rmfer train": Case(("rmfer", *TRAIN), ("wall", "benchmark"), always=False, again=("--resume",)),
    "rmfer export": Case(("rmfer", "export", "run", "--onnx", "net.onnx"), ("wall", "benchmark", "run"), always=False),
}


class Workshop:
    """Prepares folders, and knows what an undisturbed run of each command leaves there and how long it takes."""

    def __init__(self, folder: Path, videos: Path, shards: Path) -> None:
        self._folder, self._videos, self._shards = folder, videos, shards
        self._undisturbed: dict[str, tuple[Contents, float]] = {}

    def prepare(self, place: Path, needs: tuple[str, ...]) -> Path:
        """A new folder with what is needed."""
        place.mkdir()
        if "videos" in needs:
            shutil.copytree(self._videos, place / "videos")
        if "shards" in needs:
            shutil.copytree(self._shards, place / "shards")
        if "wall" in needs:  # of people who are there for long enough to learn from
            if not (self._folder / "wall").exists():
                wall.extract(self._folder / "wall", pictures=lambda frame, left: picture(1000 * frame + round(left)))
            shutil.copytree(self._folder / "wall", place / "shards")
        if "correction" in needs:
            merge(place / "shards", "a", [0, 1])
        if "benchmark" in needs:
            write_benchmark(place / "benchmark", train=3, valid=1, test=1)
        if "run" in needs:
            self.undisturbed("rmfer train")
            shutil.copytree(self._folder / "rmfer train" / "run", place / "run")
        return place

    def bytes_written(self, name: str) -> int:
        """How much longer all files of the folder are afterwards."""
        self.undisturbed(name)
        before = self.prepare(self._folder / f"before {name}", CASES[name].needs)
        sizes = [sum(f.stat().st_size for f in at.rglob("*") if f.is_file()) for at in (before, self._folder / name)]
        shutil.rmtree(before)
        return sizes[1] - sizes[0]

    def undisturbed(self, name: str) -> tuple[Contents, float]:
        """What a command leaves, and how many seconds it takes."""
        if name not in self._undisturbed:
            place = self.prepare(self._folder / name, CASES[name].needs)
            began = time.monotonic()
            done = run(*CASES[name].words, cwd=place)
            assert done.returncode == 0, done.stderr
            self._undisturbed[name] = (contents(place), time.monotonic() - began)
        return self._undisturbed[name]


def again(case: Case, place: Path) -> Finished:
    """The same command once more, which has to end well."""
    done = run(*case.words, *case.again, cwd=place)
    if done.returncode == 2 and "holds no run to go on with" in done.stderr:
        done = run(*case.words, cwd=place)
    if done.returncode == 2 and case.refused and case.refused in done.stderr:
        return done
    assert done.returncode == 0, done.stderr
    return done
