"""``--version`` with the versions that matter."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version


def version_message(packages: Sequence[str]) -> str:
    """click's message: the program's own version, then Python's and those of the ``packages`` that are installed."""
    lines = ["%(prog)s, version %(version)s", f"python {platform.python_version()}"]
    for name in packages:
        try:
            lines.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    return "\n".join(lines)
