"""The benchmark's bookkeeping; what it measures is measured by `make bench`."""

import json
from pathlib import Path
from time import sleep

import numpy as np
import pytest

from ml.cli import benchmark, main
from ml.inference.registry import Model


class FakePeer:
    """Stands where Keras does."""

    def predict(self, inputs: np.ndarray, *, verbose: int) -> np.ndarray:
        sleep(0.002)
        return inputs


@pytest.fixture(autouse=True)
def _no_keras(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(benchmark, "keras_peer", lambda model: FakePeer())


@pytest.mark.parametrize("json_", [True, False])
def test_figures_are_printed_and_kept(
    fake_model: Model, tmp_path: Path, json_: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "var" / "bench.json"
    argv = ["benchmark", "--model", str(fake_model.manifest.path), "--repeats", "2", "--out", str(out)]
    assert main([*argv, "--json"] if json_ else argv) == 0
    printed, kept = capsys.readouterr().out, json.loads(out.read_text())
    assert (json.loads(printed) == kept) if json_ else ("Keras predict" in printed)
    assert set(kept["stages_ms"]) == {"read", "gate", "preprocess", "head"}
    assert [row["batch"] for row in kept["forward_ms"]] == list(benchmark.BATCHES)
    for row in kept["forward_ms"]:
        assert row["ratio"] > 0
        assert row["engine"]["q1"] <= row["engine"]["median"] <= row["engine"]["q3"]
    assert kept["peak_memory_mb"] > 10


def test_the_head_is_all_that_follows_the_pass(fake_model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    located = []
    monkeypatch.setattr(benchmark, "locate", lambda cells, geometry: located.append(cells.shape))
    measured = benchmark.measure(fake_model, repeats=1)
    assert located == [(14, 14)] * 2  # one to warm up
    assert measured["stages_ms"]["head"]["median"] > 0


def test_engine_and_peer_take_turns() -> None:
    order: list[str] = []
    times = benchmark.in_turns({"a": lambda: order.append("a"), "b": lambda: order.append("b")}, repeats=3)
    assert order == ["a", "a", "b", "b"] * 3
    assert {name: len(taken) for name, taken in times.items()} == {"a": 3, "b": 3}
