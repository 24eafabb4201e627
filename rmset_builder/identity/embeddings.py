"""Embeddings of a video's faces, made when they are first asked for and kept."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor

import numpy as np
import numpy.typing as npt

from rmset_builder.core.geometry import Array
from rmset_builder.faces.align import arcface_crop
from rmset_builder.faces.jpeg import decode_jpeg
from rmset_builder.faces.spool import Spool
from rmset_builder.identity.embedder import Embedder

Rows = npt.NDArray[np.intp]


class FaceEmbeddings:
    """The embeddings of faces by the number of their picture in the spool.

    Args:
        spool: the aligned faces.
        embedder: face recogniser.
        pool: runs decoding and embedding.
    """

    def __init__(self, spool: Spool, embedder: Embedder, pool: Executor) -> None:
        self._spool = spool
        self._embedder = embedder
        self._pool = pool
        self._known: dict[int, Array] = {}

    def __len__(self) -> int:
        return len(self._known)

    def of(self, rows: Rows) -> Array:
        """Embeddings (n, d), not normalised, of some faces."""
        missing = sorted({int(row) for row in rows} - self._known.keys())
        size = self._embedder.batch
        chunks = [missing[start : start + size] for start in range(0, len(missing), size)]
        embedded = self._pool.map(self._embed, (self._spool.read(chunk) for chunk in chunks))
        for chunk, vectors in zip(chunks, embedded, strict=True):
            self._known.update(zip(chunk, vectors, strict=True))
        return np.stack([self._known[int(row)] for row in rows])

    def sums(self, groups: Sequence[Rows]) -> Array:
        """The sum of each group's embeddings, (groups, d): long vectors, of clear faces, weigh more."""
        embedded = self.of(np.concatenate(groups))
        starts = np.cumsum([0, *(len(group) for group in groups)])[:-1]
        return np.asarray(np.add.reduceat(embedded, starts, axis=0))

    def _embed(self, pictures: list[bytes]) -> Array:
        return self._embedder.embed([arcface_crop(decode_jpeg(picture)) for picture in pictures])


def unit(vectors: Array) -> Array:
    """Vectors (n, d) scaled to length 1."""
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9), np.float32)
