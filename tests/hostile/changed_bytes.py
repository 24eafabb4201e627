"""Files made hostile: bytes changed, cut, doubled and mixed with others', by a number, so that each is made again."""

from __future__ import annotations

import random
from collections.abc import Sequence

# Where readers stumble: signs, and the ends of what numbers of one, two, four and eight bytes can hold.
_NUMBERS = [b"\0", b"\xff", b"\x7f", b"\x80", *(n.to_bytes(4, "little") for n in (0x7FFFFFFF, 0x80000000, 0xFFFFFFFF))]
_NUMBERS += [b"\xff" * 8, b"\xff" * 7 + b"\x7f", b"\x80" * 9 + b"\x01"]
_TEXTS = [b"[" * 3000, b"9" * 400, b"1e999", b"NaN", b"\0", b"\xff\xfe", b"\\ud800", b'"' + b"x" * 200_000 + b'"']
_TEXTS += [b"../../", b"null", b"-1", b"{}", b"[]", b",", b"\r", b"\xe2\x80\xa8", b"'", b'"', b"&a [*a]", b": ", b"\n"]


def changed(seeds: Sequence[bytes], number: int, *, text: bool) -> bytes:
    """The hostile file number ``number`` that comes of ``seeds``.

    Args:
        seeds: whole files.
        number: which.
        text: put in what troubles readers of text as well.
    """
    chance = random.Random(number)
    data = bytearray(chance.choice(seeds))
    for _ in range(chance.choice((1, 1, 1, 2, 3, 8))):
        at = chance.randrange(len(data) + 1)
        # What stands at the end, where many formats have their index, as often as all the rest.
        if chance.random() < 0.4:
            at = max(0, len(data) - int(chance.expovariate(1 / 400)))
        size = min(len(data) - at, int(chance.expovariate(1 / 6)) + 1)
        match chance.randrange(8 if text else 7):
            case 0 | 1:
                if at < len(data):
                    data[at] ^= 1 << chance.randrange(8)
            case 2:
                number_there = chance.choice(_NUMBERS)
                data[at : at + len(number_there)] = number_there
            case 3:
                del data[at : at + size]
            case 4:
                data[at:at] = data[at : at + size] * chance.choice((1, 1, 50))
            case 5:
                data[at:] = data[at:][: chance.choice((0, size))] if chance.random() < 0.3 else data[at:]
            case 6:
                other = chance.choice(seeds)
                begin = chance.randrange(len(other) + 1)
                data[at : at + size] = other[begin : begin + chance.choice((size, 40))]
            case 7:
                data[at : at + chance.choice((0, size))] = chance.choice(_TEXTS)
    return bytes(data)
