"""Whose account comes back from the provider, which are made or linked, and what rights it gives."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from diagnosis.access.oidc.rules import ClaimRule
from diagnosis.models import AuditEvent, ProviderLink
from tests.factories import UserFactory
from tests.oidc_provider import Provider, log_in

pytestmark = pytest.mark.django_db
Configure = Callable[..., None]


def rule(claim: str, *values: str) -> ClaimRule:
    return ClaimRule(claim, frozenset(values))


def refused(response: Any) -> str:
    """The reason in the audit trail; nobody is logged in."""
    assert response.status_code == 403
    assert response.client.get("/history/").status_code == 302
    assert not AuditEvent.objects.filter(action="user.logged_in").exists()
    return str(AuditEvent.objects.get(action="sso.refused").details["reason"])


def test_an_unknown_person_gets_no_account(client: Client, provider: Provider) -> None:
    response = log_in(client, provider)
    assert "you have no account here" in response.content.decode()
    assert refused(response) == "unknown_person"
    assert not User.objects.exists()


def test_a_new_account_has_no_rights_and_no_password(client: Client, provider: Provider, configure: Configure) -> None:
    configure(create_accounts=True)
    claims: dict[str, Any] = {"email": "ada@hospital.org", "given_name": "Ada", "family_name": "L" * 200}
    claims["groups"] = ["admins"]
    assert log_in(client, provider, **claims)["Location"] == "/history/"
    person = User.objects.get()
    assert (person.username, person.email, person.first_name) == ("ada", "ada@hospital.org", "Ada")
    assert not (person.is_staff or person.is_superuser or person.has_usable_password() or person.groups.exists())
    assert AuditEvent.objects.get(action="user.created").target_id == str(person.pk)
    assert log_in(Client(), provider, preferred_username="renamed")["Location"] == "/history/"
    assert User.objects.get().username == "ada"  # known by issuer and subject


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("ada", "name_taken"),
        ("ADA", "name_taken"),
        (None, "invalid_name"),
        ("a b/c", "invalid_name"),
        (7, "invalid_name"),
        ("x" * 151, "invalid_name"),
        ("a\0b", "invalid_name"),
    ],
)
def test_a_new_account_takes_nobodys_name(
    client: Client, provider: Provider, user: User, configure: Configure, name: Any, reason: str
) -> None:
    configure(create_accounts=True)
    assert refused(log_in(client, provider, preferred_username=name, sub="subject-2")) == reason
    assert User.objects.get() == user
    assert not ProviderLink.objects.exists()


def test_a_name_links_no_account_unless_told(client: Client, provider: Provider, user: User) -> None:
    assert refused(log_in(client, provider, email=user.email, email_verified=True)) == "unknown_person"


@pytest.mark.parametrize(
    ("link", "claims", "links"),
    [
        ("username", {"preferred_username": "ada"}, True),
        ("username", {"preferred_username": "Ada"}, False),
        ("username", {"preferred_username": ""}, False),
        ("username", {"email": "ada@hospital.org", "email_verified": True, "preferred_username": "x"}, False),
        ("email", {"email": "Ada@Hospital.org", "email_verified": True}, True),
        ("email", {"email": "ada@hospital.org"}, False),
        ("email", {"email": "ada@hospital.org", "email_verified": "true"}, False),
        ("email", {"email": "", "email_verified": True}, False),
    ],
    ids=str,
)
def test_linking_by_rule(
    client: Client, provider: Provider, user: User, configure: Configure, link: str, claims: Any, links: bool
) -> None:
    User.objects.filter(pk=user.pk).update(email="ada@hospital.org")
    UserFactory()  # without an address, as many accounts are
    configure(link=link)
    response = log_in(client, provider, **claims)
    if not links:
        assert refused(response) == "unknown_person"
        return
    assert response["Location"] == "/history/"
    assert ProviderLink.objects.get().user == user
    event = AuditEvent.objects.get(action="sso.linked")
    assert (event.target_id, event.details["subject"]) == (str(user.pk), "subject-1")
    configure(link="never")
    assert log_in(Client(), provider, preferred_username="x")["Location"] == "/history/"


def test_two_accounts_with_one_address_are_not_linked(
    client: Client, provider: Provider, user: User, other_user: User, configure: Configure
) -> None:
    User.objects.update(email="shared@hospital.org")
    configure(link="email")
    assert refused(log_in(client, provider, email="shared@hospital.org", email_verified=True)) == "unknown_person"


def test_a_linked_account_is_nobody_elses(
    client: Client, provider: Provider, linked: User, configure: Configure
) -> None:
    configure(link="username")
    assert refused(log_in(client, provider, sub="subject-2")) == "linked_already"
    assert ProviderLink.objects.get().subject == "subject-1"


@pytest.mark.parametrize("status", ["is_staff", "is_superuser"])
def test_an_administrator_is_linked_by_rule_only_if_told(
    client: Client, provider: Provider, user: User, configure: Configure, status: str
) -> None:
    User.objects.filter(pk=user.pk).update(**{status: True})
    configure(link="username")
    assert refused(log_in(client, provider)) == "administrator_not_linked"
    configure(link_admins=True)
    assert log_in(Client(), provider).status_code == 302


def test_a_deactivated_person(client: Client, provider: Provider, linked: User) -> None:
    User.objects.update(is_active=False)
    response = log_in(client, provider)
    assert "deactivated" in response.content.decode()
    assert refused(response) == "inactive"


def test_a_deactivated_person_is_not_linked(
    client: Client, provider: Provider, user: User, configure: Configure
) -> None:
    User.objects.update(is_active=False)
    configure(link="username")
    assert refused(log_in(client, provider)) == "inactive"
    assert not ProviderLink.objects.exists()


@pytest.mark.parametrize(
    ("claims", "let_in"),
    [
        ({"groups": ["other", "mri"]}, True),
        ({"groups": "mri"}, True),
        ({"groups": ["other"]}, False),
        ({"groups": {"mri": True}}, False),
        ({}, False),
    ],
    ids=str,
)
@pytest.mark.usefixtures("linked")
def test_a_claim_that_is_required(
    client: Client, provider: Provider, configure: Configure, claims: Any, let_in: bool
) -> None:
    configure(required=rule("groups", "mri", "neuro"))
    response = log_in(client, provider, **claims)
    if let_in:
        assert response.status_code == 302
    else:
        assert refused(response) == "claim_missing"


def test_rules_read_nested_list_and_boolean_claims() -> None:
    assert rule("realm_access.roles", "mri").holds({"realm_access": {"roles": ["mri"]}})
    assert rule("https://x.org/roles", "mri").holds({"https://x.org/roles": "mri"})
    assert rule("email_verified", "true").holds({"email_verified": True})
    assert not rule("realm_access.roles", "mri").holds({"realm_access": "mri"})
    assert not rule("groups", "None").holds({"groups": None})


def test_rights_follow_the_provider_where_told(
    client: Client, provider: Provider, linked: User, configure: Configure
) -> None:
    def rights() -> tuple[bool, bool, bool]:
        linked.refresh_from_db()
        return linked.groups.filter(name="reader").exists(), linked.is_staff, linked.is_superuser

    log_in(client, provider, groups=["readers", "admins"])
    assert rights() == (False, False, False)
    configure(readers=rule("groups", "readers"), admins=rule("groups", "admins"))
    for groups, given in ((["readers"], (True, False, False)), (["admins"], (False, True, True)), ([], (False,) * 3)):
        log_in(Client(), provider, groups=groups)
        assert rights() == given
    changes = AuditEvent.objects.filter(action="user.rights_changed").order_by("id")
    assert [event.details["reader"] for event in changes if "reader" in event.details] == [True, False]
    assert [event.details["administrator"] for event in changes if "administrator" in event.details] == [True, False]


def test_rights_given_here_stay_where_the_provider_has_no_say(client: Client, provider: Provider, linked: User) -> None:
    User.objects.update(is_staff=True)
    log_in(client, provider, amr=["mfa"])
    linked.refresh_from_db()
    assert linked.is_staff
