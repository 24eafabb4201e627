"""The manifest: which searches to make, for which expression group, and which of the videos found to keep.

A manifest comes from anyone. Until `load_manifest` has checked it, nothing in it is believed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Literal, NamedTuple, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError
from pydantic_core.core_schema import ValidationInfo

from rmset_builder.core.errors import ManyFaultsError, RmsetError, one_line
from rmset_builder.core.files import as_address
from rmset_builder.manifest.faults import faults_of
from rmset_builder.manifest.yaml_lines import Fault, read_yaml, spell

LARGEST_BYTES = 1_000_000
LONGEST_TEXT = 100
LONGEST_ADDRESS = 2000
FAULTS_SHOWN = 50

YOUTUBE, URL, FOLDER = "youtube", "url", "folder"
# Either a page (https://...) or one of yt-dlp's own searches (bilisearch20:...).
_SEARCH = re.compile(r"(https?://|[a-z]+(\{count\}|[0-9]+|all)?:(?!//))\S*\{query\}\S*")
_ADDRESS = re.compile(r"https?://[^/\s]+\S*")

# Both are letters of a kind: Persian and many emoji are misspelled without them.
_JOINERS = "\u200c\u200d"


def _checked_text(text: str, longest: int = LONGEST_TEXT) -> str:
    """Refuse what no search box would be given: blank, endless or invisible text."""
    if not text.strip():
        raise PydanticCustomError("text", "is empty")
    if len(text) > longest:
        raise PydanticCustomError("text", f"has {len(text):,} characters, at most {longest:,} are allowed")
    hidden = next((c for c in text if not (c.isprintable() or c in _JOINERS)), None)
    if hidden is not None:
        raise PydanticCustomError("text", f"holds the invisible character U+{ord(hidden):04X}; remove it")
    if text != text.strip():
        raise PydanticCustomError("text", "begins or ends with a space; remove it")
    return text


def _checked_address(text: str) -> str:
    _checked_text(text, LONGEST_ADDRESS)
    if not _ADDRESS.fullmatch(text):
        raise PydanticCustomError("address", "must be an address that begins with http:// or https://")
    return text


def _checked_source(text: str) -> str:
    _checked_text(text, LONGEST_ADDRESS)
    if text not in (YOUTUBE, URL, FOLDER) and not _SEARCH.fullmatch(text):
        raise PydanticCustomError(
            "source",
            "must be youtube, url, folder, or a search address with {query} in it, "
            "such as https://videos.example/search?q={query}",
            {"query": "{query}"},
        )
    return text


Text = Annotated[str, AfterValidator(_checked_text)]
Address = Annotated[str, AfterValidator(_checked_address)]
FolderName = Annotated[str, AfterValidator(lambda text: _checked_text(text, LONGEST_ADDRESS))]
Source = Annotated[str, AfterValidator(_checked_source)]


def _given_once(texts: tuple[str, ...], *, exactly: bool = False) -> tuple[str, ...]:
    _check_list(texts, exactly=exactly)
    return texts


def _check_list(texts: Sequence[str], *, beyond: tuple[str, ...] = (), exactly: bool = False) -> None:
    """Refuse an empty list and a text that stands twice, whatever its capitals and spaces unless ``exactly``.

    ``beyond`` leads from an item of the list to its text.
    """
    if not texts:
        raise PydanticCustomError("empty", "is an empty list; it needs at least one item")
    first: dict[str, int] = {}
    repeats: list[InitErrorDetails] = []
    for index, text in enumerate(texts):
        earlier = first.setdefault(text if exactly else " ".join(text.casefold().split()), index)
        if earlier != index:
            error = PydanticCustomError("repeat", "given twice", {"earlier": (earlier, *beyond)})
            repeats.append(InitErrorDetails(type=error, loc=(index, *beyond), input=text))
    if repeats:
        raise ValidationError.from_exception_data("repeats", repeats)


class Part(BaseModel):
    """A part of a file that people write: nothing unknown, nothing converted, nothing changed afterwards."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, validate_default=True)


class Group(Part):
    """One expression group: the videos that show, roughly, the same feelings.

    The manifest's source tells which of the lists is needed: ``keywords`` to search for, the videos' own ``urls``, or
    ``folders`` of files, relative to the manifest's.
    """

    name: Text
    keywords: Annotated[tuple[Text, ...], Field(strict=False, validate_default=False)] = ()
    urls: Annotated[tuple[Address, ...], Field(strict=False, validate_default=False)] = ()
    folders: Annotated[tuple[FolderName, ...], Field(strict=False, validate_default=False)] = ()

    @field_validator("keywords")
    @classmethod
    def _each_keyword_once(cls, keywords: tuple[str, ...]) -> tuple[str, ...]:
        return _given_once(keywords)

    @field_validator("urls", "folders")
    @classmethod
    def _each_place_once(cls, places: tuple[str, ...]) -> tuple[str, ...]:
        return _given_once(places, exactly=True)


class Filters(Part):
    """What a video must be to be kept. Defaults: one minute to one hour, at least 720 lines, for everyone.

    ``live`` takes streams that are not over too, ``age_restricted`` what is only for adults.
    """

    min_duration_s: Annotated[int, Field(ge=0)] = 60
    max_duration_s: Annotated[int, Field(ge=1)] = 3600
    min_height: Annotated[int, Field(ge=0)] = 720
    live: bool = False
    age_restricted: bool = False

    @field_validator("max_duration_s")
    @classmethod
    def _leave_room(cls, longest: int, info: ValidationInfo) -> int:
        shortest = info.data.get("min_duration_s", 0)
        if longest < shortest:
            raise PydanticCustomError("range", f"is {longest}, below min_duration_s, which is {shortest}")
        return longest


class Query(NamedTuple):
    """One search: its group's name, its keyword, and the words to search for."""

    group: str
    keyword: str
    query: str


class Manifest(Part):
    """A whole manifest. Only ``groups`` must be given; every other field has the default shown here.

    Example:
        >>> group = Group(name="Anger", keywords=("racism", "911"))
        >>> [query.query for query in Manifest(groups=(group,)).queries()]
        ['reaction mashup video racism', 'reaction mashup video 911']
    """

    schema_version: Annotated[Literal[1], Field(alias="schema")] = 1
    source: Source = YOUTUBE
    base_query: Text = "reaction mashup video"
    licence: Literal["creative-commons", "any"] = "creative-commons"
    per_keyword: Annotated[int, Field(ge=1, le=1000)] = 10
    filters: Filters = Filters()
    groups: Annotated[tuple[Group, ...], Field(strict=False)]

    @field_validator("groups")
    @classmethod
    def _each_name_once(cls, groups: tuple[Group, ...]) -> tuple[Group, ...]:
        _check_list([group.name for group in groups], beyond=("name",))
        return groups

    @model_validator(mode="after")
    def _groups_fit_the_source(self) -> Self:
        needed = self.group_field
        faults: list[InitErrorDetails] = []
        for index, group in enumerate(self.groups):
            if not getattr(group, needed):
                error = PydanticCustomError("lacking", f"is missing; source {self.source_name} needs it")
                faults.append(InitErrorDetails(type=error, loc=("groups", index, needed), input=group))
            for other in sorted({"keywords", "urls", "folders"} & group.model_fields_set - {needed}):
                error = PydanticCustomError("surplus", f"has no use with source {self.source_name}")
                faults.append(InitErrorDetails(type=error, loc=("groups", index, other), input=group))
        if faults:
            raise ValidationError.from_exception_data("groups", faults)
        return self

    @property
    def group_field(self) -> str:
        """The list that each group must have, by the manifest's source."""
        return {URL: "urls", FOLDER: "folders"}.get(self.source, "keywords")

    @property
    def source_name(self) -> str:
        """The source as one word."""
        return self.source if self.source in (YOUTUBE, URL, FOLDER) else "search"

    def queries(self) -> Iterator[Query]:
        """Every search to make, in the manifest's order; none where the source is no search."""
        for group in self.groups:
            for keyword in group.keywords:
                yield Query(group.name, keyword, f"{self.base_query} {keyword}")


def load_manifest(path: Path) -> Manifest:
    """Read and check a manifest.

    Raises:
        RmsetError: it cannot be read, or is not a manifest; one line for each fault: ``path:line: field: problem``.
    """
    document = read_yaml(read_text(path))
    if document.data is None and not document.faults:
        raise RmsetError(f"{path} is empty", remedy=_EXAMPLE)
    if document.data is None:
        raise refusal(path, document.faults)
    try:
        manifest = Manifest.model_validate(document.data)
    except ValidationError as error:
        parts: dict[str, type[BaseModel]] = {"groups": Group, "filters": Filters}
        raise refusal(path, faults_of(error, document, Manifest, parts)) from None
    if document.faults:
        raise refusal(path, document.faults)
    return manifest


_EXAMPLE = "manifests/keywords.yaml is an example to start from"


def read_text(path: Path, largest: int = LARGEST_BYTES) -> str:
    """The text of ``path``, of which no more than the largest allowed size is ever read."""
    try:
        with path.open("rb") as handle:
            content = handle.read(largest + 1)
    except FileNotFoundError:
        if address := as_address(path):
            remedy = f"write one with source: url, and in a group, urls: [{address}] (docs/fetching.md)"
            raise RmsetError(f"{address} is an address, not a manifest", remedy=remedy) from None
        raise RmsetError(f"no manifest at {path}", remedy=_EXAMPLE) from None
    except IsADirectoryError:
        raise RmsetError(f"{path} is a folder, not a manifest", remedy="name the YAML file in it") from None
    except OSError as error:
        raise RmsetError(f"{path} cannot be read ({error.strerror})") from error
    if len(content) > largest:
        raise RmsetError(f"{path} is larger than {largest:,} bytes, too large for a manifest")
    if b"\0" in content:
        raise RmsetError(f"{path} is a binary file, not a manifest", remedy=_EXAMPLE)
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise RmsetError(f"{path}:{line}: not UTF-8", remedy="save the file as UTF-8") from None


def refusal(path: Path, faults: list[Fault]) -> RmsetError:
    """All faults of a file as one error, a line for each."""
    lines = [
        ": ".join(filter(None, [f"{path}:{fault.line}", spell(fault.place), fault.problem]))
        for fault in sorted(faults, key=lambda fault: fault.line)
    ]
    hidden = len(lines) - FAULTS_SHOWN
    if hidden > 0:
        lines[FAULTS_SHOWN:] = [f"{path}: and {hidden:,} more"]
    return ManyFaultsError("\n".join(map(one_line, lines)))
