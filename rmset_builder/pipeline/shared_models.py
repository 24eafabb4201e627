"""Several jobs on one GPU have its models run by one process."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace

from rmset_builder.inference.server import model_server
from rmset_builder.pipeline.engine import EngineSpec


@contextmanager
def shared_models(specs: Sequence[EngineSpec]) -> Iterator[list[EngineSpec]]:
    """The specs, those that share a GPU with others given a server; the servers end with the block."""
    jobs = Counter(spec.device for spec in specs if spec.device.gpu is not None)
    with ExitStack() as stack:
        served = {device: stack.enter_context(model_server(device)) for device, count in jobs.items() if count > 1}
        yield [replace(spec, device=served.get(spec.device, spec.device)) for spec in specs]
