"""Exported lists, opened again as a spreadsheet or a script would."""

import csv
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.models import User

from diagnosis.models import Prediction
from diagnosis.reports import listing
from tests.diagnosis.reports.conftest import Reads
from tests.factories import ModelVersionFactory, PredictionFactory

READER = User(is_superuser=True)
HOSTILE = (
    "=1+1",
    "+1",
    "-2",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "\n=1",
    ' "=cmd|x"',
    "'=1",
    "  @x",
    "＝1",
    "\u200b=1",
    '"\t+1',
)
HARMLESS = (
    "axial.png",
    "a=1",
    "t1-c+.png",
    "Schädel «µ».png",
    "脑部.png",
    '"quoted", with; commas',
    "two\nlines",
    "1e5",
)


def rows() -> Any:
    return Prediction.objects.select_related("model_version", "scan").order_by("pk")


def opened(**options: Any) -> list[dict[str, str]]:
    text = "".join(listing.as_csv(rows(), user=READER, **options))
    return list(csv.DictReader(io.StringIO(text.removeprefix(listing.BOM), newline="")))


@pytest.fixture
def three(db: None, settings: Any) -> Iterator[None]:
    """A result, a refusal and a failure."""
    settings.TIME_ZONE = "Europe/Berlin"
    moment = datetime(2025, 3, 4, 23, 6, 7, tzinfo=UTC)
    calibrated = ModelVersionFactory(manifest={"calibration": {"slope": 1.0}})
    PredictionFactory(created=moment, queued=moment, model_version=calibrated, uncertain=True)
    PredictionFactory(state="refused", model_version=calibrated)
    PredictionFactory(state="failed", model_version=None)
    yield


@pytest.mark.parametrize("text", HOSTILE)
def test_no_cell_begins_like_a_formula(text: str) -> None:
    assert listing.safe_text(text) == f"'{text}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a;=1+1;b", "a;'=1+1;b"),
        ('a; "=1', "a; \"'=1"),
        ("a;b;\t@x;-2", "a;b;\t'@x;'-2"),
        ("=1;=2", "'=1;'=2"),
        ("a;b=1", "a;b=1"),
    ],
)
def test_no_text_after_a_semicolon_begins_like_a_formula(text: str, expected: str) -> None:
    assert listing.safe_text(text) == expected


@pytest.mark.parametrize("text", HARMLESS)
def test_other_text_stays_as_it_is(text: str) -> None:
    assert listing.safe_text(text) == text


@pytest.mark.django_db
def test_hostile_names_come_back_as_text() -> None:
    for name in (*HOSTILE, *HARMLESS):
        PredictionFactory(scan__name=name, scan__case__owner__username=f"={name}"[:150])
    found = opened()
    assert [row["scan"] for row in found] == [*(f"'{name}" for name in HOSTILE), *HARMLESS]
    assert all(row["owner"].startswith("'=") for row in found)
    assert all(len(row) == len(listing.COLUMNS) for row in found)


def test_numbers_stay_numbers_and_times_have_their_zone(three: None) -> None:
    done, refused, failed = opened()
    assert (float(done["tumor_probability"]), done["uncertain"], done["calibrated"]) == (0.93, "true", "true")
    assert (done["uploaded"], done["finished"]) == ("2025-03-05T00:06:07+01:00", "2025-03-05T00:06:07+01:00")
    assert (refused["outcome"], refused["tumor_probability"]) == ("refused", "")
    assert refused["problem"].startswith("The image is one flat shade")
    assert (failed["state"], failed["model"], failed["problem"]) == ("failed", "", "The analysis failed unexpectedly.")


def test_json_says_the_same_with_types(three: None) -> None:
    text = "".join(listing.as_json(rows(), user=READER))
    found = json.loads(text)
    assert [tuple(record) for record in found] == [listing.COLUMNS] * 3
    assert (found[0]["tumor_probability"], found[0]["uncertain"]) == (0.93, True)
    assert (found[1]["tumor_probability"], found[2]["model"]) == (None, None)
    assert len(text.splitlines()) == 3 + 2


@pytest.mark.django_db
def test_the_signed_finding_stands_beside_the_models(reads: Reads, reader: User) -> None:
    signed, draft = PredictionFactory(), PredictionFactory()
    reads(signed, tumor_type="glioma")
    reads(draft, state="draft")
    [first, second] = json.loads("".join(listing.as_json(rows(), user=READER)))
    assert (first["finding"], first["finding_type"], first["signed_by"]) == ("tumor", "glioma", "reader")
    assert first["signed"] == "2025-03-05T06:07:08+00:00"
    assert (second["review_state"], second["finding"], second["signed_by"], second["signed"]) == ("unread", *[None] * 3)


@pytest.mark.django_db
def test_an_empty_list_is_a_header_or_an_empty_array() -> None:
    assert "".join(listing.as_csv(rows(), user=READER)) == listing.BOM + ",".join(listing.COLUMNS) + "\r\n"
    assert json.loads("".join(listing.as_json(rows(), user=READER))) == []


@pytest.mark.django_db
def test_excel_gets_a_byte_order_mark_unless_it_is_unwanted() -> None:
    assert "".join(listing.as_csv(rows(), user=READER)).encode().startswith(b"\xef\xbb\xbf")
    assert "".join(listing.as_csv(rows(), user=READER, bom=False)).startswith("prediction,")


@pytest.mark.django_db
@pytest.mark.parametrize("write", [listing.as_csv, listing.as_json])
def test_a_list_is_written_in_batches_with_one_query_more_each(
    write: Any, monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: Any
) -> None:
    monkeypatch.setattr(listing, "BATCH", 2)
    for _ in range(5):
        PredictionFactory()
    with django_assert_num_queries(1 + 3):
        parts = list(write(rows(), user=READER))
    assert len(parts) == 4
    assert "".join(parts).count("test-model@") == 5
