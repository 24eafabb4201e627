"""What Linux's control groups leave a process: processor time and memory, in both versions of them.

A quota stands with the group of the process or with any group above it, and the narrowest holds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

_ESCAPED = re.compile(r"\\([0-7]{3})")
# What the kernel can drop at once when memory is short: pages of files, in the words of version 2 and of version 1.
_FILE_PAGES = {"inactive_file", "active_file"}, {"total_inactive_file", "total_active_file"}


@dataclass(frozen=True)
class Limit:
    """So much may be used, and what says so."""

    amount: float
    source: str


@dataclass(frozen=True)
class Group:
    """A control group: of which version, the folder of its files, and its name as this process sees it."""

    version: int
    folder: Path
    name: str

    def read(self, file: str) -> str:
        """A file of the group; empty where there is none, as in the group at the top."""
        try:
            return (self.folder / file).read_text("ascii").strip()
        except (OSError, ValueError):
            return ""

    def number(self, file: str) -> int | None:
        """A file's number; None where there is none or it is the word ``max``."""
        text = self.read(file)
        return int(text) if text.isdecimal() else None


def core_limits(root: Path = Path("/")) -> Iterator[Limit]:
    """Cores by the quotas of this process's group and of those above it; a quota of half a core is 0.5.

    Args:
        root: where ``proc/self`` and the groups' files lie.
    """
    for group in groups_of(root, "cpu"):
        if group.version == 2:
            file = "cpu.max"
            quota, _, period = group.read(file).partition(" ")
        else:
            file = "cpu.cfs_quota_us"
            quota, period = group.read(file), group.read("cpu.cfs_period_us")
        if quota.isdecimal() and period.isdecimal() and int(period):
            yield Limit(int(quota) / int(period), f"{file} of cgroup {group.name}")


def memory_limits(root: Path = Path("/")) -> Iterator[Limit]:
    """Bytes that are left of what this process's group and those above it may hold.

    Pages of files count as left: the kernel gives them up when memory is asked for.

    Args:
        root: where ``proc/self`` and the groups' files lie.
    """
    for group in groups_of(root, "memory"):
        new = group.version == 2
        used = group.number("memory.current" if new else "memory.usage_in_bytes") or 0
        words = (line.split() for line in group.read("memory.stat").splitlines())
        files = sum(int(word[1]) for word in words if word[0] in _FILE_PAGES[0 if new else 1])
        for file in ("memory.max", "memory.high") if new else ("memory.limit_in_bytes",):
            if (limit := group.number(file)) is not None:
                yield Limit(max(0, limit - max(0, used - files)), f"{file} of cgroup {group.name}")


def groups_of(root: Path, controller: str) -> Iterator[Group]:
    """This process's groups that may limit its ``cpu`` or ``memory``, each followed by those above it."""
    try:
        member = (root / "proc/self/cgroup").read_text("utf-8", "surrogateescape").splitlines()
        mounts = (root / "proc/self/mountinfo").read_text("utf-8", "surrogateescape").splitlines()
    except OSError:  # no Linux, or no /proc
        return
    for line in member:
        _, controllers, name = line.split(":", 2)
        version = 1 if controllers else 2
        if version == 1 and controller not in controllers.split(","):
            continue
        if (place := _mounted(mounts, version, controller)) is not None:
            top, mount = place
            parts = _parts_below(PurePosixPath(name), top)
            for depth in range(len(parts), -1, -1):
                folder = (root / mount.relative_to("/")).joinpath(*parts[:depth])
                yield Group(version, folder, "/" + "/".join(parts[:depth]))


def _mounted(mounts: list[str], version: int, controller: str) -> tuple[PurePosixPath, PurePosixPath] | None:
    """Which group is mounted, and where."""
    for line in mounts:
        own, _, filesystem = line.partition(" - ")
        kind, _, options = [*filesystem.split(" ", 2), "", ""][:3]
        if (version == 2 and kind == "cgroup2") or (
            version == 1 and kind == "cgroup" and controller in options.split(",")
        ):
            top, mount = own.split(" ")[3:5]
            return PurePosixPath(_unescaped(top)), PurePosixPath(_unescaped(mount))
    return None


def _parts_below(group: PurePosixPath, top: PurePosixPath) -> tuple[str, ...]:
    """The folders from the mounted group down to ours; none where ours is not below it, as a container may see it."""
    parts = group.relative_to(top).parts if group.is_relative_to(top) else ()
    return () if ".." in parts else parts


def _unescaped(text: str) -> str:
    return _ESCAPED.sub(lambda match: chr(int(match[1], 8)), text)
