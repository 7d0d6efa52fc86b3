"""Every case through command line, API and page: the right scans with the right numbers, or a refusal that says why."""

import html
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from rest_framework.test import APIClient

from diagnosis.models import Prediction
from tests.builders import phantom, png_bytes
from tests.cases.table import CASES, Case, Scan
from tests.factories import token_key

pytestmark = [pytest.mark.slow, pytest.mark.django_db]

API = "/api/v1"
HEADLINES = {"tumor": "Tumor likely|Uncertain", "no_tumor": "No tumor seen|Uncertain"}
REJECTED = re.compile(r'<p class="problem">(.+?)</p>')
REFUSED = re.compile(r"Not judged</h1>\s*<p>(.+?)</p>", re.DOTALL)


EACH_CASE = pytest.mark.parametrize("case", [pytest.param(case, id=case.file) for case in CASES])


def test_the_table_is_that_of_the_folder(case_file: Callable[[str], Path]) -> None:
    there = {path.name for path in case_file("").iterdir()} - {"README.md"}
    assert {case.file for case in CASES} == there


@pytest.fixture
def api(user: Any) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Token {token_key(user)}")
    return client


def upload(path: Path) -> SimpleUploadedFile:
    return SimpleUploadedFile(path.name, path.read_bytes())


def check_refusal(case: Case, code: str | None, sentence: str | None) -> None:
    assert sentence
    assert case.code in ("", code), (code, sentence)
    for word in case.words:
        assert word.lower() in sentence.lower(), sentence


def check_numbers(expected: Scan, found: dict[str, Any], slices: list[Any], reference: dict[str, Any]) -> None:
    """found: a prediction as the command line and the API write it. slices: the same of each slice of a series."""
    assert expected.outcome in ("", found["outcome"]), found["gate"]
    assert expected.frames == (found["series"]["frames"] if found.get("series") else 1)
    if not expected.like:
        return
    known = reference[expected.like]
    assert found["tumor_probability"] == pytest.approx(known["tumor_probability"], abs=expected.within)
    assert found["evidence"]["peak"] == pytest.approx(known["evidence"]["peak"], abs=0.01)
    if expected.frames > 1:
        numbers = [[one["tumor_probability"] for one in some] for some in (slices, known["series"]["slices"])]
        assert numbers[0] == pytest.approx(numbers[1], abs=0.01)


def test_the_reference_shows_three_different_tumors(reference: dict[str, Any]) -> None:
    assert {known["outcome"] for known in reference.values()} == {"tumor"}
    flair, t1c = (
        [one["tumor_probability"] for one in reference[name]["series"]["slices"]] for name in ("flair", "t1c")
    )
    assert flair != pytest.approx(t1c, abs=0.05)
    assert flair != pytest.approx(flair[::-1], abs=0.05)


@EACH_CASE
def test_the_command_line(
    case: Case,
    case_file: Callable[[str], Path],
    predict: Callable[[Path], dict[str, Any]],
    reference: dict[str, Any],
) -> None:
    record = predict(case_file(case.file))
    if not case.scans:
        assert record["outcome"] == "refused"
        check_refusal(case, record["gate"]["reason"], record["gate"]["message"])
        return
    found = record["scans"] if len(case.scans) > 1 else [record]
    assert len(found) == len(case.scans)
    for expected, one in zip(case.scans, found, strict=True):
        check_numbers(expected, one, one["series"]["slices"] if one.get("series") else [], reference)


@EACH_CASE
def test_the_api(
    case: Case,
    case_file: Callable[[str], Path],
    api: APIClient,
    site: Callable[[], None],
    reference: dict[str, Any],
) -> None:
    response = api.post(f"{API}/scans/", {"files": upload(case_file(case.file))}, format="multipart")
    body = response.json()
    site()
    predictions = [api.get(one["prediction"]["url"]).json() for one in body["scans"]]
    if not case.scans:
        if response.status_code == 201:  # taken in, and refused by the model
            assert [one["state"] for one in predictions] == ["refused"]
            check_refusal(case, predictions[0]["gate"]["reason"], predictions[0]["gate"]["message"])
            return
        assert (response.status_code, body["code"]) == (400, "nothing_accepted")
        assert len(body["rejected"]) >= 1
        for rejected in body["rejected"]:
            check_refusal(case, rejected["code"], rejected["detail"])
        return
    assert response.status_code == 201, body
    assert body["rejected"] == []
    assert len(predictions) == len(case.scans)
    for expected, one in zip(case.scans, predictions, strict=True):
        rows = api.get(one["series"]["slices_url"]).json() if one["series"] else []
        check_numbers(expected, one, rows, reference)
        scan = api.get(one["scan_url"]).json()
        assert expected.name in scan["name"]
        assert expected.letters in (None, scan["letters"])
        assert expected.note in " ".join(scan["notes"])


@EACH_CASE
def test_the_page(case: Case, case_file: Callable[[str], Path], as_user: Client, site: Callable[[], None]) -> None:
    response = as_user.post("/upload/", {"files": upload(case_file(case.file))})
    site()
    results = [
        as_user.get(f"/predictions/{pk}/") for pk in Prediction.objects.order_by("pk").values_list("pk", flat=True)
    ]
    if not case.scans:
        assert response.status_code == (200 if results else 400)
        [sentence] = REFUSED.findall(body(results[0])) if results else REJECTED.findall(body(response))
        check_refusal(case, case.code, sentence)
        return
    assert response.status_code == 200
    assert len(results) == len(case.scans)
    for expected, page in zip(case.scans, results, strict=True):
        assert re.search(HEADLINES.get(expected.outcome, ""), body(page))
        assert expected.note in body(page)


def body(response: Any) -> str:
    return html.unescape(response.content.decode())


@pytest.mark.parametrize("case", [pytest.param(one, id=one.file) for one in CASES if one.code == "archive_empty"])
def test_an_archive_without_images_beside_a_good_file(
    case: Case, case_file: Callable[[str], Path], api: APIClient
) -> None:
    good = SimpleUploadedFile("good.png", png_bytes(phantom(96)))
    response = api.post(f"{API}/scans/", {"files": [upload(case_file(case.file)), good]}, format="multipart")
    assert response.status_code == 201
    assert [one["name"] for one in response.json()["scans"]] == ["good.png"]
    [rejected] = response.json()["rejected"]
    assert rejected["name"] == case.file
    check_refusal(case, rejected["code"], rejected["detail"])
