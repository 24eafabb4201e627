"""Which cores and how much memory may be used, and what makes them fewer than the machine has?"""

from __future__ import annotations

from rmset_builder.core.machine import Usable, address_space, find_cores, find_memory
from rmset_builder.doctor.finding import Finding, Mark
from rmset_builder.pipeline.jobs import JOB_BYTES

LEAST_ADDRESS_SPACE = 3_800_000_000
"""Virtual memory that a process maps for one video with four threads; measured."""

_MEND_MEMORY = "rmset extract --jobs 1 --threads 1"
_MEND_ADDRESS_SPACE = "ulimit -v unlimited"


def check_cores(found: Usable | None = None) -> Finding:
    """The cores that are used unless ``--threads`` says otherwise."""
    found = found or find_cores()
    why = f" ({found.source})" if found.amount < found.total else ""
    return Finding("cores", Mark.OK, f"{found.amount} of {found.total} may be used{why}")


def check_memory(found: Usable | None = None) -> Finding:
    """There is memory for at least one video, and a process may map what it needs."""
    name, found, limit = "memory", found or find_memory(), address_space()
    if limit is not None and limit < LEAST_ADDRESS_SPACE:
        told = f"a process may map {limit / 1e9:.1f} GB (ulimit -v), and a video takes {LEAST_ADDRESS_SPACE / 1e9:.1f}"
        return Finding(name, Mark.WARN, told, _MEND_ADDRESS_SPACE)
    source = f" ({found.source})" if found.source else ""
    told = f"{found.amount / 1e9:.1f} of {found.total / 1e9:.1f} GB may be used{source}"
    videos = found.amount // JOB_BYTES
    told += f", room for {videos:,} videos at a time" if videos != 1 else ", room for 1 video at a time"
    if videos:
        return Finding(name, Mark.OK, told)
    return Finding(name, Mark.WARN, f"{told}: one takes about {JOB_BYTES / 1e9:.1f} GB", _MEND_MEMORY)
