"""Training: it learns, it goes on after a stop as if there had been none, and what it draws is what was meant."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ml.model.heads import EMBEDDING
from ml.training.detector import fit as fitting
from ml.training.detector.features import Maps
from ml.training.detector.fit import Examples, embedding, fit, type_weights
from ml.training.detector.validate import Reader, figures
from ml.training.settings import Settings
from tests.ml.training import small
from tests.ml.training.simulated import row

SETTINGS = Settings(sections=2, batch=8, average=0.5, dropout=0.1, rates=(3e-3, 1e-4, 1e-4), warm_up=0)


class Stopped(Exception):
    """The process was ended from outside."""


FEW = 32  # draws: what is compared with an equal training need not learn anything


def train(work: Path, draws: int = FEW) -> fitting.Fitted:
    """A training of a few seconds, always the same."""
    training, validation = small.examples(draws), small.examples(8, seed=1, split="val")
    settings = replace(SETTINGS, copies=draws)
    return fit(training, validation, settings=settings, start=small.base(), work=work, policy="float32")


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, fitting.Fitted]:
    """One that was never stopped, with its folder."""
    folder = tmp_path_factory.mktemp("finished")
    with pytest.MonkeyPatch.context() as patch:
        small.use(patch)
        return folder, train(folder)


def test_a_source_of_one_type_weighs_a_quarter_in_the_type_loss() -> None:
    """It would teach the source instead of the type. Images of unknown type do not count, wherever they are."""
    rows = [row(n, source="both", type=("glioma", "other", "")[n % 3]) for n in range(12)]
    rows += [row(12 + n, source="one", type="glioma" if n < 4 else "") for n in range(8)]
    rows += [row(20 + n, source="healthy", label="no_tumor", type="") for n in range(5)]
    weights = type_weights(rows)
    known = np.array([bool(one.type) for one in rows])
    assert weights[0] == weights[1] == pytest.approx(4 * weights[12])
    assert weights[known].mean() == pytest.approx(1, rel=1e-5)
    assert not weights[~known].any()
    assert not type_weights(rows[-5:]).any()


def test_the_embedding_is_white() -> None:
    rng = np.random.default_rng(0)
    described = (rng.normal(0, 1, (120, 100)) @ rng.normal(0, 1, (100, 1024)) + rng.normal(0, 5, 1024)).astype(
        np.float32
    )
    kernel, bias = embedding(described)
    assert kernel.shape == (1024, EMBEDDING)
    projected = described @ kernel + bias
    np.testing.assert_allclose(projected.mean(axis=0), 0, atol=1e-2)
    np.testing.assert_allclose(np.cov(projected, rowvar=False, bias=True), np.eye(EMBEDDING), atol=1e-2)


def test_an_embedding_of_few_images_fits_half_precision() -> None:
    described = np.random.default_rng(0).gamma(2, 1, (8, 1024)).astype(np.float32)
    kernel, bias = embedding(described)
    assert np.isfinite(kernel.astype(np.float16)).all()
    assert np.isfinite(bias.astype(np.float16)).all()
    projected = described @ kernel + bias
    np.testing.assert_allclose(projected.std(axis=0)[:7], 1, atol=1e-2)
    assert not projected[:, 7:].any()


def test_images_that_do_not_differ_have_no_embedding() -> None:
    kernel, bias = embedding(np.ones((5, 1024), np.float32))
    assert not kernel.any()
    assert not bias.any()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_it_learns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small.use(monkeypatch)
    whole = train(tmp_path, draws=128)
    names = {"picture", "cell", "location", "type", "auroc", "type accuracy", "hottest"}
    assert [set(section) for section in whole.history] == [names | {"auroc here"}] * 2
    assert whole.history[1]["picture"] < whole.history[0]["picture"]
    assert whole.history[1]["location"] <= whole.history[0]["location"] < 0.5
    assert whole.history[-1]["auroc"] > 0.9
    assert whole.history[-1]["hottest"] > 0.7
    assert {tensor.dtype for tensor in whole.tensors.values()} == {np.dtype(np.float32)}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("given", "learned"),
    [(40, [*range(36)]), (10, [*range(10)] * 3 + [*range(6)])],
    ids=["three sections of three whole steps", "fewer than copies: again in the same order"],
)
def test_every_draw_is_learned_from_in_order(
    given: int, learned: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ml.training.detector.network import Detector

    small.use(monkeypatch)
    taken: list[int] = []
    take = Maps.take

    def noted(self: Maps, indices: np.ndarray) -> object:
        taken.extend(indices.tolist())
        return take(self, indices)

    monkeypatch.setattr(Detector, "step", lambda self, *batch: np.ones(4, np.float32))
    monkeypatch.setattr(fitting, "moments", lambda *given: (np.zeros(512, np.float32), np.ones(512, np.float32)))
    monkeypatch.setattr(fitting, "figures", lambda *given: {})
    examples = small.examples(given)
    judged = Examples(small.whole(np.zeros((0, 28, 28, 256), np.float16), np.zeros((0, 14, 14), np.int8)), [])
    monkeypatch.setattr(Reader, "read", lambda *given: None)
    monkeypatch.setattr(Maps, "take", noted)
    settings = replace(SETTINGS, copies=40, sections=3, batch=4)
    fit(examples, judged, settings=settings, start=small.base(), work=tmp_path, policy="float32")
    assert taken == learned


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_it_goes_on_after_a_stop(
    finished: tuple[Path, fitting.Fitted], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, whole = finished
    small.use(monkeypatch)
    seen = figures

    def stop(*given: object) -> dict[str, float]:
        monkeypatch.setattr(fitting, "figures", interrupt)
        return seen(*given)  # type: ignore[arg-type]

    def interrupt(*given: object) -> dict[str, float]:
        raise Stopped

    monkeypatch.setattr(fitting, "figures", stop)
    with pytest.raises(Stopped):
        train(tmp_path)
    monkeypatch.setattr(fitting, "figures", seen)
    resumed = train(tmp_path)
    assert resumed.history[0] == pytest.approx(whole.history[0], abs=1e-3)
    assert resumed.history[1] == pytest.approx(whole.history[1], abs=1e-3)
    for name, tensor in whole.tensors.items():
        np.testing.assert_allclose(resumed.tensors[name], tensor, atol=1e-4, err_msg=name)
    [progress] = tmp_path.glob("checkpoints/*/progress-*.json")
    assert progress.name == "progress-2.json"
    assert json.loads(progress.read_text()) == resumed.history


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_finished_training_is_not_run_again(
    finished: tuple[Path, fitting.Fitted], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, whole = finished
    small.use(monkeypatch)

    def learns(*given: object) -> None:
        raise AssertionError("a finished training was run again")

    monkeypatch.setattr("ml.training.detector.network.Detector.step", learns)
    again = train(folder)
    assert again.history == whole.history
    np.testing.assert_array_equal(again.tensors["cell/kernel"], whole.tensors["cell/kernel"])
    other = small.examples(FEW)
    other.maps.key = "other boxes"
    monkeypatch.setattr(small, "examples", lambda n, **given: other)
    with pytest.raises(AssertionError, match="run again"):
        train(folder)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("section", [1, 2])
def test_a_stop_before_a_checkpoint_is_whole(
    finished: tuple[Path, fitting.Fitted], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, section: int
) -> None:
    """Stopped between the two files of a checkpoint, it goes on from the section before, and mixes nothing."""
    import tensorflow as tf

    _, whole = finished
    small.use(monkeypatch)
    save = tf.train.CheckpointManager.save

    def stop(self: object, checkpoint_number: int) -> object:
        if checkpoint_number == section:
            raise Stopped
        return save(self, checkpoint_number=checkpoint_number)

    monkeypatch.setattr(tf.train.CheckpointManager, "save", stop)
    with pytest.raises(Stopped):
        train(tmp_path)
    monkeypatch.setattr(tf.train.CheckpointManager, "save", save)
    resumed = train(tmp_path)
    assert resumed.history[1] == pytest.approx(whole.history[1], abs=1e-3)
    for name, tensor in whole.tensors.items():
        np.testing.assert_allclose(resumed.tensors[name], tensor, atol=1e-4, err_msg=name)
