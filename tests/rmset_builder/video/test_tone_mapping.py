"""HDR's numbers by the standards' own formulae and example values, and that faces' colours come out as they went in."""

from __future__ import annotations

import numpy as np
import pytest

from rmset_builder.video.tone_mapping import (
    PEAK_NITS,
    WHITE_NITS,
    Primaries,
    Transfer,
    WideColour,
    cube,
    hlg_to_nits,
    nits_to_pq,
    pq_to_nits,
    pressed,
    rgb_to_xyz,
    to_sdr,
)

PQ = WideColour(Transfer.PQ, Primaries.BT2020)
HLG = WideColour(Transfer.HLG, Primaries.BT2020)


def test_pq_by_the_values_of_bt2408() -> None:
    nits = np.array([0.0, 100, 203, 1000, 10_000])
    np.testing.assert_allclose(nits_to_pq(nits), [0, 0.508, 0.581, 0.752, 1], atol=5e-4)
    np.testing.assert_allclose(pq_to_nits(nits_to_pq(nits)), nits, rtol=1e-9, atol=1e-6)


def test_hlg_by_the_values_of_bt2408() -> None:
    grey = np.array([0.0, 0.38, 0.75, 1.0])[:, None].repeat(3, axis=1)
    np.testing.assert_allclose(hlg_to_nits(grey, Primaries.BT2020)[:, 1], [0, 26, 203, 1000], atol=1)


def test_primaries_by_the_matrices_of_the_standards() -> None:
    np.testing.assert_allclose(rgb_to_xyz(Primaries.BT709)[1], [0.2126, 0.7152, 0.0722], atol=1e-4)
    np.testing.assert_allclose(rgb_to_xyz(Primaries.BT2020)[1], [0.2627, 0.6780, 0.0593], atol=1e-4)
    change = np.linalg.solve(rgb_to_xyz(Primaries.BT709), rgb_to_xyz(Primaries.BT2020))  # BT.2087
    np.testing.assert_allclose(
        change, [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]], atol=2e-4
    )


def test_bright_light_is_pressed_and_the_rest_kept() -> None:
    nits = np.linspace(0, 10_000, 20_001)
    shown = pressed(nits)
    assert (np.diff(shown) >= -1e-9).all()
    np.testing.assert_allclose(shown[nits <= 87], nits[nits <= 87], rtol=1e-6, atol=1e-6)
    assert shown[-1] == pytest.approx(WHITE_NITS)
    assert pressed(np.array([PEAK_NITS])) == pytest.approx(WHITE_NITS)
    assert 140 < float(pressed(np.array([WHITE_NITS]))[0]) < WHITE_NITS, "white leaves room for what is brighter"


@pytest.mark.parametrize("colour", [PQ, HLG, WideColour(Transfer.SDR, Primaries.BT2020)])
def test_greys_stay_grey_and_black_black(colour: WideColour) -> None:
    grey = np.linspace(0, 1, 101)[:, None].repeat(3, axis=1)
    shown = to_sdr(grey, colour)
    assert np.ptp(shown, axis=1).max() < 2e-3
    assert shown[0].max() == 0
    assert shown[-1] == pytest.approx(1, abs=2e-3)


def test_a_skin_colour_of_standard_video_comes_back() -> None:
    """Within 1 of 255 through PQ and wide primaries."""
    skin = np.array([176, 128, 106]) / 255
    wide = np.linalg.solve(rgb_to_xyz(Primaries.BT2020), rgb_to_xyz(Primaries.BT709)) @ skin**2.4
    np.testing.assert_allclose(to_sdr(nits_to_pq(wide * WHITE_NITS), PQ) * 255, skin * 255, atol=1)
    sdr = WideColour(Transfer.SDR, Primaries.BT2020)
    np.testing.assert_allclose(to_sdr(wide ** (1 / 2.4), sdr) * 255, skin * 255, atol=0.1)


def test_the_file_has_red_as_its_fastest() -> None:
    lines = cube(WideColour(Transfer.SDR, Primaries.BT709)).splitlines()
    assert lines[0] == "LUT_3D_SIZE 33"
    assert len(lines) == 1 + 33**3
    np.testing.assert_allclose([float(v) for v in lines[2].split()], [1 / 32, 0, 0], atol=1e-5)
    np.testing.assert_allclose([float(v) for v in lines[1 + 33 * 33].split()], [0, 0, 1 / 32], atol=1e-5)
