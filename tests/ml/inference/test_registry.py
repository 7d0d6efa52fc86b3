"""Artifacts: what is damaged never answers, and what is sound is loaded once."""

import hashlib
import json
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ml.contracts import TUMOR_TYPES, ModelUnavailable
from ml.inference import registry
from ml.inference.registry import (
    FILES,
    FORMAT,
    Manifest,
    load_model,
    quick_check,
    read_hashes,
    read_manifest,
    read_tensors,
)
from ml.model import training_hashes
from ml.model.series_calibration import OF_NEIGHBORS
from ml.training.export import Run, export
from tests.ml.conftest import CALIBRATION


def code(action: Callable[[], object]) -> str:
    with pytest.raises(ModelUnavailable) as caught:
        action()
    return caught.value.code


def load_tiny(folder: Path) -> object:
    """Load with an engine that needs no framework."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(registry, "load_engine", lambda name, tensors, threads=None: object())
        return load_model(folder)


def change(folder: Path, **values: Any) -> None:
    file = folder / "manifest.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | values))


def test_a_sound_artifact(tiny_artifact: Path) -> None:
    manifest = read_manifest(tiny_artifact)
    assert manifest.label.startswith("tiny@")
    assert len(manifest.label) == len("tiny@") + 12
    assert manifest.threshold == 0.4
    assert manifest.calibration == CALIBRATION
    tensors = read_tensors(manifest)
    assert {tensor.dtype for tensor in tensors.values()} == {np.dtype(np.float32)}
    assert read_hashes(manifest).hashes.tolist() == [np.arange(64).reshape(2, 32).tolist()]
    quick_check(manifest)


def test_a_model_has_its_own_types(tiny_artifact: Path, tiny_run: Run, tmp_path: Path) -> None:
    """An artifact of three types and one of four load beside each other."""
    names = ("type/kernel", "type/bias")
    three = tiny_run.tensors | {name: tiny_run.tensors[name][..., :3] for name in names}
    older = export(replace(tiny_run, tensors=three), tmp_path / "older")
    change(older, types=list(TUMOR_TYPES[:3]))
    assert read_manifest(tiny_artifact).types == TUMOR_TYPES
    assert read_manifest(older).types == ("glioma", "meningioma", "pituitary")
    load_tiny(tiny_artifact)
    load_tiny(older)


def test_a_missing_folder(tmp_path: Path) -> None:
    assert code(lambda: read_manifest(tmp_path / "absent")) == "model_missing"


@pytest.mark.parametrize("entry", FILES)
def test_a_missing_file(tiny_artifact: Path, entry: str) -> None:
    read_manifest(tiny_artifact).file(entry).unlink()
    assert code(lambda: quick_check(read_manifest(tiny_artifact))) == "model_missing"
    assert code(lambda: load_tiny(tiny_artifact)) == "model_missing"


@pytest.mark.parametrize("entry", FILES)
def test_a_file_cut_short(tiny_artifact: Path, entry: str) -> None:
    file = read_manifest(tiny_artifact).file(entry)
    file.write_bytes(file.read_bytes()[:-1])
    assert code(lambda: quick_check(read_manifest(tiny_artifact))) == "weights_damaged"


@pytest.mark.parametrize("entry", FILES)
def test_one_flipped_bit(tiny_artifact: Path, entry: str) -> None:
    file = read_manifest(tiny_artifact).file(entry)
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    quick_check(read_manifest(tiny_artifact))
    assert code(lambda: load_tiny(tiny_artifact)) == "weights_damaged"


def test_weights_of_another_model(tiny_artifact: Path, tiny_run: Run, tmp_path: Path) -> None:
    """Same names, shapes and size, other numbers: only the digest can tell."""
    other = export(replace(tiny_run, tensors={n: t[::-1] for n, t in tiny_run.tensors.items()}), tmp_path / "other")
    mine, theirs = (read_manifest(folder).file("weights") for folder in (tiny_artifact, other))
    assert mine.stat().st_size == theirs.stat().st_size
    mine.write_bytes(theirs.read_bytes())
    quick_check(read_manifest(tiny_artifact))
    assert code(lambda: load_tiny(tiny_artifact)) == "weights_damaged"


@pytest.mark.parametrize("entry", FILES)
def test_a_file_of_something_else_whose_digest_is_right(tiny_artifact: Path, entry: str) -> None:
    manifest, data = read_manifest(tiny_artifact), b"these are no tensors"
    manifest.file(entry).write_bytes(data)
    sound = {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
    change(tiny_artifact, **{entry: manifest.data[entry] | sound})
    assert code(lambda: load_tiny(tiny_artifact)) == "weights_damaged"


def test_hashes_of_another_method(tiny_artifact: Path) -> None:
    """They would match nothing, and a training image would pass for a new one."""
    change(tiny_artifact, training_hashes=read_manifest(tiny_artifact).data["training_hashes"] | {"method": "dct64"})
    with pytest.raises(ModelUnavailable, match="dct64") as caught:
        load_tiny(tiny_artifact)
    assert caught.value.code == "weights_damaged"


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "{}", '{"format": 1}', '"text"'])
def test_an_unreadable_manifest_is_refused(tiny_artifact: Path, text: str) -> None:
    (tiny_artifact / "manifest.json").write_text(text)
    assert code(lambda: read_manifest(tiny_artifact)) == "manifest_invalid"


def test_another_format(tiny_artifact: Path) -> None:
    change(tiny_artifact, format=FORMAT - 1)
    assert code(lambda: read_manifest(tiny_artifact)) == "manifest_invalid"


@pytest.mark.parametrize("entry", FILES)
@pytest.mark.parametrize("file", ["../elsewhere.safetensors", "/etc/hostname", "a/b"])
def test_a_file_outside_the_folder(tiny_artifact: Path, entry: str, file: str) -> None:
    change(tiny_artifact, **{entry: read_manifest(tiny_artifact).data[entry] | {"file": file}})
    assert code(lambda: read_manifest(tiny_artifact)) == "manifest_invalid"


@pytest.mark.parametrize(
    "value", [None, {}, CALIBRATION.as_dict() | {"method": "isotonic"}, CALIBRATION.as_dict() | {"slope": -1.0}]
)
def test_an_invalid_calibration_is_refused(tiny_artifact: Path, value: object) -> None:
    change(tiny_artifact, calibration=value)
    assert code(lambda: read_manifest(tiny_artifact)) == "manifest_invalid"


@pytest.mark.parametrize("value", [0, 1, 7, -0.1, True, float("nan"), float("inf"), "0.5 of all", None])
def test_an_invalid_threshold_is_refused(tiny_artifact: Path, value: object) -> None:
    change(tiny_artifact, threshold=value)
    assert code(lambda: read_manifest(tiny_artifact)) == "manifest_invalid"


def test_another_preprocessing(tiny_artifact: Path) -> None:
    change(tiny_artifact, preprocessing="stretch-0")
    assert code(lambda: read_manifest(tiny_artifact)) == "preprocessing_mismatch"


@pytest.mark.parametrize("changed", [{"metrics": {"test": 1}}, {"created": "1999-01-01"}, {"name": "other"}])
def test_the_digest_does_not_depend_on_metrics_date_or_name(tiny_artifact: Path, changed: dict[str, Any]) -> None:
    first = read_manifest(tiny_artifact).digest
    change(tiny_artifact, **changed)
    assert read_manifest(tiny_artifact).digest == first


@pytest.mark.parametrize("name", ["threshold", "calibration", "preprocessing", "weights", "training_hashes"])
def test_the_digest_depends_on_everything_that_decides_answers(tiny_artifact: Path, name: str) -> None:
    manifest = read_manifest(tiny_artifact)
    values = {"threshold": 0.41, "calibration": CALIBRATION.as_dict() | {"slope": 0.81}, "preprocessing": "other"}
    values |= {entry: manifest.data[entry] | {"sha256": "0" * 64} for entry in FILES}
    assert Manifest(tiny_artifact, manifest.data | {name: values[name]}).digest != manifest.digest


def test_hashes_of_more_images_make_another_model(tiny_artifact: Path, tiny_run: Run, tmp_path: Path) -> None:
    data, hashed = training_hashes.build([np.zeros((2, 32), np.uint8)] * 2, ["train", "val"])
    other = export(replace(tiny_run, hashes=data, hashed=hashed), tmp_path / "other", name="tiny")
    assert read_manifest(other).digest != read_manifest(tiny_artifact).digest
    assert read_hashes(read_manifest(other)).validation.tolist() == [False, True]


def test_a_manifest_is_read_again_when_it_has_changed_and_not_before(
    tiny_artifact: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = read_manifest(tiny_artifact)
    monkeypatch.setattr(registry, "_read_manifest", lambda folder: pytest.fail("read again"))
    assert read_manifest(tiny_artifact) is before
    monkeypatch.undo()
    data = json.loads((tiny_artifact / "manifest.json").read_text()) | {"threshold": 0.123}
    (tiny_artifact / "manifest.json").write_text(json.dumps(data))
    assert read_manifest(tiny_artifact).threshold == 0.123
    (tiny_artifact / "manifest.json").unlink()
    with pytest.raises(ModelUnavailable):
        read_manifest(tiny_artifact)


def test_loaded_once_even_by_many_threads(tiny_artifact: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    built = []

    def engine(name: str, tensors: Any, threads: int | None = None) -> object:
        built.append(name)
        return object()

    monkeypatch.setattr(registry, "_loaded", {})
    monkeypatch.setattr(registry, "load_engine", engine)
    models = []
    threads = [threading.Thread(target=lambda: models.append(load_model(tiny_artifact))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert built == ["auto"]
    assert len({id(model) for model in models}) == 1


def test_weights_without_heads(tiny_artifact: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_loaded", {})
    monkeypatch.setattr(registry, "load_engine", lambda name, tensors, threads=None: object())
    monkeypatch.setattr(registry, "read_tensors", lambda manifest: {})
    assert code(lambda: load_model(tiny_artifact)) == "weights_damaged"


@pytest.mark.parametrize("types", [[], [1, 2, 3], None])
def test_a_manifest_without_types_is_refused(tiny_artifact: Path, types: Any) -> None:
    change(tiny_artifact, types=types)
    assert code(lambda: read_manifest(tiny_artifact)) == "manifest_invalid"


def test_a_manifest_must_name_as_many_types_as_the_weights_tell_apart(tiny_artifact: Path) -> None:
    change(tiny_artifact, types=["glioma", "meningioma", "pituitary"])
    assert code(lambda: load_tiny(tiny_artifact)) == "weights_damaged"


def test_an_unknown_engine(tiny_artifact: Path) -> None:
    with pytest.raises(ValueError, match="Valid engines"):
        load_model(tiny_artifact, engine="abacus")


SERIES = {
    "method": OF_NEIGHBORS,
    "sharpness": 2.0,
    "neighbors": 0.0,
    "slope": 1.0,
    "intercept": -1.0,
    "threshold": 0.4,
    "uncertain": [0.3, 0.7],
    "facts": {"patients": 5},
}


def test_a_manifest_without_series_has_the_digest_it_always_had(tiny_artifact: Path) -> None:
    manifest = read_manifest(tiny_artifact)
    decisive = {key: manifest.data[key] for key in ("preprocessing", "threshold", "calibration")}
    decisive |= {entry: manifest.data[entry]["sha256"] for entry in FILES}
    expected = hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()
    assert manifest.digest == expected
    assert manifest.series is None
    change(tiny_artifact, series=None)
    assert read_manifest(tiny_artifact).digest == expected


def test_the_digest_depends_on_how_series_are_judged_but_not_on_its_facts(tiny_artifact: Path) -> None:
    without = read_manifest(tiny_artifact).digest
    change(tiny_artifact, series=SERIES)
    manifest = read_manifest(tiny_artifact)
    assert manifest.series is not None
    assert manifest.series.threshold == 0.4
    assert manifest.digest != without
    change(tiny_artifact, series=SERIES | {"facts": {"patients": 6}})
    assert read_manifest(tiny_artifact).digest == manifest.digest
    change(tiny_artifact, series=SERIES | {"threshold": 0.41})
    assert read_manifest(tiny_artifact).digest != manifest.digest


@pytest.mark.parametrize(
    "entry", [{}, {"method": OF_NEIGHBORS}, SERIES | {"slope": 0}, SERIES | {"method": "maximum"}, "x"]
)
def test_a_series_entry_that_cannot_be_used(tiny_artifact: Path, entry: Any) -> None:
    change(tiny_artifact, series=entry)
    assert code(lambda: read_manifest(tiny_artifact)) == "manifest_invalid"
