"""A reader and files that atheris makes, which looks at what code each reaches: for readers that are Python.

    python tests/hostile/guided.py TARGET FOLDER -runs=N

ends with 0 if every file led to an answer or one clear line; else it prints the fault, and the file lies in FOLDER.
"""

from __future__ import annotations

import sys
from pathlib import Path

import atheris
from campaign import fault_of, no_network
from targets import TARGETS


def main() -> None:
    """Try files until as many runs are done."""
    name, folder, *options = sys.argv[1:]
    target, place = TARGETS[name], Path(folder)
    known = place / "known"
    known.mkdir(parents=True)
    file = place / target.file
    with atheris.instrument_imports(include=["rmset_builder", "rmfer", "zipfile", "pickletools"]):
        for number, whole in enumerate(target.make(place)):
            (known / str(number)).write_bytes(whole)
            file.write_bytes(whole)
            if told := fault_of(name, file):
                sys.exit(f"{name} does not read a whole file: {told}")
    sys.addaudithook(no_network)

    def one_file(data: bytes) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
        if told := fault_of(name, file):
            raise AssertionError(told)

    limits = ["-timeout=60", "-rss_limit_mb=4096", "-max_len=65536", f"-artifact_prefix={place}/"]
    atheris.Setup([sys.argv[0], *limits, *options, str(known)], one_file)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
