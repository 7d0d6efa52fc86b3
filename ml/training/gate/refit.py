"""Fits an artifact's gate again, as its training did: it sees the maps of block 3, which no training tunes."""

from pathlib import Path

import numpy as np

from ml.contracts import BrainscanError
from ml.inference.registry import Manifest, read_tensors
from ml.training.data.sampling import draws
from ml.training.data.table import Row, brain_rows
from ml.training.detector.features import Extractor
from ml.training.export import Run
from ml.training.gate.data import collect, learned, sample_copies
from ml.training.gate.examples import concatenate
from ml.training.gate.fit import fit_gate

_FITTED = ("threshold", "calibration", "operating_point")


def refit(artifact: Manifest, rows: list[Row], *, work: Path) -> Run:
    """The artifact's run with another gate. Its figures and its calibration of series go, since both depend on what the
    gate lets pass. All images are read and summarized, for half an hour on two cores.

    rows: of the table that it was trained on, without near-duplicates. work: keeps maps of copies. Raises
    BrainscanError for an artifact that does not say which copies it learned from.
    """
    data = artifact.data
    settings = data["training"].get("settings", {})
    if not {"seed", "copies"} <= settings.keys():
        raise BrainscanError("no_settings", f"{artifact.label} does not say with which seed and copies it was trained.")
    seed, copies = settings["seed"], settings["copies"]
    tensors = {name: np.asarray(tensor, np.float32) for name, tensor in read_tensors(artifact).items()}
    extractor = Extractor(tensors, cache=work / "features", seed=seed, policy="float32")
    brains, others, val = collect(extractor.forward, rows, seed=seed)
    drawn = draws(brain_rows(rows, "train"), copies=copies, seed=seed)
    some = [drawn[i] for i in sample_copies(drawn, seed=seed)]
    brains = concatenate([brains, learned(extractor.maps(some), some, range(len(some)))])
    gate, facts = fit_gate(brains, others, val=val, seed=seed)
    hashed = dict(data["training_hashes"])
    hashes = (artifact.path / hashed["file"]).read_bytes()
    return Run(tensors | gate, hashes, hashed, {name: data[name] for name in _FITTED}, facts, data["training"])
