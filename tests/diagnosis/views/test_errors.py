"""The error pages come up when much else is broken."""

import pytest
from django.core.exceptions import RequestDataTooBig
from django.test import Client, RequestFactory

from diagnosis.views import errors


@pytest.mark.parametrize(
    ("view", "status"),
    [(errors.bad_request, 400), (errors.forbidden, 403), (errors.not_found, 404), (errors.too_large, 413)],
)
def test_each_says_what_to_do_and_an_id(rf: RequestFactory, view, status: int) -> None:  # type: ignore[no-untyped-def]
    request = rf.get("/x/")
    request.request_id = "id-to-quote"  # type: ignore[attr-defined]
    response = view(request, Exception("internal detail"))
    body = response.content.decode()
    assert response.status_code == status
    assert "id-to-quote" in body and f"Error {status}" in body
    assert "internal detail" not in body


def test_500_needs_no_database_and_no_context(rf: RequestFactory) -> None:
    response = errors.server_error(rf.get("/x/"))
    assert response.status_code == 500
    assert "Something went wrong" in response.content.decode()


def test_500_survives_its_own_template(rf: RequestFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(errors, "_page", lambda *args: 1 / 0)
    assert errors.server_error(rf.get("/x/")).status_code == 500


def test_a_request_too_large_to_read_is_a_413(rf: RequestFactory) -> None:
    assert errors.bad_request(rf.post("/upload/"), RequestDataTooBig("x")).status_code == 413


def test_an_old_form_is_told_apart(rf: RequestFactory) -> None:
    response = errors.csrf_failure(rf.post("/upload/"), reason="CSRF token missing")
    assert response.status_code == 403
    assert "This form is too old" in response.content.decode()


def test_a_missing_page_is_a_404_page(as_user: Client) -> None:
    response = as_user.get("/no-such-page/")
    assert response.status_code == 404
    assert "There is nothing here" in response.content.decode()
