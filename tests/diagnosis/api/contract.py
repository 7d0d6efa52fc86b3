"""The API answers as its OpenAPI schema says, whatever it is sent.

Schemathesis makes requests from the schema, valid and invalid ones, for a database with rows of every kind. Nothing may
be a server error, and the status, media type, headers and body of each answer have to be described. What the schema
calls valid is not refused as malformed, and what it calls invalid is not accepted: its bounds are those of the code.
Each request is undone, so that all find the same rows. `make verify` runs this on PostgreSQL, too long for `make test`.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import pytest
import schemathesis
from django.core import signals
from django.core.cache import cache
from django.db import close_old_connections, transaction
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode, Response
from schemathesis.core.failures import FailureGroup
from schemathesis.core.result import Ok
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi import checks

from brainscan.wsgi import application
from tests.diagnosis.api.rows import KNOWN, Rows, every_kind
from tests.verification.security import tried

EXAMPLES = 8
"""Valid requests, and as many invalid ones, to each operation; the same in every run."""

AS_SENT = settings(
    max_examples=EXAMPLES,
    derandomize=True,
    database=None,
    phases=[Phase.generate],  # without those that make failing requests smaller, and explain them
    suppress_health_check=list(HealthCheck),
)

CHECKS = [
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]

NOT_OF_ONE_FIELD = {
    "assignee_required": "a person or a group, one of the two",
    "unknown_assignee": "nobody has the name",
    "unknown_case": "no case has the reference",
    "nothing_accepted": "bytes that are no image",
    "view_name": "what can be seen is a matter of Unicode's version",
}
"""Codes of 400 for what is well formed: rules on several fields, or on what is in the database."""

OF_SEVERAL_FIELDS = {"finding", "type", "location", "prediction", "case"}
"""Fields of a reading that have to agree with each other, with the scan and with the state that is asked for; and where
a scan is moved to: `case` or `case_id`."""

NO_ARCHIVE = {"POST /api/v1/pull/", "POST /api/v1/predictions/{id}/send/"}
"""They answer 503 as long as no archive is configured."""


def wsgi(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """The site. Answers are read to their end and closed, as a web server does."""
    answer = application(environ, start_response)
    try:
        return [b"".join(answer)]
    finally:
        answer.close()


def operations() -> list[APIOperation[Any, Any, Any, Any]]:
    generator: Any = SchemaGenerator  # it has no types
    schema = schemathesis.openapi.from_dict(generator().get_schema(request=None, public=True))
    schema.app = wsgi
    valid = []
    for found in schema.get_all_operations():
        assert isinstance(found, Ok), found
        valid.append(found.ok())
    return valid


@pytest.fixture
def _connection_stays_open() -> Iterator[None]:
    """A request closes a connection that is in a transaction, such as this test's."""
    ends = (signals.request_started, signals.request_finished)
    for end in ends:
        end.disconnect(close_old_connections)
    yield
    for end in ends:
        end.connect(close_old_connections)


@pytest.mark.attack("calls")
@pytest.mark.usefixtures("_connection_stays_open")
@pytest.mark.django_db
@pytest.mark.parametrize("mode", GenerationMode, ids=lambda mode: mode.value)
def test_answers_are_as_described(mode: GenerationMode) -> None:
    rows, wrong = every_kind(), []
    for operation in operations():
        try:
            ask(operation, mode, rows)
        except (AssertionError, FailureGroup, pytest.fail.Exception) as error:
            wrong.append(f"{operation.label}: {error}")
    assert not wrong, "\n\n".join(wrong)


def ask(operation: APIOperation[Any, Any, Any, Any], mode: GenerationMode, rows: Rows) -> None:
    @AS_SENT
    @given(data=st.data())
    def send(data: st.DataObject) -> None:
        case = data.draw(operation.as_strategy(generation_mode=mode))
        rows.put_into(case, data, valid=mode.is_positive)
        cache.clear()  # where the rate of requests is counted
        token = data.draw(st.sampled_from([rows.token] * KNOWN + [rows.reading]))
        tried()
        with transaction.atomic():
            response = case.call(headers={"Authorization": f"Token {token}"})
            transaction.set_rollback(True)
        # In a form everything is text, so a value of another type may be valid there. A filter left empty is none.
        is_plain = case.media_type in (None, "application/json") and "" not in (case.query or {}).values()
        judged = mode.is_negative and is_plain
        case.validate_response(response, checks=[*CHECKS, *([checks.negative_data_rejection] if judged else [])])
        assert response.status_code < 500 or (response.status_code == 503 and operation.label in NO_ARCHIVE)
        if mode.is_positive and response.status_code == 400 and not depends_on_more(response):
            pytest.fail(f"{case.as_curl_command()} is valid, and refused: {response.text}")

    send()


def depends_on_more(response: Response) -> bool:
    """Whether something else than one malformed field is why a valid request was refused."""
    problem = response.json()
    return problem["code"] in NOT_OF_ONE_FIELD or bool(problem.get("errors", {}).keys() & OF_SEVERAL_FIELDS)
