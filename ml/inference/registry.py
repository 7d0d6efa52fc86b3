"""Model artifacts on disk: read the manifest, verify the weights against it, load each model once per process.

A model's identity is a digest over what decides its results: weights, preprocessing, threshold, calibrations and the
hashes of its training images. Artifacts with the same digest give the same results, whatever else their manifests say.
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

DEFAULT_ARTIFACT = Path(__file__).resolve().parents[1] / "artifacts" / "vgg16-cells-6"
FORMAT = 2
"""Of the manifest; an artifact of another format is refused."""

FILES = ("weights", "training_hashes")
"""Manifest entries that name a file in the artifact folder, with its sha256 and size."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """An artifact's manifest.json: what the model is, how it was trained, what was measured."""

    path: Path
    data: dict[str, Any]

    @property
    def name(self) -> str:
        return str(self.data["name"])

    @property
    def digest(self) -> str:
        """Hex SHA-256 over everything that decides a result. The types' names follow the weights and are left out."""
        decisive = {key: self.data[key] for key in ("preprocessing", "threshold", "calibration")}
        decisive |= {key: self.data[key]["sha256"] for key in FILES}
        if self.data.get("series") is not None:
            decisive["series"] = {key: value for key, value in self.data["series"].items() if key != "facts"}
        return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()

    @property
    def label(self) -> str:
        """`name@digest12`, the form used in results."""
        return f"{self.name}@{self.digest[:12]}"

    @property
    def types(self) -> tuple[str, ...]:
        """Tumor types that this model tells apart, in the order of its type head."""
        return tuple(self.data["types"])

    @property
    def threshold(self) -> float:
        return float(self.data["threshold"])

    @property
    def calibration(self) -> Calibration:
        return Calibration.from_manifest(self.data["calibration"])

    @property
    def series(self) -> SeriesCalibration | None:
        """None if this model judges single images only."""
        entry = self.data.get("series")
        return None if entry is None else SeriesCalibration.from_dict(entry)

    def file(self, entry: str) -> Path:
        """Path of the file that an entry of FILES names."""
        return self.path / str(self.data[entry]["file"])


@dataclass(frozen=True, slots=True)
class Model:
    """A loaded model: its manifest, an engine for the convolutions, and everything that interprets their maps."""

    manifest: Manifest
    engine: Engine
    heads: Heads
    calibration: Calibration
    gate: GateModel
    training_hashes: TrainingHashes
    series: SeriesCalibration | None = None


def read_manifest(path: Path | str | None = None) -> Manifest:
    """Read and check the manifest of the artifact folder `path` (default: the shipped one). Does not touch the weights.

    Cached until the file changes, because every prediction asks for it.
    Raises ModelUnavailable with code `model_missing`, `manifest_invalid` or `preprocessing_mismatch`.
    """
    folder = Path(path) if path is not None else DEFAULT_ARTIFACT
    version = _file_version(folder / "manifest.json")
    if version is None:
        return _read_manifest(folder)
    with _manifests_lock:
        cached = _manifests.get(folder)
    if cached is None or cached[0] != version:
        cached = (version, _read_manifest(folder))
        with _manifests_lock:
            _manifests[folder] = cached
    return cached[1]


_FileVersion = tuple[int, int, int, int]
_manifests: dict[Path, tuple[_FileVersion, Manifest]] = {}
_manifests_lock = threading.Lock()


def _file_version(file: Path) -> _FileVersion | None:
    """Changes whenever the file does; None if it cannot be found."""
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


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
        if not manifest.types or not all(isinstance(name, str) for name in manifest.types):
            raise ModelUnavailable("manifest_invalid", f"{file} does not list the tumor types as names.")
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
            f"{manifest.label} needs preprocessing {data['preprocessing']}; this version has {preprocess.VERSION}.",
        )
    return manifest


def quick_check(manifest: Manifest) -> None:
    """Check that the artifact's files exist and have the right size. Cheap enough for health checks; loading verifies
    the digests.

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
    """The weights, verified and widened to float32.

    Raises ModelUnavailable with code `model_missing` or `weights_damaged` (the digest is not the manifest's).
    """
    data = _verified(manifest, "weights")
    try:
        return {name: tensor.astype(np.float32) for name, tensor in load_safetensors(data).items()}
    except SafetensorError as error:
        path = manifest.file("weights")
        raise ModelUnavailable("weights_damaged", f"{path} is no safetensors file: {error}") from error


def read_hashes(manifest: Manifest) -> TrainingHashes:
    """The verified hashes of the images that the model was trained and tuned on.

    Raises ModelUnavailable with code `model_missing` or `weights_damaged`.
    """
    data = _verified(manifest, "training_hashes")
    try:
        return training_hashes.load(data, method=manifest.data["training_hashes"]["method"])
    except ValueError as error:
        raise ModelUnavailable("weights_damaged", f"{manifest.file('training_hashes')}: {error}") from error


def verify(manifest: Manifest) -> None:
    """Compare the digests of the artifact's files with the manifest's. Raises ModelUnavailable as `read_tensors`."""
    for entry in FILES:
        _verified(manifest, entry)


def file_versions(manifest: Manifest) -> tuple[object, ...]:
    """Changes whenever one of the artifact's files does: cheap enough to ask for every few seconds."""
    return tuple(_file_version(manifest.file(entry)) for entry in FILES)


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
    """Load and verify an artifact folder (default: the shipped one), once per process, path, digest and engine.

    engine: one of `ml.engines.CHOICES`. threads: CPU threads of a newly loaded engine; None for all available cores.
    Raises ModelUnavailable (missing, damaged, no framework) and ValueError (unknown engine).
    """
    manifest = read_manifest(path)
    key = (manifest.path.resolve(), manifest.digest, engine)
    with _lock:
        if key not in _loaded:
            _loaded[key] = _load(manifest, engine=engine, threads=threads)
        return _loaded[key]


def _load(manifest: Manifest, *, engine: str, threads: int | None) -> Model:
    tensors = read_tensors(manifest)
    weights = manifest.file("weights")
    try:
        heads, gate = Heads.from_tensors(tensors), GateModel.from_tensors(tensors)
        if heads.type_count != len(manifest.types):
            problem = f"{weights} tells {heads.type_count} tumor types apart; the manifest names {len(manifest.types)}."
            raise ModelUnavailable("weights_damaged", problem)
        return Model(
            manifest=manifest,
            engine=load_engine(engine, tensors, threads=threads),
            heads=heads,
            calibration=manifest.calibration,
            gate=gate,
            training_hashes=read_hashes(manifest),
            series=manifest.series,
        )
    except KeyError as error:
        raise ModelUnavailable("weights_damaged", f"{weights} lacks tensor {error}.") from error
