"""No number, time or text that is in an address is a server error, whatever it is.

SQLite and PostgreSQL choke on different ones, so the verification suite runs this file on PostgreSQL, too.
"""

import base64
import json
from typing import Any
from urllib.parse import quote

import pytest
from django.contrib.auth.models import User
from django.test import Client

from tests.factories import CaseFactory, PredictionFactory
from tests.verification.security import tried

pytestmark = pytest.mark.slow

NUMBERS = ("0", "-1", "1.5", "nan", "1e400", "٣", str(2**31), str(2**63), "9" * 40, "9" * 5000)
DAYS = ("0001-01-01", "9999-12-31", "10000-01-01", "0000-00-00", "2024-02-30", "2024-01-01T00:00:00+23:59:59.5")
TEXTS = ("\0", "\ud800", "%", "\\", "'", "a" * 5000)
TIMES = ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2024-01-01T00:00:00+23:59:59.5", "2024-01-01")
KEYS: tuple[Any, ...] = (*TIMES, 2**64, -(2**64), float("inf"), float("nan"), "\0", "\ud800", None, True, [])


def cursor(*parts: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


CURSORS = [cursor(key, 1) for key in KEYS]
CURSORS += [cursor(key, row) for key in ("2024-01-01T00:00:00+00:00", 0.5, 7) for row in (2**63, -1, 1.5, None, "1")]


@pytest.fixture
def failing(client: Client, admin: User) -> Any:
    """Those of some addresses that a server error answers."""
    client.force_login(admin)
    client.raise_request_exception = False

    def _failing(*addresses: str) -> list[str]:
        PredictionFactory()
        tried(len(addresses))
        return [address for address in addresses if client.get(address).status_code >= 500]

    return _failing


def asked(path: str, *parameters: str, values: Any) -> list[str]:
    return [f"{path}?{name}={quote(value.encode('utf-8', 'surrogatepass'))}" for name in parameters for value in values]


@pytest.mark.attack("addresses")
@pytest.mark.parametrize("sort", ["", "&sort=score", "&sort=scan"])
def test_places_in_the_worklist(failing: Any, sort: str) -> None:
    assert not failing(*(address + sort for address in asked("/history/", "after", "before", values=CURSORS)))


@pytest.mark.attack("addresses")
def test_places_in_the_list_of_cases(failing: Any) -> None:
    assert not failing(*asked("/cases/", "after", "before", values=CURSORS))


@pytest.mark.attack("addresses")
def test_places_in_the_activity_of_a_case(failing: Any) -> None:
    case = CaseFactory()
    assert not failing(*asked(f"/cases/{case.pk}/activity/", "after", "before", values=CURSORS))


@pytest.mark.attack("addresses")
def test_pages_of_the_trash(failing: Any) -> None:
    assert not failing(*asked("/trash/", "page", "show", values=(*NUMBERS, *TEXTS)))


LISTS = (
    "/history/",
    "/history/export/",
    "/cases/",
    "/api/v1/predictions/",
    "/api/v1/predictions/export/",
    "/api/v1/scans/",
    "/api/v1/cases/",
)


@pytest.mark.attack("addresses")
@pytest.mark.parametrize("zone", ["UTC", "Asia/Tokyo", "Etc/GMT+12"])
@pytest.mark.parametrize("path", LISTS)
def test_days(failing: Any, settings: Any, path: str, zone: str) -> None:
    settings.TIME_ZONE = zone
    assert not failing(*asked(path, "created_after", "created_before", values=DAYS))


@pytest.mark.attack("addresses")
@pytest.mark.parametrize("path", LISTS)
def test_texts(failing: Any, path: str) -> None:
    assert not failing(*asked(path, "q", "case", "owner", "label", "sha256", "state", "outcome", values=TEXTS))


@pytest.mark.attack("addresses")
def test_lists_that_a_result_was_opened_from(failing: Any) -> None:
    result = f"/predictions/{PredictionFactory().pk}/"
    assert not failing(
        *asked(result, "list", values=(*TEXTS, "&" * 999, "q=%00", *(f"after={key}" for key in CURSORS)))
    )
    assert not failing(*asked("/history/unread/", "list", values=(*TEXTS, "\r\nX: y", "sort=score&model=1")))
    assert not failing(*asked("/history/new/", "since", values=(*DAYS, *TIMES, *TEXTS)))


@pytest.mark.attack("addresses")
@pytest.mark.parametrize("path", ["/audit/", "/audit/export/", "/api/v1/audit/"])
def test_filters_of_the_audit_trail(failing: Any, path: str) -> None:
    asked_for = ("127.0.0.1", "fe80::1", "fe80::1%eth0", "nobody", *NUMBERS, *TEXTS)
    assert not failing(*asked(path, "address", "actor", "key", "request_id", "at_after", values=asked_for))


@pytest.mark.attack("addresses")
@pytest.mark.parametrize("path", ["/history/", "/api/v1/predictions/", "/api/v1/cases/"])
def test_numbers(failing: Any, path: str) -> None:
    assert not failing(*asked(path, "model", "page", "page_size", values=NUMBERS))


NUMBERED = (
    "/history/?at={}", "/history/unread/?from={}", "/predictions/1/?list=model%3D{}", "/api/v1/assignments/{}/",
    "/api/v1/views/{}/", "/api/v1/tokens/{}/", "/tokens/{}/revoke/",
    "/cases/{}/", "/cases/{}/edit/", "/cases/{}/delete/", "/scans/{}/move/", "/scans/{}/delete/",
    "/cases/{}/export/", "/cases/{}/compare/", "/cases/1/compare/?a={}",
    "/cases/1/report/?part={}", "/history/export/?model={}",
    "/scans/{}/", "/scans/{}/pixels/0/", "/scans/1/pixels/{}/",
    "/predictions/{}/", "/slices/{}/preview/", "/slice-results/{}/heatmap/",
    "/status/?id={}", "/upload/rows/{}/picture/",
    "/audit/?kind=case&key={}", "/audit/?after={}", "/api/v1/audit/{}/",
    "/api/v1/cases/{}/", "/api/v1/scans/{}/", "/api/v1/models/{}/", "/api/v1/predictions/{}/",
    "/api/v1/predictions/{}/similar/", "/api/v1/predictions/1/slices/{}/preview/", "/admin/diagnosis/case/{}/change/",
)  # fmt: skip


@pytest.mark.attack("addresses")
@pytest.mark.parametrize("path", NUMBERED)
def test_numbers_in_paths(failing: Any, path: str) -> None:
    assert not failing(*(path.format(quote(number)) for number in NUMBERS))


@pytest.mark.attack("addresses")
@pytest.mark.django_db(transaction=True)  # PostgreSQL would not go on in a transaction that saw an error
@pytest.mark.filterwarnings("ignore:.*received a naive datetime")  # Django's own lists of the admin say so themselves
@pytest.mark.parametrize(("kind", "person"), [("prediction", "owner"), ("case", "owner"), ("scan", "case")])
def test_lookups_of_the_admin(failing: Any, settings: Any, kind: str, person: str) -> None:
    settings.TIME_ZONE = "Asia/Tokyo"
    path = f"/admin/diagnosis/{kind}/"
    years = ("0", "1", "9999", "10000", "9" * 20)
    addresses = asked(path, "created__gte", values=(*DAYS, *TIMES)) + asked(path, "created__year", values=years)
    addresses += asked(path, person, "id__exact", "p", values=("9" * 20, "\0"))
    assert not failing(*addresses)


def test_an_impossible_filter_of_the_admin_redirects_with_an_error(client: Client, admin: User) -> None:
    client.force_login(admin)
    response = client.get(f"/admin/diagnosis/case/?created__year={'9' * 20}")
    assert (response.status_code, response["Location"]) == (302, "/admin/diagnosis/case/?e=1")


@pytest.mark.parametrize(("zone", "day"), [("Asia/Tokyo", "0001-01-01"), ("UTC", "2024-02-30")])
def test_a_day_that_no_clock_shows_is_named(client: Client, admin: User, settings: Any, zone: str, day: str) -> None:
    settings.TIME_ZONE = zone
    client.force_login(admin)
    PredictionFactory()
    response = client.get(f"/api/v1/predictions/?created_after={day}")
    assert (response.status_code, response.json()["errors"]) == (400, {"created": ["Enter a valid date."]})
    page = client.get(f"/history/?created_after={day}")
    assert "Uploaded: Enter a valid date." in page.content.decode()
    assert len(page.context["page"]) == 1
