"""One picture through a model: refusals are answers, batches change nothing, times are told."""

from collections.abc import Callable
from pathlib import Path

import pytest

from ml import readers
from ml.analysis import analyse, analyse_batch
from ml.registry import Model
from tests import builders


def test_a_slice_is_judged(fake_model: Model) -> None:
    result = analyse(fake_model, builders.png_bytes())
    assert result.outcome in ("tumor", "no_tumor")
    assert result.gate.accepted
    assert result.model == fake_model.manifest.label
    assert result.engine == "fake"
    assert set(result.milliseconds) == {"read", "preprocess", "forward", "head", "total"}
    assert result.milliseconds["total"] > 0


@pytest.mark.parametrize(("tumor", "outcome"), [(True, "tumor"), (False, "no_tumor")])
def test_the_outcome_is_the_models(sure_model: Callable[[bool], Model], tumor: bool, outcome: str) -> None:
    assert analyse(sure_model(tumor), builders.png_bytes()).outcome == outcome


@pytest.mark.parametrize(
    ("data", "reason"),
    [(b"", "empty"), (builders.SVG, "markup"), (builders.png_bytes(builders.phantom(8)), "too_small")],
)
def test_a_refusal_runs_no_network(fake_model: Model, data: bytes, reason: str) -> None:
    calls = len(fake_model.engine.calls)  # type: ignore[attr-defined]
    result = analyse(fake_model, data)
    assert result.outcome == "refused"
    assert result.gate.reason == reason
    assert result.prediction is None
    assert result.as_dict()["tumor_probability"] is None
    assert len(fake_model.engine.calls) == calls  # type: ignore[attr-defined]


def test_path_bytes_and_image_answer_alike(fake_model: Model, tmp_path: Path) -> None:
    file = tmp_path / "x"
    file.write_bytes(builders.jpeg_bytes())
    sources = [file, str(file), builders.jpeg_bytes(), readers.read(file)]
    assert len({analyse(fake_model, source).prediction.tumor_probability for source in sources}) == 1  # type: ignore[union-attr]


def test_a_batch_is_one_forward_pass_in_order(fake_model: Model) -> None:
    files = [builders.png_bytes(builders.phantom(100 + n)) for n in range(3)]
    mixed = [files[0], b"", files[1], builders.TEXT, files[2]]
    fake_model.engine.calls.clear()  # type: ignore[attr-defined]
    results = analyse_batch(fake_model, mixed)
    assert fake_model.engine.calls == [3]  # type: ignore[attr-defined]
    assert [result.outcome == "refused" for result in results] == [False, True, False, True, False]
    for file, result in zip(files, (results[0], results[2], results[4]), strict=True):
        alone = analyse(fake_model, file).prediction
        assert alone is not None
        assert result.prediction is not None
        assert result.prediction.tumor_probability == pytest.approx(alone.tumor_probability, abs=1e-6)


def test_an_empty_batch(fake_model: Model) -> None:
    assert analyse_batch(fake_model, []) == []


def test_the_callers_pixel_limit_holds(fake_model: Model) -> None:
    assert analyse(fake_model, builders.png_bytes(), max_pixels=100).gate.reason == "too_many_pixels"
