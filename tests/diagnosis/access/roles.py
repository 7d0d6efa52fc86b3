"""People who may not see a case learn nothing of it, and change nothing, at any address of the site.

The addresses come from the URL resolver, with the numbers of rows that are there. What only the case holds is looked
for in every answer: its reference, its label, the names of its files, a comment. `make reliability` runs this file, too
long for `make test`.
"""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db import transaction
from django.test import Client

from diagnosis.access import sharing
from diagnosis.access.sharing import Assignee
from diagnosis.models import Assignment, Case, CaseLabel, Prediction, Review, Scan
from tests.diagnosis.access.test_blinding_routes import OTHERS_REVIEW, Site, addresses, asked_routes, site
from tests.factories import ReviewFactory, UserFactory, token_key
from tests.verification.security import tried

pytestmark = pytest.mark.django_db

__all__ = ["site"]

SECRET = "Zq7Xw9Kv"
HELD = (Case, CaseLabel, Scan, Prediction, Review, Assignment)
SENT = {
    "reference": "TAKEN", "name": "taken", "label": "taken", "case": "TAKEN", "finding": "tumor", "comment": "taken",
    "action": "delete", "reason": "taken", "confirmed": "true", "post": "yes", "state": "committed", "username": "eve",
}  # fmt: skip


@pytest.fixture
def planted(site: Site) -> Site:
    for number, case in enumerate(Case.objects.all()):
        CaseLabel.objects.create(case=case, text=SECRET.lower())
        Case.objects.filter(pk=case.pk).update(reference=f"{SECRET}-{number}")
    Scan.objects.update(name=f"{SECRET}.png")
    ReviewFactory(pk=OTHERS_REVIEW, scan=site.single.scan, reader=site.single.owner, comment=f"{SECRET} seen")
    return site


def logged_in(person: User) -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(person)
    return client


def visitor(_: Site) -> Client:
    return Client()


def wrong_token(_: Site) -> Client:
    return Client(headers={"authorization": f"Token {'0' * 40}"})


def colleague(_: Site) -> Client:
    return logged_in(UserFactory())


def colleagues_token(_: Site) -> Client:
    return Client(headers={"authorization": f"Token {token_key(UserFactory())}"})


def staff_with_every_permission(_: Site) -> Client:
    """But the one for the audit trail, which names what was done, whoever did it."""
    person = UserFactory(is_staff=True)
    person.user_permissions.set(Permission.objects.exclude(codename="view_auditevent"))
    return logged_in(person)


def former_assignee(site: Site) -> Client:
    person, case = UserFactory(), site.single.scan.case
    sharing.withdraw(sharing.assign(case, to=Assignee(user=person), actor=case.owner), actor=case.owner)
    return logged_in(person)


def deactivated_owner(site: Site) -> Client:
    client = logged_in(site.single.owner)
    User.objects.filter(pk=site.single.owner.pk).update(is_active=False)
    return client


ROLES: list[Callable[[Site], Client]] = [
    visitor,
    wrong_token,
    colleague,
    colleagues_token,
    staff_with_every_permission,
    former_assignee,
    deactivated_owner,
]


def requests(site: Site) -> Iterator[tuple[str, str]]:
    paths = {path for route in asked_routes().values() for path in addresses(site, route)}
    for path in sorted(paths):
        yield from ((method, path) for method in ("get", "post"))
        if path.startswith("/api/"):
            yield from ((method, path) for method in ("patch", "put", "delete"))


def held() -> list[Any]:
    return [list(model._base_manager.order_by("pk").values()) for model in HELD]


def answered(client: Client, method: str, path: str, before: list[Any]) -> tuple[bool, bool]:
    """Whether the answer tells the secret, and whether it changed anything. Undone."""
    with transaction.atomic():
        kind = {} if method in ("get", "post") else {"content_type": "application/json"}
        response = getattr(client, method)(path, SENT if method != "get" else {}, **kind)
        body = b"".join(response.streaming_content) if response.streaming else response.content
        told = SECRET.lower() in (body.decode("latin-1") + repr(response.headers)).lower()
        changed = method != "get" and response.status_code < 400 and held() != before
        transaction.set_rollback(True)
    return told, changed


@pytest.mark.attack("roles")
@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.__name__)
def test_a_user_without_access_sees_and_changes_nothing(planted: Site, role: Callable[[Site], Client]) -> None:
    client, wrong = role(planted), []
    before = held()
    for method, path in requests(planted):
        tried()
        if any(found := answered(client, method, path, before)):
            wrong.append((method, path, found))
    assert wrong == []


def test_its_owner_does(planted: Site) -> None:
    """Or the test above could not fail."""
    client, before = logged_in(planted.single.owner), held()
    found = {(method, path): answered(client, method, path, before) for method, path in requests(planted)}
    assert sum(told for told, _ in found.values()) > 15
    assert sum(changed for _, changed in found.values()) > 5
