"""Templates to pages. Whatever a page shows is text until a template says otherwise: no title becomes markup."""

from __future__ import annotations

import base64
import hashlib
import re
import unicodedata
from collections.abc import Iterator
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from rmset_builder.core.errors import one_line
from rmset_builder.drawing.people import colour_of
from rmset_builder.reports import findings
from rmset_builder.site.charts import moment
from rmset_builder.site.look import LINES, Look

KINDS = {
    findings.ONE_PERSON: "One person under two numbers?",
    findings.TWO_PEOPLE: "Two people under one number?",
    findings.FILM: "Of the film, and not of the wall?",
    findings.TWICE: "Twice at once?",
    findings.TINY: "Tiny faces",
    findings.BLURRED: "Blurred faces",
    findings.UPSIDE_DOWN: "Upside down?",
}


def render(template: str, look: Look, **values: Any) -> str:
    """A page as text."""
    return "".join(stream(template, look, **values))


def stream(template: str, look: Look, **values: Any) -> Iterator[str]:
    """A page piece by piece, so that what an iterator in ``values`` gives need not be in memory at once."""
    yield from _environment().get_template(template).generate(look=look, **_inlined(look), **values)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("rmset_builder.site"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        number=lambda value: f"{value:,}",
        moment=moment,
        text=as_text,
        colour=_colour,
        kind=lambda kind: KINDS.get(kind, kind),
    )
    return environment


def as_text(text: str) -> str:
    """Text from anywhere without the characters that steer a terminal; joiners, which scripts need, stay.

    Example:
        >>> as_text("a\\x00b\\u200dc")
        'a\\ufffdb\\u200dc'
    """
    return "".join("\ufffd" if unicodedata.category(sign) in ("Cc", "Cs") else sign for sign in text)


def web_address(address: str) -> str:
    """An address that may be followed: a page of the web; empty otherwise."""
    return address if re.match(r"https?://[^\s\"'<>\\]+\Z", address) and one_line(address) == address else ""


def _colour(identity: int) -> str:
    red, green, blue = colour_of(identity)
    return f"#{red:02x}{green:02x}{blue:02x}"


def style_and_script(look: Look) -> dict[str, str]:
    """The files that pages which are served ask for, by their names."""
    inlined = _inlined(look)
    return {"style.css": str(inlined["style"]), "script.js": str(inlined["script"])}


@cache
def _inlined(look: Look) -> dict[str, Markup]:
    """Style and script as they stand in each page, and the policy that lets these two alone in."""
    sources = {name: _source(name) for name in ("style.css", "script.js")}
    style = sources["style.css"] + _places(look)
    pictures = "data:" if look.single else "'self' file:"
    policy = (
        f"default-src 'none'; img-src {pictures}; style-src {_hash(style)}; script-src {_hash(sources['script.js'])}; "
        "base-uri 'none'; form-action 'none'"
    )
    return {"style": Markup(style), "script": Markup(sources["script.js"]), "policy": Markup(policy)}


def _source(name: str) -> str:
    loader, environment = _environment().loader, _environment()
    assert loader is not None
    return loader.get_source(environment, name)[0]


def _places(look: Look) -> str:
    """The styles by which a face is one place of a sprite: a policy without styles in elements leaves no other way."""
    size = look.size
    columns = "".join(f".c{n}{{--x:-{n * size}px}}" for n in range(1, look.columns))
    lines = "".join(f".l{n}{{--y:-{n * size}px}}" for n in range(1, LINES))
    return f".face{{width:{size}px;height:{size}px}}{columns}{lines}\n"


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode('ascii')}'"
