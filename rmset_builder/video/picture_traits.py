"""What is unusual about a video's pictures: pixels that are not square, two moments in one, colours beyond SDR."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import av

from rmset_builder.video.tone_mapping import Primaries, Transfer, WideColour

# Less than this is rounding, and no face looks different for it; more is no picture that anybody made.
LEAST_UNEQUAL, MOST_UNEQUAL = Fraction(101, 100), 8

# libavutil's and libavcodec's numbers.
_TRANSFERS = {16: Transfer.PQ, 18: Transfer.HLG}
_PRIMARIES = {1: Primaries.BT709, 9: Primaries.BT2020, 11: Primaries.P3, 12: Primaries.P3}
_FIELD_ORDER_UNKNOWN, _PROGRESSIVE = 0, 1
_MATRIX_UNSTATED = 2
_STRANGE_MATRICES = {
    8: "YCgCo",
    10: "BT.2020 constant luminance",
    11: "SMPTE 2085",
    12: "chroma-derived",
    13: "chroma-derived constant luminance",
    14: "ICtCp",
    15: "IPT-C2",
    16: "YCgCo-R",
    17: "YCgCo-R",
}
# Dolby Vision that no other decoder shows in its right colours goes by these names; with a base layer, by HEVC's own.
_DOLBY_TAGS = frozenset({"dvh1", "dvhe", "dvav", "dva1", "dav1"})
DOLBY_VISION = "Dolby Vision without a base layer"
# Of those that can hold half-pictures, containers do not always say whether they do.
_MAYBE_INTERLACED = frozenset(
    {"cfhd", "dnxhd", "dvvideo", "ffv1", "h264", "hevc", "huffyuv", "mjpeg", "mpeg1video", "mpeg2video", "mpeg4"}
    | {"prores", "rawvideo", "utvideo", "v210", "vc1", "wmv3"}
)


@dataclass(frozen=True)
class PictureTraits:
    """How a video's pictures differ from progressive ones of standard colours and square pixels.

    Attributes:
        pixel_aspect: width of a pixel over its height; 1 where it is nearly square, or nothing sensible is said.
        absurd_aspect: what is said where that is not sensible, else empty.
        interlaced: whether pictures may be two half-pictures of two moments.
        wide_colour: the colours, where they are not those of standard video.
        matrix_unstated: nothing is said of how brightness and colour make up red, green and blue.
        strange_colour: how colours are encoded, where ffmpeg does not know that; else empty.
    """

    pixel_aspect: Fraction = Fraction(1)
    absurd_aspect: str = ""
    interlaced: bool = False
    wide_colour: WideColour | None = None
    matrix_unstated: bool = False
    strange_colour: str = ""

    @classmethod
    def of(cls, container: av.container.InputContainer, stream: av.VideoStream) -> PictureTraits:
        """The traits of a stream that has just been opened; a first picture is decoded where the header lacks them."""
        aspect, absurd = sensible_aspect(stream.sample_aspect_ratio)
        codec = stream.codec_context
        return cls(
            pixel_aspect=aspect,
            absurd_aspect=absurd,
            interlaced=_is_interlaced(container, stream),
            wide_colour=wide_colour(codec.color_trc, codec.color_primaries),
            matrix_unstated=codec.colorspace == _MATRIX_UNSTATED,
            strange_colour=_strange_colour(codec),
        )


def sensible_aspect(stated: Fraction | None) -> tuple[Fraction, str]:
    """A pixel's width over its height, and what was stated where that is beyond belief.

    Example:
        >>> sensible_aspect(Fraction(16, 15)), sensible_aspect(Fraction(1, 1000)), sensible_aspect(None)
        ((Fraction(16, 15), ''), (Fraction(1, 1), '1:1000'), (Fraction(1, 1), ''))
    """
    if not stated:
        return Fraction(1), ""
    unequal = max(stated, 1 / stated) if stated > 0 else MOST_UNEQUAL + 1
    if unequal > MOST_UNEQUAL:
        return Fraction(1), f"{stated.numerator}:{stated.denominator}"
    return (stated if unequal >= LEAST_UNEQUAL else Fraction(1)), ""


def wide_colour(transfer: int, primaries: int) -> WideColour | None:
    """The colours of a video by libavutil's numbers; None where they are as good as those of standard video.

    P3 alone is left as it is: faces differ by two of 255 levels, and most videos of phones and screens would leave
    the fast path for it.
    """
    found = _TRANSFERS.get(transfer)
    if found is not None:
        return WideColour(found, _PRIMARIES.get(primaries, Primaries.BT2020))
    if _PRIMARIES.get(primaries) is Primaries.BT2020:
        return WideColour(Transfer.SDR, Primaries.BT2020)
    return None


def _strange_colour(codec: av.VideoCodecContext) -> str:
    if str(codec.codec_tag).lower() in _DOLBY_TAGS:
        return DOLBY_VISION
    return _STRANGE_MATRICES.get(codec.colorspace, "")


def _is_interlaced(container: av.container.InputContainer, stream: av.VideoStream) -> bool:
    codec = stream.codec_context
    order: int = getattr(codec, "field_order", _FIELD_ORDER_UNKNOWN)  # older versions of PyAV do not know it
    if order != _FIELD_ORDER_UNKNOWN:
        return order != _PROGRESSIVE
    if codec.name not in _MAYBE_INTERLACED:
        return False
    try:
        container.seek(0)
        first = next(container.decode(stream), None)
    except (av.FFmpegError, ValueError, OSError):
        return False  # what is wrong with it is told when it is read in earnest
    return first is not None and bool(first.interlaced_frame)
