"""The worklist of a site without scans or without a model, and what its bar offers to whom."""

import re
from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.test import Client

from diagnosis.models import Prediction
from tests.factories import CaseFactory, UserFactory

Make = Callable[..., Prediction]


def test_an_empty_site_says_what_to_do(as_user: Client) -> None:
    body = as_user.get("/history/").content.decode()
    assert "No scans yet" in body and "ask an administrator" in body


@pytest.mark.parametrize("path", ["/history/", "/upload/", "/archive/"])
def test_nobody_is_told_commands_or_settings(client: Client, user: User, admin: User, path: str) -> None:
    for person in (user, admin):
        client.force_login(person)
        body = client.get(path).content.decode()
        assert "n administrator" in body
        assert not re.search(r"make demo|DICOMWEB_URL|<code>", body)


def test_models_and_administration_are_offered_to_those_who_may_use_them(
    client: Client, admin: User, user: User, reader: User
) -> None:
    offered = {}
    for person in (admin, UserFactory(username="staff", is_staff=True), user, reader):
        client.force_login(person)
        body = client.get("/upload/").content.decode()
        offered[person.username] = [name for name in ("Models", "Administration") if f">{name}</a>" in body]
    assert offered == {"root": ["Models", "Administration"], "staff": ["Administration"], "ada": [], "reader": []}


def test_an_empty_site_with_samples_links_them(as_user: Client, user: User) -> None:
    CaseFactory(owner=user, reference="SIM-1", simulated=True)
    assert "SIM-1" in as_user.get("/history/").content.decode()


def test_every_page_says_when_there_is_no_model(as_user: Client) -> None:
    for path in ("/history/", "/upload/", "/cases/", "/password/"):
        assert "No usable model:" in as_user.get(path).content.decode()


def test_no_banner_while_the_model_is_usable(as_user: Client, usable_model: None) -> None:
    assert "No usable model" not in as_user.get("/history/").content.decode()


def test_no_match_is_told_apart_from_an_empty_site(as_user: Client, make: Make) -> None:
    make()
    body = as_user.get("/history/?q=zzz").content.decode()
    assert "Nothing matches" in body and "No scans yet" not in body
