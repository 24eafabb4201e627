"""pydantic's errors, in the terms of the manifest's author, with the line of the file."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from rmset_builder.manifest.yaml_lines import Document, Fault, Place, shown, spell

_SENTENCES = {
    "missing": "is missing",
    "tuple_type": "must be a list, not {found}",
    "bool_type": "must be true or false, not {found}",
    "string_pattern_mismatch": "must look like {pattern}, not {found}",
    "string_too_long": "has more than {max_length:,} characters",
    "int_type": "must be a whole number, not {found}",
    "int_from_float": "must be a whole number, not {found}",
    "greater_than_equal": "must be at least {ge}, not {found}",
    "less_than_equal": "must be at most {le}, not {found}",
}


def faults_of(
    error: ValidationError,
    document: Document,
    top: type[BaseModel],
    parts: Mapping[str, type[BaseModel]],
) -> list[Fault]:
    """Every fault of ``document``: those of its YAML, and those in ``error`` that stand elsewhere.

    Args:
        error: what pydantic found in ``document.data``.
        document: the file as read.
        top: the model of the whole document.
        parts: the models of what its fields hold, by the field's name.
    """
    faults = list(document.faults)
    known = {fault.place for fault in faults}
    for detail in error.errors():
        place = detail["loc"]
        if place not in known:
            faults.append(Fault(document.line_of(place), place, _problem(detail, document, top, parts)))
    return faults


def _problem(
    detail: ErrorDetails, document: Document, top: type[BaseModel], parts: Mapping[str, type[BaseModel]]
) -> str:
    place, context = detail["loc"], detail.get("ctx", {})
    found = _found(place, document)
    match detail["type"]:
        case kind if kind in _SENTENCES:
            problem = _SENTENCES[kind].format(found=found, **context)
        case "string_type":
            problem = _not_text(place, document)
        case "extra_forbidden":
            part = top if len(place) == 1 else parts[str(place[0])]
            problem = f"unknown field; {_choices(str(place[-1]), _fields(part))}"
        case "model_type":
            part = parts[str(place[0])] if place else top
            problem = f"must be a mapping, not {found}; {_choices('', _fields(part))}"
        case "literal_error":
            problem = f"must not be {found}; {_choices(document.written.get(place, ''), _literals(top, place))}"
        case "repeat":
            first = (*place[: -len(context["earlier"])], *context["earlier"])
            problem = f"the same as {spell(first)} on line {document.line_of(first)}"
        case _:
            problem = detail["msg"]
    return problem


def _found(place: Place, document: Document) -> str:
    """What stands at ``place``, as the file has it."""
    kind = document.kinds.get(place, "nothing")
    written = document.written.get(place)
    return shown(written) if written and kind == "text" else (written or kind)[:40]


def _not_text(place: Place, document: Document) -> str:
    kind, written = document.kinds.get(place, "nothing"), document.written.get(place)
    if written:
        quoted = f'"{written}"' if written.isprintable() and len(written) <= 40 else "it"
        return f"{written[:40]} is {kind} to YAML; if text is meant, write it in quotes: {quoted}"
    if kind == "nothing":
        return "is empty"
    return f"must be text, not {kind}; if text is meant, write it in quotes"


def _fields(model: type[BaseModel]) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items()]


def _literals(top: type[BaseModel], place: Place) -> list[str]:
    field = next(f for name, f in top.model_fields.items() if (f.alias or name) == place[0])
    return [str(value) for value in get_args(field.annotation)]


def _choices(given: str, allowed: list[str]) -> str:
    """The allowed words, and the one that was probably meant."""
    near = difflib.get_close_matches(given[:40].casefold(), allowed, n=1)
    return f"allowed: {', '.join(allowed)}" + (f"; did you mean {near[0]}?" if near else "")
