"""Going on where something was: only with what it was made of."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from rmfer.errors import RmferError


def refuse_differences(
    then: Mapping[str, Any], now: Mapping[str, Any], *, what: str, remedy: str, free: Collection[str] = ()
) -> None:
    """Make sure that ``then`` says what ``now`` does of every key of ``now`` but the ``free`` ones.

    Raises:
        RmferError: "``what``: it differs in ..."; each difference is named.
    """
    differing = [key for key in now if key not in free and then.get(key) != now[key]]
    if differing:
        told = ", ".join(f"{key} (then {then.get(key)}, now {now[key]})" for key in differing)
        raise RmferError(f"{what}: it differs in {told}", remedy=remedy)
