"""The reference tells every operation, leads nowhere else, and its examples are requests that the API takes."""

import re
import shlex
from collections.abc import Iterator
from itertools import pairwise

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from rest_framework.test import APIClient

from diagnosis.api import reference
from diagnosis.api.reference.types import Type
from tests.diagnosis.api.addresses import addresses


def operations() -> list[reference.Operation]:
    return [operation for group in reference.contents().groups for operation in group.operations]


def types() -> Iterator[Type]:
    for operation in operations():
        yield from (field.type for field in (*operation.parameters, *operation.body))
        yield from (answer.type for answer in operation.answers if answer.type)
    for named in reference.contents().objects:
        yield from (field.type for field in named.fields)


def test_every_address_is_there_and_says_what_it_is_for() -> None:
    assert sorted({operation.path for operation in operations()}) == addresses()
    assert all(operation.title and operation.answers for operation in operations())
    assert all(group.text for group in reference.contents().groups)


def test_anchors_are_unique_and_every_object_named_is_shown() -> None:
    groups = [group.name for group in reference.contents().groups]
    ids = [operation.id for operation in operations()] + groups
    assert len(ids) == len(set(ids))
    assert {kind.object for kind in types() if kind.object} <= {named.name for named in reference.contents().objects}


def test_a_type_is_told_of_everything() -> None:
    assert [kind for kind in types() if not (kind.words or kind.object)] == []


@pytest.mark.django_db
@pytest.mark.parametrize("operation", operations(), ids=lambda operation: operation.id)
def test_the_example_is_a_request_that_the_api_understands(api: APIClient, operation: reference.Operation) -> None:
    """Nothing that the examples name is there, so 404 and the like are right; a wrong body or verb is not."""
    words = shlex.split(operation.example.replace("\\\n", " "))
    path = words[-1].removeprefix("$SITE")
    assert re.fullmatch(r"/api/v1/[\w/]+/", path)
    verb = words[words.index("-X") + 1] if "-X" in words else "POST" if {"-d", "-F"} & set(words) else "GET"
    assert verb == operation.verb.upper()
    if "-F" in words:
        form = dict(word.split("=") for before, word in pairwise(words) if before == "-F")
        response = api.post(path, form | {"files": SimpleUploadedFile("a.txt", b"text")}, format="multipart")
    else:
        body = words[words.index("-d") + 1] if "-d" in words else ""
        response = api.generic(verb, path, body, content_type="application/json")
    if response.status_code == 400:
        problem = response.json()
        missing = problem["code"] in {"unknown_assignee", "nothing_accepted"}
        assert missing or problem["errors"].keys() == {"prediction"}, problem
    else:
        for_staff = operation.id.startswith("audit_")  # they read the audit trail with a permission of its own
        assert response.status_code in ({403} if for_staff else {200, 201, 404, 503})
