"""`SOURCES.csv`: the videos that faces come from, which is how licences such as CC BY want their authors credited."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

from rmset_builder.core.errors import one_line
from rmset_builder.reports.card_facts import Source

# Each column's type in Croissant, and what it says.
COLUMNS = {
    "video": ("sc:Text", "the id of the video, as in the shards"),
    "group": ("sc:Text", "the expressions that it was searched for by"),
    "width": ("sc:Integer", "the width of the pictures that boxes lie in, pixels; empty where it is not known"),
    "height": ("sc:Integer", "their height"),
    "title": ("sc:Text", "the video's title, where a licence asks for it"),
    "author": ("sc:Text", "who uploaded it, by the name shown there, where a licence asks for it"),
    "address": ("sc:Text", "its page"),
    "licence": ("sc:Text", "its licence, as the page stated it; empty where none is known"),
    "uploaded": ("sc:Text", "the day of upload"),
    "collected": ("sc:Text", "the day of download"),
}
# What makes a spreadsheet take a cell for a formula.
_FORMULA = ("=", "+", "-", "@")


def sources_table(sources: Iterable[Source]) -> str:
    """The table as comma-separated values, a line a video.

    A text with which a spreadsheet would begin to calculate is preceded by an apostrophe. Ids are left as they are:
    they are made of letters, digits, ``_`` and ``-``.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for source in sources:
        video, *others = (one_line(str(getattr(source, name) or "")) for name in COLUMNS)
        writer.writerow([video, *(f"'{cell}" if cell.startswith(_FORMULA) else cell for cell in others)])
    return text.getvalue()
