"""Pages as a browser's parser sees them: elements with their attributes, and the text that is in them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

_VOID = {"meta", "img", "input", "link", "br", "circle", "line", "path", "rect"}


@dataclass
class Element:
    """An element: its name, attributes, and all text below it."""

    tag: str
    attributes: dict[str, str]
    text: str = ""
    inner: list[Element] = field(default_factory=list)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.all: list[Element] = []
        self._open: list[Element] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.all.append(element)
        for outer in self._open:
            outer.inner.append(element)
        if tag not in _VOID:
            self._open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in _VOID:
            self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        if tag in _VOID:
            return
        assert self._open, f"</{tag}> ends nothing"
        assert self._open[-1].tag == tag, f"</{tag}> ends <{self._open[-1].tag}>"
        self._open.pop()

    def handle_data(self, data: str) -> None:
        for outer in self._open:
            outer.text += data

    def close(self) -> None:
        super().close()
        assert not self._open, f"{self._open[-1].tag} does not end"


def read_page(path: Path) -> list[Element]:
    """All elements of a page in their order; each must end where it should."""
    reader = _Reader()
    reader.feed(path.read_text("utf-8"))
    reader.close()
    return reader.all


def elements(page: list[Element], tag: str, kind: str = "") -> list[Element]:
    """The elements of a tag, of a class if one is given."""
    return [one for one in page if one.tag == tag and (not kind or kind in one.attributes.get("class", "").split())]


def told(page: list[Element]) -> dict[str, str]:
    """What lists of names and values say."""
    names, values = elements(page, "dt"), elements(page, "dd")
    return {name.text: value.text for name, value in zip(names, values, strict=True)}


def rows_of(page: list[Element], kind: str) -> list[list[str]]:
    """A table's rows of text."""
    (table,) = elements(page, "table", kind)
    return [
        [" ".join(cell.text.split()) for cell in row.inner if cell.tag in ("th", "td")]
        for row in table.inner
        if row.tag == "tr"
    ]


def place(image: Element) -> tuple[int, int]:
    """The line and the column of a face in its sprite."""
    found = re.search(r"\bl(\d+) c(\d+)\b", image.attributes["class"])
    assert found, image
    return int(found[1]), int(found[2])
