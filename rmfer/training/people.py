"""How many people an anchor's positives are of: P should show a moment in many faces, not one face many times."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor


def people(identities: Tensor) -> Tensor:
    """(A,) int64: how many different numbers each row of (A, k) integers has."""
    ordered = identities.sort(dim=1).values
    return 1 + (ordered[:, 1:] != ordered[:, :-1]).sum(1)


class PeopleCount:
    """Adds up over an epoch, on the device, which need not be waited for.

    Args:
        sums: sets so far, people in their P and in their P_imp, sets whose P_imp is one person.
        device: where.
    """

    def __init__(self, sums: list[float], device: torch.device) -> None:
        self.sums = torch.tensor(sums, dtype=torch.float64, device=device)

    def add(self, identities: npt.NDArray[np.int32], positives: Tensor) -> None:
        """The sets of a step.

        Args:
            identities: (A, P) of the positives.
            positives: (A, k) int64, which of them are P_imp.
        """
        own = torch.from_numpy(identities).to(positives.device, non_blocking=True)
        kept = people(own.gather(1, positives))
        self.sums += torch.stack([torch.full_like(kept, 1), people(own), kept, (kept == 1).long()]).sum(1)


def told(sums: list[float]) -> dict[str, float]:
    """Of an epoch's sums: people in P and in P_imp on average, and the share of sets whose P_imp is one person."""
    sets, in_p, in_p_imp, one = sums
    return {"people_p": in_p / sets, "people_p_imp": in_p_imp / sets, "one_person": one / sets} if sets else {}
