"""How a file's own structure says that it ends, by the few containers that do."""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO

from rmset_builder.video.gif import GIF_HEADER_BYTES, GIF_SIGNATURES, palette_bytes

_GIF_IMAGE_BYTES = 9
_GIF_IMAGE, _GIF_EXTENSION = b"\x2c", b"\x21"
_EBML, _SEGMENT, _CLUSTER = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67", b"\x1f\x43\xb6\x75"
# The GUIDs of ASF's header and of the object in it that states the file's size, 24 bytes after its own beginning.
_ASF = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_ASF_FILE = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
_ASF_SIZE_AT, _ASF_FLAGS_AT, _ASF_FILE_BYTES = 40, 88, 104
_ASF_LOOK_BYTES = 1 << 16
_MP4, _FRAGMENT = b"ftyp", b"moof"
_FLV = b"FLV"
_FLV_TAG_BYTES = 11


def missing_bytes(path: Path) -> int:
    """How much longer a file says that it is than it is; 0 for one that does not say.

    Matroska, ASF, fragmented MP4, and GIF, of which one byte at least is missing that ends within a picture.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        start = file.read(16)
        file.seek(0)
        if start.startswith(_EBML):
            return max(0, _matroska_size(file, size) - size)
        if start == _ASF:
            return max(0, _asf_size(file) - size)
        if start.startswith(GIF_SIGNATURES):
            return int(_gif_ends_within(file, size))
        if start[4:8] == _MP4:
            return max(0, _fragments_size(file, size) - size)
        return 0


def last_record_s(path: Path) -> float | None:
    """When the record begins with which a Flash video ends, seconds; None where it ends within one, and for all others.

    A video that ends with a record is whole, whatever length its header states.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        if file.read(len(_FLV)) != _FLV or size < _FLV_TAG_BYTES + 4:
            return None
        file.seek(size - 4)
        length = int.from_bytes(file.read(4))
        if not _FLV_TAG_BYTES <= length <= size - 4:
            return None
        file.seek(size - 4 - length)
        tag = file.read(_FLV_TAG_BYTES)
        if int.from_bytes(tag[1:4]) != length - _FLV_TAG_BYTES:
            return None
        return int.from_bytes(tag[7:8] + tag[4:7]) / 1000


def _matroska_size(file: BinaryIO, size: int) -> int:
    """Where the segment ends, or, where that was not known when it was begun, its last element; 0 where untold."""
    file.seek(len(_EBML))
    file.seek(_element_size(file) or 0, os.SEEK_CUR)
    if file.read(len(_SEGMENT)) != _SEGMENT:
        return 0
    length = _element_size(file)
    if length is not None:
        return file.tell() + length
    while file.tell() < size:
        first = file.read(1)
        name = first + file.read(8 - first[0].bit_length())
        length = _element_size(file)
        if name == _CLUSTER:
            continue
        if length is None:
            return 0
        file.seek(length, os.SEEK_CUR)
    return file.tell()


def _element_size(file: BinaryIO) -> int | None:
    """As many bytes as the first one's leading zeros tell; None where all bits are set."""
    first = file.read(1)
    length = 9 - first[0].bit_length() if first else 9
    if length > 8:
        return None
    mask = (1 << 7 * length) - 1
    value = int.from_bytes(first + file.read(length - 1)) & mask
    return None if value == mask else value


def _asf_size(file: BinaryIO) -> int:
    """The file's size; 0 where it was not known, as in a broadcast."""
    head = file.read(_ASF_LOOK_BYTES)
    at = head.find(_ASF_FILE)
    properties = head[at : at + _ASF_FILE_BYTES]
    if at < 0 or len(properties) < _ASF_FILE_BYTES or properties[_ASF_FLAGS_AT] & 1:
        return 0
    return int.from_bytes(properties[_ASF_SIZE_AT : _ASF_SIZE_AT + 8], "little")


def _fragments_size(file: BinaryIO, size: int) -> int:
    """Where the last box ends; 0 for a file that is not in fragments, of which its table of frames tells more."""
    fragments, at = False, 0
    while at < size:
        file.seek(at)
        length, name = int.from_bytes(file.read(4)), file.read(4)
        fragments = fragments or name == _FRAGMENT
        if length == 1:
            length = int.from_bytes(file.read(8))
        if length < 8:
            break  # a box that goes on to the end, or no box at all
        at += length
    return at if fragments else 0


def _gif_ends_within(file: BinaryIO, size: int) -> bool:
    """Does a GIF end within a block? One that ends after a block, without the trailer, is played by everybody."""
    header = file.read(GIF_HEADER_BYTES)
    file.seek(palette_bytes(header[10]) if len(header) == GIF_HEADER_BYTES else 0, os.SEEK_CUR)
    while (block := file.read(1)) in (_GIF_IMAGE, _GIF_EXTENSION) and block:
        if block == _GIF_IMAGE:
            flags = file.read(_GIF_IMAGE_BYTES)[-1:]
            file.seek((palette_bytes(flags[0]) if flags else 0) + 1, os.SEEK_CUR)
        else:
            file.seek(1, os.SEEK_CUR)
        while length := file.read(1):
            if length == b"\0":
                break
            file.seek(length[0], os.SEEK_CUR)
        else:
            return True
    return file.tell() > size
