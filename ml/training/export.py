"""From a finished run to an artifact that `ml.registry` loads: float16 weights without pickle, and a manifest.

An artifact is written beside its place and moved there whole, so a reader never finds half of one.
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
from safetensors.numpy import load_file, save, save_file

from ml import preprocess
from ml.contracts import TUMOR_TYPES, BrainscanError
from ml.heads import HIDDEN_UNITS, TENSORS
from ml.registry import FORMAT, read_manifest
from ml.training.settings import NAME

Tensors = dict[str, NDArray[np.float32]]

VERSION = "1"
WEIGHTS = "weights.safetensors"
MANIFEST = "manifest.json"
MAX_BYTES = 32_000_000
"""Largest weights file that ships in the repository."""

INTENDED_USE = (
    "Research and teaching: a second look at single brain MRI slices by staff who can read them. "
    "Not a medical device, not for diagnosis or for deciding on treatment."
)
LIMITS = (
    "It judges one slice, not a patient, and never saw a whole study.",
    "The score is not a calibrated probability: 0.9 does not mean that nine of ten such pictures show a tumor.",
    "Sources differ in scanner, sequence and plane, and some hold one class only; the model can learn the source "
    "instead of the tumor. Expect much lower figures on pictures of an unseen hospital: an earlier network "
    "of this kind, trained on the same pool, had AUROC 0.96 on held-out patients of the pool and 0.59 to 0.67 on "
    "slices of unseen hospitals.",
    "Labels are those of the publishers. A few web pictures labeled as without tumor show lesions, or are CT.",
    "It knows glioma, meningioma and pituitary tumor; any other finding is forced into these or called no tumor.",
    "The gate refuses pictures that are unreadable, small, narrow or blank. It does not yet recognize a picture that "
    "is no brain MRI, and the model answers on it as if it were one.",
)


class ExportError(BrainscanError):
    """The run cannot be turned into an artifact, or the folder must not be replaced."""

    def __init__(self, message: str) -> None:
        super().__init__("export_failed", message)


@dataclass(frozen=True, slots=True)
class Run:
    """A finished training: base and heads in float32, the threshold, what was done, and validation figures."""

    base: Tensors
    heads: Tensors
    threshold: float
    training: dict[str, Any]
    validation: dict[str, Any]

    def save(self, folder: Path) -> None:
        """Write the run to `folder`, replacing an older one."""
        folder.mkdir(parents=True, exist_ok=True)
        save_file(self.base, folder / "base.safetensors")
        save_file(self.heads, folder / "heads.safetensors")
        facts = {"threshold": self.threshold, "training": self.training, "validation": self.validation}
        (folder / "run.json").write_text(_json(facts), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> "Run":
        """Read what `save` wrote. Raises ExportError where there is no finished run."""
        try:
            facts = json.loads((folder / "run.json").read_text(encoding="utf-8"))
            base, heads = load_file(folder / "base.safetensors"), load_file(folder / "heads.safetensors")
            return cls(base, heads, facts["threshold"], facts["training"], facts["validation"])
        except (OSError, ValueError, KeyError) as error:
            raise ExportError(f"{folder} holds no finished run: {error}.") from error


def export(run: Run, out: Path, *, name: str = NAME) -> Path:
    """Write the artifact folder `out` and return it. An older artifact there is replaced, any other folder is not.

    Raises ExportError: a value is out of float16's range, the file would be too large, or `out` holds something else.
    """
    if out.exists() and any(out.iterdir()) and not (out / MANIFEST).is_file():
        raise ExportError(f"{out} is not empty and holds no artifact; name another folder.")
    weights = save(half({**run.base, **{tensor: run.heads[tensor] for tensor in TENSORS}}))
    if len(weights) > MAX_BYTES:
        raise ExportError(f"The weights take {len(weights):,} bytes; at most {MAX_BYTES:,} are allowed.")
    out.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.parent))
    fresh.chmod(0o755)
    (fresh / WEIGHTS).write_bytes(weights)
    write_manifest(fresh, manifest(run, weights, name=name))
    _swap(fresh, out)
    return out


def half(tensors: Tensors) -> dict[str, NDArray[np.float16]]:
    """Tensors in float16. Raises ExportError if a value does not survive (it overflows, or was not finite)."""
    halved = {}
    for name, tensor in tensors.items():
        with np.errstate(over="ignore"):
            halved[name] = np.ascontiguousarray(tensor.astype(np.float16))
        if not np.isfinite(halved[name]).all():
            raise ExportError(f"Tensor {name} has values that float16 cannot hold.")
    return halved


def manifest(run: Run, weights: bytes, *, name: str) -> dict[str, Any]:
    """The manifest of `run` with these weights, as `ml.registry.read_manifest` reads it."""
    return {
        "format": FORMAT,
        "name": name,
        "version": VERSION,
        "created": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "preprocessing": preprocess.VERSION,
        "threshold": run.threshold,
        "calibration": None,
        "weights": {
            "file": WEIGHTS,
            "sha256": hashlib.sha256(weights).hexdigest(),
            "bytes": len(weights),
            "dtype": "float16",
        },
        "architecture": {
            "base": "VGG16 convolutions up to block5_conv3, ImageNet weights, frozen",
            "pooling": "global average",
            "hidden": HIDDEN_UNITS,
            "heads": {"tumor": ["no_tumor", "tumor"], "type": list(TUMOR_TYPES)},
        },
        "types": list(TUMOR_TYPES),
        "input": {
            "size": [preprocess.SIZE, preprocess.SIZE],
            "channels": "BGR, the gray value in each",
            "range": [0, 255],
            "means": list(preprocess.CHANNEL_MEANS_BGR),
        },
        "training": run.training,
        "metrics": {"validation": run.validation, "test": None},
        "intended_use": INTENDED_USE,
        "limits": list(LIMITS),
    }


def write_manifest(folder: Path, data: dict[str, Any]) -> None:
    """Replace the manifest in `folder` in one step."""
    unfinished = folder / f".{MANIFEST}.part"
    unfinished.write_text(_json(data), encoding="utf-8")
    unfinished.replace(folder / MANIFEST)


def record_test(artifact: Path, summary: dict[str, Any]) -> None:
    """Put an evaluation of the test split into the artifact's manifest. Its identity does not change by this."""
    data = read_manifest(artifact).data
    data["metrics"]["test"] = {key: value for key, value in summary.items() if key != "seconds"}
    write_manifest(artifact, data)


def _swap(fresh: Path, out: Path) -> None:
    if not out.exists():
        fresh.rename(out)
        return
    old = fresh.with_name(fresh.name + "-old")
    out.rename(old)
    fresh.rename(out)
    shutil.rmtree(old)


def _json(data: dict[str, Any]) -> str:
    return json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
