"""Embeddings in memory, searched by brute force: one float32 array per model version and web process.

100,000 scans take 30 MB and a few milliseconds a search (`python -m bench.similar`), so no index server is needed. The
database stays the truth: each search first reads what is new there, and the caller reads every match from it again.
"""

import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from diagnosis.models import Embedding
from diagnosis.models.embedding import DIMENSIONS, unpack

_OVERLAP = 64
"""Ids below the newest known one that are read again: transactions may commit in another order than they took ids.
Recording a result takes milliseconds, so only a few are open at a time."""

_RELOAD_AFTER = 3600.0
"""Seconds until everything is read again, which frees the rows of deleted scans."""

_COLUMNS = ("pk", "prediction", "prediction__scan__case", "prediction__scan__case__owner")
_ROW = np.dtype(
    [*((name, "i8") for name in ("id", "prediction", "case", "owner")), ("pixels", "u8"), ("vector", "f4", DIMENSIONS)]
)


@dataclass(frozen=True, slots=True)
class Neighbor:
    """A similar prediction, its case, and the cosine of the two embeddings."""

    prediction_id: int
    case_id: int
    similarity: float


class Index:
    """The embeddings of one model version. Safe to use from several threads."""

    def __init__(self, model_version_id: int) -> None:
        self._version = model_version_id
        self._lock = threading.Lock()
        self._rows = np.empty(0, _ROW)
        self._read_at = time.monotonic()
        self._expired = False

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def bytes(self) -> int:
        """Memory that the rows take."""
        return self._rows.nbytes

    def refresh(self) -> None:
        """Read what was recorded since the last time: one query, usually of a few rows."""
        with self._lock:
            rows = self._rows
            if self._expired or time.monotonic() - self._read_at > _RELOAD_AFTER:
                rows, self._read_at, self._expired = rows[:0], time.monotonic(), False
            known = rows["id"]
            overlap = int(known.max(initial=0)) - _OVERLAP
            seen = set(known[known > overlap].tolist())
            kept = Embedding.objects.filter(model_version=self._version, prediction__in_trash=False)
            found = kept.filter(pk__gt=overlap).order_by("pk")
            values = found.values_list(*_COLUMNS, "prediction__scan__pixel_sha256", "vector")
            new = (
                (pk, *keys, _short(pixels), unpack(vector))
                for pk, *keys, pixels, vector in values.iterator()
                if pk not in seen
            )
            # Searches under way go on in the old array, which stays whole until the new one is.
            self._rows = np.concatenate((rows, added)) if (added := np.fromiter(new, _ROW)).size else rows

    def expire(self) -> None:
        """A match was stale: read everything again before the next search."""
        self._expired = True

    def nearest(
        self,
        vector: NDArray[np.float32],
        *,
        owners: Iterable[int],
        cases: Iterable[int] = (),
        other_than_case: int,
        other_than_pixels: str,
    ) -> Iterator[Neighbor]:
        """The most similar predictions in cases of `owners` and in `cases`, best first: one of each case, each image
        once.

        Of equally similar ones the oldest comes first, so copies of an image always give the same answer.
        vector: (64,), of unit length. The case and the image (by its pixel digest) that are asked about are left out.
        """
        rows = self._rows
        allowed = np.isin(rows["owner"], np.fromiter(owners, np.int64))
        if (shared := np.fromiter(cases, np.int64)).size:
            allowed |= np.isin(rows["case"], shared)
        allowed &= rows["case"] != other_than_case
        positions = np.flatnonzero(allowed & (rows["pixels"] != _short(other_than_pixels)))
        # Not `@`: BLAS would start threads, which wait for each other longer than the product takes.
        scores = np.einsum("ij,j->i", rows["vector"], vector)
        seen_cases: set[int] = set()
        images: set[int] = set()
        for position in positions[np.argsort(-scores[positions], kind="stable")].tolist():
            _, prediction, case, _, pixels, _ = rows[position].item()
            if case not in seen_cases and pixels not in images:
                seen_cases.add(case)
                images.add(pixels)
                yield Neighbor(prediction, case, float(scores[position]))


@lru_cache(maxsize=2)
def index(model_version_id: int) -> Index:
    """The index of a model version: of the active one, and of an older one that somebody looks back at."""
    return Index(model_version_id)


def _short(pixel_sha256: str) -> int:
    """The first 64 bits of a digest: enough to tell images apart, in an eighth of the memory."""
    return int(pixel_sha256[:16], 16)
