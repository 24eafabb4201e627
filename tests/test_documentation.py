"""Every block of README and documentation is run: Python as it stands, commands for real where they can be.

The tables of `documented_runs` tell which command is only parsed, and why. A block of no known kind fails.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import datasets
import pytest
import yaml
from documented import PAGES, ROOT, Block, Command, blocks_of, commands_of, inline_of
from documented_folder import furnish
from documented_runs import GROUPS, RefusedError, Shell, files_named, is_there, parse
from training_helpers import Finished, run

Rmset = Callable[..., Finished]

# Blocks of commands, a line each.
COMMANDS = {"sh", "bash", "console"}
# Blocks that Sphinx reads: `make docs` and tests/test_site.py.
SITES = {"{toctree}", "{eval-rst}"}
# Pages whose Python and settings take a changed copy of the package, and the test that makes it and trains.
BY_ANOTHER_TEST = {"methods.md": "tests/rmfer/training/test_another_method.py"}

ids = {"ids": lambda page: page.name}
with_blocks = [page for page in PAGES if any(block.kind not in SITES for block in blocks_of(page))]


@pytest.fixture(scope="session")
def furnished(
    small_video: Path, make_clip: Callable[..., Path], rmset: Rmset, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    """What the documentation takes for there; each page works in a copy."""
    folder = tmp_path_factory.mktemp("documented")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        furnish(folder, small_video, make_clip, rmset)
    before = state(folder)
    yield folder
    assert state(folder) == before, "a page changed what all pages begin with"


def state(folder: Path) -> dict[Path, tuple[int, int]]:
    return {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def place(furnished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A furnished folder of one's own, which is the current one; of links, as no file is ever written in its place."""
    folder = Path(shutil.copytree(furnished, tmp_path / "place", copy_function=os.link))
    monkeypatch.chdir(folder)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    return folder


@pytest.fixture(scope="session")
def run_before() -> set[str]:
    """Commands that were run for a page, of those that are run once."""
    return set()


def try_block(block: Block, shell: Shell, rmset: Rmset) -> list[str]:
    """Run a block, and tell how its commands were tried.

    Raises:
        RefusedError: it does not work, or is of no known kind.
    """
    if block.kind in COMMANDS:
        return [f"{command}: {tried(command, shell)}" for command in commands_of(block)]
    if block.kind == "python":
        # As many empty lines before as the page has text, so that a fault tells the page's own line.
        code = compile("\n" * (block.line - 1) + block.text, str(block.page), "exec")
        if block.page.name not in BY_ANOTHER_TEST:
            exec(code, {"__name__": "__documentation__"})
    elif block.kind == "toml":
        Path("rmset.toml").write_text(block.text)
        for done in (rmset("config"), run(["config"])):
            if done.returncode or "rmset.toml" not in done.stderr:
                raise RefusedError(done.stderr)
    elif block.kind == "yaml":
        yaml.safe_load(block.text)
        if block.page.name not in BY_ANOTHER_TEST:
            raise RefusedError("no test knows what this is for")
    elif block.kind not in SITES:
        raise RefusedError(f"a block of the kind {block.kind!r}, which nothing runs")
    return []


def tried(command: Command, shell: Shell) -> str:
    how = shell.try_out(command)
    if how == "run" and (missing := [name for name in files_named(command.remark) if not is_there(name)]):
        raise RefusedError(f"says that it leaves {', '.join(missing)}, and does not")
    return how


@pytest.mark.parametrize("page", with_blocks, **ids)
@pytest.mark.usefixtures("place")
def test_every_block_works(page: Path, rmset: Rmset, run_before: set[str]) -> None:
    shell, told, faults = Shell(rmset, run_before), list[str](), list[str]()
    for block in blocks_of(page):
        try:
            told += try_block(block, shell, rmset)
        except Exception as error:
            faults.append(f"{block}: {type(error).__name__}: {error}")
    print("\n".join(told))
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize("page", PAGES, **ids)
def test_every_command_in_running_text_is_one(page: Path) -> None:
    """Its name, and each of its options."""
    for where, (name, command, *words) in inline_of(page):
        group: click.Command | None = GROUPS[name].get_command(click.Context(GROUPS[name]), command)
        assert group is not None, f"{where}: {name} {command}"
        parameters = [parameter for one in commands_below(group) for parameter in one.params]
        known = {option for parameter in parameters for option in (*parameter.opts, *parameter.secondary_opts)}
        options = {word.partition("=")[0] for word in words if word.startswith("-")}
        assert options <= known | {"--help", "--debug"}, f"{where}: {name} {command} {' '.join(words)}"


def commands_below(command: click.Command) -> list[click.Command]:
    below = command.commands.values() if isinstance(command, click.Group) else []
    return [command, *(one for each in below for one in commands_below(each))]


def test_a_page_is_run_elsewhere_where_it_says_so() -> None:
    for page, test in BY_ANOTHER_TEST.items():
        assert f'"{page}"' in (ROOT / test).read_text("utf-8")


WRONG = {
    "option": ("    rmset stats shards/ --papper\n", "exit code 2"),
    "command": ("1. In a list:\n\n       rmset statistics\n", "exit code 2"),
    "no file": ("    rmset stats nowhere/\n", "exit code 2"),
    "only parsed": ("    rmset extract wall.mp4 --gpu 0 --thread x\n", "--thread"),
    "type": ("    rmfer table 4 --seeds none\n", "'none' is not a valid integer"),
    "setting": ("    rmfer train --set lambda3=1\n", "lambda3"),
    "program": ("    curl somewhere\n", "no program that the tests know"),
    "target": ("    make tea\n", "no tea"),
    "extra": ("    pip install .[tea]\n", "no extra tea"),
    "left": ("    rmset stats shards/   # table.csv\n", "says that it leaves table.csv"),
    "python": ("> ```python\n> from pathlib import Path\n> Path('no').read_bytes()\n> ```\n", "FileNotFoundError"),
    "toml": ("```toml\n[rmset.extract]\njobbs = 2\n```\n", "jobbs"),
    "prompt": ("```console\n$ rmset stats nowhere/\n```\n", "exit code 2"),
    "kind": ("```ruby\nputs 1\n```\n", "'ruby', which nothing runs"),
    "no kind": ("```\nrmset stats\n```\n", "'', which nothing runs"),
}


@pytest.mark.parametrize(("text", "told"), WRONG.values(), ids=WRONG.keys())
@pytest.mark.usefixtures("place")
def test_a_wrong_block_fails(text: str, told: str, rmset: Rmset) -> None:
    (block,) = blocks_of(ROOT / "README.md", text)
    with pytest.raises((RefusedError, OSError)) as raised:
        try_block(block, Shell(rmset, set()), rmset)
    assert told in f"{type(raised.value).__name__}: {raised.value}"


def test_what_is_parsed_is_parsed_whole() -> None:
    parse("rmfer", ["table", "4", "--quick", "--seeds", "42"])
    with pytest.raises(RefusedError, match="No such option"):
        parse("rmfer", ["table", "4", "--quick", "--sead", "42"])
