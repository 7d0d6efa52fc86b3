"""Artifacts on disk: read a manifest, verify the weights against it, and load each model once per process.

A model's identity is a digest over what decides its answers: the weights, the preprocessing, the threshold, the
calibrations and the pictures it knows from training. Two artifacts with one digest answer alike, whatever else their
manifests say.
"""

import hashlib
import json
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load as load_safetensors

from ml import preprocess
from ml.contracts import ModelUnavailable
from ml.engines import Engine, load_engine
from ml.model import training_hashes
from ml.model.calibration import Calibration
from ml.model.gate import GateModel
from ml.model.heads import Heads
from ml.model.series_calibration import SeriesCalibration
from ml.model.training_hashes import TrainingHashes

DEFAULT_ARTIFACT = Path(__file__).resolve().parents[1] / "artifacts" / "vgg16-cells-1"
FORMAT = 2
FILES = ("weights", "training_hashes")
"""Entries of a manifest that name a file beside it, with its sha256 and its size."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """An artifact's manifest.json: what the model is, how it was made, what was measured."""

    path: Path
    data: dict[str, Any]

    @property
    def name(self) -> str:
        return str(self.data["name"])

    @property
    def digest(self) -> str:
        """Hex sha256 over everything that decides an answer."""
        decisive = {key: self.data[key] for key in ("preprocessing", "threshold", "calibration")}
        decisive |= {key: self.data[key]["sha256"] for key in FILES}
        if self.data.get("series") is not None:
            decisive["series"] = {key: value for key, value in self.data["series"].items() if key != "facts"}
        return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()

    @property
    def label(self) -> str:
        """`name@digest12`, as results report it."""
        return f"{self.name}@{self.digest[:12]}"

    @property
    def threshold(self) -> float:
        return float(self.data["threshold"])

    @property
    def calibration(self) -> Calibration:
        return Calibration.from_manifest(self.data["calibration"])

    @property
    def series(self) -> SeriesCalibration | None:
        """None: this model judges single pictures only."""
        entry = self.data.get("series")
        return None if entry is None else SeriesCalibration.from_dict(entry)

    def file(self, entry: str) -> Path:
        """Where the file of an entry in FILES lies."""
        return self.path / str(self.data[entry]["file"])


@dataclass(frozen=True, slots=True)
class Model:
    """A loaded model: its manifest, an engine for the convolutions, and what reads their maps."""

    manifest: Manifest
    engine: Engine
    heads: Heads
    calibration: Calibration
    gate: GateModel
    training_hashes: TrainingHashes
    series: SeriesCalibration | None = None


def read_manifest(path: Path | str | None = None) -> Manifest:
    """Read and check the manifest of the artifact folder `path` (default: the shipped one). Touches no weights.

    A file that has not changed since is not read again: every prediction asks for it.
    Raises ModelUnavailable with code `model_missing`, `manifest_invalid` or `preprocessing_mismatch`.
    """
    folder = Path(path) if path is not None else DEFAULT_ARTIFACT
    stamp = _stamp(folder / "manifest.json")
    if stamp is None:
        return _read_manifest(folder)
    with _manifests_lock:
        known = _manifests.get(folder)
    if known is None or known[0] != stamp:
        known = (stamp, _read_manifest(folder))
        with _manifests_lock:
            _manifests[folder] = known
    return known[1]


_Stamp = tuple[int, int, int, int]
_manifests: dict[Path, tuple[_Stamp, Manifest]] = {}
_manifests_lock = threading.Lock()


def _stamp(file: Path) -> _Stamp | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _read_manifest(folder: Path) -> Manifest:
    file = folder / "manifest.json"
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
        manifest = Manifest(folder, data)
        if data["format"] != FORMAT:
            raise ModelUnavailable(
                "manifest_invalid", f"{file} has format {data['format']}; this version reads {FORMAT}."
            )
        _ = manifest.series, manifest.label, manifest.calibration, data["training_hashes"]["method"]
        if isinstance(data["threshold"], bool) or not 0 < manifest.threshold < 1:  # False for NaN
            raise ModelUnavailable("manifest_invalid", f"{file} has the threshold {data['threshold']}, not 0 to 1.")
        for entry in FILES:
            if Path(data[entry]["file"]).name != data[entry]["file"] or int(data[entry]["bytes"]) < 0:
                raise ModelUnavailable("manifest_invalid", f"{file} names a file outside its own folder.")
    except FileNotFoundError as error:
        raise ModelUnavailable("model_missing", f"No model: {file} does not exist.") from error
    except OSError as error:
        raise ModelUnavailable("model_missing", f"No model: {file} cannot be read ({error.strerror}).") from error
    except (ValueError, KeyError, TypeError) as error:
        raise ModelUnavailable("manifest_invalid", f"{file} is no valid manifest: {error!r}.") from error
    if data["preprocessing"] != preprocess.VERSION:
        raise ModelUnavailable(
            "preprocessing_mismatch",
            f"{manifest.label} wants preprocessing {data['preprocessing']}; this version has {preprocess.VERSION}.",
        )
    return manifest


def quick_check(manifest: Manifest) -> None:
    """Are the files there, in their right size? Cheap enough for a health check; digests are verified at load.

    Raises ModelUnavailable with code `model_missing` or `weights_damaged`.
    """
    for entry in FILES:
        path = manifest.file(entry)
        try:
            size = path.stat().st_size
        except OSError as error:
            raise ModelUnavailable("model_missing", f"No model: {path} does not exist.") from error
        if size != manifest.data[entry]["bytes"]:
            raise ModelUnavailable("weights_damaged", f"{path} is damaged: its size is wrong.")


def read_tensors(manifest: Manifest) -> dict[str, NDArray[np.float32]]:
    """The verified weights, widened to float32.

    Raises ModelUnavailable with code `model_missing` or `weights_damaged` (the digest is not the manifest's).
    """
    data = _verified(manifest, "weights")
    try:
        return {name: tensor.astype(np.float32) for name, tensor in load_safetensors(data).items()}
    except SafetensorError as error:
        path = manifest.file("weights")
        raise ModelUnavailable("weights_damaged", f"{path} is no safetensors file: {error}") from error


def read_hashes(manifest: Manifest) -> TrainingHashes:
    """The verified hashes of the pictures that the model was made with.

    Raises ModelUnavailable with code `model_missing` or `weights_damaged`.
    """
    data = _verified(manifest, "training_hashes")
    try:
        return training_hashes.load(data, method=manifest.data["training_hashes"]["method"])
    except ValueError as error:
        raise ModelUnavailable("weights_damaged", f"{manifest.file('training_hashes')}: {error}") from error


def _verified(manifest: Manifest, entry: str) -> bytes:
    quick_check(manifest)
    path = manifest.file(entry)
    data = path.read_bytes()
    if hashlib.sha256(data).hexdigest() != manifest.data[entry]["sha256"]:
        raise ModelUnavailable("weights_damaged", f"{path} is damaged: its digest is wrong.")
    return data


_loaded: dict[tuple[Path, str, str], Model] = {}
_lock = threading.Lock()


def load_model(path: Path | str | None = None, *, engine: str = "auto", threads: int | None = None) -> Model:
    """Load an artifact folder (default: the shipped one), verified, at most once per process, path, digest and engine.

    engine: one of `ml.engines.CHOICES`. threads: of the processor, for a model not loaded yet; None for all there are.
    Raises ModelUnavailable (missing, damaged, no framework) and ValueError (unknown engine).
    """
    manifest = read_manifest(path)
    key = (manifest.path.resolve(), manifest.digest, engine)
    with _lock:
        if key not in _loaded:
            tensors = read_tensors(manifest)
            try:
                _loaded[key] = Model(
                    manifest=manifest,
                    engine=load_engine(engine, tensors, threads=threads),
                    heads=Heads.from_tensors(tensors),
                    calibration=manifest.calibration,
                    gate=GateModel.from_tensors(tensors),
                    training_hashes=read_hashes(manifest),
                    series=manifest.series,
                )
            except KeyError as error:
                raise ModelUnavailable(
                    "weights_damaged", f"{manifest.file('weights')} lacks tensor {error}."
                ) from error
        return _loaded[key]
