"""Similar past cases: whose they are, how many there are, and that hidden cases stay hidden."""

from typing import Any

import pytest
from django.db import IntegrityError, transaction

from diagnosis.access import ownership, selectors
from diagnosis.inference import pipeline, transitions
from diagnosis.models import Embedding, Prediction
from diagnosis.similarity.search import similar
from ml.contracts import Analysis, Gate
from ml.contracts import Prediction as Judged
from tests.embeddings import direction, past
from tests.factories import ModelVersionFactory, PredictionFactory, ScanFactory
from tests.fakes import fake_model

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("floor", [0.4, 0.55])
def test_what_looks_no_more_alike_than_strangers_is_below_the_models_floor(user: Any, floor: float) -> None:
    version = ModelVersionFactory(manifest={"similarity": {"floor": floor}})
    asked = past(user, version, 1.0)
    above, _ = (past(user, version, value) for value in (floor + 0.01, floor - 0.01))
    assert ids(user, asked) == [above.pk]


@pytest.mark.parametrize("manifest", [{}, {"similarity": None}, {"similarity": {}}])
def test_a_model_whose_floor_was_not_measured_finds_nothing(user: Any, manifest: Any) -> None:
    version = ModelVersionFactory(manifest=manifest)
    asked, _ = past(user, version, 1.0), past(user, version, 1.0)
    assert ids(user, asked) is None


@pytest.fixture
def version() -> Any:
    return ModelVersionFactory()


@pytest.fixture
def asked(user: Any, version: Any) -> Prediction:
    """The prediction whose similar cases are searched."""
    return past(user, version, 1.0)


def ids(person: Any, prediction: Prediction, **options: Any) -> list[int] | None:
    [loaded] = selectors.result(person, prediction_id=prediction.pk)
    found = similar(person, prediction=loaded, **options)
    return None if found is None else [one.prediction.pk for one in found]


def test_most_similar_first_up_to_the_limit(user: Any, version: Any, asked: Prediction) -> None:
    far, near, nearer = (past(user, version, value) for value in (0.1, 0.7, 0.9))
    assert ids(user, asked) == [nearer.pk, near.pk, far.pk]
    assert ids(user, asked, limit=2) == [nearer.pk, near.pk]


@pytest.mark.slow
def test_closer_scans_of_others_do_not_crowd_out_results(
    user: Any, other_user: Any, version: Any, asked: Prediction
) -> None:
    own = [past(user, version, 0.1 * n) for n in (3, 2, 1)]
    for _ in range(300):
        past(other_user, version, 0.999)
    assert ids(user, asked) == [p.pk for p in own]


def test_scans_of_others_do_not_change_results(user: Any, other_user: Any, version: Any, asked: Prediction) -> None:
    own = past(user, version, 0.5)
    past(other_user, version, 0.9)
    twin = past(other_user, version, 0.5)
    twin.scan.pixel_sha256 = own.scan.pixel_sha256
    twin.scan.save()
    assert ids(user, asked) == [own.pk]


def test_readers_and_admins_search_all(
    reader: Any, admin: Any, other_user: Any, version: Any, asked: Prediction
) -> None:
    theirs = past(other_user, version, 0.8)
    assert ids(reader, asked) == ids(admin, asked) == [theirs.pk]


def test_permissions_hold_at_once(reader: Any, other_user: Any, version: Any, asked: Prediction, user: Any) -> None:
    theirs = past(other_user, version, 0.8)
    assert ids(reader, asked) == [theirs.pk]
    reader.groups.clear()
    [loaded] = selectors.result(user, prediction_id=asked.pk)
    assert similar(reader, prediction=loaded) == []
    user.is_active = False
    assert similar(user, prediction=loaded) == []


def test_a_case_that_changed_hands_is_not_shown_to_its_old_owner(
    user: Any, other_user: Any, version: Any, asked: Prediction
) -> None:
    given_away, kept = past(user, version, 0.9), past(user, version, 0.5)
    assert ids(user, asked) == [given_away.pk, kept.pk]
    ownership.hand_over(given_away.scan.case, to=other_user)
    assert ids(user, asked, limit=1) == [kept.pk]
    theirs = past(other_user, version, 1.0)
    assert ids(other_user, theirs) == [given_away.pk]


def test_the_next_match_replaces_a_deleted_one(user: Any, version: Any, asked: Prediction) -> None:
    deleted, kept = past(user, version, 0.9), past(user, version, 0.5)
    assert ids(user, asked, limit=1) == [deleted.pk]
    deleted.delete()
    assert not Embedding.objects.filter(prediction=deleted.pk).exists()
    assert ids(user, asked, limit=1) == [kept.pk]


def test_only_the_same_model_version_is_searched(user: Any, asked: Prediction) -> None:
    past(user, ModelVersionFactory(), 0.99)
    assert ids(user, asked) == []


def test_copies_and_slices_of_the_same_case_are_left_out(user: Any, version: Any, asked: Prediction) -> None:
    past(user, version, 0.9, scan=ScanFactory(case=asked.scan.case))
    copy = past(user, version, 1.0)
    copy.scan.pixel_sha256 = asked.scan.pixel_sha256
    copy.scan.save()
    assert ids(user, asked) == []


@pytest.mark.parametrize("state", ["queued", "running", "refused", "failed", "canceled"])
def test_a_prediction_that_is_not_done_has_no_similar_cases(user: Any, version: Any, state: str) -> None:
    assert ids(user, PredictionFactory(scan__case__owner=user, model_version=version, state=state)) is None


def test_a_prediction_without_embedding_has_no_similar_cases(user: Any, version: Any) -> None:
    assert ids(user, PredictionFactory(scan__case__owner=user, model_version=version)) is None


def test_any_number_of_matches_costs_four_queries(
    user: Any, version: Any, asked: Prediction, django_assert_num_queries: Any
) -> None:
    for number in range(30):
        past(user, version, (number + 1) / 100)
    [loaded] = selectors.result(user, prediction_id=asked.pk)
    user.is_reader = user.has_assignments = user.has_policy = False  # as the user of a request is loaded
    with django_assert_num_queries(4):
        found = similar(user, prediction=loaded, limit=20) or []
        told = set()
        for one in found:
            assert one.prediction.model_version is not None
            told.add((one.prediction.scan.case.owner.username, one.prediction.model_version.label))
        assert len(told) == 1
    assert len(found) == 20


def analysis(similarity: float = 1.0) -> Analysis:
    judged = Judged("tumor", 0.9, {"glioma": 0.7, "meningioma": 0.2, "pituitary": 0.1})
    return Analysis("tumor", Gate(True), "m@1", "fake", judged, embedding=direction(similarity))


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("diagnosis.inference.model_versions.load", lambda version: fake_model())
    monkeypatch.setattr("ml.analyze_each", lambda model, sources: (analysis() for _ in sources))


def test_a_prediction_records_its_embedding_and_a_reused_result_the_same(judged: None, user: Any, version: Any) -> None:
    first = PredictionFactory(state="queued", model_version=version, scan__case__owner=user)
    pixels = first.scan.pixel_sha256
    again = PredictionFactory(state="queued", model_version=version, scan__pixel_sha256=pixels, scan__case__owner=user)
    other = past(user, version, 0.8)
    for queued in (first, again):
        pipeline.run(prediction_id=queued.pk)
        queued.refresh_from_db()
    assert again.reused_from == first
    assert bytes(first.embedding.vector) == bytes(again.embedding.vector)
    assert (again.embedding.model_version, ids(user, first)) == (version, [other.pk])


def test_result_and_embedding_are_recorded_together_or_not_at_all(
    judged: None, version: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_: Any) -> None:
        raise IntegrityError("no space")

    monkeypatch.setattr(Embedding.objects, "create", refuse)
    queued = PredictionFactory(state="queued", model_version=version)
    pipeline.run(prediction_id=queued.pk)
    queued.refresh_from_db()
    assert (queued.state, queued.outcome, queued.tumor_probability) == ("failed", "", None)


def test_a_prediction_that_lost_its_claim_records_no_embedding(judged: None, version: Any, user: Any) -> None:
    queued = PredictionFactory(state="queued", model_version=version)
    claimed = transitions.claim(queued.pk)
    assert claimed and transitions.cancel(prediction=queued, actor=user)
    pipeline._record(claimed, analysis())
    assert not Embedding.objects.exists()


def test_the_database_refuses_an_embedding_of_another_length(user: Any, version: Any) -> None:
    prediction = PredictionFactory(scan__case__owner=user, model_version=version)
    with pytest.raises(IntegrityError), transaction.atomic():
        Embedding.objects.create(prediction=prediction, model_version=version, vector=b"short")
