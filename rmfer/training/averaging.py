"""An exponential moving average of the weights, torch's own: what is evaluated and kept where ``ema`` is set."""

from __future__ import annotations

from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn


def averaged_weights(net: nn.Module, decay: float) -> AveragedModel:
    """A copy of ``net`` that follows it: at the first update it is the same, then decay * it + (1 - decay) * ``net``.

    Batch-norm's running statistics follow in the same way, as those of the newest weights would not fit the averaged.
    """
    return AveragedModel(net, multi_avg_fn=get_ema_multi_avg_fn(decay), use_buffers=True)  # type: ignore[no-untyped-call]
