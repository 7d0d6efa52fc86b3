"""One image through a model: a refusal is a result, batches change nothing, times are reported."""

import json
import threading
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ml import readers
from ml.contracts import Image
from ml.inference import analysis
from ml.inference.analysis import Source, analyze, analyze_each
from ml.inference.registry import Model
from ml.model import training_hashes
from ml.model.heads import CELLS
from ml.model.vgg16 import Maps
from tests import builders
from tests.fakes import HOT_CELL
from tests.fakes import fake_model as stand_in


def test_a_slice_gets_a_result(fake_model: Model) -> None:
    result = analyze(fake_model, builders.png_bytes())
    assert result.outcome in ("tumor", "no_tumor")
    assert result.gate.accepted
    assert result.model == fake_model.manifest.label
    assert result.engine == "fake"
    assert set(result.milliseconds) == {"read", "preprocess", "forward", "head", "total"}
    assert result.milliseconds["total"] > 0


def test_everything_comes_from_one_pass() -> None:
    model = stand_in(0.9)
    result = analyze(model, builders.png_bytes())
    assert model.engine.passes == 1  # type: ignore[attr-defined]
    assert result.prediction is not None
    assert result.evidence is not None
    assert result.embedding is not None
    assert result.prediction.tumor_probability == pytest.approx(0.9, abs=1e-4)
    assert result.prediction.type_probabilities == pytest.approx({"glioma": 0.7, "meningioma": 0.2, "pituitary": 0.1})
    assert result.evidence.box is not None
    row, column = HOT_CELL
    assert result.evidence.heat.index(max(result.evidence.heat)) == row * CELLS + column
    assert result.embedding.shape == (64,)
    assert result.embedding.dtype == np.float32
    assert np.linalg.norm(result.embedding) == pytest.approx(1, abs=1e-6)


def test_the_types_are_those_of_the_model() -> None:
    names, three = ["glioma", "meningioma", "pituitary", "other"], stand_in(0.9)
    kernel, bias = np.zeros((len(three.heads.type[0]), 4), np.float32), np.log([0.4, 0.3, 0.2, 0.1]).astype(np.float32)
    manifest = replace(three.manifest, data=three.manifest.data | {"types": names})
    four = replace(three, manifest=manifest, heads=replace(three.heads, type=(kernel, bias)))
    prediction = analyze(four, builders.png_bytes()).prediction
    assert prediction is not None
    assert prediction.type_probabilities == pytest.approx(dict(zip(names, (0.4, 0.3, 0.2, 0.1), strict=True)))


def test_the_record_has_the_names_of_the_contract() -> None:
    judged = analyze(stand_in(0.9), builders.png_bytes()).as_dict()
    assert {"outcome", "uncertain", "tumor_probability", "type_probabilities", "evidence", "gate"} < set(judged)
    assert {"model", "engine", "milliseconds", "trained_on"} < set(judged)
    assert set(judged["evidence"]) == {"peak", "box", "share", "heat", "square", "orientation"}
    assert "embedding" not in judged
    json.dumps(judged, allow_nan=False)
    refused = analyze(stand_in(0.9), b"").as_dict()
    assert set(refused) == set(judged)
    assert refused["tumor_probability"] is refused["type_probabilities"] is refused["evidence"] is None
    assert refused["uncertain"] is refused["trained_on"] is False


@pytest.mark.parametrize(
    ("score", "outcome", "uncertain"),
    [(0.30, "no_tumor", False), (0.41, "no_tumor", True), (0.52, "tumor", True), (0.70, "tumor", False)],
)
def test_a_probability_within_the_band_is_uncertain(score: float, outcome: str, uncertain: bool) -> None:
    result = analyze(stand_in(score, uncertain=(0.4, 0.6)), builders.png_bytes())
    assert result.outcome == outcome
    assert result.prediction is not None
    assert result.prediction.uncertain is uncertain
    assert result.as_dict()["uncertain"] is uncertain


def test_the_threshold_itself_is_tumor(fake_model: Model) -> None:
    def outcome(threshold: float) -> str:
        manifest = replace(fake_model.manifest, data=fake_model.manifest.data | {"threshold": threshold})
        return analyze(replace(fake_model, manifest=manifest), builders.png_bytes()).outcome

    prediction = analyze(fake_model, builders.png_bytes()).prediction
    assert prediction is not None
    assert outcome(prediction.tumor_probability) == "tumor"
    assert outcome(float(np.nextafter(prediction.tumor_probability, 2))) == "no_tumor"


@pytest.mark.parametrize("part", ["train", "val"])
def test_a_copy_of_a_training_image_is_recognized(part: str) -> None:
    shown, other = builders.phantom(seed=1), builders.phantom(200, lesion=False)[:, 20:]
    print_ = training_hashes.fingerprint(readers.read(builders.png_bytes(shown)))
    known = training_hashes.load(training_hashes.build([print_], [part])[0], method=training_hashes.METHOD)
    model = replace(stand_in(0.9), training_hashes=known)
    assert analyze(model, builders.jpeg_bytes(shown)).trained_on
    assert analyze(model, builders.jpeg_bytes(shown)).as_dict()["trained_on"] is True
    assert not analyze(model, builders.png_bytes(other)).trained_on


@pytest.mark.parametrize(("tumor", "outcome"), [(True, "tumor"), (False, "no_tumor")])
def test_the_outcome_follows_the_model(sure_model: Callable[[bool], Model], tumor: bool, outcome: str) -> None:
    assert analyze(sure_model(tumor), builders.png_bytes()).outcome == outcome


@pytest.mark.parametrize(
    ("data", "reason"),
    [(b"", "empty"), (builders.SVG, "markup"), (builders.png_bytes(builders.phantom(8)), "too_small")],
)
def test_a_refusal_runs_no_network(fake_model: Model, data: bytes, reason: str) -> None:
    calls = len(fake_model.engine.calls)  # type: ignore[attr-defined]
    result = analyze(fake_model, data)
    assert result.outcome == "refused"
    assert result.gate.reason == reason
    assert result.prediction is None and result.evidence is None and result.embedding is None
    assert result.milliseconds["forward"] == result.milliseconds["head"] == 0
    assert len(fake_model.engine.calls) == calls  # type: ignore[attr-defined]


def test_path_bytes_and_image_give_the_same_result(fake_model: Model, tmp_path: Path) -> None:
    file = tmp_path / "x"
    file.write_bytes(builders.jpeg_bytes())
    sources: list[Source] = [file, str(file), builders.jpeg_bytes(), readers.read(file)]
    assert len({analyze(fake_model, source).prediction.tumor_probability for source in sources}) == 1  # type: ignore[union-attr]


def test_a_batch_is_one_forward_pass_in_order(fake_model: Model) -> None:
    files = [builders.png_bytes(builders.phantom(100 + n)) for n in range(3)]
    mixed = [files[0], b"", files[1], builders.TEXT, files[2]]
    fake_model.engine.calls.clear()  # type: ignore[attr-defined]
    results = list(analyze_each(fake_model, mixed, batch=len(mixed)))
    assert fake_model.engine.calls == [3]  # type: ignore[attr-defined]
    assert [result.outcome == "refused" for result in results] == [False, True, False, True, False]
    for file, result in zip(files, (results[0], results[2], results[4]), strict=True):
        alone = analyze(fake_model, file).prediction
        assert alone is not None
        assert result.prediction is not None
        assert result.prediction.tumor_probability == pytest.approx(alone.tumor_probability, abs=1e-6)


@pytest.mark.parametrize(("batch", "calls"), [(1, [1, 1, 1, 1, 1]), (2, [2, 2, 1]), (5, [5]), (8, [5])])
def test_a_pass_takes_a_batch_of_images(fake_model: Model, batch: int, calls: list[int]) -> None:
    images = [builders.png_bytes(builders.phantom(100 + n)) for n in range(5)]
    alone = [analyze(fake_model, image).prediction for image in images]
    fake_model.engine.calls.clear()  # type: ignore[attr-defined]
    together = [result.prediction for result in analyze_each(fake_model, iter(images), batch=batch)]
    for one, other in zip(together, alone, strict=True):  # sums of a batch may differ in the last digit
        assert one is not None
        assert other is not None
        assert (one.outcome, one.uncertain) == (other.outcome, other.uncertain)
        assert one.tumor_probability == pytest.approx(other.tumor_probability, rel=1e-5)
        assert one.type_probabilities == pytest.approx(other.type_probabilities, rel=1e-5)
    assert fake_model.engine.calls == calls  # type: ignore[attr-defined]


def test_no_images_give_no_results(fake_model: Model) -> None:
    assert list(analyze_each(fake_model, [])) == []


def test_the_next_image_is_read_during_a_pass(fake_model: Model) -> None:
    """The first pass cannot end before the second image was asked for."""
    asked, forward = threading.Event(), fake_model.engine.forward

    def waits(batch: Any) -> Maps:
        assert asked.wait(30)
        return forward(batch)

    def images() -> Iterator[bytes]:
        yield builders.png_bytes()
        asked.set()
        yield builders.png_bytes(builders.phantom(120))

    fake_model.engine.forward = waits  # type: ignore[method-assign]
    assert len(list(analyze_each(fake_model, images()))) == 2


@pytest.mark.parametrize("passes", [1, 2])
def test_as_many_passes_run_at_once_as_the_engine_gains_from(fake_model: Model, passes: int) -> None:
    """Each pass but the last waits until as many as that are in it together."""
    together, forward, most, inside = threading.Barrier(passes), fake_model.engine.forward, [0], [0]

    def meets(batch: Any) -> Maps:
        inside[0] += 1
        most[0] = max(most[0], inside[0])
        together.wait(30)
        inside[0] -= 1
        return forward(batch)

    fake_model.engine.concurrent_passes, fake_model.engine.forward = passes, meets  # type: ignore[misc, method-assign]
    images = [builders.png_bytes(builders.phantom(100 + n)) for n in range(4)]
    assert len(list(analyze_each(fake_model, images))) == 4
    assert most == [passes]


@pytest.mark.parametrize("passes", [1, 2])
def test_only_one_batch_is_read_ahead(fake_model: Model, passes: int) -> None:
    fake_model.engine.concurrent_passes = passes  # type: ignore[misc]
    taken: list[int] = []
    images = (taken.append(n) or builders.png_bytes(builders.phantom(100 + n)) for n in range(6))  # type: ignore[func-returns-value]
    for done, _ in enumerate(analyze_each(fake_model, images)):
        assert len(taken) <= done + passes + 1


@pytest.mark.parametrize("batch", [1, 2, 4])
def test_an_error_comes_after_the_results_before_it(fake_model: Model, batch: int) -> None:
    def lost() -> Image:
        raise FileNotFoundError("gone")

    again = builders.png_bytes(builders.phantom(120))
    images: list[Source] = [builders.png_bytes(), again, b"", lost, builders.png_bytes()]
    results = analyze_each(fake_model, images, batch=batch)
    assert [next(results).gate.accepted for _ in range(3)] == [True, True, False]
    with pytest.raises(FileNotFoundError):
        next(results)


class DoneAtOnce(ThreadPoolExecutor):
    """Runs each call within `submit`, so that its future is done when it is returned."""

    def submit(self, call: Callable[..., Any], /, *args: Any, **options: Any) -> "Future[Any]":
        future: Future[Any] = Future()
        future.set_result(call(*args, **options))
        return future


def test_a_finished_result_does_not_wait_for_the_next_image(fake_model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(analysis, "ThreadPoolExecutor", DoneAtOnce)
    fake_model.engine.concurrent_passes = 2  # type: ignore[misc]
    taken: list[int] = []
    images = (taken.append(n) or builders.png_bytes(builders.phantom(100 + n)) for n in range(3))  # type: ignore[func-returns-value]
    next(analyze_each(fake_model, images))
    assert taken == [0]


def test_a_caller_that_stops_early_waits_for_no_further_pass(fake_model: Model) -> None:
    images = (builders.png_bytes(builders.phantom(100 + n)) for n in range(9))
    results = analyze_each(fake_model, images)
    assert isinstance(results, Generator)
    next(results)
    results.close()
    assert len(fake_model.engine.calls) <= 3  # type: ignore[attr-defined]


def test_an_error_of_the_network_reaches_the_caller(fake_model: Model) -> None:
    def breaks(batch: Any) -> Maps:
        raise RuntimeError("no memory")

    fake_model.engine.forward = breaks  # type: ignore[method-assign]
    with pytest.raises(RuntimeError, match="no memory"):
        list(analyze_each(fake_model, [builders.png_bytes()] * 3))


def test_the_callers_pixel_limit_holds(fake_model: Model) -> None:
    assert analyze(fake_model, builders.png_bytes(), max_pixels=100).gate.reason == "too_many_pixels"
