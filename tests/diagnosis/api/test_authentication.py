"""Tokens and sessions: who may ask."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from rest_framework.test import APIClient

from tests.builders import png_bytes
from tests.diagnosis.api.addresses import addresses

CASES = "/api/v1/cases/"
pytestmark = pytest.mark.django_db


class TestAuthentication:
    def test_a_session_works_too(self, as_user: Client) -> None:
        assert as_user.get(CASES).status_code == 200

    def test_a_session_needs_the_csrf_token(self, user: User, problem: Any) -> None:
        client = APIClient(enforce_csrf_checks=True)
        client.force_login(user)
        problem(client.post("/api/v1/predictions/1/cancel/"), 403, "permission_denied")
        problem(client.post("/api/v1/scans/", {"case": "A"}, format="multipart"), 403, "permission_denied")

    def test_a_session_with_the_csrf_token_may_upload(self, user: User) -> None:
        from django.core.files.uploadedfile import SimpleUploadedFile

        client = APIClient(enforce_csrf_checks=True)
        client.force_login(user)
        client.cookies["csrftoken"] = "a" * 32
        response = client.post(
            "/api/v1/scans/",
            {"files": SimpleUploadedFile("a.png", png_bytes())},
            format="multipart",
            HTTP_X_CSRFTOKEN="a" * 32,
        )
        assert response.status_code == 201

    def test_a_session_cannot_hide_a_bad_body_behind_csrf(self, user: User, settings: Any, problem: Any) -> None:
        from django.core.files.uploadedfile import SimpleUploadedFile

        settings.DATA_UPLOAD_MAX_NUMBER_FILES = 1
        client = APIClient(enforce_csrf_checks=True)
        client.force_login(user)
        client.cookies["csrftoken"] = "a" * 32
        files = [SimpleUploadedFile(f"{n}.png", png_bytes()) for n in range(2)]
        response = client.post("/api/v1/scans/", {"files": files}, format="multipart", HTTP_X_CSRFTOKEN="a" * 32)
        problem(response, 400, "too_many_files")

    def test_a_token_needs_none(self, login: Any, user: User, problem: Any) -> None:
        client = login(user)
        client.handler.enforce_csrf_checks = True
        problem(client.post("/api/v1/predictions/1/cancel/"), 404, "not_found")

    @pytest.mark.parametrize("header", ["Token wrong", "Token", "Token a b", "Token \xff"])
    def test_a_bad_token_is_401(self, anonymous: APIClient, problem: Any, header: str) -> None:
        response = anonymous.get(CASES, HTTP_AUTHORIZATION=header)
        problem(response, 401, "authentication_failed")
        assert response["WWW-Authenticate"] == "Token"

    def test_a_person_who_left_is_401(self, api: APIClient, user: User, problem: Any) -> None:
        User.objects.filter(pk=user.pk).update(is_active=False)
        problem(api.get(CASES), 401, "authentication_failed")

    def test_nobody_is_ever_sent_to_the_login_page(self, anonymous: APIClient) -> None:
        for address in addresses():
            for method in ("get", "post"):
                assert getattr(anonymous, method)(re.sub(r"{\w+}", "1", address)).status_code in (401, 405)
        assert anonymous.get("/api/schema/").status_code == 401
