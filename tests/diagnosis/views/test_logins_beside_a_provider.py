"""Logging in and out here while an identity provider is set, and the links that administrators see."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from diagnosis.access import passkeys
from diagnosis.models import AuditEvent, ProviderLink
from tests.diagnosis.access.oidc.conftest import configure, linked, provider
from tests.diagnosis.views.test_single_sign_on import PASSWORD, Configure, text
from tests.oidc_provider import Provider, asked_for, log_in

__all__ = ["configure", "linked", "provider"]

pytestmark = pytest.mark.django_db


def test_logout_goes_on_to_the_provider(client: Client, provider: Provider, linked: User) -> None:
    provider.metadata["end_session_endpoint"] = f"{provider.issuer}/logout"
    log_in(client, provider)
    response = client.post("/logout/")
    assert response["Refresh"].startswith(f"0; url={provider.issuer}/logout?id_token_hint=")
    assert asked_for(response)["post_logout_redirect_uri"] == "http://testserver/login/"
    assert client.get("/history/").status_code == 302
    assert AuditEvent.objects.filter(action="user.logged_out", actor="ada").exists()


def test_logout_of_a_session_that_began_here_or_of_a_provider_without_such_a_page(
    client: Client, provider: Provider, linked: User
) -> None:
    log_in(client, provider)
    assert client.post("/logout/")["Location"] == "/login/"
    provider.metadata["end_session_endpoint"] = f"{provider.issuer}/logout"
    client.post("/login/", {"username": "ada", "password": PASSWORD})
    assert client.post("/logout/")["Location"] == "/login/"


@pytest.mark.parametrize(
    ("logins", "person", "boss"), [("all", 302, 302), ("superusers", 200, 302), ("nobody", 200, 200)]
)
def test_who_may_log_in_with_a_password(
    provider: Provider, user: User, admin: User, configure: Configure, logins: str, person: int, boss: int
) -> None:
    configure(local_login=logins)
    for name, status in (("ada", person), ("root", boss)):
        assert Client().post("/login/", {"username": name, "password": PASSWORD}).status_code == status
    page = text(Client().get("/login/"))
    assert ('name="password"' in page) == (logins != "nobody")
    assert ("for administrators alone" in page) == (logins == "superusers")


def test_without_a_password_there_is_none_to_change(client: Client, provider: Provider, linked: User) -> None:
    linked.set_unusable_password()
    linked.save()
    log_in(client, provider)
    page = text(client.get("/password/"))
    assert "no password: you log in with Hospital" in page and "old_password" not in page


@pytest.mark.parametrize(("logins", "person", "boss"), [("all", 302, 302), ("superusers", 400, 302)])
def test_a_passkey_login_is_a_login_here(
    provider: Provider, user: User, admin: User, configure: Configure, monkeypatch: pytest.MonkeyPatch,
    logins: str, person: int, boss: int,
) -> None:  # fmt: skip
    configure(local_login=logins)
    for who, status in ((user, person), (admin, boss)):
        monkeypatch.setattr(passkeys, "identify", lambda *_, who=who, **__: who)
        client = Client(headers={"host": "localhost"})
        response = client.post("/login/", {"passkey": "{}"})
        assert response.status_code == status
        assert status == 302 or "Log in with Hospital: this site" in text(response)
        assert ("_auth_user_id" in client.session) == (status == 302)


def test_the_admin_shows_and_removes_links(client: Client, provider: Provider, linked: User, admin: User) -> None:
    client.force_login(admin)
    assert "subject-1" in text(client.get("/admin/diagnosis/providerlink/"))
    link = ProviderLink.objects.get()
    client.post(f"/admin/diagnosis/providerlink/{link.pk}/delete/", {"post": "yes"})
    assert not ProviderLink.objects.exists()
    assert AuditEvent.objects.get(action="sso.unlinked").actor == "root"


def test_staff_change_no_address_by_which_accounts_are_linked(
    client: Client, provider: Provider, user: User, other_user: User, configure: Configure
) -> None:
    from django.contrib.auth.models import Permission

    other_user.is_staff = True
    other_user.save()
    other_user.user_permissions.add(*Permission.objects.filter(codename__in=("change_user", "view_user")))
    client.force_login(other_user)
    page = f"/admin/auth/user/{user.pk}/change/"
    for link, changed in (("never", "first@x.org"), ("email", "first@x.org")):
        configure(link=link)
        client.post(page, {"email": "first@x.org" if link == "never" else "mine@x.org", "first_name": "A"})
        user.refresh_from_db()
        assert user.email == changed
