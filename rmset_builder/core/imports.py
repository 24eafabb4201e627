"""Imports of modules that bring many others."""

from __future__ import annotations

import gc
import importlib
import sys
from types import ModuleType


def import_large(name: str) -> ModuleType:
    """Import a module and keep the collector of garbage from looking at what it makes, now and later.

    Python looks whenever so many objects have been made. What an import makes stays, so that each look finds nothing
    and goes through more than the one before: with scikit-learn that comes to a hundredth of a short video's time.
    """
    if name in sys.modules:
        return importlib.import_module(name)
    looks = gc.isenabled()
    gc.disable()
    try:
        return importlib.import_module(name)
    finally:
        gc.freeze()
        if looks:
            gc.enable()
