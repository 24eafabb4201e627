"""The paper's Table 2, as it is printed and from records that add up to it."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator

import pytest

from rmset_builder.reports.paper import NOTE, PRINTED_TOTAL, TABLE_2, Counts, add_up
from rmset_builder.reports.stats import Table, tabulate
from rmset_builder.shards.videos_table import VideoRecord

# Table 2 of the supplement, copied from it cell by cell, but for the last: the rows add up to 45,570,579.
PRINTED = """
| Happiness, Surprise | 48      | 702    | 562, 261    | 7, 763, 728  |
| Sadness             | 30      | 657    | 418, 141    | 6, 334, 245  |
| Fear, Surprise      | 64      | 985    | 561164      | 7, 367, 635  |
| Disgust, Contempt   | 60      | 938    | 1, 392, 316 | 21, 492, 401 |
| Anger               | 14      | 196    | 206, 817    | 2, 612, 570  |
| Total               | 216     | 3, 478 | 3, 140, 699 | 45, 570, 579 |
"""


def printed_rows() -> dict[str, Counts]:
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in PRINTED.strip().splitlines()]
    return {name: Counts(*(int(re.sub(r"[, ]", "", cell)) for cell in cells)) for name, *cells in rows}


def test_the_papers_numbers_are_as_printed() -> None:
    *rows, total = printed_rows().items()
    assert list(TABLE_2.items()) == rows
    assert add_up(TABLE_2.values()) == total[1]
    assert total[1].images + 1 == PRINTED_TOTAL.images == 45_570_580
    assert total[1][:3] == PRINTED_TOTAL[:3]
    assert "45,570,580" in NOTE
    assert "45,570,579" in NOTE


def papers_records() -> Iterator[VideoRecord]:
    """216 videos in no order, as uneven as may be, whose sums are the paper's cells."""
    dice = random.Random(2024)
    for name, counts in TABLE_2.items():
        shares = []
        for total in counts[1:]:
            cuts = sorted(dice.sample(range(1, total), counts.videos - 1))
            shares.append([end - start for start, end in zip([0, *cuts], [*cuts, total], strict=True)])
        for n, (identities, frames, faces) in enumerate(zip(*shares, strict=True)):
            yield VideoRecord(
                id=f"{name[:3]}{n}{name[-3:]}", group=name, identities=identities, frames=frames, faces=faces
            )


@pytest.mark.parametrize("paper", [False, True])
def test_table_2_is_reproduced_from_216_records(paper: bool) -> None:
    records = list(papers_records())
    random.Random(7).shuffle(records)
    assert len(records) == 216
    *rows, (_, total) = printed_rows().items()
    table = tabulate(records, paper=paper)
    assert list(table.rows.items()) == rows
    assert table.total == total
    assert table.total.images == 45_570_579


def test_a_face_more_or_less_shows() -> None:
    first, *others = papers_records()
    assert tabulate(others) != Table(TABLE_2, add_up(TABLE_2.values()))
    assert tabulate([first, *others]) == Table(TABLE_2, add_up(TABLE_2.values()))
