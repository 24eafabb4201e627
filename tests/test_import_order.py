"""Imports go one way: the order of the rooms, and the doors through which `rmfer` comes in."""

from __future__ import annotations

import ast
import graphlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# A module may import those of its own room and of the rooms that stand before it.
ORDERS = {
    "rmset_builder": [
        "telemetry",
        "decoder_limits",
        "core",
        "storage",
        "manifest",
        "video",
        "fetching",
        "inference",
        "detection",
        "tracking",
        "faces",
        "identity",
        "shards",
        "corrections",
        "drawing",
        "pipeline",
        "api",
        "takedown",
        "verify",
        "reports",
        "site",
        "review",
        "exporting",
        "doctor",
        "demo",
        "commands",
        "cli",
        "__main__",
    ],
    "rmfer": [
        "errors",
        "labels",
        "plain_yaml",
        "resuming",
        "data",
        "devices",
        "shards",
        "labelled",
        "model",
        "settings",
        "distributed",
        "losses",
        "optim",
        "evaluation",
        "predict",
        "analysis",
        "export",
        "training",
        "runs",
        "paper",
        "commands",
        "cli",
        "__main__",
    ],
}
BOTH = pytest.mark.parametrize("package", ORDERS)

# All that `rmfer` knows of the other package.
DOORS = {
    "rmset_builder.api",
    "rmset_builder.core.command_line",
    "rmset_builder.core.completion_command",
    "rmset_builder.core.config_command",
    "rmset_builder.core.errors",
    "rmset_builder.core.files",
    "rmset_builder.core.machine",
    "rmset_builder.core.progress",
    "rmset_builder.core.versions",
    "rmset_builder.drawing.marks",
    "rmset_builder.inference.ort",
    # Table 1 is a manifest.
    "rmset_builder.manifest.schema",
    "rmset_builder.shards.checked_parquet",
    "rmset_builder.shards.checksums",
    "rmset_builder.shards.damage",
    "rmset_builder.shards.layout",
    "rmset_builder.shards.metadata",
    "rmset_builder.shards.mirror",
    "rmset_builder.shards.pages",
    "rmset_builder.shards.reader",
    "rmset_builder.shards.schema",
    "rmset_builder.decoder_limits",
    "rmset_builder.storage.blobs",
    "rmset_builder.storage.cache",
    "rmset_builder.storage.command_line",
    "rmset_builder.storage.server",
    "rmset_builder.telemetry",
}


def sources(package: str) -> dict[str, str]:
    """Every module of a package by its full name."""
    found = {}
    for path in (ROOT / package).rglob("*.py"):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        found[name.removesuffix(".__init__")] = path.read_text()
    return found


def imported(source: str, known: Mapping[str, str]) -> Iterator[str]:
    """The ``known`` modules that a module imports: at its top or within a function, by a statement or by name."""
    for node in ast.walk(ast.parse(source)):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "a relative import, of which this test would not know where it leads"
            inner = [f"{node.module}.{alias.name}" for alias in node.names]
            names = [name if name in known else node.module or "" for name in inner]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute | ast.Name):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id
            if called in ("import_module", "__import__") and node.args and isinstance(node.args[0], ast.Constant):
                names = [str(node.args[0].value)]
        yield from (name for name in names if name in known)


def room(module: str) -> str:
    """The room of a module, or the module itself where it stands beside the rooms; "" is the package."""
    return module.partition(".")[2].partition(".")[0]


def wrong_imports(modules: Mapping[str, str], package: str) -> list[str]:
    """Each import that goes against the package's order, as a line; the package itself stands before its rooms."""
    place = {"": -1, **{name: number for number, name in enumerate(ORDERS[package])}}
    lost = sorted({room(module) for module in modules} - place.keys())
    if lost:
        return [f"{name} has no place in ORDERS" for name in lost]
    return [
        f"{module} imports {other}: {room(module)} stands before {room(other)}"
        for module, source in sorted(modules.items())
        for other in imported(source, modules)
        if module != package and place[room(module)] < place[room(other)]
    ]


def circle(modules: Mapping[str, str], package: str) -> list[str]:
    """Modules of which each is imported by the next, the last by the first, which ends the list too; or none."""
    others = {module: set(imported(source, modules)) - {module} for module, source in modules.items()}
    others[package] = set()
    try:
        graphlib.TopologicalSorter(others).prepare()
    except graphlib.CycleError as error:
        return list(error.args[1])
    return []


def strangers(modules: Mapping[str, str], known: Mapping[str, str]) -> list[str]:
    """Each import of the other package's modules that goes past `DOORS`, as a line."""
    return [
        f"{module} imports {other}, which is none of its doors"
        for module, source in sorted(modules.items())
        for other in imported(source, known)
        if other not in DOORS
    ]


@BOTH
def test_rooms_import_only_what_stands_before_them(package: str) -> None:
    modules = sources(package)
    assert wrong_imports(modules, package) == []
    assert set(ORDERS[package]) == {room(module) for module in modules} - {""}


def test_what_stops_reports_is_imported_first() -> None:
    modules = sources("rmset_builder")
    # It runs before everything else is imported, and so may ask for nothing but this and what else must come first.
    first = {"rmset_builder.telemetry", "rmset_builder.decoder_limits"}
    assert set(imported(modules["rmset_builder"], modules)) == first
    assert not [name for one in first for name in imported(modules[one], modules)]


@BOTH
def test_no_modules_import_each_other(package: str) -> None:
    assert circle(sources(package), package) == []


@BOTH
def test_few_modules_stand_outside_the_rooms(package: str) -> None:
    assert len(list((ROOT / package).glob("*.py"))) <= 12


@pytest.mark.parametrize(
    ("line", "other"),
    [
        ("from rmset_builder.pipeline.planner import Plan", "pipeline.planner"),
        ("from rmset_builder.takedown import filter", "takedown.filter"),
        ("import rmset_builder.shards.writer as writer", "shards.writer"),
        ("def f():\n    from rmset_builder.video.info import VideoInfo", "video.info"),
        ("if TYPE_CHECKING:\n    from rmset_builder.cli import main", "cli"),
        ("import importlib\nimportlib.import_module('rmset_builder.inference.ort').ort", "inference.ort"),
    ],
)
def test_a_wrong_import_is_told_with_both_modules(line: str, other: str) -> None:
    modules = {**sources("rmset_builder"), "rmset_builder.core.made_up": line}
    told = f"rmset_builder.core.made_up imports rmset_builder.{other}: core stands before {other.partition('.')[0]}"
    assert wrong_imports(modules, "rmset_builder") == [told]


def test_a_wrong_import_of_the_trainer_is_told_too() -> None:
    modules = {**sources("rmfer"), "rmfer.losses.made_up": "from rmfer.training.run import Run"}
    told = "rmfer.losses.made_up imports rmfer.training.run: losses stands before training"
    assert wrong_imports(modules, "rmfer") == [told]


def test_a_right_import_is_not_told() -> None:
    line = "from rmset_builder import __version__\nfrom rmset_builder.core.errors import RmsetError\nimport numpy"
    assert wrong_imports({**sources("rmset_builder"), "rmset_builder.video.made_up": line}, "rmset_builder") == []


def test_a_room_without_a_place_is_told() -> None:
    modules = {**sources("rmset_builder"), "rmset_builder.attic.made_up": ""}
    assert wrong_imports(modules, "rmset_builder") == ["attic has no place in ORDERS"]


def test_a_circle_is_told_with_its_modules() -> None:
    modules = {
        **sources("rmset_builder"),
        "rmset_builder.shards.made_up": "from rmset_builder.shards.writer import write_shard",
    }
    modules["rmset_builder.shards.layout"] += "\nimport rmset_builder.shards.made_up"
    names = {f"rmset_builder.shards.{name}" for name in ("made_up", "writer", "layout")}
    assert set(circle(modules, "rmset_builder")) == names


def test_rmfer_comes_in_by_its_doors() -> None:
    known, modules = sources("rmset_builder"), sources("rmfer")
    assert strangers(modules, known) == []
    used = {other for source in modules.values() for other in imported(source, known)}
    assert used == DOORS, "a door that nobody uses is walled up"
    made_up = {"rmfer.made_up": "def f():\n    from rmset_builder.pipeline.extract import extract_video"}
    told = "rmfer.made_up imports rmset_builder.pipeline.extract, which is none of its doors"
    assert strangers(made_up, known) == [told]


def test_the_builder_does_not_know_who_trains() -> None:
    trainer = sources("rmfer")
    assert [module for module, source in sources("rmset_builder").items() if any(imported(source, trainer))] == []
