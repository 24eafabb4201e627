"""From the colours of HDR and wide-gamut video to those of standard video: a table for ffmpeg's filter ``lut3d``.

HDR video states light up to 10,000 nits, standard video shares of a white that stands for 203 nits in HDR (ITU-R
BT.2408). Light up to 87 nits is kept as it is; above, BT.2390's curve presses what reaches 1,000 nits into the rest.
A table does the same whatever ffmpeg was built with, and on a face as on the whole picture.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

WHITE_NITS = 203.0
PEAK_NITS = 1000.0
_SIDE = 33
# A display's response to standard video (BT.1886).
_GAMMA = 2.4
# The smallest light that is told from none, nits.
_DARK = 1e-9


class Transfer(enum.Enum):
    """How a video's numbers encode light."""

    PQ = "PQ"
    HLG = "HLG"
    SDR = "SDR"


class Primaries(enum.Enum):
    """Which red, green and blue a video is made of: x, y of each; white is D65."""

    BT709 = ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06))
    P3 = ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060))
    BT2020 = ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046))


_D65 = (0.3127, 0.3290)


@dataclass(frozen=True)
class WideColour:
    """The colours of a video that are not those of standard video.

    Example:
        >>> str(WideColour(Transfer.PQ, Primaries.BT2020))
        'PQ, BT2020'
    """

    transfer: Transfer
    primaries: Primaries

    def __str__(self) -> str:
        return f"{self.transfer.name}, {self.primaries.name}"


def pq_to_nits(signal: Floats) -> Floats:
    """Light of PQ signals 0..1 (SMPTE ST 2084)."""
    root = signal ** (1 / _M2)
    return 10_000 * np.asarray(np.maximum(root - _C1, 0) / (_C2 - _C3 * root)) ** (1 / _M1)


def nits_to_pq(nits: Floats) -> Floats:
    """PQ signals of light 0..10,000."""
    power = (nits / 10_000) ** _M1
    return np.asarray(((_C1 + _C2 * power) / (1 + _C3 * power)) ** _M2)


def hlg_to_nits(signal: Floats, primaries: Primaries) -> Floats:
    """Light of HLG signals 0..1 (..., 3) on a display of 1,000 nits (ITU-R BT.2100)."""
    scene = np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - _HLG_C) / _HLG_A) + _HLG_B) / 12)
    luminance = scene @ rgb_to_xyz(primaries)[1]
    return np.asarray(PEAK_NITS * luminance[..., None] ** 0.2 * scene)


def pressed(nits: Floats) -> Floats:
    """Light 0..10,000 as shown by a display that ends at standard video's white (ITU-R BT.2390, section 5.4.1)."""
    peak, white = nits_to_pq(np.array([PEAK_NITS, WHITE_NITS])).tolist()
    share = nits_to_pq(np.minimum(nits, PEAK_NITS)) / peak
    most = white / peak
    knee = 1.5 * most - 0.5
    t = (share - knee) / (1 - knee)
    curve = (
        (2 * t**3 - 3 * t**2 + 1) * knee + (t**3 - 2 * t**2 + t) * (1 - knee) + (-2 * t**3 + 3 * t**2) * most
    )  # Hermite's
    return pq_to_nits(np.where(share < knee, share, curve) * peak)


def to_sdr(signal: Floats, colour: WideColour) -> Floats:
    """Standard video's red, green and blue 0..1 of ``signal`` (..., 3) 0..1, of which both are not linear."""
    if colour.transfer is Transfer.SDR:
        light = signal**_GAMMA
    else:
        is_pq = colour.transfer is Transfer.PQ
        nits = pq_to_nits(signal) if is_pq else hlg_to_nits(signal, colour.primaries)
        # By the strongest of the three, so that no hue changes.
        strongest = np.maximum(nits.max(-1, keepdims=True), _DARK)
        light = nits * (pressed(strongest) / strongest) / WHITE_NITS
    change = np.linalg.solve(rgb_to_xyz(Primaries.BT709), rgb_to_xyz(colour.primaries))
    return np.asarray(np.clip(light @ change.T, 0, 1) ** (1 / _GAMMA))


def rgb_to_xyz(primaries: Primaries) -> Floats:
    """The matrix (3, 3) from linear red, green and blue to CIE XYZ; its second row weighs their luminance."""
    columns = np.array([[x / y, 1, (1 - x - y) / y] for x, y in primaries.value]).T
    x, y = _D65
    white = np.array([x / y, 1, (1 - x - y) / y])
    return np.asarray(columns * np.linalg.solve(columns, white))


def cube(colour: WideColour) -> str:
    """The table as a .cube file: 33 steps of each channel, red the fastest."""
    steps = np.linspace(0, 1, _SIDE)
    blue, green, red = np.meshgrid(steps, steps, steps, indexing="ij")
    table = to_sdr(np.stack([red, green, blue], -1), colour).reshape(-1, 3)
    return f"LUT_3D_SIZE {_SIDE}\n" + "".join(f"{r:.5f} {g:.5f} {b:.5f}\n" for r, g, b in table.tolist())


_M1, _M2 = 2610 / 16384, 2523 / 32
_C1, _C2, _C3 = 3424 / 4096, 2413 / 128, 2392 / 128
_HLG_A = 0.17883277
_HLG_B = 1 - 4 * _HLG_A
_HLG_C = 0.5 - _HLG_A * float(np.log(4 * _HLG_A))
