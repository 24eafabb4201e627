"""A model for callers in many threads, wherever it runs."""

from __future__ import annotations

from collections.abc import Callable

from rmset_builder.inference.openvino import OpenVinoRunner
from rmset_builder.inference.remote import RemoteRunner
from rmset_builder.inference.runners import CallerRunner, Runner, SharedBatchRunner
from rmset_builder.inference.session import OPENVINO, Device, open_session


def open_runner(graph_of: Callable[[int], bytes], batch: int, device: Device) -> Runner:
    """A runner that takes up to ``batch`` rows at a time.

    On the CPU every caller runs its own rows; on a GPU rows of all callers (frames, videos) are put together, so that
    batches fill while the GPU is busy with the one before.

    Args:
        graph_of: the serialised graph whose input has the given fixed first dimension; for a device with a server it
            must be fit to be sent to another process.
        batch: most rows of one run.
        device: where to run.

    Raises:
        RmsetError: a GPU was asked for and cannot be used.
    """
    if device.server is not None:
        return RemoteRunner(device.server, graph_of, batch)
    if device.runtime == OPENVINO:
        return OpenVinoRunner(graph_of(batch), batch, callers=device.threads)
    if device.gpu is None:
        return CallerRunner(open_session(graph_of(batch), device), batch)
    return SharedBatchRunner(lambda rows: open_session(graph_of(rows), device), batch, device)
