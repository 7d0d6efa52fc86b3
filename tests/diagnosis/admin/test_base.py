"""Cases, scans and predictions in the admin: the same rows as on the site, read-only."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from diagnosis.models import Case, Prediction, Scan
from tests.factories import CaseFactory, ModelVersionFactory, PredictionFactory, ScanFactory

pytestmark = pytest.mark.django_db

PLACES = ("case", "scan", "prediction")


def url(place: str, pk: object = None, verb: str = "change") -> str:
    return f"/admin/diagnosis/{place}/" + (f"{pk}/{verb}/" if pk else "")


@pytest.mark.parametrize("place", PLACES)
def test_lists_and_pages_load(as_admin: Client, place: str) -> None:
    for state in Prediction.State.values:
        PredictionFactory(state=state)
    models: dict[str, Any] = {"case": Case, "scan": Scan, "prediction": Prediction}
    row = models[place].objects.order_by("id").first()
    assert as_admin.get(url(place)).status_code == 200
    assert as_admin.get(url(place), {"q": "axial"}).status_code == 200
    page = as_admin.get(url(place, row.pk))
    assert page.status_code == 200
    assert f'href="{row.get_absolute_url()}"' in page.content.decode()


@pytest.mark.parametrize("place", PLACES)
def test_nothing_can_be_added_changed_or_deleted(as_admin: Client, place: str) -> None:
    row: Any = {"case": CaseFactory, "scan": ScanFactory, "prediction": PredictionFactory}[place]()
    assert as_admin.get(url(place) + "add/").status_code == 403
    assert as_admin.post(url(place, row.pk), {"outcome": "no_tumor", "name": "x", "reference": "x"}).status_code == 403
    assert as_admin.post(url(place, row.pk, "delete"), {"post": "yes"}).status_code == 403
    as_admin.post(url(place), {"action": "delete_selected", "_selected_action": [row.pk], "post": "yes"})
    assert type(row).objects.filter(pk=row.pk).exists()


@pytest.mark.parametrize("place", PLACES)
def test_the_number_of_queries_does_not_grow_with_the_rows(
    as_admin: Client, django_assert_num_queries: Any, place: str
) -> None:
    version = ModelVersionFactory()
    PredictionFactory(model_version=version)
    as_admin.get(url(place))
    with CaptureQueriesContext(connection) as few:
        as_admin.get(url(place))
    for _ in range(8):
        PredictionFactory(model_version=version)
    with django_assert_num_queries(len(few)):
        as_admin.get(url(place))


def test_filters_narrow_the_list(as_admin: Client) -> None:
    failed = PredictionFactory(state="failed")
    done = PredictionFactory()
    for query, expected in (
        ({"state__exact": "failed"}, failed),
        ({"outcome__exact": "tumor"}, done),
        ({"model_version__id__exact": done.model_version_id}, done),
        ({"created__gte": "2000-01-01 00:00:00+00:00", "q": failed.scan.case.reference}, failed),
    ):
        rows = as_admin.get(url("prediction"), query).context["cl"].queryset
        assert [row.pk for row in rows] == [expected.pk], query


def test_images_come_from_permission_checked_urls(as_admin: Client) -> None:
    scan = ScanFactory()
    page = as_admin.get(url("scan")).content.decode()
    assert f'src="/scans/{scan.pk}/thumbnail/"' in page
    assert scan.thumbnail.name not in page


def test_hostile_names_are_escaped(as_admin: Client) -> None:
    prediction = PredictionFactory(
        scan__name="<script>alert(1)</script>.png", error="<b>x</b>", gate={"message": "<i>"}
    )
    for address in (url("prediction"), url("prediction", prediction.pk), url("scan")):
        page = as_admin.get(address).content.decode()
        assert "<script>alert(1)" not in page
        assert "<b>x</b>" not in page


def test_staff_see_in_the_admin_what_they_see_on_the_site(as_staff: Callable[..., Client]) -> None:
    client = as_staff("view_case", "view_prediction", "view_scan")
    mine = CaseFactory(owner=User.objects.get(pk=client.session["_auth_user_id"]))
    foreign = PredictionFactory()
    assert [case.pk for case in client.get(url("case")).context["cl"].queryset] == [mine.pk]
    for place, row in (("case", foreign.scan.case), ("scan", foreign.scan), ("prediction", foreign)):
        assert client.get(url(place, row.pk)).status_code == 302  # as if it did not exist
