"""A hash of the code that decides shards, so that no change is missed: `python -m rmset_builder.pipeline.seal`."""

from __future__ import annotations

import ast
import hashlib
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import click

from rmset_builder.pipeline.algorithm import ALGORITHM

_PACKAGE = Path(__file__).parents[1]
# Rooms and modules; what only names, moves or tells is not among them.
_DECIDING = (
    "core/geometry.py",
    "video",
    "detection",
    "tracking",
    "faces",
    "identity",
    "inference/graphs.py",
    "pipeline/extract.py",
    "pipeline/face_pipeline.py",
    "pipeline/stages",
)


def deciding_sources() -> Iterator[tuple[str, str]]:
    """Name and source of every module that decides what a shard holds, in the order of their names."""
    for place in _DECIDING:
        found = [_PACKAGE / place] if place.endswith(".py") else sorted((_PACKAGE / place).rglob("*.py"))
        yield from ((path.relative_to(_PACKAGE).as_posix(), path.read_text("utf-8")) for path in found)


def digest_of(sources: Iterable[tuple[str, str]]) -> str:
    """Hash of what modules do: comments, docstrings, annotations and the look of the text do not count.

    Args:
        sources: names, which do not count either, and texts.
    """
    digest = hashlib.sha256()
    for _, text in sources:
        digest.update("".join(_parts(_bare(ast.parse(text)))).encode())
    return digest.hexdigest()


def _bare(tree: ast.Module) -> ast.Module:
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [line for line in body if not _says_nothing(line)]  # type: ignore[attr-defined]
        if isinstance(node, ast.FunctionDef):
            node.returns = None
        if isinstance(node, ast.arg):
            node.annotation = None
    return tree


def _says_nothing(line: ast.stmt) -> bool:
    is_text = isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant) and isinstance(line.value.value, str)
    return is_text or isinstance(line, ast.Import | ast.ImportFrom)


def _parts(node: object) -> Iterator[str]:
    """As `ast.dump`, without what is empty: newer Pythons know fields that older ones do not."""
    if isinstance(node, ast.AST):
        yield f"({type(node).__name__}"
        for name, value in ast.iter_fields(node):
            if value is not None and value != []:
                yield f" {name}="
                yield from _parts(value)
        yield ")"
    elif isinstance(node, list):
        for value in node:
            yield from _parts(value)
    else:
        yield repr(node)


@click.command()
@click.option("--same", is_flag=True, help="Shards stay byte for byte what they were: the version stays too.")
def main(same: bool) -> None:
    """Seal what decides shards: as a new version of the algorithm or, with --same, as the present."""
    seal, version = digest_of(deciding_sources()), ALGORITHM + (not same)
    place = Path(__file__).with_name("algorithm.py")
    text = place.read_text("utf-8")
    text = re.sub(r"^ALGORITHM = \d+$", f"ALGORITHM = {version}", text, flags=re.MULTILINE)
    text = re.sub(r'^SEAL = ".*"$', f'SEAL = "{seal}"', text, flags=re.MULTILINE)
    place.write_text(text, "utf-8")
    click.echo(f"algorithm {version}, seal {seal[:12]}")


if __name__ == "__main__":
    main()
