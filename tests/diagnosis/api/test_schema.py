"""The API's description, and that the documentation names every endpoint."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from rest_framework.test import APIClient

from diagnosis.api.serializers.fields import NO_NUL
from diagnosis.similarity.search import MAX_LIMIT
from tests.diagnosis.api.addresses import addresses

ROOT = Path(__file__).resolve().parents[3]
pytestmark = pytest.mark.django_db

Problem = Callable[..., dict[str, Any]]


class TestDescription:
    def test_the_schema_is_valid_and_free_of_warnings(self, tmp_path: Path) -> None:
        call_command("spectacular", "--validate", "--fail-on-warn", "--file", str(tmp_path / "schema.yml"))

    def test_every_operation_describes_its_problems(self, api: APIClient) -> None:
        schema = schema_of(api)
        assert sorted(schema["paths"]) == addresses()
        for path, operations in schema["paths"].items():
            for verb, operation in operations.items():
                answers = operation["responses"]
                assert {"401", "429", "500"} <= answers.keys(), (verb, path)
                for status, answer in answers.items():
                    if status == "204":
                        continue
                    media = set(answer["content"])
                    assert media == {"application/problem+json"} if int(status) >= 400 else media, (verb, path)


class TestBounds:
    """A sample of the limits that the schema states, each compared with the code's; `contract.py` tries all of them."""

    @pytest.mark.parametrize(
        ("name", "field", "bounds"),
        [
            ("NewNote", "text", {"minLength": 1, "maxLength": 4000}),
            ("NewView", "name", {"minLength": 1, "maxLength": 40}),
            ("NewReview", "prediction", {"minimum": 1, "maximum": 2**63 - 1}),
            ("NewReview", "comment", {"maxLength": 4000, "pattern": NO_NUL}),
            ("Pull", "accession", {"maxLength": 16}),
            ("BulkAction", "ids", {"minItems": 1, "maxItems": 200}),
            ("PatchedCaseChange", "reference", {"pattern": "^[A-Za-z0-9][A-Za-z0-9._\\-]{0,63}$"}),
        ],
    )
    def test_request_fields_state_their_limits(
        self, api: APIClient, name: str, field: str, bounds: dict[str, Any]
    ) -> None:
        told = schema_of(api)["components"]["schemas"][name]["properties"][field]
        assert told | bounds == told

    def test_parameters_state_their_limits(self, api: APIClient) -> None:
        paths = schema_of(api)["paths"]
        of = {given["name"]: given["schema"] for given in paths["/api/v1/predictions/"]["get"]["parameters"]}
        assert of["page_size"] == {"type": "integer", "minimum": 1, "default": 50}
        assert re.fullmatch(of["ordering"]["pattern"], "-created,id")
        assert not re.fullmatch(of["ordering"]["pattern"], "manifest")
        assert of["q"]["pattern"] == NO_NUL
        [id, limit] = paths["/api/v1/predictions/{id}/similar/"]["get"]["parameters"]
        assert (limit["schema"]["maximum"], id["schema"]["maximum"]) == (MAX_LIMIT, 2**63 - 1)

    @pytest.mark.parametrize(
        ("query", "field"),
        [
            (f"reviews/?scan={2**63}", "scan"),
            ("reviews/?scan=1.5", "scan"),
            ("reviews/?current=perhaps", "current"),
            ("predictions/export/?bom=perhaps", "bom"),
        ],
    )
    def test_the_error_names_a_parameter_beyond_its_limits(
        self, api: APIClient, problem: Problem, query: str, field: str
    ) -> None:
        assert problem(api.get(f"/api/v1/{query}"), 400, "invalid")["errors"].keys() == {field}

    @pytest.mark.parametrize("verb", ["preview", "heatmap", "overlay"])
    def test_a_number_that_no_row_can_have_is_not_there(self, api: APIClient, problem: Problem, verb: str) -> None:
        problem(api.get(f"/api/v1/predictions/{2**63}/slices/0/{verb}/"), 404, "not_found")

    def test_a_number_is_no_text(self, api: APIClient, problem: Problem) -> None:
        answer = api.post("/api/v1/views/", {"name": 7}, format="json")
        assert problem(answer, 400, "invalid")["errors"].keys() == {"name"}

    def test_a_field_of_the_upload_says_yes_or_no(self, api: APIClient, problem: Problem) -> None:
        form = {"files": SimpleUploadedFile("a.png", b"x"), "confirmed": "perhaps"}
        answer = api.post("/api/v1/scans/", form, format="multipart")
        assert problem(answer, 400, "invalid")["errors"].keys() == {"confirmed"}


def schema_of(api: APIClient) -> dict[str, Any]:
    return dict(api.get("/api/schema/", HTTP_ACCEPT="application/json").json())


class TestDocumentation:
    text = (ROOT / "docs" / "api.md").read_text(encoding="utf-8") if (ROOT / "docs" / "api.md").is_file() else ""

    def test_every_address_is_named(self) -> None:
        named = set(re.findall(r"/api/[\w/{}.-]*", self.text))
        missing = [a for a in [*addresses(), "/api/schema/", "/api/docs/"] if a not in named]
        assert not missing

    def test_no_address_is_named_that_is_not_there(self) -> None:
        named = {
            re.sub(r"(?<!slices)/\d+/", "/{id}/", address) for address in re.findall(r"/api/v1/[\w/{}-]*/", self.text)
        }
        assert named <= set(addresses()) | {"/api/v1/"}
