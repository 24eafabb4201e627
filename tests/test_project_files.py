"""What carries the project: workflow, hooks, templates, change log, types. Nothing here needs the network."""

from __future__ import annotations

import importlib.resources
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
OLDEST, HYGIENE = ROOT / ".ci" / "oldest.py", ROOT / ".ci" / "hygiene.py"
FORMS = sorted(path for path in (ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml") if path.name != "config.yml")


def read(path: str | Path) -> Any:
    return yaml.safe_load((ROOT / path).read_text("utf-8"))


@pytest.fixture(scope="module")
def workflow() -> dict[Any, Any]:
    content: dict[Any, Any] = read(".github/workflows/ci.yml")
    return content


def steps(workflow: dict[Any, Any]) -> list[dict[str, Any]]:
    return [step for job in workflow["jobs"].values() for step in job["steps"]]


def python(*arguments: object, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *map(str, arguments)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_the_workflow_tries_every_python_that_is_admitted(workflow: dict[Any, Any]) -> None:
    classified = re.findall(r"Python :: (3\.\d+)", "\n".join(PYPROJECT["project"]["classifiers"]))
    assert workflow["jobs"]["linux"]["strategy"]["matrix"]["python"] == classified


def test_the_workflow_may_do_little_and_does_not_hang(workflow: dict[Any, Any]) -> None:
    assert workflow["permissions"] == {"contents": "read"}
    assert workflow["concurrency"]["cancel-in-progress"] is True
    for job in workflow["jobs"].values():
        assert job["timeout-minutes"] <= 120
        assert "permissions" not in job
    used = [step["uses"] for step in steps(workflow) if "uses" in step]
    assert used
    assert all(re.fullmatch(r"actions/[a-z-]+@v\d+", action) for action in used), used
    checkouts = [step for step in steps(workflow) if step.get("uses", "").startswith("actions/checkout@")]
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


def test_the_workflow_runs_what_there_is(workflow: dict[Any, Any]) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    for command in (line for step in steps(workflow) for line in step.get("run", "").splitlines()):
        named = re.findall(r"(?:^|\s)((?:\.ci|tests)/\S+\.py)", command)
        assert all((ROOT / path).is_file() for path in named), command
        if command.startswith("make "):
            assert command.split()[1] in targets, command


def test_oldest_dependencies_are_the_lower_bounds() -> None:
    done = python(OLDEST, "train", "dev")
    assert (done.returncode, done.stderr) == (0, "")
    pinned = dict(line.split("==") for line in done.stdout.splitlines())
    project = PYPROJECT["project"]
    extras = project["optional-dependencies"]
    for text in (*project["dependencies"], *extras["train"], *extras["dev"]):
        requirement = Requirement(text)
        version = pinned[requirement.name.lower().replace("_", "-")]
        assert requirement.specifier.contains(version), text
        assert any(bound.version == version for bound in requirement.specifier), text
    assert (
        python(OLDEST, "nix").stderr
        == "no such extra: nix; there are train, export, review, s3, openvino, ray, gpu, docs, dev\n"
    )


def test_a_dependency_without_a_lower_bound_is_named(tmp_path: Path) -> None:
    (tmp_path / ".ci").mkdir()
    (tmp_path / ".ci" / "oldest.py").write_text(OLDEST.read_text("utf-8"), "utf-8")
    (tmp_path / "pyproject.toml").write_text('[project]\ndependencies = ["a>=1", "b<2"]\noptional-dependencies = {}\n')
    done = python(tmp_path / ".ci" / "oldest.py")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "pyproject.toml: b<2: has no lower bound; write b>=...\n"


def test_hooks_need_no_network() -> None:
    for repository in read(".pre-commit-config.yaml")["repos"]:
        assert repository["repo"] == "local"
        for hook in repository["hooks"]:
            assert hook["language"] in ("system", "pygrep"), hook["id"]


def test_this_repository_is_clean() -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("this is no checkout of git")
    files = [name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]
    done = python(HYGIENE, *files)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize(
    ("name", "content", "fault"),
    [
        ("a.bin", b"\0" * 1_000_001, "a.bin: 1,000,001 bytes are more than 1,000,000"),
        ("a.py", b"x = 1 \n", "a.py:1: spaces at the end"),
        ("a.py", b"x = 1\r\n", "a.py:1: ends as lines do on Windows"),
        ("a.py", b"x\n<<<<<<< HEAD\n", "a.py:2: mark of a merge conflict"),
        ("a.py", b"x = 1", "a.py: does not end with one end of line"),
        ("a.py", b"x = 1\n\n", "a.py: does not end with one end of line"),
        ("a.yaml", b"a: [1\n", "a.yaml: while parsing"),
        ("a.toml", b"a = [\n", "a.toml: Invalid value"),
    ],
    ids=["large", "spaces", "windows", "conflict", "no-end", "two-ends", "yaml", "toml"],
)
def test_faults_before_a_commit(tmp_path: Path, name: str, content: bytes, fault: str) -> None:
    (tmp_path / name).write_bytes(content)
    (tmp_path / "good.yaml").write_bytes(b"a: 1\n")
    done = python(HYGIENE, "good.yaml", name, folder=tmp_path)
    assert done.returncode == 1
    (line,) = done.stdout.splitlines()
    assert line.startswith(fault)


@pytest.mark.parametrize("form", FORMS, ids=lambda path: path.stem)
def test_forms(form: Path) -> None:
    content = read(form)
    assert content["name"]
    assert content["description"]
    asked = [field for field in content["body"] if field["type"] != "markdown"]
    ids = [field["id"] for field in asked]
    assert len(set(ids)) == len(ids)
    assert all(field["attributes"]["label"] for field in asked)


def test_a_bug_comes_with_what_the_doctor_says() -> None:
    (doctor,) = (field for field in read(".github/ISSUE_TEMPLATE/bug.yml")["body"] if field.get("id") == "doctor")
    assert "rmset doctor --json" in doctor["attributes"]["label"]
    assert doctor["validations"]["required"] is True


def test_the_change_log_is_kept() -> None:
    text = (ROOT / "CHANGELOG.md").read_text("utf-8")
    releases = re.findall(r"^## (.*)$", text, re.MULTILINE)
    assert releases[0] == "[Unreleased]"
    assert all(re.fullmatch(r"\[\d+\.\d+\.\d+\] - \d{4}-\d\d-\d\d", release) for release in releases[1:])
    kinds = set(re.findall(r"^### (.*)$", text, re.MULTILINE))
    assert kinds <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


@pytest.mark.parametrize("package", ["rmset_builder", "rmfer"])
def test_types_are_given_out(package: str) -> None:
    assert (importlib.resources.files(package) / "py.typed").is_file()
    assert "py.typed" in PYPROJECT["tool"]["setuptools"]["package-data"][package]
