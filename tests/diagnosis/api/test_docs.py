"""The page of the API's reference."""

import re

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from diagnosis.api import reference
from diagnosis.templatetags.api_docs import marked

pytestmark = pytest.mark.django_db


def test_it_tells_every_operation_and_object(as_user: Client) -> None:
    html = as_user.get("/api/docs/").content.decode()
    contents = reference.contents()
    for group in contents.groups:
        for operation in group.operations:
            assert f'<details id="{operation.id}">' in html
    anchors, ids = set(re.findall(r'href="#([\w-]+)"', html)), re.findall(r'\sid="([\w-]+)"', html)
    assert anchors <= set(ids)
    assert len(ids) == len(set(ids))
    assert {f"object-{named.name}" for named in contents.objects} <= set(ids)


def test_it_is_a_page_of_the_site_without_a_script_of_its_own(as_user: Client) -> None:
    html = as_user.get("/api/docs/").content.decode()
    plain = as_user.get("/trash/").content.decode()
    assert re.findall(r"<script[^>]*>", html) == re.findall(r"<script[^>]*>", plain)
    assert "style=" not in html
    assert not re.search(r'(?:src|href)="(?:https?:)?//', html)
    assert 'href="/history/"' in html


def test_descriptions_are_text() -> None:
    assert marked("a `b<c>` <d>") == "a <code>b&lt;c&gt;</code> &lt;d&gt;"


def test_it_asks_for_a_login(client: Client) -> None:
    response = client.get("/api/docs/")
    assert (response.status_code, response["Location"]) == (302, "/login/?next=/api/docs/")


def test_it_only_reads(as_user: Client) -> None:
    assert as_user.post("/api/docs/").status_code == 405


def test_it_costs_the_queries_of_the_frame_alone(
    as_user: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    as_user.get("/api/docs/")
    with django_assert_max_num_queries(4):
        as_user.get("/api/docs/")
