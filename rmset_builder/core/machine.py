"""How many cores and how much memory this process may use, which is often less than the machine has.

All defaults of both packages come from here. Nothing but the standard library is imported, and nothing of it that is
slow to load.
"""

from __future__ import annotations

import math
import os
import resource
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from rmset_builder.core.cgroups import Limit, core_limits, memory_limits

# A scheduler's job, known by the first variable, and what it says of the cores that are this process's. Most schedulers
# also bind processes to their cores, but not in every set-up.
_SCHEDULERS = (
    ("SLURM_JOB_ID", ("SLURM_CPUS_PER_TASK", "SLURM_CPUS_ON_NODE")),
    ("PBS_JOBID", ("NCPUS",)),
    ("LSB_JOBID", ("LSB_DJOB_NUMPROC",)),
    ("JOB_ID", ("NSLOTS",)),
)
_MEBIBYTE = 1 << 20


@dataclass(frozen=True)
class Usable:
    """How many cores or bytes may be used, how many the machine has, and what makes it fewer, if anything."""

    amount: int
    total: int
    source: str


def usable_cores() -> int:
    """The number of cores that this process may use, at least 1."""
    return find_cores().amount


def find_cores(root: Path = Path("/"), environment: Mapping[str, str] = os.environ) -> Usable:
    """The cores that this process may use, and what limits them.

    The least of: the cores it is bound to (``taskset``, cpusets, ``PYTHON_CPU_COUNT``), the quotas of its control
    groups (a part of a core counts as one), what the scheduler granted (Slurm, PBS, LSF, Grid Engine); shared out among
    the processes that torchrun started on this machine. ``OMP_NUM_THREADS`` is none of these: it tells libraries how
    many threads a single call may take, and is 1 wherever something else shares the work out.

    Args:
        root: where ``proc`` and the control groups lie.
        environment: the environment's variables.
    """
    total = os.cpu_count() or 1
    found = min([Limit(total, ""), *_core_limits(root, environment)], key=lambda limit: math.ceil(limit.amount))
    amount, source = max(1, math.ceil(found.amount)), found.source
    if (processes := _number(environment, "LOCAL_WORLD_SIZE") or 1) > 1:
        amount, source = max(1, amount // processes), f"{source + ', ' if source else ''}LOCAL_WORLD_SIZE {processes}"
    return Usable(amount, total, source)


def find_memory(root: Path = Path("/"), environment: Mapping[str, str] = os.environ) -> Usable:
    """The memory in bytes that this process and those it starts may still take, and what limits it.

    The least of: what is free or can be freed at once (``MemAvailable``), what its control groups have left, what the
    scheduler granted (Slurm). Swap is not counted.

    Args:
        root: where ``proc`` and the control groups lie.
        environment: the environment's variables.
    """
    told = dict(_meminfo(root))
    total = told.get("MemTotal") or _physical_memory()
    free = Limit(told.get("MemAvailable", total), "MemAvailable of /proc/meminfo" if told else "")
    found = min([free, *memory_limits(root), *_granted_memory(environment)], key=lambda limit: limit.amount)
    return Usable(int(found.amount), total, found.source)


def address_space() -> int | None:
    """The limit of a process's virtual memory in bytes (``ulimit -v``); None where there is none."""
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    return None if limit == resource.RLIM_INFINITY else limit


def bound_libraries() -> None:
    """Let libraries that count cores themselves (BLAS, OpenMP and with it torch, pyarrow) start no more threads.

    They know of bound cores but of no quotas. To be called before any of them is imported; a number that the user has
    set stays.
    """
    found = find_cores()
    if found.amount < bound_cores().amount:
        os.environ.setdefault("OMP_NUM_THREADS", str(found.amount))


def leave_blas_one_thread() -> None:
    """Keep OpenBLAS from starting threads of its own, for programs that share their work out themselves.

    Its threads spin for a while whenever there is nothing for them, from the moment numpy is imported: two hundredths
    of a short video's time. To be called before that; a number that the user has set stays.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def _core_limits(root: Path, environment: Mapping[str, str]) -> Iterator[Limit]:
    yield bound_cores()
    yield from core_limits(root)
    for job, variables in _SCHEDULERS:
        granted = (Limit(_number(environment, name) or 0, name) for name in variables if job in environment)
        yield from [limit for limit in granted if limit.amount][:1]


def bound_cores() -> Limit:
    """The cores that the system lets this process run on."""
    if hasattr(os, "process_cpu_count"):  # Python 3.13 and newer; heeds PYTHON_CPU_COUNT
        return Limit(os.process_cpu_count() or 1, "the cores that the process is bound to")
    if hasattr(os, "sched_getaffinity"):
        return Limit(len(os.sched_getaffinity(0)), "the cores that the process is bound to")
    return Limit(os.cpu_count() or 1, "")


def _granted_memory(environment: Mapping[str, str]) -> Iterator[Limit]:
    if "SLURM_JOB_ID" not in environment:
        return
    if node := _number(environment, "SLURM_MEM_PER_NODE"):
        yield Limit(node * _MEBIBYTE, "SLURM_MEM_PER_NODE")
    if each := _number(environment, "SLURM_MEM_PER_CPU"):
        yield Limit(each * _MEBIBYTE * (_number(environment, "SLURM_CPUS_ON_NODE") or 1), "SLURM_MEM_PER_CPU")


def _meminfo(root: Path) -> Iterator[tuple[str, int]]:
    try:
        lines = (root / "proc/meminfo").read_text("ascii").splitlines()
    except OSError:
        return
    for line in lines:
        name, _, amount = line.partition(":")
        yield name, int(amount.split()[0]) * 1024


def _physical_memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _number(environment: Mapping[str, str], name: str) -> int | None:
    text = environment.get(name, "")
    return int(text) if text.isascii() and text.isdecimal() else None
