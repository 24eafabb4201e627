"""Sharpness-aware minimisation (Foret et al., ICLR 2021) over any of torch's optimisers."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.amp import GradScaler
from torch.nn.utils import get_total_norm
from torch.optim import Optimizer


class Sam:
    """Steps with the gradient at the worst place near the weights, not at the weights.

    A step is: backward (once, or several times to accumulate), `ascend`, backward over the same pictures, `descend`.
    With DistributedDataParallel both backwards are averaged as always, and SAM is that of the joint batch. Under
    autocast with bfloat16 nothing changes; with float16 give the ``scaler`` that the losses are scaled with.

    Args:
        optimizer: makes the step.
        rho: how far to climb, in the norm of all weights together.
        adaptive: climb in proportion to each weight (ASAM, Kwon et al., ICML 2021).
        scaler: unscales the gradients of both passes, and is updated after each.

    Example:
        >>> weights = torch.nn.Parameter(torch.tensor([3.0, 4.0]))
        >>> sam = Sam(torch.optim.SGD([weights], lr=0.1), rho=0.5)
        >>> (weights**2).sum().backward()
        >>> sam.ascend()
        tensor(10.)
        >>> (weights**2).sum().backward()
        >>> sam.descend(), weights.data
        (True, tensor([2.3400, 3.1200]))
    """

    def __init__(
        self, optimizer: Optimizer, *, rho: float = 0.05, adaptive: bool = False, scaler: GradScaler | None = None
    ) -> None:
        if rho <= 0:
            raise ValueError(f"rho {rho} is not above 0")
        self.optimizer, self.rho, self.adaptive, self.scaler = optimizer, rho, adaptive, scaler
        # Of the weights that have climbed, and what they were before; None: it is the time to ascend.
        self._climbed: tuple[list[Tensor], list[Tensor]] | None = None
        self._blocked = False
        self._steps_made = 0
        optimizer.register_step_post_hook(self._count)

    @torch.no_grad()
    def ascend(self) -> Tensor:
        """Climb from w to w + rho g / ||g||, with the gradients there are; they are cleared.

        Where a gradient is not finite (float16 that overflowed), the weights stay and `descend` will make no step.

        Returns:
            ||g|| over all weights, a scalar on their device; not finite in that case.
        """
        if self._climbed is not None:
            raise RuntimeError("ascend() was called twice without descend() or restore() between")
        if self.scaler is not None:
            self.scaler.unscale_(self.optimizer)
        weights = [w for group in self.optimizer.param_groups for w in group["params"] if w.grad is not None]
        gradients: tuple[Tensor, ...] = tuple(w.grad for w in weights)
        if self.adaptive:
            gradients = torch._foreach_mul(gradients, torch._foreach_abs(weights))
        norm = get_total_norm(gradients)
        self._blocked = not bool(norm.isfinite())
        before: list[Tensor] = []
        if self._blocked:
            weights = []
        elif weights:
            before = [w.clone() for w in weights]
            if self.adaptive:
                torch._foreach_mul_(gradients, torch._foreach_abs(weights))
            torch._foreach_add_(weights, torch._foreach_mul(gradients, self.rho / (norm + 1e-12)))
        self._climbed = weights, before
        self.optimizer.zero_grad()
        if self.scaler is not None:
            self.scaler.update()
        return norm

    @torch.no_grad()
    def descend(self) -> bool:
        """Return to w and let the optimiser step with the gradients of the second pass; they are cleared.

        Returns:
            Whether a step was made: not if a gradient of either pass is not finite.
        """
        blocked, steps = self._blocked, self._steps_made
        self._return()
        if not blocked:
            self._step()
        self.optimizer.zero_grad()
        return self._steps_made > steps

    def restore(self) -> None:
        """Return to w without a step; gradients are cleared."""
        self._return()
        self.optimizer.zero_grad()

    def state_dict(self) -> dict[str, Any]:
        """Of the optimiser, and of the scaler where there is one; not to be taken between the passes."""
        state = {"optimizer": self.optimizer.state_dict()}
        if self.scaler is not None:
            state["scaler"] = self.scaler.state_dict()
        return state

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where another was."""
        self.optimizer.load_state_dict(state["optimizer"])
        if self.scaler is not None:
            self.scaler.load_state_dict(state["scaler"])

    def _step(self) -> None:
        if self.scaler is not None and self.scaler.is_enabled():
            self.scaler.step(self.optimizer)  # which looks whether they are finite
            self.scaler.update()
            return
        gradients = [w.grad for group in self.optimizer.param_groups for w in group["params"] if w.grad is not None]
        if get_total_norm(gradients).isfinite():
            self.optimizer.step()

    @torch.no_grad()
    def _return(self) -> None:
        if self._climbed is None:
            raise RuntimeError("there is nothing to return from: call ascend() first")
        weights, before = self._climbed
        if weights:
            torch._foreach_copy_(weights, before)  # copies, for w + e - e is not w
        self._climbed, self._blocked = None, False

    def _count(self, *_: Any) -> None:
        self._steps_made += 1
