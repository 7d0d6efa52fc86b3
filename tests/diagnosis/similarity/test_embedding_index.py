"""The array in memory: in step with the database, exact, and safe to extend during a search."""

import time
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diagnosis.models import Embedding
from diagnosis.models.embedding import pack, unpack
from diagnosis.similarity import embedding_index
from tests.embeddings import direction, past
from tests.factories import ModelVersionFactory, PredictionFactory

NO_PIXELS = "f" * 64


@pytest.fixture
def version(db: None) -> Any:
    return ModelVersionFactory()


@pytest.fixture
def index(version: Any) -> embedding_index.Index:
    return embedding_index.Index(version.pk)


def found(index: embedding_index.Index, owner: Any, **left_out: Any) -> list[int]:
    asked: dict[str, Any] = {"owners": [owner.pk], "other_than_case": 0, "other_than_pixels": NO_PIXELS} | left_out
    return [near.prediction_id for near in index.nearest(direction(1.0), **asked)]


def test_new_rows_are_read_in_one_query(
    index: embedding_index.Index, version: Any, user: Any, django_assert_num_queries: Any
) -> None:
    first = past(user, version, 0.5)
    index.refresh()
    second = past(user, version, 0.9)
    past(user, ModelVersionFactory(), 0.99)
    with django_assert_num_queries(1):
        index.refresh()
    assert (found(index, user), len(index)) == ([second.pk, first.pk], 2)


def test_of_equally_similar_rows_the_oldest_comes_first(index: embedding_index.Index, version: Any, user: Any) -> None:
    rows = [past(user, version, similarity) for similarity in (0.9, 0.5) * 16]
    index.refresh()
    assert found(index, user) == [row.pk for row in rows[::2] + rows[1::2]]


def test_a_row_that_commits_after_a_later_id_is_not_missed(
    index: embedding_index.Index, version: Any, user: Any
) -> None:
    slow, quick = past(user, version, 0.5), past(user, version, 0.4)
    vector = slow.embedding.vector
    number = slow.embedding.pk
    slow.embedding.delete()
    index.refresh()
    Embedding.objects.create(pk=number, prediction=slow, model_version=version, vector=vector)
    index.refresh()
    index.refresh()
    assert found(index, user) == [slow.pk, quick.pk]


def test_an_expired_index_reads_everything_again(index: embedding_index.Index, version: Any, user: Any) -> None:
    gone, kept = past(user, version, 0.9), past(user, version, 0.5)
    index.refresh()
    gone.embedding.delete()
    index.refresh()
    assert len(index) == 2
    index.expire()
    index.refresh()
    assert found(index, user) == [kept.pk]


def test_after_an_hour_everything_is_read_again(
    index: embedding_index.Index, version: Any, user: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    index.refresh()
    past(user, version, 0.9).embedding.delete()
    past(user, version, 0.8)
    index.refresh()
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + 3601)
    index.refresh()
    assert len(index) == 1


def test_only_the_named_owners_cases_are_searched(
    index: embedding_index.Index, version: Any, user: Any, other_user: Any
) -> None:
    mine = past(user, version, -0.5)
    for _ in range(3):
        past(other_user, version, 0.999)
    index.refresh()
    assert found(index, user) == [mine.pk]


def test_one_match_per_case_and_image_without_those_asked_about(
    index: embedding_index.Index, version: Any, user: Any
) -> None:
    best = past(user, version, 0.9)
    same_case = PredictionFactory(scan__case=best.scan.case).scan
    past(user, version, 0.8, scan=same_case)
    copy = past(user, version, 0.7)
    copy.scan.pixel_sha256 = best.scan.pixel_sha256
    copy.scan.save()
    last = past(user, version, 0.6)
    index.refresh()
    assert found(index, user) == [best.pk, last.pk]
    assert found(index, user, other_than_case=best.scan.case_id) == [copy.pk, last.pk]
    assert found(index, user, other_than_pixels=best.scan.pixel_sha256) == [
        same_case.predictions.latest("id").pk,
        last.pk,
    ]


def test_similarity_is_the_cosine(index: embedding_index.Index, version: Any, user: Any) -> None:
    past(user, version, 0.25)
    index.refresh()
    [near] = index.nearest(direction(1.0), owners=[user.pk], other_than_case=0, other_than_pixels=NO_PIXELS)
    assert near.similarity == pytest.approx(0.25, abs=0.001)


def test_an_empty_index_finds_nothing(index: embedding_index.Index, user: Any) -> None:
    index.refresh()
    assert found(index, user) == []


def test_a_search_continues_while_rows_are_added(index: embedding_index.Index, version: Any, user: Any) -> None:
    first = past(user, version, 0.5)
    index.refresh()
    search = index.nearest(direction(1.0), owners=[user.pk], other_than_case=0, other_than_pixels=NO_PIXELS)
    past(user, version, 0.9)
    index.refresh()
    assert [near.prediction_id for near in search][-1] == first.pk


def test_a_search_finds_rows_while_everything_is_read_again(
    index: embedding_index.Index, version: Any, user: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = past(user, version, 0.5)
    index.refresh()
    index.expire()
    meanwhile: list[list[int]] = []

    def search_and_unpack(stored: bytes) -> Any:
        meanwhile.append(found(index, user))
        return unpack(stored)

    monkeypatch.setattr(embedding_index, "unpack", search_and_unpack)
    index.refresh()
    assert meanwhile == [[row.pk]]
    assert found(index, user) == [row.pk]


def test_two_versions_are_kept_in_memory() -> None:
    first = embedding_index.index(1)
    assert embedding_index.index(1) is first
    embedding_index.index(2)
    embedding_index.index(1)
    embedding_index.index(3)
    assert embedding_index.index(1) is first
    assert embedding_index.index.cache_info().currsize == 2


@settings(max_examples=20)
@given(st.integers(1, 700), st.integers(0, 2**32 - 1))
def test_the_order_is_that_of_a_full_sort(count: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    # Whole numbers, whose products float32 sums exactly in any order; some similarities are equal.
    vectors, asked = rng.integers(-9, 10, (count, 64)).astype(np.float32), rng.integers(-9, 10, 64).astype(np.float32)
    index = embedding_index.Index(1)
    index._rows = np.fromiter(((n, n, n, 7, n, vector) for n, vector in enumerate(vectors)), embedding_index._ROW)
    near = list(index.nearest(asked, owners=[7], other_than_case=-1, other_than_pixels=NO_PIXELS))
    expected = vectors @ asked
    assert [one.prediction_id for one in near] == np.argsort(-expected, kind="stable").tolist()
    assert np.allclose([one.similarity for one in near], np.sort(expected)[::-1], atol=1e-4)


def test_a_stored_vector_is_read_back() -> None:
    vector = direction(0.3)
    assert unpack(memoryview(pack(vector))) == pytest.approx(vector, abs=0.001)


@pytest.mark.parametrize("bad", [np.zeros(64), np.ones(64), np.full(64, np.nan), np.eye(1, 63)[0]])
def test_only_unit_vectors_are_stored(bad: Any) -> None:
    with pytest.raises(ValueError, match="unit length"):
        pack(bad.astype(np.float32))
