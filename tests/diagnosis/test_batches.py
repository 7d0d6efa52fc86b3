"""Pictures that wait are taken along where a batch pays; each still has a fate of its own."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError
from django.utils import timezone

from diagnosis import claims, model_versions, pipeline
from diagnosis.models import Embedding, Prediction
from tests import builders
from tests.factories import ModelVersionFactory, PredictionFactory, ScanFactory
from tests.fakes import fake_model

pytestmark = pytest.mark.django_db


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch, settings: Any) -> Any:
    settings.BATCH = 4
    fake = fake_model(0.9)
    monkeypatch.setattr("diagnosis.model_versions.load", lambda version: fake)
    return fake


@pytest.fixture
def version() -> Any:
    return ModelVersionFactory()


def waiting(version: Any, count: int) -> list[Prediction]:
    """Pictures in the order in which they came, all different."""
    now = timezone.now()
    return [
        PredictionFactory(
            state="queued",
            model_version=version,
            queued=now - timedelta(seconds=count - number),
            scan=ScanFactory(
                data=builders.png_bytes(builders.phantom(160, seed=number)), pixel_sha256=f"{number:064x}"
            ),
        )
        for number in range(count)
    ]


def states(rows: list[Prediction]) -> list[str]:
    return [Prediction.objects.get(pk=row.pk).state for row in rows]


def test_one_pass_reads_the_pictures_that_wait_longest(model: Any, version: Any) -> None:
    rows = waiting(version, 6)
    assert pipeline.run(prediction_id=rows[0].pk)
    assert states(rows) == ["done"] * 4 + ["queued"] * 2
    assert model.engine.passes == 1
    assert not pipeline.run(prediction_id=rows[1].pk)  # its own message comes later, and finds nothing to do
    for row in Prediction.objects.filter(state="done"):
        assert (row.outcome, row.attempts) == ("tumor", 1)
        assert Embedding.objects.filter(prediction=row).exists()


def test_each_of_a_batch_has_the_result_that_it_has_alone(model: Any, version: Any, settings: Any) -> None:
    together, alone = waiting(version, 3), waiting(ModelVersionFactory(), 3)
    pipeline.run(prediction_id=together[0].pk)
    settings.BATCH = 1
    for row in alone:
        pipeline.run(prediction_id=row.pk)
    assert model.engine.passes == 1 + 3
    for one, other in zip(together, alone, strict=True):
        one.refresh_from_db()
        other.refresh_from_db()
        for name in ("state", "outcome", "uncertain", "tumor_probability", "type_probabilities", "evidence", "gate"):
            assert getattr(one, name) == getattr(other, name), name


@pytest.mark.parametrize("size", [0, 1])
def test_without_gain_each_is_read_alone_(model: Any, version: Any, settings: Any, size: int) -> None:
    settings.BATCH = size  # 0: as the engine found, and the fake one found none
    rows = waiting(version, 2)
    pipeline.run(prediction_id=rows[0].pk)
    assert states(rows) == ["done", "queued"]


def test_the_engine_says_how_many_pay_unless_the_site_does(model: Any, settings: Any) -> None:
    model.engine.batch = 16
    assert model_versions.batch(model) == 4
    settings.BATCH = 0
    assert model_versions.batch(model) == 16


def test_series_other_models_and_pictures_tried_before_are_not_taken_along(model: Any, version: Any) -> None:
    first, series, other, tried, unripe, gathering = rows = waiting(version, 6)
    Prediction.objects.filter(pk=other.pk).update(model_version=ModelVersionFactory())
    Prediction.objects.filter(pk=tried.pk).update(attempts=1)
    Prediction.objects.filter(pk=unripe.pk).update(not_before=timezone.now())
    for row, fields in ((series, {"frames": 5}), (gathering, {"stack": "abc"})):
        type(row.scan).objects.filter(pk=row.scan_id).update(**fields)
    pipeline.run(prediction_id=first.pk)
    assert states(rows) == ["done", *["queued"] * 5]


def test_what_was_tried_before_takes_nobody_along(model: Any, version: Any) -> None:
    rows = waiting(version, 2)
    Prediction.objects.filter(pk=rows[0].pk).update(attempts=1)
    pipeline.run(prediction_id=rows[0].pk)
    assert states(rows) == ["done", "queued"]


def test_the_same_picture_twice_costs_one_place_and_a_known_one_none(model: Any, version: Any) -> None:
    known, first, same, other = waiting(version, 4)
    pictures = type(known.scan).objects
    pipeline._record(claims.claim(known.pk), pipeline.ml.analyse(model, pipeline.slices.stored(known.scan.file)))
    again = waiting(version, 1)[0]
    pictures.filter(pk=again.scan_id).update(pixel_sha256=known.scan.pixel_sha256)
    pictures.filter(pk=same.scan_id).update(pixel_sha256=first.scan.pixel_sha256)
    taken: list[int] = []
    forward = model.engine.forward
    model.engine.forward = lambda batch: taken.append(len(batch)) or forward(batch)
    pipeline.run(prediction_id=first.pk)
    assert states([first, same, other, again]) == ["done", "queued", "done", "done"]
    assert Prediction.objects.get(pk=again.pk).reused_from == known
    assert taken == [2]
    pipeline.run(prediction_id=same.pk)
    assert Prediction.objects.get(pk=same.pk).reused_from == first
    assert taken == [2]


def test_what_cannot_be_judged_is_refused_and_the_others_are_read(model: Any, version: Any) -> None:
    rows = waiting(version, 3)
    with rows[1].scan.file.open("wb") as file:
        file.write(b"no picture")
    pipeline.run(prediction_id=rows[0].pk)
    assert states(rows) == ["done", "refused", "done"]


def test_a_fault_of_one_sends_all_back_and_each_goes_alone(model: Any, version: Any, sent: list[int]) -> None:
    rows = waiting(version, 3)
    rows[1].scan.file.storage.delete(rows[1].scan.file.name)
    pipeline.run(prediction_id=rows[0].pk)
    assert states(rows) == ["queued"] * 3
    assert sorted(sent) == sorted(row.pk for row in rows)
    for row in rows:
        pipeline.run(prediction_id=row.pk)
    assert states(rows) == ["done", "failed", "done"]
    assert Prediction.objects.get(pk=rows[1].pk).error_code == "file_missing"


def test_what_was_recorded_before_a_fault_stays(
    model: Any, version: Any, sent: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = waiting(version, 3)
    record = pipeline._record

    def fails_once(claimed: Prediction, analysis: Any) -> None:
        if claimed.pk == rows[1].pk:
            raise OperationalError("deadlock")
        record(claimed, analysis)

    monkeypatch.setattr(pipeline, "_record", fails_once)
    pipeline.run(prediction_id=rows[0].pk)
    assert states(rows) == ["done", "queued", "queued"]
    assert sent == [rows[1].pk, rows[2].pk]


def test_one_that_is_canceled_meanwhile_drops_its_result_alone(
    model: Any, version: Any, user: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = waiting(version, 3)
    analyse = pipeline.ml.analyse_batch

    def cancel_then_analyse(*args: Any) -> Any:
        assert pipeline.cancel(prediction=rows[1], actor=user)
        return analyse(*args)

    monkeypatch.setattr("ml.analyse_batch", cancel_then_analyse)
    pipeline.run(prediction_id=rows[0].pk)
    assert states(rows) == ["done", "canceled", "done"]
