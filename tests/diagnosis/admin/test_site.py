"""The way into the admin: by the site's own login page, and only for staff."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

pytestmark = pytest.mark.django_db


def test_visitors_are_sent_to_the_login_page_and_back(client: Client) -> None:
    response = client.get("/admin/diagnosis/case/")
    assert response.status_code == 302
    assert response["Location"] == "/login/?next=/admin/diagnosis/case/"


def test_the_admin_has_no_login_form_of_its_own(client: Client) -> None:
    response = client.get("/admin/login/", {"next": "/admin/auth/user/"})
    assert response["Location"] == "/login/?next=/admin/auth/user/"
    posted = client.post("/admin/login/", {"username": "x", "password": "y"})
    assert posted["Location"].startswith("/login/")


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example", "/admin/login/?next=/admin/", ""])
def test_login_leads_to_the_index_for_a_target_elsewhere(as_admin: Client, target: str) -> None:
    assert as_admin.get("/admin/login/", {"next": target})["Location"] == "/admin/"


def test_non_staff_get_403_and_no_redirect_loop(as_user: Client) -> None:
    response = as_user.get("/admin/", follow=True)
    assert response.status_code == 403
    assert len(response.redirect_chain) <= 1


def test_logging_out_ends_the_session_on_the_sites_own_page(as_admin: Client) -> None:
    assert as_admin.post("/admin/logout/")["Location"] == "/login/"
    assert as_admin.get("/admin/", follow=True).redirect_chain[-1][0] == "/login/?next=/admin/"


def test_passwords_are_changed_on_the_sites_own_page(as_admin: Client) -> None:
    assert as_admin.get("/admin/password_change/")["Location"] == "/password/"


def test_pages_link_back_and_say_what_results_are(as_admin: Client) -> None:
    page = as_admin.get("/admin/").content.decode()
    assert 'href="/history/"' in page
    assert "Research use" in page
    assert "css/tokens.css" in page
    assert "css/dark_mode.css" not in page


@pytest.mark.parametrize(
    "place",
    ["auth/user", "auth/group", "diagnosis/apitoken"]
    + [f"diagnosis/{name}" for name in ("case", "scan", "prediction", "modelversion", "auditevent")],
)
def test_staff_without_permission_see_nothing(as_staff: Callable[..., Client], as_admin: Client, place: str) -> None:
    assert as_admin.get(f"/admin/{place}/").status_code == 200
    assert as_staff().get(f"/admin/{place}/").status_code == 403


def test_the_index_says_how_much_room_there_is(as_admin: Client, settings: Any) -> None:
    assert "Below 512 MB uploads are refused." in as_admin.get("/admin/").content.decode()
    settings.MIN_FREE_MB = 10**9
    assert "Uploads are refused until" in as_admin.get("/admin/").content.decode()
