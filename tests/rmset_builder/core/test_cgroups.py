"""Control groups: folders laid as the kernel lays them, with what its files say."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from rmset_builder.core.cgroups import core_limits, memory_limits

V2 = "30 23 0:26 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime shared:9 - cgroup2 cgroup2 rw,nsdelegate"
V1_CPU = "33 26 0:30 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:15 - cgroup cgroup rw,cpu,cpuacct"
V1_MEMORY = "34 26 0:31 / /sys/fs/cgroup/memory rw,relatime shared:16 - cgroup cgroup rw,memory"
HYBRID = "35 26 0:32 / /sys/fs/cgroup/unified rw,relatime shared:10 - cgroup2 cgroup2 rw"
DISK = "25 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw"

NONE_V1 = "9223372036854771712"


def lay(root: Path, *, groups: str, mounts: list[str], files: Mapping[str, str]) -> Path:
    """`root` with /proc/self and the files of groups, as they would lie in /."""
    told = {"proc/self/cgroup": groups, "proc/self/mountinfo": "\n".join([DISK, *mounts]) + "\n"}
    for name, text in {**told, **{f"sys/fs/cgroup/{name}": f"{text}\n" for name, text in files.items()}}.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


@pytest.mark.parametrize(
    ("groups", "mounts", "files", "cores"),
    [
        pytest.param(
            "0::/user.slice/user-1000.slice/rmset.scope\n",
            [V2],
            {
                "user.slice/user-1000.slice/rmset.scope/cpu.max": "max 100000",
                "user.slice/user-1000.slice/cpu.max": "150000 100000",
                "user.slice/cpu.max": "3200000 100000",
            },
            {1.5: "/user.slice/user-1000.slice", 32.0: "/user.slice"},
            id="version 2, the quota of a group above",
        ),
        pytest.param("0::/\n", [V2], {"cpu.max": "50000 100000"}, {0.5: "/"}, id="a container's own namespace"),
        pytest.param(
            "0::/system.slice/docker-12ab.scope\n",
            [V2.replace(" / /sys", " /system.slice/docker-12ab.scope /sys")],
            {"cpu.max": "400000 200000"},
            {2.0: "/"},
            id="a container that sees the machine's names",
        ),
        pytest.param(
            "0::/../other\n", [V2], {"cpu.max": "100000 100000"}, {1.0: "/"}, id="a group outside of what is seen"
        ),
        pytest.param(
            "12:memory:/\n4:cpu,cpuacct:/slurm/uid_7/job_9/step_0\n0::/\n",
            [V1_CPU, HYBRID],
            {
                "cpu,cpuacct/cpu.cfs_quota_us": "-1",
                "cpu,cpuacct/cpu.cfs_period_us": "100000",
                "cpu,cpuacct/slurm/uid_7/job_9/cpu.cfs_quota_us": "400000",
                "cpu,cpuacct/slurm/uid_7/job_9/cpu.cfs_period_us": "50000",
                "cpu,cpuacct/slurm/uid_7/job_9/step_0/cpu.cfs_quota_us": "-1",
                "cpu,cpuacct/slurm/uid_7/job_9/step_0/cpu.cfs_period_us": "100000",
                "unified/cgroup.controllers": "hugetlb",
            },
            {8.0: "/slurm/uid_7/job_9"},
            id="version 1, beside an empty version 2",
        ),
        pytest.param(
            "4:cpu:/docker/77\n",
            [V1_CPU.replace(" / /sys", " /docker/77 /sys").replace("cpu,cpuacct rw", "my\\040cpus rw")],
            {"my cpus/cpu.cfs_quota_us": "25000", "my cpus/cpu.cfs_period_us": "100000"},
            {0.25: "/"},
            id="version 1 in a container, at a place with a space",
        ),
        pytest.param("0::/a\n", [V2], {"a/cpu.max": "max 100000"}, {}, id="no quota"),
        pytest.param("0::/a\n", [], {}, {}, id="no group is mounted"),
        pytest.param("", ["garbage"], {}, {}, id="no groups"),
    ],
)
def test_quotas_of_all_groups_above(
    tmp_path: Path, groups: str, mounts: list[str], files: dict[str, str], cores: dict[float, str]
) -> None:
    found = list(core_limits(lay(tmp_path, groups=groups, mounts=mounts, files=files)))
    assert {limit.amount: limit.source.split("cgroup ")[1] for limit in found} == cores


def test_memory_of_version_2_with_what_the_kernel_can_drop(tmp_path: Path) -> None:
    files = {
        "job/memory.max": "8000000000",
        "job/memory.high": "6000000000",
        "job/memory.current": "3000000000",
        "job/memory.stat": "anon 900000000\nfile 2100000000\ninactive_file 1500000000\nactive_file 500000000\nshmem 1",
        "job/step/memory.max": "max",
        "job/step/memory.high": "max",
        "job/step/memory.current": "2000000000",
    }
    found = list(memory_limits(lay(tmp_path, groups="0::/job/step\n", mounts=[V2], files=files)))
    assert [(limit.amount, limit.source) for limit in found] == [
        (7_000_000_000, "memory.max of cgroup /job"),
        (5_000_000_000, "memory.high of cgroup /job"),
    ]


def test_memory_of_version_1_with_what_the_kernel_can_drop(tmp_path: Path) -> None:
    files = {
        "memory/memory.limit_in_bytes": NONE_V1,
        "memory/memory.usage_in_bytes": "90000000000",
        "memory/job/memory.limit_in_bytes": "4000000000",
        "memory/job/memory.usage_in_bytes": "3900000000",
        "memory/job/memory.stat": "inactive_file 7\ntotal_inactive_file 1000000000\ntotal_active_file 300000000",
    }
    root = lay(tmp_path, groups="4:memory:/job\n3:cpu:/\n", mounts=[V1_CPU, V1_MEMORY], files=files)
    assert min(limit.amount for limit in memory_limits(root)) == 1_400_000_000


def test_a_group_that_is_over_its_limit_leaves_nothing(tmp_path: Path) -> None:
    files = {"memory.max": "1000000", "memory.current": "2000000"}
    root = lay(tmp_path, groups="0::/\n", mounts=[V2], files=files)
    assert [limit.amount for limit in memory_limits(root)] == [0]


def test_a_machine_without_proc_has_no_groups(tmp_path: Path) -> None:
    assert not [*core_limits(tmp_path), *memory_limits(tmp_path)]
