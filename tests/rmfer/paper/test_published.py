"""The paper's numbers as data: as many as the print has, and as they add up there."""

from __future__ import annotations

import pytest

from rmfer.paper.plan import QUICK
from rmfer.paper.published import figure_rows, published
from rmfer.settings import TrainConfig
from rmfer.training.presets import load_preset, resolve

CELLS = {1: 5, 2: 24, 3: 5, 4: 6, 5: 3, 6: 4, 7: 32, 8: 35, 9: 5, 10: 48, 11: 12, 12: 12, 13: 4, 14: 24}


def test_every_table_has_all_of_its_cells() -> None:
    assert {number: len(table.rows) * len(table.columns) for number, table in published().items()} == CELLS
    for table in published().values():
        assert all(len(row.paper) == len(table.columns) for row in table.rows)
        assert len(table.measures) in (0, len(table.columns)) and len(table.benchmarks) == len(table.columns)
        assert sum(row.is_base for row in table.rows) <= 1


def test_sums_and_means_are_those_of_the_print_but_for_its_slip() -> None:
    *groups, total = published()[2].rows
    sums = [sum(int(row.paper[place] or 0) for row in groups) for place in range(4)]
    assert sums == [216, 3478, 3140699, 45570579]
    assert list(total.paper) == [216, 3478, 3140699, 45570580]
    for row in published()[14].rows:
        values = [float(value or 0) for value in row.paper]
        assert round(sum(values[:7]) / 7, 3) == values[7]
    assert [sum(int(row.paper[place] or 0) for row in published()[10].rows) for place in range(4)] == [
        28389,
        3546,
        12271,
        3068,
    ]


def test_the_same_model_has_the_same_accuracy_in_every_table() -> None:
    """ "Ours" on AffectNet-7 is 66.85 in Tables 4, 7, 9; "w/o ACL" 66.33; "w/o ACL, IAL" 66.13."""

    def value(table: int, name: str) -> object:
        return next(row.paper[0] for row in published()[table].rows if row.name == name)

    assert value(4, "Ours") == value(9, "Ours") == value(7, "ACL: lambda2 1.0, tau 0.25") == 66.85
    assert value(4, "Ours w/o ACL") == value(7, "IAL: lambda1 1.0, tau 0.25") == 66.33
    assert value(4, "Ours w/o ACL, IAL") == value(9, "Ours w/o ACL, IAL") == 66.13


def test_table_8_is_what_the_presets_say() -> None:
    table = published()[8]
    for row in table.rows:
        ours = [getattr(resolve([name], []), row.setting) for name in table.presets]
        assert ours == pytest.approx(list(row.paper)), row.name


def test_rows_name_presets_and_settings_that_exist() -> None:
    for table in [*published().values(), *map(figure_rows, range(1, 5))]:
        for row in table.rows:
            for preset in row.presets or ():
                load_preset(preset)
            assert row.settings.keys() <= TrainConfig.model_fields.keys()
    assert QUICK.keys() <= TrainConfig.model_fields.keys()
    assert [row.name for row in figure_rows(4).rows] == ["Ours w/o ACL, IAL", "Ours w/o ACL", "Ours"]
