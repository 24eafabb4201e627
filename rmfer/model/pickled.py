"""The tensors of a whole pickled network, taken without running its pickle.

``torch.save(network)`` writes a program that imports and calls whatever it likes when it is loaded. Here only tensors
are rebuilt: classes become empty shells, never imported; names from anywhere but the libraries that networks are made
of are refused. Both of torch's formats are read: the zip archive, and the one before torch 1.6.
"""

from __future__ import annotations

import io
import itertools
import pickle
import pickletools
import sys
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, cast

import torch
from torch import Tensor

from rmfer.errors import RmferError
from rmfer.model.weights import NESTS, tensors_of

_DTYPES = {
    "DoubleStorage": torch.float64,
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
}
# Whose classes and functions may be named; they become shells.
_LIBRARIES = ("torch", "timm", "torchvision", "numpy", "functools", "collections")
_LEGACY_MAGIC, _LEGACY_PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
# Parts of a network, and how deep one lies in another. Parts that name each other again and again would never end.
_MOST_PARTS, _DEEPEST = 100_000, 100
# Bytes of all tensors for each byte of the file: tensors may share their numbers, but not without end.
_MOST_SHARED = 8


class UnsafePickleError(Exception):
    """A pickle asks for more than tensors in shells; the message says what."""


def read_pickled(path: Path) -> dict[str, Tensor]:
    """The parameters and buffers of a pickled network (or the tensors of a pickled mapping) by name, on the CPU.

    Raises:
        RmferError: the file is missing, damaged, of another kind, or asks for something that is not allowed.
    """
    if not path.is_file():
        raise RmferError(f"there is no file {path}", remedy="give a network that torch.save wrote")
    try:
        root = _read_zip(path) if zipfile.is_zipfile(path) else _read_legacy(path)
        return _tensors(root, most_bytes=_MOST_SHARED * path.stat().st_size)
    except UnsafePickleError as error:
        raise RmferError(f"{path} is refused: {error}", remedy="fetch it anew from its authors") from error
    except Exception as error:  # a damaged pickle can lead to any
        words = f"{type(error).__name__}: {error}".splitlines()[0]
        raise RmferError(
            f"{path} is no network that torch.save wrote, or damaged ({words})", remedy="fetch it anew"
        ) from error


class _Shell:
    """Stands for an object of any class: keeps what would be its state, and does nothing."""

    state: Any = None

    def __new__(cls, *_: Any, **__: Any) -> _Shell:
        return super().__new__(cls)

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def __setitem__(self, key: Any, value: Any) -> None:
        pass

    def append(self, value: Any) -> None:
        """Of a class derived from list: forgotten."""

    def extend(self, values: Any) -> None:
        """Of a class derived from list: forgotten."""


class _Fixed:
    """Something that a pickle may name. It could set attributes of whatever it names: not of these."""

    __slots__ = ("_value",)
    _value: Any

    def __init__(self, value: Any) -> None:
        object.__setattr__(self, "_value", value)

    def __setattr__(self, name: str, value: Any) -> None:
        raise UnsafePickleError(f"it tries to change what it is read with ({name})")


class _StorageKind(_Fixed):
    """Stands for one of torch's storage classes."""

    __slots__ = ()

    @property
    def dtype(self) -> torch.dtype:
        """Of its elements."""
        return cast(torch.dtype, self._value)


class _Callable(_Fixed):
    """A function that a pickle may call."""

    __slots__ = ()

    def __call__(self, *args: Any) -> Any:
        return self._value(*args)


class _Unpickler(pickle.Unpickler):
    """Rebuilds tensors and plain values; ``storage`` gives the elements of (kind, key, count)."""

    def __init__(self, file: BinaryIO, storage: Callable[[torch.dtype, str, int], Tensor] | None = None) -> None:
        super().__init__(file, encoding="latin1")
        self._storage = storage

    def find_class(self, module: str, name: str) -> Any:
        """The harmless object that replaces ``module.name``."""
        module = "builtins" if module == "__builtin__" else module  # as protocol 2 calls it
        if (module, name) in _ALLOWED:
            return _ALLOWED[module, name]
        if module == "torch" and name in _DTYPES:
            return _StorageKind(_DTYPES[name])
        if "_rebuild_" in name:
            raise UnsafePickleError(f"it holds tensors of a kind that is not read here ({module}.{name})")
        if module.partition(".")[0] in _LIBRARIES:
            return type(name, (_Shell,), {})
        raise UnsafePickleError(f"it wants to use {module}.{name}, which no network needs")

    def persistent_load(self, pid: Any) -> Any:
        """The storage, or (in the old format) the class with its source text, that ``pid`` names."""
        if pid[0] == "module":
            return pid[1]
        kind, key, count = pid[1], pid[2], pid[4]
        if pid[0] != "storage" or self._storage is None or not isinstance(kind, _StorageKind):
            raise UnsafePickleError("it refers to something that is no tensor")
        if len(pid) > 5 and pid[5] is not None:
            raise UnsafePickleError("its tensors are views of a kind that is not read here")
        return self._storage(kind.dtype, str(key), int(count))


def _load(file: BinaryIO, storage: Callable[[torch.dtype, str, int], Tensor] | None = None) -> Any:
    """What the pickle at the file's place tells of.

    Python's own reader keeps what is to be used again in a list as long as the largest number that a pickle gives it,
    which may be four thousand millions.
    """
    begin = file.tell()
    for place, (code, argument, _) in enumerate(pickletools.genops(file)):
        if "PUT" in code.name and isinstance(argument, int) and argument > place:
            raise UnsafePickleError("it numbers what it holds beyond what it holds")
    file.seek(begin)
    return _Unpickler(file, storage).load()


def _rebuild_tensor(storage: Tensor, offset: int, size: tuple[int, ...], stride: tuple[int, ...], *_: Any) -> Tensor:
    tensor = storage.as_strided(tuple(size), tuple(stride), offset)  # which looks at the bounds
    if tensor.numel() > storage.numel():
        raise UnsafePickleError("it holds a tensor that is larger than its data")
    return tensor


def _rebuild_parameter(tensor: Tensor, *_: Any) -> Tensor:
    return tensor


_ALLOWED: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("builtins", "set"): _Callable(set),
    ("builtins", "frozenset"): _Callable(frozenset),
    ("torch", "Size"): _Callable(tuple),
    ("torch._utils", "_rebuild_tensor"): _Callable(_rebuild_tensor),
    ("torch._utils", "_rebuild_tensor_v2"): _Callable(_rebuild_tensor),
    ("torch._utils", "_rebuild_parameter"): _Callable(_rebuild_parameter),
}


def _read_zip(path: Path) -> Any:
    with zipfile.ZipFile(path) as archive:
        entries = {entry.filename: entry for entry in archive.infolist()}
        programs = [name for name in entries if name.endswith("/data.pkl")]
        if len(programs) != 1:
            raise UnsafePickleError("its archive is not one of torch's")
        folder = programs[0].removesuffix("data.pkl")
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries.values()):
            raise UnsafePickleError("its archive is compressed, as torch's never are")
        order = archive.read(f"{folder}byteorder").decode() if f"{folder}byteorder" in entries else "little"
        if order != sys.byteorder:
            raise UnsafePickleError(f"its numbers are {order}-endian")
        known: dict[str, Tensor] = {}
        left = path.stat().st_size

        def storage(dtype: torch.dtype, key: str, count: int) -> Tensor:
            nonlocal left
            if key not in known:
                left -= count * dtype.itemsize
                if count < 0 or left < 0:
                    raise UnsafePickleError("it announces more numbers than it holds")
                known[key] = _numbers(archive.read(f"{folder}data/{key}"), dtype, count)
            return _same_kind(known[key], dtype)

        return _load(io.BytesIO(archive.read(programs[0])), storage)


def _read_legacy(path: Path) -> Any:
    """Magic number, protocol, system, the object, the storages' keys, then each storage: its length and numbers."""
    left = path.stat().st_size
    known: dict[str, Tensor] = {}

    def storage(dtype: torch.dtype, key: str, count: int) -> Tensor:
        nonlocal left
        if key not in known:
            left -= count * dtype.itemsize
            if count < 0 or left < 0:
                raise UnsafePickleError("it announces more numbers than it holds")
            known[key] = torch.zeros(count, dtype=dtype)  # filled below, once they are reached
        return _same_kind(known[key], dtype)

    with path.open("rb") as file:
        if _load(file) != _LEGACY_MAGIC or _load(file) != _LEGACY_PROTOCOL:
            raise UnsafePickleError("it is not in a format of torch's")
        system = _load(file)
        if system.get("little_endian") is not True:
            raise UnsafePickleError("its numbers are big-endian")
        root = _load(file, storage)
        for key in _load(file):
            numbers = known[str(key)]
            count = int.from_bytes(file.read(8), "little")
            if count != numbers.numel():
                raise UnsafePickleError("the lengths of its tensors contradict each other")
            numbers.copy_(_numbers(file.read(count * numbers.itemsize), numbers.dtype, count))
    return root


def _numbers(data: bytes, dtype: torch.dtype, count: int) -> Tensor:
    if len(data) != count * dtype.itemsize:
        raise UnsafePickleError("it is cut short: a tensor lacks numbers")
    return torch.frombuffer(bytearray(data), dtype=dtype) if data else torch.empty(0, dtype=dtype)


def _same_kind(storage: Tensor, dtype: torch.dtype) -> Tensor:
    if storage.dtype != dtype:
        raise UnsafePickleError("one of its tensors is read as two kinds of numbers")
    return storage


def _tensors(root: Any, most_bytes: int) -> dict[str, Tensor]:
    left = itertools.repeat(None, _MOST_PARTS)
    if isinstance(root, Mapping):
        networks = [root[nest] for nest in NESTS if isinstance(root.get(nest), _Shell)]
        found = tensors_of(_of_module(networks[0], "", 0, left) if networks else root)
    else:
        found = tensors_of(_of_module(root, "", 0, left))
    if sum(value.nbytes for value in found.values()) > most_bytes:
        raise UnsafePickleError("its tensors share their numbers beyond belief")
    return {name: value.contiguous() for name, value in found.items()}


def _of_module(module: Any, prefix: str, depth: int, left: Iterator[None]) -> dict[str, Tensor]:
    """As ``state_dict`` would list them; ``left`` has an item for each part that may still come."""
    if depth > _DEEPEST or next(left, 0) == 0:
        raise UnsafePickleError("its parts contain each other without end")
    state = module.state if isinstance(module, _Shell) else None
    if not isinstance(state, dict) or "_modules" not in state:
        raise UnsafePickleError("it holds no network")
    passing = state.get("_non_persistent_buffers_set") or ()
    own = {**state["_parameters"], **{name: t for name, t in state["_buffers"].items() if name not in passing}}
    found = {f"{prefix}{name}": tensor for name, tensor in own.items() if isinstance(tensor, Tensor)}
    for name, part in state["_modules"].items():
        if part is not None:
            found |= _of_module(part, f"{prefix}{name}.", depth + 1, left)
    return found
