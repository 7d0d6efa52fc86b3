"""A form without its token gets our own page, and a script a problem."""

from typing import Any

import pytest
from django.test import Client

pytestmark = pytest.mark.django_db


@pytest.mark.attack("forged")
def test_a_form_without_its_token_is_refused_in_our_own_words(user: Any) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(user)
    response = client.post("/upload/", {})
    assert response.status_code == 403
    assert "DEBUG" not in response.content.decode()
    assert response.templates[0].name == "403.html"


@pytest.mark.attack("forged")
def test_the_api_checks_the_token_of_a_session(user: Any) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(user)
    response = client.post("/api/v1/scans/", {})
    assert response.status_code == 403
    assert response.headers["Content-Type"] == "application/problem+json"
