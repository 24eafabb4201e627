"""The blocks of README and documentation: where each stands, of which kind it is, which commands it holds."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt

ROOT = Path(__file__).parents[1]
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")])


@dataclass(frozen=True)
class Block:
    """A code block: its page, its first line there, its kind (``sh`` where it is indented), its text."""

    page: Path
    line: int
    kind: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


@dataclass(frozen=True)
class Command:
    """A line of a block of commands, lines that go on joined: where, its words, and what is said behind it."""

    place: str
    words: tuple[str, ...]
    remark: str

    def __str__(self) -> str:
        return f"{self.place} {shlex.join(self.words)}"


def blocks_of(page: Path, text: str | None = None) -> list[Block]:
    """All code blocks of a page, fenced and indented, also those within lists and quotations."""
    tokens = MarkdownIt().enable("table").parse(page.read_text("utf-8") if text is None else text)
    found = []
    for token in tokens:
        if token.type in ("fence", "code_block") and token.map is not None:
            kind = "sh" if token.type == "code_block" else (token.info.split() or [""])[0]
            found.append(Block(page, token.map[0] + 1 + (token.type == "fence"), kind, token.content))
    return found


def commands_of(block: Block) -> Iterator[Command]:
    """The commands of a block; a prompt before one is none of its words."""
    joined = ""
    for number, line in enumerate(block.text.splitlines(), block.line):
        joined += line.strip() if joined else line.strip().removeprefix("$ ")
        if joined.endswith("\\"):
            joined = joined[:-1]
            continue
        words = tuple(shlex.split(joined, comments=True))
        if words:
            _, _, remark = joined.partition(" #")
            yield Command(f"{block.page.relative_to(ROOT)}:{number}", words, remark.strip())
        joined = ""


def inline_of(page: Path) -> Iterator[tuple[str, tuple[str, ...]]]:
    """What stands in backquotes within a page's text and begins as a command of ours: its place and its words."""
    for token in MarkdownIt().enable("table").parse(page.read_text("utf-8")):
        for child in token.children or ():
            if child.type == "code_inline" and re.match(r"(rmset|rmfer) [a-z]", child.content) and token.map:
                yield f"{page.relative_to(ROOT)}:{token.map[0] + 1}", tuple(shlex.split(child.content))
