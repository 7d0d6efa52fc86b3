"""Embeddings in memory: one matrix for each model version, kept in step with the database, searched by brute force.

`manage.py bench_similar` measures it: at 100,000 scans a search takes milliseconds and the matrix some 10 MB, so no
index server is needed. Here numbers are kept as int8, which moves a similarity by 0.01 at most: a quarter of the memory
of float32, and a tenth of the time of float16, which NumPy widens slowly. The database stays the truth, with vectors in
half precision. What is new there is read before each search; whoever shows what was found asks the database again for
each row, and calls `expire` when one is gone. Every process of the web server holds matrices of its own.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diagnosis.models import Embedding
from diagnosis.models.embedding import DIMENSIONS, unpack

_FACTS = np.dtype([("prediction", "i8"), ("case", "i8"), ("owner", "i8"), ("pixels", "u8")])
_SCALE = 127  # what 1.0 is as int8
_CHUNK = 8192  # rows widened to float32 at a time: 2 MB, which fits a processor's cache
_FIRST = 256  # best rows that are sorted before all are: nearly every search ends among them

_OVERLAP = 64
"""Ids below the newest known one that are read again: of two transactions, the one that took its id first may end
last. Recording a result takes milliseconds, so no more than a few are under way at a time."""

_RENEW_AFTER = 3600.0
"""Seconds after which everything is read anew, which frees the rows of deleted scans."""

_READ = 2000  # rows taken from the database at a time

_KEPT = 2
"""Model versions in memory at a time: the active one, and an older one that somebody looks back at."""


@dataclass(frozen=True, slots=True)
class Neighbor:
    """A prediction that is like the one asked for: its id, its case's, and the cosine of the embeddings, to 0.01."""

    prediction_id: int
    case_id: int
    similarity: float


class Index:
    """The embeddings of one model version. Safe to use from several threads."""

    def __init__(self, model_version_id: int) -> None:
        self._version = model_version_id
        self._lock = threading.Lock()
        self._expired = False
        self._clear()

    def __len__(self) -> int:
        return self._count

    @property
    def bytes(self) -> int:
        """Memory that the matrix and what is known of its rows take."""
        return self._vectors.nbytes + self._facts.nbytes

    def refresh(self) -> None:
        """Read what has been recorded since the last time: one query, nearly always of a few rows."""
        with self._lock:
            if self._expired or time.monotonic() - self._read > _RENEW_AFTER:
                self._clear()
            rows = Embedding.objects.filter(model_version=self._version, pk__gt=self._newest - _OVERLAP).order_by("pk")
            facts = ("pk", "vector", "prediction", "prediction__scan__case", "prediction__scan__case__owner")
            found = rows.values_list(*facts, "prediction__scan__pixel_sha256").iterator(chunk_size=_READ)
            while part := list(islice(found, _READ)):
                self._append([row for row in part if row[0] not in self._recent])

    def expire(self) -> None:
        """What was found is no longer so in the database: read everything anew before the next search."""
        self._expired = True

    def nearest(
        self, vector: NDArray[np.float32], *, owners: Iterable[int], other_than_case: int, other_than_pixels: str
    ) -> Iterator[Neighbor]:
        """The most similar predictions in cases of `owners`, best first: one of each case, each picture once.

        vector: (64,), of unit length. Left out are the case and the picture (its pixel digest) that are asked about.
        """
        with self._lock:  # rows are only ever added behind these, so what is seen here stays as it is
            vectors, facts = self._vectors[: self._count], self._facts[: self._count]
        allowed = np.isin(facts["owner"], np.fromiter(owners, np.int64)) & (facts["case"] != other_than_case)
        rows = np.flatnonzero(allowed & (facts["pixels"] != _short(other_than_pixels)))
        scores = _scores(vectors, vector)[rows]
        cases: set[int] = set()
        pictures: set[int] = set()
        for place in _descending(scores):
            fact = facts[rows[place]]
            case, pixels = int(fact["case"]), int(fact["pixels"])
            if case not in cases and pixels not in pictures:
                cases.add(case)
                pictures.add(pixels)
                yield Neighbor(int(fact["prediction"]), case, float(scores[place]))

    def _clear(self) -> None:
        self._vectors = np.empty((0, DIMENSIONS), np.int8)
        self._facts = np.empty(0, _FACTS)
        self._count = self._newest = 0
        self._recent: set[int] = set()
        self._read = time.monotonic()
        self._expired = False

    def _append(self, rows: list[tuple[Any, ...]]) -> None:
        if not rows:
            return
        end = self._count + len(rows)
        if end > len(self._facts):
            self._grow(max(end, len(self._facts) * 5 // 4))
        stored = unpack(b"".join(row[1] for row in rows))
        self._vectors[self._count : end] = np.rint(stored.reshape(-1, DIMENSIONS) * _SCALE)
        self._facts[self._count : end] = [(row[2], row[3], row[4], _short(row[5])) for row in rows]
        self._count = end
        self._newest = max(self._newest, rows[-1][0])
        self._recent = {pk for pk in self._recent.union(row[0] for row in rows) if pk > self._newest - _OVERLAP}

    def _grow(self, size: int) -> None:
        """Room for `size` rows, in new arrays: a search under way goes on in the old ones."""
        vectors, facts = np.empty((size, DIMENSIONS), np.int8), np.empty(size, _FACTS)
        vectors[: self._count], facts[: self._count] = self._vectors[: self._count], self._facts[: self._count]
        self._vectors, self._facts = vectors, facts


_indexes: OrderedDict[int, Index] = OrderedDict()
_lock = threading.Lock()


def index(model_version_id: int) -> Index:
    """The index of a model version, made when first asked for; the one that was longest not asked for is let go."""
    with _lock:
        found = _indexes.setdefault(model_version_id, Index(model_version_id))
        _indexes.move_to_end(model_version_id)
        while len(_indexes) > _KEPT:
            _indexes.popitem(last=False)
        return found


def forget() -> None:
    """Let go of everything held in memory; the next search reads it anew."""
    with _lock:
        _indexes.clear()


def _short(pixel_sha256: str) -> int:
    """The first 64 bits of a digest: enough to tell two pictures apart, an eighth of the memory."""
    return int(pixel_sha256[:16], 16)


def _scores(vectors: NDArray[np.int8], vector: NDArray[np.float32]) -> NDArray[np.float32]:
    """Cosine of each row with `vector`, in chunks, as one float32 copy would be large.

    Not by `@`: BLAS would start threads, which wait for one another for longer than the sums take.
    """
    scores = np.empty(len(vectors), np.float32)
    for start in range(0, len(vectors), _CHUNK):
        chunk = slice(start, start + _CHUNK)
        scores[chunk] = np.einsum("ij,j->i", vectors[chunk].astype(np.float32), vector)
    return scores / np.float32(_SCALE)


def _descending(scores: NDArray[np.float32]) -> Iterator[int]:
    """Places of `scores` from the greatest down; ties in the order of the rows. Sorts all only if it has to."""
    if len(scores) > _FIRST:
        best = np.argpartition(scores, -_FIRST)[-_FIRST:]
        best = best[np.lexsort((best, -scores[best]))]
        yield from best.tolist()
        rest = np.ones(len(scores), bool)
        rest[best] = False
        places = np.flatnonzero(rest)
        yield from places[np.argsort(-scores[places], kind="stable")].tolist()
    else:
        yield from np.argsort(-scores, kind="stable").tolist()
