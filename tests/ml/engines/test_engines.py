"""Which engine is taken, and what is said where there is none."""

import logging
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from ml import engines
from ml.contracts import ModelUnavailable


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Engines that say their name; `missing` and `gpu` say what this machine lacks and has."""
    here: dict[str, Any] = {"missing": set(), "gpu": False, "threads": None}

    def build(name: str) -> Any:
        def engine(tensors: object, threads: int) -> Any:
            if name in here["missing"]:
                raise ModelUnavailable("engine_missing", f"no {name}.")
            here["threads"] = threads
            return SimpleNamespace(name=name, on_gpu=here["gpu"])

        return engine

    monkeypatch.setattr(engines, "_ncnn", build("ncnn"))
    monkeypatch.setattr(engines, "_tensorflow", build("tensorflow"))
    monkeypatch.setattr(engines, "unavailable_reason", lambda name: "gone." if name in here["missing"] else "")
    monkeypatch.setattr(engines, "has_accelerator", lambda: here["gpu"])
    return here


def test_the_fast_one_is_taken(found: dict[str, Any]) -> None:
    assert engines.load_engine("auto", {}).name == "ncnn"


def test_a_gpu_is_used(found: dict[str, Any]) -> None:
    found["gpu"] = True
    assert engines.load_engine("auto", {}).name == "tensorflow"


def test_the_log_says_when_ncnn_is_missing(found: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    found["missing"].add("ncnn")
    with caplog.at_level(logging.WARNING):
        assert engines.load_engine("auto", {}).name == "tensorflow"
    assert "no ncnn. Using TensorFlow, which is slower" in caplog.text


def test_the_requested_engine_is_never_replaced(found: dict[str, Any]) -> None:
    found["missing"].add("ncnn")
    with pytest.raises(ModelUnavailable, match="no ncnn"):
        engines.load_engine("ncnn", {})


def test_threads_are_those_of_the_process_unless_given(found: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines.cores, "available", lambda: 7)
    engines.load_engine("ncnn", {})
    assert found["threads"] == 7
    engines.load_engine("tensorflow", {}, threads=3)
    assert found["threads"] == 3


def test_an_unknown_engine_name_lists_the_known_ones() -> None:
    with pytest.raises(ValueError, match=f"'torch'.*auto, {', '.join(engines.ENGINES)}"):
        engines.load_engine("torch", {})


@pytest.mark.parametrize("name", engines.ENGINES)
def test_a_package_that_is_absent_is_named(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(engines, "find_spec", lambda _: None)
    assert "not installed" in engines.unavailable_reason(name)
    assert engines.unavailable_reason("auto") == ""


@pytest.mark.parametrize("name", engines.ENGINES)
def test_a_framework_that_cannot_be_imported_is_no_engine(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setitem(sys.modules, f"ml.engines.{name}", None)
    with pytest.raises(ModelUnavailable) as raised:
        engines.load_engine(name, {})
    assert raised.value.code == "engine_missing"
