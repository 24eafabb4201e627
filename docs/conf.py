"""How `make docs` makes the site: Sphinx, MyST for Markdown, autodoc for docstrings. Nothing comes from elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from pydantic import BaseModel
from sphinx.application import Sphinx

import rmfer.labelled
import rmfer.shards
from rmfer.cli import rmfer as rmfer_command
from rmset_builder import __version__
from rmset_builder.cli import rmset as rmset_command

ROOT = Path(__file__).parents[1]
# Pages of the site whose text lies at the top of the repository, where people and hubs look for it.
ELSEWHERE = {
    "index": "README.md",
    "contributing": "CONTRIBUTING.md",
    "changelog": "CHANGELOG.md",
    "security": "SECURITY.md",
}
PAGES = {text: f"{page}.md" for page, text in ELSEWHERE.items()}
CONTENTS = "```{toctree}"
_LINK = re.compile(r"(?<=\]\()(?!https?:|#)([^)\s#]+)")
_COLON = "\ue000"
_BOUNDS = re.compile(r"Annotated\[(\w+)[^\]]*\]")

project, release = "rmset-builder", __version__
copyright = "the rmset-builder developers, Apache-2.0"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]

myst_heading_anchors = 3
# Addresses in running text are text: what looks like one is mostly a file's name.
myst_linkify_fuzzy_links = False

# A word in backquotes is code in docstrings, as it is in Markdown.
default_role = "code"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autodoc_typehints_format = "short"
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 88
napoleon_numpy_docstring = False

html_title = f"rmset-builder {release}"
html_theme = "pydata_sphinx_theme"
html_static_path = ["_static"]
html_css_files = ["site.css"]
templates_path = ["_templates"]
html_sidebars = {"**": ["all-pages.html"]}
html_copy_source = html_show_sourcelink = html_show_sphinx = False
html_theme_options = {
    "navbar_center": [],
    "navbar_end": ["theme-switcher"],
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "show_toc_level": 2,
}


def _below_docs(link: re.Match[str]) -> str:
    """A link of a text at the top of the repository, as seen from docs/."""
    target = link[1]
    return PAGES.get(target) or (target.removeprefix("docs/") if target.startswith("docs/") else f"../{target}")


def _to_a_page(link: re.Match[str]) -> str:
    """A link of a text in docs/; where it leads to a text that the site has as a page, to that page."""
    return PAGES.get(link[1].removeprefix("../"), link[1]) if link[1].startswith("../") else link[1]


def _helps(name: str, command: click.Command, parent: click.Context | None = None) -> Iterator[str]:
    """A command's help and that of all below it, each below a heading."""
    context = click.Context(command, parent=parent, info_name=name, terminal_width=88, color=False)
    yield f"## {context.command_path}\n\n```text\n{command.get_help(context)}\n```\n"
    if isinstance(command, click.Group):
        for below in command.list_commands(context):
            found = command.get_command(context, below)
            if found is not None:
                yield from _helps(below, found, context)


def read_page(_: Sphinx, page: str, text: list[str]) -> None:
    """Bring in the texts from elsewhere, and lead links to the pages that are made of them."""
    own = _LINK.sub(_to_a_page, text[0])
    if page in ELSEWHERE:
        own = _LINK.sub(_below_docs, (ROOT / ELSEWHERE[page]).read_text("utf-8")) + "".join(_contents(own))
    elif page == "commands":
        own += "\n" + "\n".join([*_helps("rmset", rmset_command), *_helps("rmfer", rmfer_command)])
    text[0] = own


def _contents(page: str) -> Iterator[str]:
    """What a page has from its tables of contents on."""
    _, toctree, rest = page.partition(CONTENTS)
    if toctree:
        yield f"\n{toctree}{rest}"


def tell_settings(_: Sphinx, kind: str, name: str, held: Any, options: Any, lines: list[str]) -> None:
    """Add to a pydantic model's docstring what its fields say of themselves."""
    if kind == "class" and issubclass(held, BaseModel):
        told = [(name, field) for name, field in held.model_fields.items() if field.description]
        lines += ["Args:"] * bool(told)
        lines += [f"    {name}: {field.description}; {field.default!r} unless given." for name, field in told]
    elif kind in ("property", "attribute"):
        # What stands before a colon napoleon would take for a type.
        lines[:] = [line.replace(":", _COLON) for line in lines]


def give_back_colons(_: Sphinx, kind: str, name: str, held: Any, options: Any, lines: list[str]) -> None:
    """Undo what `tell_settings` hid from napoleon."""
    lines[:] = [line.replace(_COLON, ":") for line in lines]


def shorten(*told: Any) -> tuple[str | None, str | None]:
    """Leave a setting's bounds out of a signature; its description follows."""
    given, back = told[-2:]
    return _BOUNDS.sub(r"\1", given) if given else given, back


def leave_out(_: Sphinx, kind: str, name: str, held: object, skip: bool, options: Any) -> bool | None:
    """Leave out what says nothing: a named tuple's fields, which its class tells of, and pydantic's own."""
    return True if type(held).__name__ == "_tuplegetter" or name == "model_config" else None


def setup(app: Sphinx) -> None:
    """Connect the above; before napoleon, which reads what is added."""
    for door in (rmfer.shards, rmfer.labelled):
        # What is imported when it is asked for is otherwise not seen.
        vars(door).update({name: getattr(door, name) for name in door.__all__})
    app.connect("source-read", read_page)
    app.connect("autodoc-process-docstring", tell_settings, priority=100)
    app.connect("autodoc-process-docstring", give_back_colons, priority=900)
    app.connect("autodoc-process-signature", shorten)
    app.connect("autodoc-skip-member", leave_out)
