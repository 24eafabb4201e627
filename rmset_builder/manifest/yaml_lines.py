"""YAML from strangers: plain data only, each value with the line it stands on, every oddity a fault with its line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import yaml
from yaml.constructor import SafeConstructor
from yaml.reader import ReaderError

DEEPEST = 20

Place: TypeAlias = tuple[str | int, ...]
"""Where a value stands: ``("groups", 2, "keywords", 1)``; the whole document is ``()``."""

_KINDS = {
    "tag:yaml.org,2002:str": "text",
    "tag:yaml.org,2002:int": "a number",
    "tag:yaml.org,2002:float": "a number",
    "tag:yaml.org,2002:bool": "a boolean",
    "tag:yaml.org,2002:null": "nothing",
    "tag:yaml.org,2002:timestamp": "a date",
    "tag:yaml.org,2002:seq": "a list",
    "tag:yaml.org,2002:map": "a mapping",
}


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong: where, on which line, and what."""

    line: int
    place: Place
    problem: str


@dataclass
class Document:
    """A YAML document as plain data, with what is needed to point at any part of it.

    ``lines`` tells the line of every value (of its name, for the fields of a mapping), ``kinds`` what YAML took
    it for, and ``written`` how a single value is spelled in the file. ``faults`` are those of the YAML itself;
    of a field given twice, ``data`` holds the first.
    """

    data: Any = None
    lines: dict[Place, int] = field(default_factory=dict)
    kinds: dict[Place, str] = field(default_factory=dict)
    written: dict[Place, str] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)

    def line_of(self, place: Place) -> int:
        """The line of ``place``, or of the nearest thing around it when it is absent from the file."""
        while place and place not in self.lines:
            place = place[:-1]
        return self.lines.get(place, 1)


def shown(text: str, longest: int = 40) -> str:
    """``text`` in quotes, short and harmless to a terminal."""
    return repr(text if len(text) <= longest else text[: longest - 1] + "…")


def spell(place: Place) -> str:
    """A place as people write it.

    Example:
        >>> spell(("groups", 2, "keywords", 1))
        'groups[2].keywords[1]'
    """
    return "".join(f"[{step}]" if isinstance(step, int) else f".{_bare(step)}" for step in place).removeprefix(".")


def _bare(name: str) -> str:
    return name if name.isidentifier() and len(name) <= 40 else shown(name)


def read_yaml(text: str) -> Document:
    """The single document in ``text``; what is wrong with it stands in ``faults``, nothing is raised.

    Anchors, aliases, tags, deep nesting and several documents are refused: a bomb is stopped where it starts.
    """
    document = Document()
    line, problem = 1, ""
    loader: _PlainLoader | None = None
    try:
        loader = _PlainLoader(text)
        node = loader.get_single_node()
        if node is not None:
            document.data = _plain(node, (), document)
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        problem = f"holds the control character U+{error.character:04X}; remove it"
    except _NotPlainError as error:
        line, problem = error.line, f"{error}; if text is meant, write it in quotes"
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        problem = f"not valid YAML: {', '.join(filter(None, [error.context, error.problem]))}"
    except (ValueError, OverflowError):
        # How PyYAML leaves at "\UFFFFFFFF" and at a version of five thousand digits.
        line = loader.line + 1 if loader else 1
        problem = "not valid YAML: a character or a number out of range"
    if problem:
        document.faults.append(Fault(line, (), problem))
    return document


class _NotPlainError(Exception):
    """More than plain data begins on ``line``."""

    def __init__(self, problem: str, event: yaml.Event) -> None:
        super().__init__(problem)
        self.line = event.start_mark.line + 1 if event.start_mark else 1


class _PlainLoader(yaml.SafeLoader):
    """Composes nodes, and stops at the first one that is more than plain data."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event: yaml.Event = self.peek_event()  # type: ignore[no-untyped-call]
        if getattr(event, "anchor", None) is not None:
            raise _NotPlainError("anchors and aliases (& and *) are not allowed", event)
        if getattr(event, "tag", None) is not None:
            raise _NotPlainError("tags (!) are not allowed", event)
        if self._depth >= DEEPEST:
            raise _NotPlainError(f"brackets or lists nested deeper than {DEEPEST} levels", event)
        self._depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self._depth -= 1


def _plain(node: yaml.Node, place: Place, document: Document) -> Any:
    """The value of ``node``; notes its line and kind in ``document``, and everything below it."""
    document.lines.setdefault(place, node.start_mark.line + 1)
    document.kinds[place] = _KINDS.get(node.tag, "text")  # the rest: the signs = and <<
    if isinstance(node, yaml.MappingNode):
        return {name: _plain(value, (*place, name), document) for name, value in _fields(node, place, document)}
    if isinstance(node, yaml.SequenceNode):
        return [_plain(item, (*place, index), document) for index, item in enumerate(node.value)]
    document.written[place] = node.value
    if document.kinds[place] == "text":
        return node.value
    try:
        return SafeConstructor().construct_object(node)
    except (ValueError, OverflowError, yaml.YAMLError):
        problem = f"{shown(node.value)} is not {document.kinds[place]}; if text is meant, write it in quotes"
        document.faults.append(Fault(document.lines[place], place, problem))
        return None


def _fields(node: yaml.MappingNode, place: Place, document: Document) -> Iterator[tuple[str, yaml.Node]]:
    """The fields of a mapping, each name once; a second one of the same name is a fault."""
    for key, value in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            document.faults.append(Fault(line, place, "a field's name must be text, not a list or a mapping"))
            continue
        here = (*place, key.value)
        if here in document.lines:
            document.faults.append(Fault(line, here, f"given twice, first on line {document.lines[here]}"))
            continue
        document.lines[here] = line
        yield key.value, value
