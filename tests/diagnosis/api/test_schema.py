"""The API's description, and that the documentation names every endpoint."""

import re
from pathlib import Path

import pytest
from django.core.management import call_command
from rest_framework.test import APIClient

from tests.diagnosis.api.addresses import addresses

ROOT = Path(__file__).resolve().parents[3]
pytestmark = pytest.mark.django_db


class TestDescription:
    def test_the_schema_is_valid_and_free_of_warnings(self, tmp_path: Path) -> None:
        call_command("spectacular", "--validate", "--fail-on-warn", "--file", str(tmp_path / "schema.yml"))

    def test_every_operation_describes_its_problems(self, api: APIClient) -> None:
        schema = api.get("/api/schema/", HTTP_ACCEPT="application/json").json()
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
