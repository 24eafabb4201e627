"""How each command of the documentation is tried: run for real, or parsed to its last word where it cannot be."""

from __future__ import annotations

import functools
import importlib.util
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import click
from documented import ROOT, Command
from packaging.requirements import Requirement
from training_helpers import Finished
from training_helpers import run as run_rmfer

from rmfer.cli import rmfer
from rmset_builder.cli import rmset

GROUPS = {"rmset": rmset, "rmfer": rmfer}

# Words that stand for one's own, and what the prepared folder has for them; of several, one after the other.
STAND_INS = {
    "MODEL": ["runs/NAME"],
    "ID": ["two", "wall"],
    "N": ["0"],
    "SHARDS": ["shards/"],
}

# Not run: what each would need. All are parsed to the last option, with files that have to be there.
PARSED = {
    r"rmset extract .*--gpu": "an NVIDIA GPU; tests/rmset_builder/commands/test_gpu_options.py tries the option",
    r"rmset extract .*--engine (ray|openvino)": "a Ray cluster or OpenVINO; tests/faults/test_ray.py and "
    "tests/rmset_builder/inference/test_openvino.py have them",
    r"(rmset|rmfer) .*s3://": "a bucket; tests/rmset_builder/storage/ and tests/rmfer/training/ have one",
    r"rmset review": "a browser, and goes on until Ctrl-C; tests/rmset_builder/review/ serves and ends it",
    r"rmfer table 4": "to train six networks; tests/rmfer/paper/test_tables.py trains them with tiny settings",
    r"rmfer figure 4 --benchmark": "to train three; tests/rmfer/commands/test_analyze_runs.py draws it of small ones",
}

# Run with these words more.
SHORTENED = {
    r"rmfer train(?!.* --(list|help))": (
        ["--dry-run"],
        "would train for hours; settings and data are opened",
    ),
    r"rmfer sweep": (["--dry-run"], "would train for hours; all its runs are resolved"),
    r"rmfer analyze prior": (["--sets", "3"], "would take half a minute"),
}

# Run for one page; for others that have the very same words they are parsed.
ONCE = (r"rmset doctor", r"rmfer (export|predict|evaluate|analyze)")

# Exit codes other than 0 that are right as well.
EXITS = {r"rmset doctor": {1}}


class RefusedError(Exception):
    """A command of the documentation is not as it says."""


def matching(table: Mapping[str, object], line: str) -> str | None:
    """The first pattern of a table that a command's line begins with."""
    return next((pattern for pattern in table if re.match(pattern, line)), None)


class Shell:
    """Tries the commands of one page in a folder that is the current one; ``run_before`` is of all pages."""

    def __init__(self, run_rmset: Callable[..., Finished], run_before: set[str]) -> None:
        self._run_rmset = run_rmset
        self._run_before = run_before
        self._used = dict.fromkeys(STAND_INS, 0)

    def try_out(self, command: Command) -> str:
        """Run or parse a command, and tell which.

        Raises:
            RefusedError: it does not work, or nobody knows what it is.
        """
        name, *words = command.words
        if name in GROUPS:
            return self._ours(name, [one for word in words for one in self._shell_word(word)])
        for known, check in CHECKS.items():
            if re.fullmatch(known, name):
                return check(name, words)
        raise RefusedError(f"{name}: no program that the tests know; see CHECKS")

    def _shell_word(self, word: str) -> list[str]:
        if word in STAND_INS:
            self._used[word] += 1
            return [STAND_INS[word][(self._used[word] - 1) % len(STAND_INS[word])]]
        return sorted(map(str, Path().glob(word))) or [word] if "*" in word else [word]

    def _ours(self, name: str, words: list[str]) -> str:
        line = " ".join([name, *words])
        if pattern := matching(PARSED, line):
            parse(name, words)
            return f"parsed, as it needs: {PARSED[pattern]}"
        if line in self._run_before:
            parse(name, words)
            return "parsed, as it was run for another page"
        how, more = "run", list[str]()
        if pattern := matching(SHORTENED, line):
            more, why = SHORTENED[pattern]
            parse(name, words)
            how = f"run with {' '.join(more)}, as it {why}"
        done = self._run_rmset(*words, *more) if name == "rmset" else run_rmfer([*words, *more])
        allowed = {0} | (EXITS[pattern] if (pattern := matching(EXITS, line)) else set())
        if done.returncode not in allowed:
            raise RefusedError(f"exit code {done.returncode}: {done.stderr.strip()[-500:]}")
        if any(re.match(pattern, line) for pattern in ONCE):
            self._run_before.add(line)
        return how


def parse(name: str, words: Sequence[str]) -> None:
    """Have click parse a command to its last word, types and files included, without running it."""
    context = click.Context(GROUPS[name], info_name=name)
    rest = list(words)
    try:
        while isinstance(group := context.command, click.Group):
            own, command, rest = group.resolve_command(context, rest)
            assert command is not None
            if isinstance(command, click.Group):
                context = click.Context(command, info_name=own, parent=context)
            else:
                context = command.make_context(own, rest, parent=context)
    except click.ClickException as error:
        raise RefusedError(error.format_message()) from error


@functools.cache
def help_of(*command: str) -> str:
    """What a program of others says of its options."""
    return subprocess.run([*command, "--help"], capture_output=True, text=True, check=False).stdout


def options_are_known(command: list[str], words: Sequence[str]) -> None:
    """Every option among ``words`` stands in the program's own help."""
    for option in (word.partition("=")[0] for word in words if word.startswith("-")):
        if not re.search(rf"(?<![\w-]){re.escape(option)}(?![\w-])", help_of(*command)):
            raise RefusedError(f"{' '.join(command)} has no option {option}")


def _make(_: str, words: Sequence[str]) -> str:
    targets = [word for word in words if "=" not in word]
    for target in targets:
        if not re.search(rf"^{re.escape(target)}:", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE):
            raise RefusedError(f"the Makefile has no {target}")
    if shutil.which("make"):
        done = subprocess.run(["make", "-n", *words], cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RefusedError(done.stderr)
    return "asked what it would do, as it installs: make -n"


def _pip(_: str, words: Sequence[str]) -> str:
    if words[:1] != ["install"]:
        raise RefusedError("only pip install is known")
    options_are_known([sys.executable, "-m", "pip", "install"], words)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    asked = [*project["dependencies"], *(one for own in extras.values() for one in own)]
    known = {Requirement(one).name for one in asked}
    for word in (word for word in words[1:] if not word.startswith("-")):
        requirement = Requirement(re.sub(r"^\.", "rmset-builder", word))
        if unknown := requirement.extras - set(extras):
            raise RefusedError(f"there is no extra {', '.join(unknown)}")
        if requirement.name not in known | {"rmset-builder", "pre-commit"}:
            raise RefusedError(f"{requirement.name} is no dependency of this project")
    return "options and extras checked, as it needs the network"


def _torchrun(_: str, words: Sequence[str]) -> str:
    options, rest = words[: words.index("-m")], words[words.index("-m") + 1 :]
    options_are_known([sys.executable, "-m", "torch.distributed.run"], options)
    parse(rest[0], rest[1:])
    return "parsed, as it takes all cores; tests/rmfer/training/test_training.py runs two processes"


def _hub(_: str, words: Sequence[str]) -> str:
    if importlib.util.find_spec("huggingface_hub.cli") is None:
        return "not checked, as this huggingface_hub is older than its command"
    options_are_known([sys.executable, "-m", "huggingface_hub.cli.hf", words[0]], words)
    return "options checked, as it publishes"


def _sbatch(_: str, words: Sequence[str]) -> str:
    script = next((ROOT / "examples" / "cluster" / word for word in words if word.endswith(".sbatch")), None)
    if script is None or not script.is_file():
        raise RefusedError("there is no such job")
    return "not sent, as it needs SLURM; tests/test_cluster_examples.py reads the job"


def _gpu_programme(name: str, words: Sequence[str]) -> str:
    script = ROOT / name
    done = subprocess.run(["bash", "-n", script], capture_output=True, text=True, check=False)
    if done.returncode or not script.stat().st_mode & 0o100:
        raise RefusedError(f"{name} cannot be run: {done.stderr}")
    told = script.read_text("utf-8")
    for word in (word for word in words if re.fullmatch(r"[a-z]+|--[a-z]+", word)):
        # A branch of its `case`, an option that it looks for, or a step told at its top.
        if not re.search(rf"^ *{word}\)|{word} \]|^#.*(STEP|, | ){word} [a-z]", told, re.MULTILINE):
            raise RefusedError(f"{name} knows no {word}")
    return "read by bash, as it needs a GPU or the network; tests/test_gpu_programme.py rehearses it"


def _pre_commit(_: str, words: Sequence[str]) -> str:
    if words != ["install"] or not (ROOT / ".pre-commit-config.yaml").is_file():
        raise RefusedError("pre-commit has nothing to install")
    return "not run, as it changes this checkout; tests/test_project_files.py reads its hooks"


# Programs of others: how each is checked without what it would do.
CHECKS: dict[str, Callable[[str, Sequence[str]], str]] = {
    r"make": _make,
    r"pip": _pip,
    r"torchrun": _torchrun,
    r"hf": _hub,
    r"sbatch": _sbatch,
    r"benchmarks/gpu/\w+\.sh": _gpu_programme,
    r"\.venv/bin/pre-commit": _pre_commit,
}


def files_named(remark: str) -> list[str]:
    """Files that the remark behind a command says it leaves, by their names."""
    return re.findall(r"(?<![\w./-])([\w/-]+\.(?:png|mp4|csv|yaml|jsonl|json|onnx))\b", remark)


def is_there(name: str) -> bool:
    """Whether the current folder has a file of that name, at that place or further down."""
    return Path(name).is_file() or any(path.is_file() for path in Path().rglob(Path(name).name))
