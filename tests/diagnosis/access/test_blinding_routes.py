"""No address tells a blind-first reader what the model says of a scan, before they have committed an opinion on it.

Not by looking for words: every address of the site is asked in two worlds that differ in nothing but the hidden
results, and in what others have read. Whatever answers differently, in its body or in a header, tells them apart. The
addresses come from the URL resolver, so a new one is asked as well; one whose number this file does not know fails.
"""

import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.db import transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from diagnosis.access import selectors
from diagnosis.access.filters import PredictionFilter
from diagnosis.api.views.predictions import PredictionViewSet
from diagnosis.models import (
    AuditEvent,
    Embedding,
    Prediction,
    ReadingPolicy,
    Review,
    SavedView,
    Scan,
    Slice,
    SliceResult,
    UploadRow,
)
from diagnosis.models.embedding import pack
from diagnosis.reviews import transitions
from diagnosis.reviews.opinions import Opinion
from diagnosis.similarity import embedding_index
from tests.diagnosis.access.answers import answer, answers, difference
from tests.embeddings import direction, embed
from tests.factories import CaseFactory, PredictionFactory, ReviewFactory, ScanFactory, UserFactory, evidence
from tests.verification.security import tried

pytestmark = [pytest.mark.slow, pytest.mark.django_db]

DAY = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
NOW = datetime(2026, 1, 9, 9, 0, tzinfo=UTC)

OTHERS_REVIEW = 900

NOT_ASKED = {
    "second-factor": "shows a new random secret each time, and nothing of scans",
    "passkey-add": "shows that secret again if the passkey is not taken",
    "logout": "ends the session",
    "login": "the visitor is logged in",
    "password_change": "sets a password",
    "admin:logout": "ends the session",
    "admin:login": "the visitor is logged in",
    "admin:jsi18n": "no data",
    "health-live": "no data",
    "health-ready": "other for each call, no data",
    "stow": "takes files",
    "metrics": "numbers of the whole site, for its token alone",
}
"""Addresses without anything of a scan. Every other one is asked."""

REFUSING = re.compile(
    r"^admin:(.*_(add|delete)|app_list|autocomplete|view_on_site)$|(undelete|restore)$|^case-withdraw$|"
    r"(assignment-detail|review-sign|upload-preview|token-revoke|token-detail|passkey-remove)$"
)
"""The admin's own addresses for what it lets nobody do here, and what needs a row of one's own or in the trash."""


@dataclass(frozen=True)
class Site:
    """The rows on which the addresses are asked."""

    single: Prediction
    series: Prediction
    known: Prediction
    slices: list[Slice]
    results: list[SliceResult]

    def numbers(self, before: str) -> dict[str, list[Any]]:
        """The ids to try for each number in an address. before: the part in front of it, which says whose id it is."""
        runs, scans = [self.single, self.series], [self.single.scan, self.series.scan]
        kind = next(reversed(re.findall(r"[a-z-]+", before)), "")
        kinds: dict[str, Any] = {
            "predictions": runs,
            "prediction": runs,
            "scans": scans,
            "scan": scans,
            "cases": [self.single.scan.case],
            "case": [self.single.scan.case],
            "models": [self.single.model_version],
            "modelversion": [self.single.model_version],
            "slices": self.slices,
            "slice-results": self.results,
            "reviews": [Review(pk=OTHERS_REVIEW)],
            "review": [Review(pk=OTHERS_REVIEW)],
            "audit": AuditEvent.objects.order_by("pk")[:1],
        }
        ids = [row.pk for row in kinds[kind]] if kind in kinds else [1]
        run_ids, scan_ids = [run.pk for run in runs], [scan.pk for scan in scans]
        return {
            "prediction_id": run_ids,
            "scan_id": scan_ids,
            "index": [0, 1],
            "first": [0],
            "study": ["1.2.3"],
            "content_type_id": [1],
            "app_label": ["diagnosis"],
            "assignment_id": [1],
            "row_id": [1],
            "token_id": [1],
            "passkey_id": [1],
            "view_id": list(SavedView.objects.values_list("pk", flat=True)) or [1],
            **dict.fromkeys(("case_id", "slice_id", "result_id", "pk", "object_id"), ids),
        }


def routes(patterns: Any, prefix: str = "", names: str = "") -> Iterator[tuple[str, str]]:
    """Name and route of every address that the site answers."""
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            inside = f"{names}{pattern.namespace}:" if pattern.namespace else names
            yield from routes(pattern.url_patterns, prefix + str(pattern.pattern), inside)
        elif isinstance(pattern, URLPattern) and pattern.name:
            yield f"{names}{pattern.name}", prefix + str(pattern.pattern)


def asked_routes() -> dict[str, str]:
    found = {name: route for name, route in routes(get_resolver().url_patterns) if name not in NOT_ASKED}
    return {name: route for name, route in found.items() if not name.startswith("admin:auth_")}


def addresses(site: Site, route: str) -> list[str]:
    """The addresses of a route, for each row that it may name. KeyError for a number that this file does not know."""
    found = [""]
    for text, name in re.findall(r"([^<]*)(?:<(?:\w+:)?(\w+)>)?", route):
        values = site.numbers(text)[name] if name else [""]
        found = [f"{start}{text}{value}" for start in found for value in values]
    return [f"/{one}" for one in found if "^" not in one]


@pytest.fixture(autouse=True)
def _clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("django.utils.timezone.now", lambda: NOW)
    monkeypatch.setattr("diagnosis.views.forms.new_reference", lambda: "CA-222222")
    # On a slow machine a minute passes here, and /sessions/ would say that the session was used since.
    monkeypatch.setattr("diagnosis.access.sessions._STEP", float("inf"))


@pytest.fixture
def blind() -> Any:
    """A reader of all cases, with every right of staff, who reads blind first."""
    person = UserFactory(username="blind", is_staff=True)
    group = Group.objects.create(name="study")
    ReadingPolicy.objects.create(group=group, mode="blind_first")
    person.groups.add(group, Group.objects.get(name="reader"))
    person.user_permissions.set(Permission.objects.filter(content_type__app_label="diagnosis"))
    return person


@pytest.fixture
def site(user: Any, model_version: Any) -> Site:
    """An unread image, an unread series, and a scan whose result everybody may see."""
    case = CaseFactory(owner=user, reference="CASE-A")
    times = {"queued": DAY, "created": DAY, "model_version": model_version}
    single = PredictionFactory(scan=ScanFactory(case=case, name="one.png", created=DAY), **times)
    volume = ScanFactory(case=case, name="many.nii", format="NIFTI", frames=2, created=DAY)
    series = PredictionFactory(scan=volume, **times)
    slices = [
        Slice.objects.create(scan=volume, index=n, pixel_sha256=str(n) * 64, preview=volume.preview.name,
                             thumbnail=volume.thumbnail.name)
        for n in range(2)
    ]  # fmt: skip
    results = [
        SliceResult.objects.create(
            prediction=series, slice=row, outcome="tumor", tumor_probability=0.5, evidence=evidence()
        )
        for row in slices
    ]
    known = PredictionFactory(scan__case__reference="CASE-B", scan__created=DAY, **times)
    for run in (single, series, known):
        embed(run)
    return Site(single, series, known, slices, results)


WORLDS: dict[str, dict[str, Any]] = {
    "tumor": {
        "outcome": "tumor", "uncertain": False, "tumor_probability": 0.9765, "trained_on": False, "engine": "ncnn",
        "type_probabilities": {"glioma": 0.8, "meningioma": 0.2}, "evidence": evidence(cell=(3, 3)),
        "gate": {"accepted": True, "score": 0.81, "threshold": 0.02, "reason": None, "message": None},
        "milliseconds": {"total": 153.5},
    },
    "uncertain": {
        "outcome": "no_tumor", "uncertain": True, "tumor_probability": 0.4321, "trained_on": True, "engine": "tf",
        "type_probabilities": {"pituitary": 1.0}, "evidence": None,
        "gate": {"accepted": True, "score": 0.11, "threshold": 0.02, "reason": None, "message": "Barely a brain."},
        "milliseconds": {"total": 7.5},
    },
}  # fmt: skip


def enter(world: str, site: Site) -> None:
    """Make the hidden results, and what others have read, those of this world."""
    embedding_index.index.cache_clear()
    fields = WORLDS[world]
    first = world == "tumor"
    Prediction.objects.filter(pk=site.single.pk).update(**fields)
    summary = {"accepted": 2, "top": [0] if first else [1], "extent": [0, 0] if first else None}
    Prediction.objects.filter(pk=site.series.pk).update(
        **fields, series=summary, key_slice=site.slices[0 if first else 1]
    )
    common = {name: fields[name] for name in ("outcome", "uncertain", "tumor_probability", "type_probabilities")}
    SliceResult.objects.filter(prediction=site.series).update(
        **common, evidence=fields["evidence"], gate=fields["gate"], trained_on=fields["trained_on"]
    )
    Embedding.objects.filter(prediction=site.single).update(vector=pack(direction(0.9 if first else 0.3)))
    Embedding.objects.filter(prediction=site.series).update(vector=pack(direction(0.3 if first else 0.9)))
    ReviewFactory(
        pk=OTHERS_REVIEW, scan=site.single.scan, reader=site.single.owner, finding="tumor" if first else "no_tumor",
        comment=f"What I see: {world}.", at=DAY, created=DAY, saved=DAY,
    )  # fmt: skip
    Scan.objects.filter(pk=site.single.scan_id).update(reading="signed")
    for number, person in enumerate(User.objects.order_by("pk")):
        for part, run in enumerate((site.single, site.series)):
            fields = {"pk": 900 + 2 * number + part, "key": uuid.UUID(int=1), "part": part, "state": "taken"}
            UploadRow.objects.create(user=person, prediction=run, **fields)


def both(client: Client, site: Site, asked: list[tuple[str, str, dict[str, str]]]) -> dict[str, str]:
    """The addresses whose answers tell the two worlds apart, each with the first place at which they differ."""
    found = []
    tried(len(asked))
    for world in WORLDS:
        with transaction.atomic():
            enter(world, site)
            found.append(answers(client, asked))
            transaction.set_rollback(True)
    return {path: difference(text, found[1][path]) for path, text in found[0].items() if text != found[1][path]}


def every_address(site: Site) -> list[tuple[str, str, dict[str, str]]]:
    gets = {path: name for name, route in asked_routes().items() for path in addresses(site, route)}
    fragments = [path for path in gets if re.search(r"(similar|status|history|predictions/\d+)/$", path)]
    return (
        [("GET", path, {}) for path in gets]
        + [("POST", path, {}) for path, name in gets.items() if not name.startswith("admin:")]
        + [("GET", path, {"HX-Request": "true"}) for path in fragments]
    )


def questions(site: Site) -> list[tuple[str, str, dict[str, str]]]:
    """Filters, orders and counts: everything by which a list could be asked for what its rows don't show."""
    queries = [
        *(f"{name}={value}" for name, field in PredictionFilter.base_filters.items()
          for value, _ in getattr(field, "extra", {}).get("choices", ())),
        "q=tumor", "sort=score", "sort=-score", "sort=triage", "sort=type", "sort=-type", "sort=state",
        "type=glioma", "type=pituitary", "page_size=1", "reading=signed", "reading=unread", "outcome=uncertain",
    ]  # fmt: skip
    orders = [f"ordering={sign}{name}" for name in PredictionViewSet.ordering_fields for sign in ("", "-")]
    ids = f"id={site.single.pk}&id={site.series.pk}"
    status = [f"/status/?view={view}&{ids}" for view in ("row", "upload", "badge", "result")]
    admin = [*(f"o={n}" for n in range(1, 10)), "outcome__exact=tumor", "uncertain__exact=1", "trained_on__exact=1"]
    admin += ["tumor_probability__gt=0.5", "worklist_status=tumor", "key_slice__index=0", "engine=ncnn"]
    paths = [f"/history/?{one}" for one in queries]
    paths += [f"/api/v1/predictions/?{one}" for one in (*queries, *orders)]
    paths += [f"/admin/diagnosis/prediction/?{one}" for one in admin]
    paths += [f"/cases/?{one}" for one in ("q=A", "sort=-when")] + status
    case = site.single.scan.case_id
    paths += [f"/cases/{case}/compare/?a={site.single.scan_id}&b={site.series.scan_id}"]
    paths += [f"/cases/{case}/export/?format=json", f"/api/v1/cases/{case}/export/?format=json"]
    for list_address in ("/history/export/", "/api/v1/predictions/export/"):
        paths += [f"{list_address}?format={one}" for one in ("csv", "json", "json&outcome=tumor", "json&sort=-score")]
    paths += [f"/predictions/{site.single.pk}/?list={one}" for one in ("outcome%3Dtumor", "sort%3Dscore", "")]
    paths += [f"/history/unread/?list={one}" for one in ("outcome%3Dtumor", "sort%3D-score", "type%3Dglioma")]
    paths += [f"/api/v1/predictions/{site.single.pk}/dicom/?kind={kind}" for kind in ("sr", "sc")]
    paths += [f"/predictions/{site.series.pk}/?slice=1", f"/api/v1/predictions/{site.known.pk}/similar/?limit=20"]
    return [("GET", path, {}) for path in dict.fromkeys(paths)]


@pytest.mark.attack("blinding")
def test_no_address_tells_a_hidden_result(client: Client, blind: Any, site: Site) -> None:
    client.force_login(blind)
    assert both(client, site, every_address(site)) == {}


@pytest.mark.attack("blinding")
def test_no_question_tells_a_hidden_result(client: Client, blind: Any, site: Site) -> None:
    client.force_login(blind)
    assert both(client, site, questions(site)) == {}


def test_the_same_addresses_tell_it_to_who_reads_openly(client: Client, reader: Any, site: Site) -> None:
    """Or the tests above could not fail."""
    client.force_login(reader)
    told = {path.split(" ")[1] for path in both(client, site, every_address(site)) if path.startswith("GET")}
    one, many = site.single, site.series
    expected = {"/history/", f"/cases/{one.scan.case_id}/", "/cases/", "/api/v1/predictions/", "/api/v1/scans/"}
    expected |= {"/upload/"}
    expected |= {f"/predictions/{run.pk}/" for run in (one, many)}
    expected |= {f"/predictions/{one.pk}/{name}/" for name in ("similar", "heatmap", "overlay")}
    expected |= {f"/predictions/{many.pk}/slices/", f"/slice-results/{site.results[0].pk}/overlay/"}
    expected |= {f"/api/v1/predictions/{one.pk}/{name}" for name in ("", "heatmap/", "similar/")}
    expected |= {f"/api/v1/predictions/{many.pk}/slices/", f"/api/v1/cases/{one.scan.case_id}/"}
    assert expected - told == set()


def test_every_address_is_reached(client: Client, admin: Any, site: Site) -> None:
    """One that answers to nobody would hide nothing: it needs a row on the site above, or a number of its own."""
    client.force_login(admin)
    ReviewFactory(pk=OTHERS_REVIEW, scan=site.single.scan)
    SavedView.objects.create(user=admin, name="Mine", query="q=A")

    def is_reached(route: str) -> bool:
        paths = addresses(site, route)
        gets = {answer(client, "GET", path, {})[:3] for path in paths}
        return not gets <= {"403", "404", "405"} or not {
            answer(client, "POST", path, {})[:3] for path in paths
        } <= {"403", "404", "405"}  # fmt: skip

    unreached = {name for name, route in asked_routes().items() if not REFUSING.search(name) and not is_reached(route)}
    assert unreached == set()


def test_a_committed_opinion_reveals_its_scan_and_no_other(client: Client, blind: Any, site: Site) -> None:
    transitions.commit(site.single, reader=blind, opinion=Opinion(finding="no_tumor"))
    client.force_login(blind)
    told = both(client, site, [("GET", f"/predictions/{run.pk}/", {}) for run in (site.single, site.series)])
    assert [path.split(" ")[1] for path in told] == [f"/predictions/{site.single.pk}/"]


def test_a_draft_or_a_deleted_draft_reveals_nothing(client: Client, blind: Any, site: Site) -> None:
    client.force_login(blind)
    draft = transitions.save_draft(site.single, reader=blind, opinion=Opinion(finding="no_tumor"))
    asked = [("GET", f"{api}/predictions/{site.single.pk}/", dict[str, str]()) for api in ("", "/api/v1")]
    assert both(client, site, asked) == {}
    transitions.discard_draft(draft, reader=blind)
    assert both(client, site, asked) == {}


def test_another_run_of_the_scan_is_hidden_as_well(blind: Any, site: Site) -> None:
    other = PredictionFactory(scan=site.single.scan)
    assert selectors.predictions(blind).get(pk=other.pk).blinded
    transitions.commit(site.single, reader=blind, opinion=Opinion(finding="no_tumor"))
    assert not selectors.predictions(blind).get(pk=other.pk).blinded
