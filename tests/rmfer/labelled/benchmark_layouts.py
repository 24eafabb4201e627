"""The layouts that the tests of benchmarks know."""

from __future__ import annotations

import small_benchmarks
from small_benchmarks import Write

LAYOUTS: dict[str, tuple[Write, int]] = {
    "ferplus": (small_benchmarks.ferplus, 8),
    "raf-db": (small_benchmarks.raf_db, 7),
    "raf-db-kaggle": (small_benchmarks.raf_db_kaggle, 7),
    "affectnet-csv": (small_benchmarks.affectnet_csv, 8),
    "affectnet-npy": (small_benchmarks.affectnet_npy, 8),
    "fer2013": (small_benchmarks.fer2013, 7),
    "celeba": (small_benchmarks.celeba, 0),
    "celeba-kaggle": (small_benchmarks.celeba_kaggle, 0),
    "folders": (small_benchmarks.folders, 8),
}
