"""What a column of a shard is, said once: how its values are held in memory, in Parquet, in other formats and in words.

A class of rows says it of its own fields (`Stored`), and everything else is made from that: the Arrow schema, the
features of `datasets`, the fields of Croissant, record batches and back, the documentation's table.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, get_args, get_type_hints

import numpy as np
import pyarrow as pa

from rmset_builder.shards.arrow_arrays import binaries, numbers, texts, values_of, vectors


@dataclass(frozen=True)
class Stored:
    """That a field of a class of rows is a column, given by ``typing.Annotated``.

    Args:
        meaning: what the values say, with their unit, in Markdown.
        width: how many numbers each row has, where there are several.
        name: the column's name, where it is another than the field's.
        since: the first version of the schema that has the column.
    """

    meaning: str
    width: int = 0
    name: str = ""
    since: int = 1


@dataclass(frozen=True)
class Kind:
    """How the values of a column are held and stored.

    Args:
        dtype: of the array that holds them; ``object`` where it is a list.
        arrow: their type in Parquet.
        feature: their type in Hugging Face `datasets`.
        croissant: their type in Croissant 1.1, as properties of a field.
        word: their type in the documentation.
        leaf: what leads from the column's name to its values within Parquet.
        to_arrow: the values of some rows to what a record batch has.
        from_arrow: the reverse.
    """

    dtype: np.dtype[Any]
    arrow: pa.DataType
    feature: Mapping[str, Any]
    croissant: Mapping[str, Any]
    word: str
    leaf: str
    to_arrow: Callable[[Any], pa.Array]
    from_arrow: Callable[[pa.Array], Any]


def _value(dtype: str) -> dict[str, str]:
    return {"dtype": dtype, "_type": "Value"}


def _numbers(dtype: np.dtype[Any]) -> Kind:
    """A number a row: (n,)."""
    return Kind(
        dtype=dtype,
        arrow=pa.from_numpy_dtype(dtype),
        feature=_value(dtype.name),
        # Croissant writes Int32, Float64 and UInt8.
        croissant={"dataType": f"cr:{dtype.name.capitalize().replace('Uint', 'UInt')}"},
        word=dtype.name,
        leaf="",
        to_arrow=numbers,
        from_arrow=values_of,
    )


def _vectors(dtype: np.dtype[Any], width: int) -> Kind:
    """So many numbers a row: (n, ``width``)."""
    number = _numbers(dtype)
    return Kind(
        dtype=dtype,
        arrow=pa.list_(number.arrow, width),
        feature={"feature": number.feature, "length": width, "_type": "Sequence"},
        croissant={**number.croissant, "isArray": True, "arrayShape": str(width)},
        word=rf"fixed_size_list\<{dtype.name}, {width}\>",
        leaf=".list.element",
        to_arrow=lambda values: vectors(values, width),
        from_arrow=lambda stored: number.from_arrow(stored.flatten()).reshape(-1, width),
    )


# As `datasets` has pictures: the bytes of a file, or a path, which is of no use here.
_FILES = [("bytes", pa.binary()), ("path", pa.string())]

# A JPEG file a row: a list of bytes.
PICTURES = Kind(
    dtype=np.dtype(object),
    arrow=pa.struct(_FILES),
    feature={"_type": "Image"},
    croissant={"dataType": "sc:ImageObject"},
    word=r"struct\<bytes, path\>",
    leaf=".bytes",
    to_arrow=lambda values: pa.StructArray.from_arrays(
        [binaries(values), pa.nulls(len(values), pa.string())],
        fields=[pa.field(*file) for file in _FILES],
    ),
    from_arrow=lambda stored: stored.field("bytes").to_pylist(),
)

# The same text in every row: a list of it, stored once.
REPEATED = Kind(
    dtype=np.dtype(object),
    arrow=pa.dictionary(pa.int32(), pa.string()),
    feature=_value("string"),
    croissant={"dataType": "sc:Text"},
    word=r"dictionary\<string\>",
    leaf="",
    to_arrow=lambda values: pa.DictionaryArray.from_arrays(numbers(np.zeros(len(values), np.int32)), texts(values[:1])),
    from_arrow=lambda stored: stored.to_pylist(),
)


@dataclass(frozen=True)
class Column:
    """A column: its name, the ``field`` that holds it in memory, and what `Stored` says of it."""

    name: str
    field: str
    kind: Kind
    meaning: str
    since: int = 1

    @property
    def leaf(self) -> str:
        """Where its values lie in a Parquet file."""
        return f"{self.name}{self.kind.leaf}"


def columns_of(row_class: type) -> tuple[Column, ...]:
    """The columns that a class of rows has, in the order of its fields; fields without `Stored` are none.

    Raises:
        TypeError: a field is no array and no list of ``bytes``.
    """
    return _columns_of(row_class)


@functools.cache  # asked for each block of rows
def _columns_of(row_class: type) -> tuple[Column, ...]:
    found = list[Column]()
    for field, hint in get_type_hints(row_class, include_extras=True).items():
        held, *said = get_args(hint) or (hint,)
        for stored in said:
            if isinstance(stored, Stored):
                kind = _kind(field, held, stored.width)
                found.append(Column(stored.name or field, field, kind, stored.meaning, stored.since))
    return tuple(found)


def table_of(columns: Iterable[Column]) -> str:
    """The columns as a table in Markdown."""
    lines = ["| column | type | meaning |", "|---|---|---|"]
    for column in columns:
        newer = f" (since schema {column.since})" if column.since > 1 else ""
        lines.append(f"| {column.name} | {column.kind.word} | {column.meaning}{newer} |")
    return "\n".join(lines)


def _kind(field: str, held: Any, width: int) -> Kind:
    if held == list[bytes]:
        return PICTURES
    try:
        # numpy.ndarray[shape, numpy.dtype[number]]
        dtype = np.dtype(get_args(get_args(held)[1])[0])
    except (IndexError, TypeError) as error:
        raise TypeError(f"{field}: a column is a NumPy array of one dtype or a list of bytes, not {held}") from error
    return _vectors(dtype, width) if width else _numbers(dtype)
