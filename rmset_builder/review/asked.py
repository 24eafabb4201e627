"""What a page may ask to be corrected: checked word for word before anything is done."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from rmset_builder.core.errors import RmsetError, one_line
from rmset_builder.corrections import correct
from rmset_builder.corrections.correct import Corrected

_Number = Annotated[int, Field(ge=0, lt=2**31)]
_Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,200}$")]


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class _Correction(_Asked):
    """``as_of`` is the last correction that the page which asks had seen; its numbers are those of that moment."""

    video: _Id
    as_of: _Number
    why: Annotated[str, Field(max_length=1000)] = ""


class Merge(_Correction):
    """Several identities are one person."""

    kind: Literal["merge"]
    identities: Annotated[list[_Number], Field(min_length=2, max_length=1000)]


class Split(_Correction):
    """Some tracks of an identity are another person."""

    kind: Literal["split"]
    identity: _Number
    tracks: Annotated[list[_Number], Field(min_length=1, max_length=5000)]


class Swap(_Correction):
    """Two identities are exchanged from the frame ``first`` on, up to ``last`` if given."""

    kind: Literal["swap"]
    identities: Annotated[list[_Number], Field(min_length=2, max_length=2)]
    first: _Number
    last: _Number | None = None


class Drop(_Correction):
    """An identity is left out."""

    kind: Literal["drop"]
    identity: _Number


class Undo(_Asked):
    """A correction is taken back: the last of all or of a video, or the one of a number."""

    kind: Literal["undo"]
    video: _Id | None = None
    number: _Number | None = None


Asked = Merge | Split | Swap | Drop | Undo
_READER: TypeAdapter[Asked] = TypeAdapter(Annotated[Asked, Field(discriminator="kind")])


class WrongRequestError(ValueError):
    """A request that asks for nothing there is; its text is a line."""


def read_asked(body: bytes) -> Asked:
    """What a request asks for.

    Raises:
        WrongRequestError: it is no correction.

    Example:
        >>> read_asked(b'{"kind": "drop", "video": "wall9", "identity": 5, "as_of": 0}').identity
        5
    """
    try:
        return _READER.validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise WrongRequestError(one_line(f"{where}: {first['msg']}" if where else first["msg"])) from error


def apply(shards: Path, asked: Asked) -> Corrected:
    """Correct what is asked for, as the command of the same name does.

    Raises:
        RmsetError: it cannot be; nothing is done.
    """
    match asked:
        case Merge():
            return correct.merge(shards, asked.video, asked.identities, as_of=asked.as_of, why=asked.why)
        case Split():
            return correct.split(shards, asked.video, asked.identity, asked.tracks, as_of=asked.as_of, why=asked.why)
        case Swap():
            one, other = asked.identities
            if asked.last is not None and asked.last < asked.first:
                raise RmsetError(f"the last frame {asked.last} is before the first, {asked.first}")
            return correct.swap(
                shards, asked.video, (one, other), first=asked.first, last=asked.last, as_of=asked.as_of, why=asked.why
            )
        case Drop():
            return correct.drop(shards, asked.video, asked.identity, as_of=asked.as_of, why=asked.why)
        case Undo():
            return correct.undo(shards, video=asked.video, correction=asked.number)
