"""Files cut into loads that a transfer's limit lets through, and put together again on the other side.

    python loads.py pack FOLDER --out LOADS [--mib 60]     # every file of FOLDER, in the order of their names
    python loads.py receive LOAD STORE                     # one load; a file appears in STORE with its last part
    python loads.py missing STORE [NAME ...]               # what has not come yet; exit code 1 if something has not

Every load carries the manifest of all, with sizes and sha256, so that a load that was forgotten or spoilt is named.
Only Python's standard library is used: the machine that receives is bare.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import sys
from pathlib import Path
from typing import Any

MANIFEST = "manifest.json"
_BLOCK = 1 << 20


def pack(folder: Path, out: Path, *, limit: int) -> list[Path]:
    """Write the loads of ``folder``'s files, each of at most ``limit`` bytes, parts in the order of the files' names.

    Args:
        folder: files, in any depth; names that sort first travel first.
        out: gets one folder a load, ``00``, ``01``, ...
        limit: bytes a load.

    Returns:
        The loads' folders.
    """
    files: list[dict[str, Any]] = []
    load, room = 0, limit
    if out.exists():
        shutil.rmtree(out)
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        name, parts = path.relative_to(folder).as_posix(), []
        with path.open("rb") as source:
            left = path.stat().st_size
            while left or not parts:
                if not room:
                    load, room = load + 1, limit
                size = min(left, room)
                part = f"{load:02}/{len(files):03}.{len(parts):02}"
                (out / part).parent.mkdir(parents=True, exist_ok=True)
                digest = _copy(source, out / part, size)
                parts.append({"part": part, "size": size, "sha256": digest})
                left, room = left - size, room - size
        files.append({"name": name, "size": path.stat().st_size, "sha256": _sha256(path), "parts": parts})
    manifest = json.dumps({"files": files}, indent=1)
    loads = sorted(out.iterdir())
    for place in loads:
        (place / MANIFEST).write_text(manifest)
    return loads


def receive(load: Path, store: Path) -> list[str]:
    """Take one load into ``store``; joins every file whose parts are all there.

    Returns:
        The names of the files that became whole.

    Raises:
        SystemExit: a part is missing from the load, or has other bytes than were packed.
    """
    parts_at = store / ".parts"
    parts_at.mkdir(parents=True, exist_ok=True)
    manifest = json.loads((load / MANIFEST).read_text())
    (store / MANIFEST).write_text(json.dumps(manifest))
    for file in manifest["files"]:
        for part in file["parts"]:
            number, name = part["part"].split("/")
            if number != load.name:
                continue
            source = load / name
            if not source.is_file() or _sha256(source) != part["sha256"]:
                raise SystemExit(f"load {load}: {name}, a part of {file['name']}, is missing or spoilt; send it again")
            shutil.copyfile(source, parts_at / f"{number}-{name}")
    return [file["name"] for file in manifest["files"] if _join(file, parts_at, store)]


def missing(store: Path, names: list[str]) -> list[str]:
    """The files of the manifest, or of those the ones that begin with one of ``names``, that are not whole yet."""
    if not (store / MANIFEST).is_file():
        return ["everything: no load has been received"]
    manifest = json.loads((store / MANIFEST).read_text())
    wanted = [file for file in manifest["files"] if not names or file["name"].startswith(tuple(names))]
    return [
        f"{file['name']} (loads {', '.join(sorted({part['part'].split('/')[0] for part in file['parts']}))})"
        for file in wanted
        if not (store / file["name"]).is_file()
    ]


def _join(file: dict[str, Any], parts_at: Path, store: Path) -> bool:
    whole = store / file["name"]
    parts = [parts_at / part["part"].replace("/", "-") for part in file["parts"]]
    if whole.exists() or not all(part.exists() for part in parts):
        return False
    whole.parent.mkdir(parents=True, exist_ok=True)
    beside = whole.with_name(whole.name + ".joining")
    with beside.open("wb") as target:
        for part in parts:
            with part.open("rb") as source:
                shutil.copyfileobj(source, target, _BLOCK)
    if _sha256(beside) != file["sha256"]:
        raise SystemExit(f"{file['name']}: its parts together are not the file that was packed")
    beside.rename(whole)
    for part in parts:
        part.unlink()
    return True


def _copy(source: Any, target: Path, size: int) -> str:
    digest = hashlib.sha256()
    with target.open("wb") as out:
        while size:
            block = source.read(min(size, _BLOCK))
            digest.update(block)
            out.write(block)
            size -= len(block)
    return digest.hexdigest()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def main() -> None:
    """Pack, receive, or tell what is missing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    packing = commands.add_parser("pack")
    packing.add_argument("folder", type=Path)
    packing.add_argument("--out", type=Path, required=True)
    packing.add_argument("--mib", type=float, default=60)
    receiving = commands.add_parser("receive")
    receiving.add_argument("load", type=Path)
    receiving.add_argument("store", type=Path)
    asking = commands.add_parser("missing")
    asking.add_argument("store", type=Path)
    asking.add_argument("names", nargs="*")
    options = parser.parse_args()
    if options.command == "pack":
        for load in pack(options.folder, options.out, limit=int(options.mib * 2**20)):
            size = sum(part.stat().st_size for part in load.iterdir())
            print(f"{load}: {size / 2**20:.1f} MiB")
    elif options.command == "receive":
        print(*receive(options.load, options.store), sep="\n")
    elif left := missing(options.store, options.names):
        print(*left, sep="\n")
        sys.exit(1)


if __name__ == "__main__":
    main()
