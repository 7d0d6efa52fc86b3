"""From tuned weights to everything else an artifact holds: embedding, gate, calibration and training hashes.

All of it is read from the same passes; only the calibration and the threshold look at the validation split.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ml import hashes, readers
from ml.heads import Reading
from ml.training import fit
from ml.training.calibrate import calibrate
from ml.training.export import Run
from ml.training.features import Extractor, Tensors
from ml.training.fit import Examples
from ml.training.gate_data import collect
from ml.training.gate_fit import fit_gate
from ml.training.splits import Row, brain_rows
from ml.training.validate import Reader


def finish(
    rows: list[Row],
    tensors: Tensors,
    train: Examples,
    val: Examples,
    *,
    extractor: Extractor,
    seed: int,
    facts: dict[str, Any],
) -> Run:
    """The finished run. tensors: base with tuned blocks, and heads without the embedding."""
    reader = Reader(tensors)
    clean = np.flatnonzero([round_ == 0 for _, round_ in train.draws])
    described = np.concatenate([reader.described(one) for one in reader.passes(train.maps, clean)])
    kernel, bias = fit.embedding(described)
    tensors = tensors | {"embedding/kernel": kernel, "embedding/bias": bias}
    known, prints = fingerprints(rows)
    fitted = calibrated(reader.read(val.maps), [row for row, _ in val.draws], copies(known, prints))
    brains, others, held_out = collect(extractor.forward, rows, seed=seed)
    gate, judged = fit_gate(brains, others, val=held_out, seed=seed)
    data, hashed = hashes.build(prints, [row.split for row in known])
    return Run(tensors | gate, data, hashed, fitted, judged, facts)


def fingerprints(rows: list[Row]) -> tuple[list[Row], NDArray[np.uint8]]:
    """The brain pictures of the training and validation split, and their hashes (N, 2, 32)."""
    known = [row for row in brain_rows(rows) if row.split in ("train", "val")]
    return known, np.stack([hashes.fingerprint(readers.read(row.path)) for row in known])


def copies(known: list[Row], prints: NDArray[np.uint8]) -> set[str]:
    """Keys of validation pictures that a training picture matches. A table's groups may miss resized web copies."""
    validation = np.array([row.split == "val" for row in known], bool)
    bits = hashes.distances(prints[~validation], prints[validation])
    same = np.asarray((bits <= hashes.MAX_DISTANCE).any(axis=(1, 2)))
    judged = [row.key for row in known if row.split == "val"]
    return {key for key, copied in zip(judged, same, strict=True) if copied}


def calibrated(read: Reading, rows: list[Row], left_out: set[str]) -> dict[str, Any]:
    """The manifest's threshold, calibration and operating point, from validation pictures that are no copies."""
    kept = [n for n, row in enumerate(rows) if row.key not in left_out]
    entries = calibrate([rows[n] for n in kept], read.logits[kept], read.types[kept]).manifest()
    entries["operating_point"]["copies_left_out"] = len(rows) - len(kept)
    return entries
