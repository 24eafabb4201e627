"""What SECURITY.md says is held: its tests exist, and what none of them holds is held here."""

from __future__ import annotations

import ast
import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "SECURITY.md").read_text("utf-8")
ROWS = re.findall(r"^\| [^|]+ \| [^|]+ \| `(tests/[^`]+)` \|$", TEXT, re.MULTILINE)

# Who may use what could run something, and why that is harmless.
ALLOWED = {
    # Reads pickles without importing or calling what they name.
    ("rmfer/model/pickled.py", "pickle"),
    # Models go to a process that this one has started, through a socket of which nobody else has the key.
    ("rmset_builder/inference/remote.py", "pickle"),
    ("rmset_builder/inference/server.py", "pickle"),
}
MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal", "pty", "commands"}
CALLS = {"eval", "exec", "compile", "__import__", "os.system", "os.popen", "os.execv", "os.execvp", "os.spawnl"}
UNSAFE_YAML = {"yaml.load", "yaml.load_all", "yaml.unsafe_load", "yaml.full_load", "yaml.unsafe_load_all"}


def name_of(node: ast.expr) -> str:
    """``os.system`` of the expression that names it."""
    if isinstance(node, ast.Attribute):
        return f"{name_of(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def dangers(source: str) -> set[str]:
    """What a module could run something with that it was given."""
    found = set[str]()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name.partition(".")[0] in MODULES}
        elif isinstance(node, ast.ImportFrom):
            found |= {node.module or ""} if (node.module or "").partition(".")[0] in MODULES else set()
        elif isinstance(node, ast.Call):
            called = name_of(node.func)
            options = {word.arg: word.value for word in node.keywords}
            if called in CALLS | UNSAFE_YAML:
                found.add(called)
            for option, harmless in (("shell", False), ("allow_pickle", False)):
                value = options.get(option)
                if value is not None and not (isinstance(value, ast.Constant) and value.value is harmless):
                    found.add(option)
            weights_only = options.get("weights_only")
            if called == "torch.load" and not (isinstance(weights_only, ast.Constant) and weights_only.value is True):
                found.add(called)
    return found


def test_nothing_runs_what_it_reads() -> None:
    paths = [path for package in ("rmset_builder", "rmfer") for path in (ROOT / package).rglob("*.py")]
    assert len(paths) > 300
    found = {
        (path.relative_to(ROOT).as_posix(), danger) for path in paths for danger in dangers(path.read_text("utf-8"))
    }
    assert found == ALLOWED


@pytest.mark.parametrize(
    "line",
    [
        "import pickle",
        "from marshal import loads",
        "eval(text)",
        "exec(text)",
        "os.system(text)",
        "subprocess.run(text, shell=True)",
        "subprocess.Popen(text, shell=chosen)",
        "yaml.load(text, Loader=yaml.Loader)",
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "np.load(path, allow_pickle=True)",
    ],
)
def test_what_could_run_something_is_seen(line: str) -> None:
    assert len(dangers(line)) == 1
    assert not dangers("torch.load(path, weights_only=True); yaml.safe_load(text); subprocess.run([program])")


def test_the_tests_that_are_named_exist() -> None:
    assert len(ROWS) == len(re.findall(r"^\|.*`tests/.*$", TEXT, re.MULTILINE)) > 25
    for row in ROWS:
        path, _, test = row.partition("::")
        names = {
            node.name for node in ast.walk(ast.parse((ROOT / path).read_text())) if isinstance(node, ast.FunctionDef)
        }
        assert test in names, row
    for place in re.findall(r"^\| [^|]+ \| `([^`]+)` \| `tests/", TEXT, re.MULTILINE):
        assert (ROOT / place).exists(), place


# ------------------------------------------------------------------------------------------------------------ the audit


def audit() -> Any:
    spec = importlib.util.spec_from_file_location("audit", ROOT / ".ci" / "audit.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


SOUND = {"name": "click", "version": "8.3", "vulns": []}
WEAK = {"name": "pillow", "version": "1.0", "vulns": [{"id": "PYSEC-1", "fix_versions": ["1.1"]}]}
UNKNOWN = {"name": "av", "skip_reason": "Dependency not found on PyPI and could not be audited: av (18.1.0)"}


def test_a_weak_package_fails_the_audit() -> None:
    judge = audit().judge
    code, lines = judge({"dependencies": [SOUND, WEAK, UNKNOWN]})
    assert code == 1
    assert lines[0] == "pillow 1.0: PYSEC-1, mended in 1.1"
    assert lines[-1] == "audit: 2 packages, 1 known weaknesses; 1 not looked at"
    assert judge({"dependencies": [SOUND]}) == (0, ["audit: 1 packages, 0 known weaknesses; 0 not looked at"])


def test_an_audit_that_looked_at_nothing_says_so() -> None:
    assert audit().judge({"dependencies": [UNKNOWN]}) == (
        0,
        ["audit skipped: nothing is known here of any of 1 packages"],
    )


def test_without_a_network_the_audit_is_skipped_with_the_reason() -> None:
    nowhere = {
        "HTTPS_PROXY": "http://127.0.0.1:9",
        "HTTP_PROXY": "http://127.0.0.1:9",
        "PATH": "",
        "HOME": "/nonexistent",
    }
    done = subprocess.run(
        [sys.executable, ".ci/audit.py"], cwd=ROOT, env=nowhere, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert re.fullmatch(r"audit skipped: .+\n", done.stdout)
