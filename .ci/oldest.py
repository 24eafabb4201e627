"""Prints pip constraints that hold every dependency at the oldest version `pyproject.toml` admits.

    python .ci/oldest.py train dev > oldest.txt
    python -m pip install --constraint oldest.txt --editable ".[train,dev]"

Arguments are the extras to add to the plain dependencies. Needs `packaging`, which pytest brings.
"""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

PYPROJECT = Path(__file__).parents[1] / "pyproject.toml"
_BOUNDS = (">=", "==", "~=")


def oldest(requirements: list[str]) -> dict[str, Version]:
    """The lower bound of each package; of several requirements of one, the highest, which satisfies them all.

    Raises:
        ValueError: a requirement has no lower bound.
    """
    found: dict[str, Version] = {}
    for text in requirements:
        requirement = Requirement(text)
        bounds = [Version(one.version) for one in requirement.specifier if one.operator in _BOUNDS]
        if not bounds:
            raise ValueError(f"{text}: has no lower bound; write {requirement.name}>=...")
        name = canonicalize_name(requirement.name)
        found[name] = max([*bounds, *([found[name]] if name in found else [])])
    return found


def main(extras: list[str]) -> None:
    """Print a line for each dependency."""
    project = tomllib.loads(PYPROJECT.read_text("utf-8"))["project"]
    optional = project["optional-dependencies"]
    unknown = sorted(set(extras) - set(optional))
    if unknown:
        raise SystemExit(f"no such extra: {', '.join(unknown)}; there are {', '.join(optional)}")
    try:
        found = oldest([*project["dependencies"], *(one for extra in extras for one in optional[extra])])
    except ValueError as error:
        raise SystemExit(f"{PYPROJECT.name}: {error}") from error
    for name, version in sorted(found.items()):
        print(f"{name}=={version}")


if __name__ == "__main__":
    main(sys.argv[1:])
