"""Turns a finished run into an artifact that the registry loads: float16 weights in safetensors, and a manifest.

An artifact is written to a temporary folder and moved into place, so that a reader never finds half of one.
"""

import datetime
import hashlib
import json
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save, save_file

from ml import preprocess
from ml.contracts import TUMOR_TYPES, BrainscanError
from ml.inference.registry import FILES, FORMAT, read_manifest
from ml.model.heads import CELLS, EMBEDDING, HIDDEN_UNITS, SHARPNESS
from ml.training.settings import NAME

Tensors = dict[str, NDArray[np.float32]]

VERSION = "1"
WEIGHTS = "weights.safetensors"
MANIFEST = "manifest.json"
MAX_BYTES = 32_000_000
"""Size limit of a weights file that ships in the repository."""

INTENDED_USE = (
    "Research and teaching: a second look at single brain MRI slices by staff who can read them. "
    "Not a medical device, not for diagnosis or for deciding on treatment."
)
LIMITS = (
    "The network sees one slice at a time, and no study of several series. What it says of a whole series comes from "
    "its slices.",
    "Probabilities are calibrated on the validation split's mix of sources, where about half of the images show a "
    "tumor. Where tumors are rarer, they are rarer behind each figure, too.",
    "Sources differ in scanner, sequence and plane, and some hold one class only; the network can still learn the "
    "source beside the tumor. Expect lower figures on images of an unseen hospital.",
    "Labels are those of the publishers. A few web images labeled as without tumor show lesions, or are CT.",
    "It knows glioma, meningioma and pituitary tumor, and takes schwannoma, metastasis, medulloblastoma and further "
    "tumors together as other. Any other finding is forced into these or called no tumor.",
    "The gate learned from ten kinds of other images and from drawn ones. It can let through a kind that looks like "
    "a head, as some head CT do, and refuse a slice that looks like none it has seen.",
    "A series is judged by rules fitted to few heads. Fewer than twelve slices are always called uncertain, and a "
    "series of a part of the head says nothing about the rest.",
    "The map has 14 x 14 cells: it says where to look, not where a tumor ends.",
)

_FACTS = ("hashed", "fitted", "gate", "training")


class ExportError(BrainscanError):
    """The run cannot become an artifact, or the folder must not be replaced."""

    def __init__(self, message: str) -> None:
        super().__init__("export_failed", message)


@dataclass(frozen=True, slots=True)
class Run:
    """A finished training.

    tensors: base, heads and gate, float32. hashes: of the images used, as `training_hashes.build` returns them; hashed:
    their manifest entry. fitted: the manifest's threshold, calibration and operating point. gate, training: facts about
    the gate and the training.
    """

    tensors: Tensors
    hashes: bytes
    hashed: dict[str, Any]
    fitted: dict[str, Any]
    gate: dict[str, Any]
    training: dict[str, Any]

    def save(self, folder: Path) -> None:
        """Write the run to `folder`, replacing an older one. A half-written run does not load."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "run.json").unlink(missing_ok=True)
        save_file(self.tensors, folder / "tensors.safetensors")
        (folder / "hashes.safetensors").write_bytes(self.hashes)
        facts = {name: getattr(self, name) for name in _FACTS}
        (folder / "run.json").write_text(_json(facts), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> "Run":
        """Read what `save` wrote. Raises ExportError if there is no finished run."""
        try:
            facts = json.loads((folder / "run.json").read_text(encoding="utf-8"))
            tensors, data = load_file(folder / "tensors.safetensors"), (folder / "hashes.safetensors").read_bytes()
            return cls(tensors, data, **{name: facts[name] for name in _FACTS})
        except (OSError, ValueError, KeyError, SafetensorError) as error:
            raise ExportError(f"{folder} holds no finished run: {error}.") from error


def export(run: Run, out: Path, *, name: str = NAME) -> Path:
    """Write the artifact folder `out` and return it, replacing an older artifact there.

    Raises ExportError: a value is out of float16's range, the file would be too large, or `out` holds something else.
    """
    if out.exists() and any(out.iterdir()) and not (out / MANIFEST).is_file():
        raise ExportError(f"{out} is not empty and holds no artifact; name another folder.")
    weights = save(half(run.tensors))
    if len(weights) > MAX_BYTES:
        raise ExportError(f"The weights take {len(weights):,} bytes; at most {MAX_BYTES:,} are allowed.")
    out.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.parent))
    try:
        fresh.chmod(0o755)
        (fresh / WEIGHTS).write_bytes(weights)
        (fresh / run.hashed["file"]).write_bytes(run.hashes)
        write_manifest(fresh, manifest(run, weights, name=name))
        _swap(fresh, out)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)  # still there only after a failure
    return out


def half(tensors: Tensors) -> dict[str, NDArray[np.float16]]:
    """Tensors in float16. Raises ExportError if a value overflows or is not finite."""
    halved = {}
    for name, tensor in tensors.items():
        with np.errstate(over="ignore"):
            halved[name] = np.ascontiguousarray(tensor.astype(np.float16))
        if not np.isfinite(halved[name]).all():
            raise ExportError(f"Tensor {name} has values that float16 cannot hold.")
    return halved


def manifest(run: Run, weights: bytes, *, name: str) -> dict[str, Any]:
    """The manifest of `run` with these weights, as `ml.inference.registry.read_manifest` reads it."""
    return {
        "format": FORMAT,
        "name": name,
        "version": VERSION,
        "created": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "preprocessing": preprocess.VERSION,
        **run.fitted,
        "gate": run.gate,
        "training_hashes": {**run.hashed, "sha256": hashlib.sha256(run.hashes).hexdigest()},
        "weights": {
            "file": WEIGHTS,
            "sha256": hashlib.sha256(weights).hexdigest(),
            "bytes": len(weights),
            "dtype": "float16",
        },
        "architecture": {
            "base": "VGG16 convolutions up to block5_conv3; blocks 1 to 3 with ImageNet weights, 4 and 5 tuned",
            "cells": f"{CELLS} x {CELLS}, each scored by {HIDDEN_UNITS} hidden units",
            "picture": f"log-sum-exp of the cells, sharpness {SHARPNESS}",
            "type": "read from the channels where the evidence is, beside their mean",
            "embedding": EMBEDDING,
        },
        "types": list(TUMOR_TYPES),
        "input": {
            "size": [preprocess.SIZE, preprocess.SIZE],
            "channels": "BGR, the gray value in each",
            "range": [0, 255],
            "means": list(preprocess.CHANNEL_MEANS_BGR),
        },
        "training": run.training,
        "metrics": {"validation": None, "test": None},
        "intended_use": INTENDED_USE,
        "limits": list(LIMITS),
    }


def write_manifest(folder: Path, data: dict[str, Any]) -> None:
    """Replace the manifest in `folder` in one step."""
    unfinished = folder / f".{MANIFEST}.part"
    unfinished.write_text(_json(data), encoding="utf-8")
    unfinished.replace(folder / MANIFEST)


def record(artifact: Path, summary: dict[str, Any]) -> None:
    """Write an evaluation of the validation or test split into the manifest, without the points of its reliability
    curves, which would be most of it. The artifact's identity does not change.

    Raises ExportError for any other split.
    """
    name = {"val": "validation", "test": "test"}.get(summary["split"])
    if name is None:
        raise ExportError(f"Figures of split {summary['split']!r} have no place in a manifest.")
    data = read_manifest(artifact).data
    data["metrics"][name] = _without(summary, ("seconds", "reliability"))
    write_manifest(artifact, data)


def with_series(artifact: Path, out: Path, entry: dict[str, Any]) -> Path:
    """Copy an artifact to `out` with another `series` entry. Figures of single images stay, those of series go.

    Raises ExportError if `out` holds something else.
    """
    if out.exists() and any(out.iterdir()) and not (out / MANIFEST).is_file():
        raise ExportError(f"{out} is not empty and holds no artifact; name another folder.")
    data = read_manifest(artifact).data | {"series": entry}
    data["metrics"] = {**data["metrics"], "series": {}}
    out.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.parent))
    try:
        fresh.chmod(0o755)
        for file in FILES:
            shutil.copyfile(artifact / data[file]["file"], fresh / data[file]["file"])
        write_manifest(fresh, data)
        label = read_manifest(fresh).label
        for figures in (data["metrics"][name] for name in ("validation", "test")):
            if figures is not None:
                figures["model"] = label
        write_manifest(fresh, data)
        _swap(fresh, out)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)  # still there only after a failure
    return out


def record_series(artifact: Path, figures: dict[str, Any], *, split: str) -> None:
    """Write figures of series into the manifest. The artifact's identity does not change."""
    data = read_manifest(artifact).data
    data["metrics"].setdefault("series", {})[split] = figures
    write_manifest(artifact, data)


def _without(facts: Any, names: tuple[str, ...]) -> Any:
    """Nested dicts without these keys."""
    if not isinstance(facts, dict):
        return facts
    return {key: _without(value, names) for key, value in facts.items() if key not in names}


def _swap(fresh: Path, out: Path) -> None:
    if not out.exists():
        fresh.rename(out)
        return
    old = fresh.with_name(fresh.name + "-old")
    out.rename(old)
    fresh.rename(out)
    shutil.rmtree(old)


def _json(data: dict[str, Any]) -> str:
    return json.dumps(data, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
