"""What comes back from the provider counts only if all of it is right."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from joserfc.jwk import ECKey

from diagnosis.access.oidc import provider as protocol
from diagnosis.access.oidc.rules import ClaimRule
from diagnosis.models import AuditEvent
from tests.oidc_provider import Provider, asked_for, come_back, log_in

pytestmark = pytest.mark.django_db


def is_logged_in(client: Client) -> bool:
    return client.get("/history/").status_code == 200


def why() -> str:
    return str(AuditEvent.objects.filter(action="sso.refused").latest("id").details.get("why"))


def test_a_login(client: Client, provider: Provider, linked: User) -> None:
    response = log_in(client, provider, target="/cases/")
    assert (response.status_code, response["Location"]) == (302, "/cases/")
    assert is_logged_in(client)
    accepted = AuditEvent.objects.get(action="sso.accepted")
    assert (accepted.target_id, accepted.details["subject"]) == (str(linked.pk), "subject-1")
    assert AuditEvent.objects.filter(action="user.logged_in", actor="ada").count() == 1
    assert linked.login_sessions.count() == 1


def test_authorization_request_parameters(client: Client, provider: Provider) -> None:
    asked = asked_for(client.get("/sso/login/"))
    assert asked["response_type"] == "code" and asked["code_challenge_method"] == "S256"
    assert asked["redirect_uri"] == "http://testserver/sso/callback/"
    assert "openid" in asked["scope"].split()
    again = asked_for(client.get("/sso/login/"))
    assert not {asked[name] for name in ("state", "nonce", "code_challenge")} & set(again.values())
    assert "prompt" not in asked


@pytest.mark.attack("sso")
@pytest.mark.parametrize(
    ("claims", "said"),
    [
        ({"nonce": "another"}, "nonce"),
        ({"nonce": None}, "nonce"),
        ({"aud": "another-site"}, "aud"),
        ({"aud": "another-site", "azp": "brainscan-test"}, "aud"),
        ({"aud": ["another-site", "brainscan-test"], "azp": "another-site"}, "azp"),
        ({"aud": None}, "aud"),
        ({"iss": "https://evil.example"}, "iss"),
        pytest.param({"exp": int(time.time()) - 3600}, "expired", id="an hour too old"),
        ({"exp": None}, "exp"),
        pytest.param({"iat": int(time.time()) + 3600}, "iat", id="of the next hour"),
        ({"sub": None}, "sub"),
        ({"sub": "s" * 256}, "subject"),
        ({"sub": ["subject-1"]}, "sub"),
        ({"at_hash": "another"}, "at_hash"),
        ({"algorithm": "none"}, ""),
        ({"algorithm": "HS256"}, ""),
    ],
    ids=str,
)
@pytest.mark.usefixtures("linked")
def test_a_token_that_is_not_right(client: Client, provider: Provider, claims: dict[str, Any], said: str) -> None:
    response = log_in(client, provider, **claims)
    assert response.status_code == 400
    assert "not valid" in response.content.decode()
    assert said in why()
    assert not is_logged_in(client)


@pytest.mark.attack("sso")
@pytest.mark.usefixtures("linked")
def test_a_token_signed_by_another_key(client: Client, provider: Provider) -> None:
    provider.key = ECKey.generate_key("P-256", {"kid": "first"})
    assert log_in(client, provider).status_code == 400
    assert "bad_signature" in why()
    assert not is_logged_in(client)


@pytest.mark.usefixtures("linked")
def test_a_new_key_is_looked_for(client: Client, provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    log_in(client, provider)
    provider.key = ECKey.generate_key("P-256", {"kid": "second"})
    provider.published = [provider.key]
    monkeypatch.setattr(protocol, "_AGAIN", 0.0)
    assert log_in(Client(), provider).status_code == 302
    provider.key = ECKey.generate_key("P-256", {"kid": "third"})
    before = provider.asked.count("/realms/hospital/keys")
    monkeypatch.setattr(protocol, "_AGAIN", 60.0)
    assert log_in(Client(), provider).status_code == 400  # not asked again so soon
    assert provider.asked.count("/realms/hospital/keys") == before


@pytest.mark.attack("sso")
@pytest.mark.parametrize("token", [None, "", "a.b.c", "a.b.c.d.e", 7])
def test_a_missing_or_malformed_token_is_refused(client: Client, provider: Provider, token: Any) -> None:
    def issue(asked: dict[str, str]) -> str:
        return provider.issue_anything(asked, token)

    assert come_back(client, provider, client.get("/sso/login/"), issue=issue).status_code == 400
    assert not is_logged_in(client)


@pytest.mark.attack("sso")
@pytest.mark.usefixtures("linked")
def test_a_code_of_another_login(client: Client, provider: Provider) -> None:
    """Its challenge is not that of the verifier which this session has."""
    asked = asked_for(client.get("/sso/login/"))
    other = asked_for(Client().get("/sso/login/"))
    code = provider.issue(asked | {"code_challenge": other["code_challenge"]})
    assert client.get("/sso/callback/", {"code": code, "state": asked["state"]}).status_code == 400
    assert "invalid_grant" in why()


@pytest.mark.attack("sso")
@pytest.mark.parametrize("issuer", ["https://evil.example", ""])
@pytest.mark.usefixtures("linked")
def test_an_answer_of_another_provider(client: Client, provider: Provider, issuer: str) -> None:
    asked = asked_for(client.get("/sso/login/"))
    answer = {"code": provider.issue(asked), "state": asked["state"], "iss": issuer}
    assert client.get("/sso/callback/", answer).status_code == 400
    assert not is_logged_in(client)


def test_a_refusal_by_the_provider_is_reported_without_its_text(client: Client, provider: Provider) -> None:
    state = asked_for(client.get("/sso/login/"))["state"]
    answer = {"state": state, "error": "access_denied", "error_description": "Call 555 now"}
    page = client.get("/sso/callback/", answer).content.decode()
    assert "Hospital did not log you in (access_denied)" in page and "Call 555" not in page
    state = asked_for(client.get("/sso/login/"))["state"]
    page = client.get("/sso/callback/", {"state": state, "error": "Call 555 now"}).content.decode()
    assert "(unknown error)" in page and "Call 555" not in page


@pytest.mark.parametrize("status", [302, 404, 500, 503])
def test_a_provider_that_is_down(client: Client, provider: Provider, linked: User, status: int) -> None:
    provider.status = status
    response = client.get("/sso/login/")
    assert response.status_code == 503
    assert "cannot be reached right now" in response.content.decode()
    fields = {"username": "ada", "password": "correct horse battery"}
    assert client.post("/login/", fields)["Location"] == "/history/"


@pytest.mark.usefixtures("linked")
def test_a_provider_that_goes_down_meanwhile(client: Client, provider: Provider) -> None:
    started = client.get("/sso/login/")
    provider.status = 503
    assert come_back(client, provider, started).status_code == 503
    assert not is_logged_in(client)


@pytest.mark.attack("sso")
@pytest.mark.parametrize(
    "wrong",
    [
        {"issuer": "https://evil.example"},
        {"token_endpoint": "ftp://evil.example/token"},
        {"jwks_uri": "file:///etc/passwd"},
        {"authorization_endpoint": None},
    ],
    ids=str,
)
def test_metadata_of_another_issuer_or_with_unsafe_addresses_is_refused(
    client: Client, provider: Provider, wrong: dict[str, Any]
) -> None:
    provider.metadata |= wrong
    assert client.get("/sso/login/").status_code == 503


def test_plain_http_is_allowed_only_where_the_issuer_uses_it(
    provider: Provider, configure: Callable[..., None]
) -> None:
    assert protocol._is_safe("http://127.0.0.1/token")
    configure(issuer="https://login.example")
    assert not protocol._is_safe("http://login.example/token")
    assert protocol._is_safe("https://login.example/token")


@pytest.mark.usefixtures("linked")
def test_discovery_and_keys_are_kept(client: Client, provider: Provider) -> None:
    for _ in range(3):
        assert log_in(Client(), provider).status_code == 302
    for name in ("/.well-known/openid-configuration", "/keys"):
        assert provider.asked.count(f"/realms/hospital{name}") == 1


def test_claims_from_userinfo_count_if_its_subject_matches(
    client: Client, provider: Provider, linked: User, configure: Callable[..., None]
) -> None:
    configure(required=ClaimRule("groups", frozenset({"mri"})))
    provider.metadata["userinfo_endpoint"] = f"{provider.issuer}/userinfo"
    provider.userinfo = {"sub": "subject-1", "groups": ["mri"], "preferred_username": "somebody"}
    assert log_in(client, provider).status_code == 302
    assert linked.provider_links.get().called == "ada"  # what is signed stays
    provider.userinfo["sub"] = "subject-2"
    assert log_in(Client(), provider).status_code == 400
