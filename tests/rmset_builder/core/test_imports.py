from __future__ import annotations

import subprocess
import sys

_PROGRAM = """
import gc
from rmset_builder.core.imports import import_large

looks = []
gc.callbacks.append(lambda phase, info: looks.append(phase))
if {disabled}:
    gc.disable()
module = import_large("xml.etree.ElementTree" if {small} else "rich.console")
gc.callbacks.clear()
print(module.__name__, len(looks), gc.isenabled(), gc.get_freeze_count() > 1000)
"""


def after_import(*, disabled: bool = False, small: bool = False) -> list[str]:
    program = _PROGRAM.format(disabled=disabled, small=small)
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()


def test_nothing_is_looked_through_meanwhile_nor_later() -> None:
    assert after_import() == ["rich.console", "0", "True", "True"]


def test_a_collector_that_is_off_stays_off() -> None:
    assert after_import(disabled=True)[2] == "False"


def test_a_module_that_is_there_changes_nothing() -> None:
    program = (
        "import gc, json\n"
        "from rmset_builder.core.imports import import_large\n"
        "print(import_large('json') is json, gc.get_freeze_count(), gc.isenabled())"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "0", "True"]


def test_a_module_that_fails_leaves_the_collector_on() -> None:
    program = (
        "import gc\n"
        "from rmset_builder.core.imports import import_large\n"
        "try:\n"
        "    import_large('no_such_module')\n"
        "except ModuleNotFoundError as error:\n"
        "    print(error.name, gc.isenabled())"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["no_such_module", "True"]
