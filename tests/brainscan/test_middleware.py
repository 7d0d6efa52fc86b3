"""The client address in the audit trail, the log line of a request, and the cost of hashing a password."""

from typing import Any

import pytest
from django.contrib.auth.hashers import Argon2PasswordHasher, get_hashers_by_algorithm
from django.contrib.auth.models import User
from django.test import Client, RequestFactory

from brainscan.hashers import Argon2
from brainscan.middleware import RequestLog
from diagnosis.models import AuditEvent

WRONG = {"username": "ada", "password": "wrong"}


def address_of_a_failed_login(**headers: Any) -> str | None:
    assert Client().post("/login/", WRONG, secure=True, **headers).status_code == 200
    return AuditEvent.objects.get(action="user.login_failed").address


@pytest.mark.attack("forged")
@pytest.mark.django_db
def test_without_a_proxy_nobody_chooses_the_address_in_the_audit_trail(settings: Any) -> None:
    settings.PROXIES = 0
    assert address_of_a_failed_login(HTTP_X_FORWARDED_FOR="203.0.113.66") == "127.0.0.1"


@pytest.mark.attack("forged")
@pytest.mark.django_db
@pytest.mark.parametrize(
    "forwarded, address",
    [
        ("198.51.100.7", "198.51.100.7"),
        ("203.0.113.66, 198.51.100.7", "198.51.100.7"),
        ("2001:db8::1", "2001:db8::1"),
        ("::ffff:198.51.100.7", "198.51.100.7"),
        ("", "127.0.0.1"),
        ("203.0.113.66, nonsense", None),
        ("fe80::1%" + "x" * 200, "fe80::1"),
    ],
)
def test_behind_a_proxy_its_entry_counts(settings: Any, forwarded: str, address: str | None) -> None:
    settings.PROXIES = 1
    assert address_of_a_failed_login(HTTP_X_FORWARDED_FOR=forwarded) == address


@pytest.mark.attack("forged")
@pytest.mark.django_db
@pytest.mark.parametrize(
    "forwarded, address", [("9.9.9.9, 198.51.100.7, 10.0.0.1", "198.51.100.7"), ("10.0.0.1", "127.0.0.1")]
)
def test_behind_two_proxies_the_outer_ones_entry_counts(settings: Any, forwarded: str, address: str) -> None:
    settings.PROXIES = 2
    assert address_of_a_failed_login(HTTP_X_FORWARDED_FOR=forwarded) == address


@pytest.mark.django_db
def test_a_login_takes_little_memory_and_an_old_password_is_hashed_anew(settings: Any) -> None:
    settings.PASSWORD_HASHERS = ["brainscan.hashers.Argon2"]
    assert Argon2.memory_cost < 20_000
    assert isinstance(get_hashers_by_algorithm()["argon2"], Argon2)
    user = User(username="ada", password=Argon2PasswordHasher().encode("correct horse", "saltsaltsaltsalt"))
    user.save()
    assert user.check_password("correct horse")
    user.refresh_from_db()
    assert "m=19456,t=2,p=1" in user.password


def test_the_log_names_neither_what_was_searched_for_nor_a_hospitals_uids() -> None:
    def logged(address: str) -> str:
        return RequestLog.format_request(RequestFactory().get(address))

    assert logged("/history/?q=Doe") == "GET /history/"
    assert logged("/dicomweb/studies/1.2.840.19700131?PatientID=4711") == "GET /dicomweb/…"


@pytest.mark.django_db
def test_what_a_pages_script_requests_is_answered_with_the_persons_id() -> None:
    user = User.objects.create_user("ada")
    client = Client()
    client.force_login(user)
    for header in ({"X-Requested-With": "XMLHttpRequest"}, {"HX-Request": "true"}):
        assert client.get("/upload/rows/", headers=header).headers["X-Person"] == str(user.pk)
        assert "X-Person" not in Client().get("/upload/rows/", headers=header).headers


@pytest.mark.django_db
@pytest.mark.parametrize(
    "referer, page",
    [
        ("http://testserver/predictions/7/?list=q%3DA", "/predictions/7/%3Flist%3Dq%253DA"),
        ("https://elsewhere.example/predictions/7/", "/predictions/7/review/"),
        ("", "/predictions/7/review/"),
    ],
)
def test_a_form_sent_without_a_session_leads_back_to_its_page(referer: str, page: str) -> None:
    answer = Client().post("/predictions/7/review/", {"action": "sign"}, headers={"Referer": referer})
    assert (answer.status_code, answer.url) == (302, f"/login/?next={page}")  # type: ignore[attr-defined]
