from __future__ import annotations

import json
import os
import re
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import rmfer
import rmset_builder
from rmset_builder.core import machine
from rmset_builder.core.cgroups import groups_of
from rmset_builder.core.machine import Usable, find_cores, find_memory, usable_cores
from rmset_builder.doctor import machine as doctor_machine
from rmset_builder.doctor.finding import Mark
from rmset_builder.pipeline.jobs import JOB_BYTES, default_jobs

HERE = str(Path(rmset_builder.__file__).parents[1])
# What the two commands would use, and how many threads libraries then start by themselves.
TELL = """
import json
import click
from rmset_builder.cli import rmset, main
from rmset_builder.core.machine import find_cores
try:
    main(["--version"])
except SystemExit:
    pass
import numpy, pyarrow, threadpoolctl
from rmset_builder.commands import extract, verify
from rmfer.settings import TrainConfig
found = find_cores()
options = [(c.command, next(p for p in c.command.params if p.name == "threads")) for c in (extract, verify)]
print()
print(json.dumps({
    "cores": found.amount, "source": found.source,
    "defaults": [option.get_default(click.Context(command)) for command, option in options],
    "shown": [option.show_default for _, option in options],
    "workers": TrainConfig.model_fields["workers"].description,
    "arrow": pyarrow.cpu_count(), "blas": [pool["num_threads"] for pool in threadpoolctl.threadpool_info()],
}))
"""


def tell(prepare: Callable[[], object] = lambda: None, **environment: str) -> dict[str, object]:
    """What a process says of its cores that was prepared so before Python began in it."""
    kept = {name: value for name, value in os.environ.items() if "NUM_THREADS" not in name}
    done = subprocess.run(
        [sys.executable, "-c", TELL],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=prepare,
        env={**kept, "PYTHONPATH": HERE, **environment},
    )
    assert done.returncode == 0, done.stderr
    told: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return told


@pytest.fixture
def half_a_core() -> Iterator[Callable[[], object]]:
    """For `preexec_fn`: the process is put into a control group, made for it, with a quota of half a core."""
    group = next(groups_of(Path("/"), "cpu"), None)
    if group is None:
        pytest.skip("no control group with processor time is mounted")
    folder = group.folder / f"rmset-test-{os.getpid()}"
    try:
        folder.mkdir()
    except OSError as error:
        pytest.skip(f"no control group can be made here ({error})")
    try:
        try:
            if group.version == 2:
                (folder / "cpu.max").write_text("50000 100000")
            else:
                (folder / "cpu.cfs_quota_us").write_text("50000")
        except OSError as error:
            pytest.skip(f"no quota can be set here ({error})")
        yield lambda: (folder / "cgroup.procs").write_text(str(os.getpid()))
    finally:
        folder.rmdir()


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="processes cannot be bound to cores here")
def test_a_process_on_one_core_uses_one() -> None:
    core = min(os.sched_getaffinity(0))
    told = tell(lambda: os.sched_setaffinity(0, {core}))
    assert told["cores"] == 1
    assert told["defaults"] == [1, 1]
    assert told["shown"] == ["1, the cores that may be used"] * 2
    assert "by default 1, one a core that may be used" in str(told["workers"])
    assert told["source"] == ("the cores that the process is bound to" if (os.cpu_count() or 1) > 1 else "")


@pytest.mark.skipif(usable_cores() == 1, reason="there is one core, which no quota can make fewer")
def test_a_real_quota_is_heeded_and_told_to_libraries(half_a_core: Callable[[], object]) -> None:
    told = tell(half_a_core)
    assert (told["cores"], told["defaults"]) == (1, [1, 1])
    assert re.fullmatch(r"cpu\.(max|cfs_quota_us) of cgroup /.*rmset-test-\d+", str(told["source"]))
    assert told["arrow"] == 1
    assert set(told["blas"]) == {1}, told


@pytest.mark.skipif(usable_cores() == 1, reason="there is one core, which no quota can make fewer")
def test_threads_that_the_user_has_set_stay(half_a_core: Callable[[], object]) -> None:
    told = tell(half_a_core, OMP_NUM_THREADS="2")
    assert (told["cores"], told["arrow"]) == (1, 2)


def test_libraries_are_left_alone_where_nothing_is_less_than_it_seems(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(machine, "find_cores", lambda: Usable(machine.bound_cores().amount, 128, ""))
    machine.bound_libraries()
    assert "OMP_NUM_THREADS" not in os.environ


@pytest.mark.parametrize(("given", "threads"), [(None, 1), ("2", 2)])
def test_the_command_leaves_blas_one_thread_unless_told_otherwise(given: str | None, threads: int) -> None:
    program = (
        "import rmset_builder.cli as cli, sys\n"
        "try: cli.main(['--version'])\n"
        "except SystemExit: pass\n"
        "import numpy, threadpoolctl\n"
        "print(*{one['num_threads'] for one in threadpoolctl.threadpool_info()})"
    )
    environment = {name: value for name, value in os.environ.items() if name != "OPENBLAS_NUM_THREADS"}
    environment |= {"OPENBLAS_NUM_THREADS": given} if given else {}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.splitlines()[-1] == str(threads)


@pytest.mark.parametrize(
    ("environment", "cores", "source"),
    [
        ({}, 16, ""),
        ({"SLURM_JOB_ID": "7", "SLURM_CPUS_PER_TASK": "4", "SLURM_CPUS_ON_NODE": "12"}, 4, "SLURM_CPUS_PER_TASK"),
        ({"SLURM_JOB_ID": "7", "SLURM_CPUS_ON_NODE": "12"}, 12, "SLURM_CPUS_ON_NODE"),
        ({"SLURM_CPUS_PER_TASK": "4"}, 16, ""),
        ({"SLURM_JOB_ID": "7", "SLURM_CPUS_PER_TASK": "64"}, 16, ""),
        ({"SLURM_JOB_ID": "7", "SLURM_CPUS_PER_TASK": "many"}, 16, ""),
        ({"PBS_JOBID": "7.head", "NCPUS": "3"}, 3, "NCPUS"),
        ({"NCPUS": "3"}, 16, ""),
        ({"LSB_JOBID": "7", "LSB_DJOB_NUMPROC": "5"}, 5, "LSB_DJOB_NUMPROC"),
        ({"JOB_ID": "7", "NSLOTS": "6"}, 6, "NSLOTS"),
        ({"OMP_NUM_THREADS": "1"}, 16, ""),
        ({"LOCAL_WORLD_SIZE": "8", "OMP_NUM_THREADS": "1"}, 2, "LOCAL_WORLD_SIZE 8"),
        ({"LOCAL_WORLD_SIZE": "64"}, 1, "LOCAL_WORLD_SIZE 64"),
        ({"JOB_ID": "7", "NSLOTS": "6", "LOCAL_WORLD_SIZE": "2"}, 3, "NSLOTS, LOCAL_WORLD_SIZE 2"),
    ],
)
def test_what_schedulers_and_torchrun_say(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, environment: dict[str, str], cores: int, source: str
) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 16)
    for name in ("process_cpu_count", "sched_getaffinity"):
        if hasattr(os, name):
            monkeypatch.setattr(
                os, name, {"process_cpu_count": lambda: 16, "sched_getaffinity": lambda _: range(16)}[name]
            )
    assert find_cores(tmp_path, environment) == Usable(cores, 16, source)


def memory_of(tmp_path: Path, **environment: str) -> Usable:
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/meminfo").write_text(
        "MemTotal:  131072000 kB\nMemFree:    1000000 kB\nMemAvailable:   64000000 kB\nHugePages_Total:       0\n"
    )
    return find_memory(tmp_path, environment)


def test_memory_that_is_free_or_granted(tmp_path: Path) -> None:
    assert memory_of(tmp_path) == Usable(65_536_000_000, 134_217_728_000, "MemAvailable of /proc/meminfo")


@pytest.mark.parametrize(
    ("environment", "granted"),
    [
        ({"SLURM_MEM_PER_NODE": "4096"}, Usable(4 << 30, 134_217_728_000, "SLURM_MEM_PER_NODE")),
        (
            {"SLURM_MEM_PER_CPU": "2048", "SLURM_CPUS_ON_NODE": "3"},
            Usable(6 << 30, 134_217_728_000, "SLURM_MEM_PER_CPU"),
        ),
        ({"SLURM_MEM_PER_NODE": "0"}, Usable(65_536_000_000, 134_217_728_000, "MemAvailable of /proc/meminfo")),
    ],
)
def test_memory_that_slurm_granted(tmp_path: Path, environment: dict[str, str], granted: Usable) -> None:
    assert memory_of(tmp_path, SLURM_JOB_ID="7", **environment) == granted


def test_this_machine_has_cores_and_memory() -> None:
    assert 1 <= usable_cores() <= (os.cpu_count() or 1)
    assert 0 < find_memory().amount <= find_memory().total


@pytest.mark.parametrize(
    ("threads", "gpus", "videos", "gigabytes", "count", "note"),
    [
        (128, 0, 1000, 512.0, 32, ""),
        (128, 0, 1000, 16.0, 13, "13 videos at a time instead of 32: 16.0 GB of memory may be used (memory.max)"),
        (8, 0, 1000, 1.5, 1, "1 video at a time instead of 2: 1.5 GB of memory"),
        (
            8,
            0,
            1000,
            0.5,
            1,
            "memory may run out: 0.5 GB of memory may be used (memory.max), and each takes about 1.2 GB",
        ),
        (8, 0, 1, 1.5, 1, ""),
        (3, 0, 10, 64.0, 1, ""),
        (2, 4, 10, 64.0, 4, ""),
        (2, 4, 10, 2.5, 4, "memory may run out"),
        (32, 2, 10, 3.7, 3, "3 videos at a time instead of 8"),
        (32, 8, 3, 64.0, 3, ""),
    ],
)
def test_jobs_by_cores_and_memory(
    threads: int, gpus: int, videos: int, gigabytes: float, count: int, note: str
) -> None:
    memory = Usable(int(gigabytes * 1e9), 512_000_000_000, "memory.max")
    found = default_jobs(threads=threads, gpus=gpus, videos=videos, memory=memory)
    assert found.count == count
    assert found.note.startswith(note) and bool(found.note) is bool(note)


def test_the_doctor_tells_cores_and_memory_with_what_limits_them() -> None:
    cores = doctor_machine.check_cores(Usable(1, 128, "cpu.max of cgroup /job"))
    assert (cores.mark, cores.found) == (Mark.OK, "1 of 128 may be used (cpu.max of cgroup /job)")
    assert doctor_machine.check_cores(Usable(8, 8, "")).found == "8 of 8 may be used"
    plenty = doctor_machine.check_memory(Usable(20 * JOB_BYTES, 512_000_000_000, "memory.max of cgroup /job"))
    assert plenty.mark is Mark.OK
    assert plenty.found == "24.0 of 512.0 GB may be used (memory.max of cgroup /job), room for 20 videos at a time"
    little = doctor_machine.check_memory(Usable(JOB_BYTES - 1, 512_000_000_000, ""))
    assert (little.mark, little.mend) == (Mark.WARN, "rmset extract --jobs 1 --threads 1")


def test_a_real_limit_of_address_space_is_told() -> None:
    program = "from rmset_builder.doctor.machine import check_memory; print(check_memory())"
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": HERE},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (2_000_000_000, resource.RLIM_INFINITY)),
    )
    assert "a process may map 2.0 GB (ulimit -v), and a video takes 3.8" in done.stdout
    assert "mend='ulimit -v unlimited'" in done.stdout


def test_asking_imports_nothing_heavy() -> None:
    program = "import sys; import rmset_builder.core.machine; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": HERE},
    )
    assert not {"numpy", "click", "pydantic", "cv2", "subprocess", "multiprocessing"} & set(done.stdout.split())


def test_nothing_else_counts_cores() -> None:
    counting = re.compile(r"cpu_count|sched_getaffinity|SC_NPROCESSORS")
    found = [
        path
        for package in (rmset_builder, rmfer)
        for path in Path(package.__file__).parent.rglob("*.py")
        if counting.search(path.read_text("utf-8")) and path.name != "machine.py"
    ]
    assert not found
