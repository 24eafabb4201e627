"""Says what is wrong with files before they are committed, a line each; exit code 1 if anything is.

    python .ci/hygiene.py FILE ...

A file over 1 MB, which a repository keeps for ever; marks of a merge conflict; spaces at the end of a line; Windows'
ends of lines; no end of line, or several, at the end; YAML or TOML that cannot be read. Needs PyYAML.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import yaml

MOST_BYTES = 1_000_000
_CONFLICT = re.compile(rb"^(<{7} |>{7} |={7}$)")


def faults(path: Path) -> Iterator[str]:
    """What is wrong with a file, each as a line."""
    content = path.read_bytes()
    if len(content) > MOST_BYTES:
        yield f"{path}: {len(content):,} bytes are more than {MOST_BYTES:,}; keep large data elsewhere"
        return
    if b"\0" in content or not content:
        return
    for number, line in enumerate(content.split(b"\n"), 1):
        if line.endswith(b"\r"):
            yield f"{path}:{number}: ends as lines do on Windows"
        elif line != line.rstrip():
            yield f"{path}:{number}: spaces at the end of the line"
        if _CONFLICT.match(line):
            yield f"{path}:{number}: mark of a merge conflict"
    if not content.endswith(b"\n") or content.endswith(b"\n\n"):
        yield f"{path}: does not end with one end of line"
    try:
        if path.suffix in (".yaml", ".yml", ".cff"):
            yaml.compose(content)
        elif path.suffix == ".toml":
            tomllib.loads(content.decode())
    except (yaml.YAMLError, ValueError) as error:
        yield f"{path}: {' '.join(str(error).split())}"


def main(names: list[str]) -> int:
    """Print all faults of the files."""
    found = [fault for name in names for fault in faults(Path(name))]
    for fault in found:
        print(fault)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
