"""How a contact sheet looks: where everything stands and how it is drawn. Nothing here reads or writes a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

from rmset_builder.reports.exemplars import IdentityRow, VideoPlan

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

_BACKGROUND = "#fafaf8"
_INK, _GREY, _LINE = "#1c1c1a", "#77776f", "#deded8"
_MARGIN, _GAP, _ROW_GAP, _VIDEO_GAP = 24, 4, 8, 28
_HEADING, _NOTE = 42, 30
_LABEL_MIN, _LABEL_MAX, _LABEL_GAP = 96, 190, 18
_HEADING_SIZE, _LABEL_SIZE, _SMALL_SIZE = 20, 15, 13
# Two small lines below the label's first.
_LABEL_LINE, _SMALL_LINE = 20, 17
_LABEL_HEIGHT = _LABEL_LINE + 2 * _SMALL_LINE


@dataclass(frozen=True)
class PlacedVideo:
    """A video's place on the sheet: the top of its heading, of each of its rows, and of the note below, in pixels."""

    plan: VideoPlan
    top: int
    rows: tuple[int, ...]
    note: int | None


@dataclass(frozen=True)
class Layout:
    """The sheet's measures in pixels, and where each video stands."""

    columns: int
    size: int
    label_width: int
    height: int
    videos: tuple[PlacedVideo, ...]

    @property
    def width(self) -> int:
        """The width of the sheet."""
        return self.face_left(self.columns) - _GAP + _MARGIN

    def face_left(self, column: int) -> int:
        """The left side of a face."""
        return _MARGIN + self.label_width + _LABEL_GAP + column * (self.size + _GAP)


def lay_out(plans: Sequence[VideoPlan], *, columns: int, size: int) -> Layout:
    """Place videos below each other, each identity a row."""
    placed = []
    y = _MARGIN
    for plan in plans:
        top = y
        y += _HEADING
        pitch = max(size, _LABEL_HEIGHT) + _ROW_GAP
        rows = tuple(range(y, y + pitch * len(plan.rows), pitch))
        y += pitch * len(plan.rows)
        note = y if note_of(plan) else None
        y += _NOTE if note is not None else -_ROW_GAP
        placed.append(PlacedVideo(plan, top, rows, note))
        y += _VIDEO_GAP
    labels = (_font(_LABEL_SIZE).getlength(label_of(plan, row)) for plan in plans for row in plan.rows)
    label_width = min(max(_LABEL_MIN, *map(round, labels), _LABEL_MIN), _LABEL_MAX)
    return Layout(columns, size, label_width, y - _VIDEO_GAP + _MARGIN, tuple(placed))


def label_of(plan: VideoPlan, row: IdentityRow) -> str:
    """The first line beside a row, such as ``wall9 · 3``."""
    return f"{plan.video} · {row.identity}"


def note_of(plan: VideoPlan) -> str:
    """What is said below a video's rows; empty where nothing is missing."""
    if not plan.identities:
        return "no faces"
    more = plan.identities - len(plan.rows)
    return f"and {_count(more, 'identity', 'identities')} more, with fewer faces" if more else ""


def blank(layout: Layout) -> Image.Image:
    """The sheet with all its text, before the faces."""
    sheet = Image.new("RGB", (layout.width, layout.height), _BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    for video in layout.videos:
        _draw_heading(draw, layout, video)
        for row, top in zip(video.plan.rows, video.rows, strict=True):
            _draw_label(draw, layout, video.plan, row, top)
        if video.note is not None:
            draw.text((_MARGIN, video.note + 4), note_of(video.plan), _GREY, _font(_LABEL_SIZE))
    return sheet


def _draw_heading(draw: ImageDraw.ImageDraw, layout: Layout, video: PlacedVideo) -> None:
    plan, font, small = video.plan, _font(_HEADING_SIZE), _font(_LABEL_SIZE)
    counts = f"{_count(plan.identities, 'identity', 'identities')} · {_count(plan.faces, 'face', 'faces')}"
    room = layout.width - 2 * _MARGIN
    if plan.identities and room > small.getlength(counts) + 2 * _LABEL_MIN:
        room -= round(small.getlength(counts)) + _LABEL_GAP
        draw.text((layout.width - _MARGIN, video.top + 22), counts, _GREY, small, anchor="rs")
    draw.text((_MARGIN, video.top + 22), _fitted(plan.video, font, room), _INK, font, anchor="ls")
    line = video.top + _HEADING - 11
    draw.line((_MARGIN, line, layout.width - _MARGIN - 1, line), _LINE)


def _draw_label(draw: ImageDraw.ImageDraw, layout: Layout, plan: VideoPlan, row: IdentityRow, top: int) -> None:
    y = top + (max(layout.size, _LABEL_HEIGHT) - _LABEL_HEIGHT) // 2
    font, small = _font(_LABEL_SIZE), _font(_SMALL_SIZE)
    number = f" · {row.identity}"
    video = _fitted(plan.video, font, layout.label_width - round(font.getlength(number)))
    draw.text((_MARGIN, y), video + number, _INK, font)
    draw.text((_MARGIN, y + _LABEL_LINE), _count(row.faces, "face", "faces"), _GREY, small)
    if row.seconds:
        draw.text((_MARGIN, y + _LABEL_LINE + _SMALL_LINE), f"{row.seconds:,.1f} s", _GREY, small)


def _fitted(text: str, font: Font, width: int) -> str:
    """``text``, its middle left out where it is wider than ``width``."""
    if font.getlength(text) <= width:
        return text
    for kept in range(len(text) - 1, 1, -1):
        short = f"{text[: (kept + 1) // 2]}…{text[len(text) - kept // 2 :]}"
        if font.getlength(short) <= width:
            return short
    return "…"


def _count(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"


def _font(size: int) -> Font:
    return ImageFont.load_default(size=size)
