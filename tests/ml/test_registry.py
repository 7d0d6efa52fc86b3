"""Artifacts: what is damaged never answers, and what is sound is loaded once."""

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ml import registry
from ml.contracts import ModelUnavailable
from ml.registry import load_model, quick_check, read_manifest, read_tensors


def code(action: Callable[[], object]) -> str:
    with pytest.raises(ModelUnavailable) as caught:
        action()
    return caught.value.code


def change(folder: Path, **values: Any) -> None:
    file = folder / "manifest.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | values))


def test_a_sound_artifact(tiny_artifact: Path) -> None:
    manifest = read_manifest(tiny_artifact)
    assert manifest.label.startswith("tiny@")
    assert len(manifest.label) == len("tiny@") + 12
    assert manifest.threshold == 0.4
    assert not manifest.calibrated
    tensors = read_tensors(manifest)
    assert {tensor.dtype for tensor in tensors.values()} == {np.dtype(np.float32)}


def test_a_missing_folder(tmp_path: Path) -> None:
    assert code(lambda: read_manifest(tmp_path / "absent")) == "model_missing"


def test_missing_weights(tiny_artifact: Path) -> None:
    (tiny_artifact / "weights.safetensors").unlink()
    assert code(lambda: quick_check(read_manifest(tiny_artifact))) == "model_missing"
    assert code(lambda: load_model(tiny_artifact)) == "model_missing"


def test_weights_cut_short(tiny_artifact: Path) -> None:
    file = tiny_artifact / "weights.safetensors"
    file.write_bytes(file.read_bytes()[:-1])
    assert code(lambda: quick_check(read_manifest(tiny_artifact))) == "weights_damaged"


def test_one_flipped_bit(tiny_artifact: Path) -> None:
    file = tiny_artifact / "weights.safetensors"
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    quick_check(read_manifest(tiny_artifact))
    assert code(lambda: load_model(tiny_artifact)) == "weights_damaged"


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "{}", '{"format": 1}', '"text"'])
def test_a_manifest_that_is_none(tiny_artifact: Path, text: str) -> None:
    (tiny_artifact / "manifest.json").write_text(text)
    assert code(lambda: read_manifest(tiny_artifact)) == "manifest_invalid"


def test_another_format(tiny_artifact: Path) -> None:
    change(tiny_artifact, format=2)
    assert code(lambda: read_manifest(tiny_artifact)) == "manifest_invalid"


@pytest.mark.parametrize("file", ["../elsewhere.safetensors", "/etc/hostname", "a/b"])
def test_weights_outside_the_folder(tiny_artifact: Path, file: str) -> None:
    weights = json.loads((tiny_artifact / "manifest.json").read_text())["weights"]
    change(tiny_artifact, weights=weights | {"file": file})
    assert code(lambda: read_manifest(tiny_artifact)) == "manifest_invalid"


def test_another_preprocessing(tiny_artifact: Path) -> None:
    change(tiny_artifact, preprocessing="stretch-0")
    assert code(lambda: read_manifest(tiny_artifact)) == "preprocessing_mismatch"


def test_identity_is_what_decides_answers(tiny_artifact: Path) -> None:
    first = read_manifest(tiny_artifact).digest
    change(tiny_artifact, metrics={"test": 1}, created="1999-01-01", name="other")
    assert read_manifest(tiny_artifact).digest == first
    change(tiny_artifact, threshold=0.41)
    assert read_manifest(tiny_artifact).digest != first


def test_loaded_once_even_by_many_threads(tiny_artifact: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    built = []
    monkeypatch.setattr(registry, "_loaded", {})
    monkeypatch.setattr(registry, "load_engine", lambda name, tensors: built.append(name) or object())
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
    monkeypatch.setattr(registry, "load_engine", lambda name, tensors: object())
    monkeypatch.setattr(registry, "read_tensors", lambda manifest: {})
    assert code(lambda: load_model(tiny_artifact)) == "weights_damaged"


def test_an_unknown_engine(tiny_artifact: Path) -> None:
    with pytest.raises(ValueError, match="Valid engines"):
        load_model(tiny_artifact, engine="abacus")
