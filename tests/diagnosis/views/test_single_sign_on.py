"""The pages around the identity provider: log in, confirm, link, log out, and what they never do."""

import importlib
import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import NoReverseMatch, clear_url_caches, reverse

from brainscan import urls
from diagnosis.access import app_secret
from diagnosis.models import ApiToken, AuditEvent, LoginFailures, ProviderLink, SecondFactor
from tests.diagnosis.access.oidc.conftest import configure, linked, provider
from tests.oidc_provider import Provider, asked_for, come_back, log_in

__all__ = ["configure", "linked", "provider"]

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery"
Configure = Callable[..., None]


def text(response: Any) -> str:
    return str(response.content.decode())


def test_without_a_provider_there_is_nothing(client: Client, as_user: Client, admin: User) -> None:
    assert Client().get("/sso/login/").status_code == 404
    assert "Log in with" not in text(Client().get("/login/"))
    assert not re.search(r"/sso/|[\"' ]sso[\"' ]", text(as_user.get("/sessions/")))
    as_user.force_login(admin)
    assert "single sign-on" not in text(as_user.get("/admin/"))
    with pytest.raises(NoReverseMatch):
        reverse("sso-login")


@pytest.fixture
def _reloaded(provider: Provider, settings: Any) -> Iterator[None]:
    settings.ROOT_URLCONF = "brainscan.urls"
    importlib.reload(urls)
    clear_url_caches()
    yield
    settings.OIDC = None
    importlib.reload(urls)
    clear_url_caches()


@pytest.mark.usefixtures("_reloaded")
def test_with_a_provider_the_site_has_its_addresses(client: Client) -> None:
    assert client.get("/sso/login/").status_code == 302


def test_the_login_page_leads_there_and_keeps_where_one_wanted_to_go(client: Client, provider: Provider) -> None:
    page = text(client.get("/login/?next=/cases/%3Fq%3D1"))
    assert 'href="/sso/login/?next=/cases/%3Fq%3D1">Log in with Hospital</a>' in page
    assert 'name="password"' in page


@pytest.mark.attack("redirects")
@pytest.mark.parametrize(
    "target", ["https://evil.example/", "//evil.example", "javascript:alert(1)", "http:///evil.example"]
)
@pytest.mark.usefixtures("linked")
def test_it_never_leads_to_another_site(client: Client, provider: Provider, target: str) -> None:
    assert log_in(client, provider, target=target)["Location"] == "/history/"
    assert client.get("/sso/login/", {"next": target})["Location"] == "/history/"  # logged in already


@pytest.mark.parametrize(("site", "leads_to"), [("cross-site", "/login/?next="), ("same-origin", "http://127.0.0.1:")])
def test_another_site_logs_nobody_in(client: Client, provider: Provider, site: str, leads_to: str) -> None:
    response = client.get("/sso/login/", headers={"sec-fetch-site": site})
    assert response["Location"].startswith(leads_to)


@pytest.mark.attack("sso")
@pytest.mark.parametrize("state", ["", "another"])
@pytest.mark.usefixtures("linked")
def test_a_state_that_this_browser_does_not_have(client: Client, provider: Provider, state: str) -> None:
    asked = asked_for(Client().get("/sso/login/"))
    client.get("/sso/login/")
    fields = {"code": provider.issue(asked), "state": state or asked["state"]}
    response = client.get("/sso/callback/", fields)
    assert (response.status_code, "not begun in this browser" in text(response)) == (400, True)
    assert client.get("/history/").status_code == 302


@pytest.mark.attack("sso")
@pytest.mark.usefixtures("linked")
def test_an_answer_counts_once_and_for_ten_minutes(
    client: Client, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = asked_for(client.get("/sso/login/"))
    answer = {"code": provider.issue(asked), "state": asked["state"]}
    assert client.get("/sso/callback/", answer).status_code == 302
    assert client.get("/sso/callback/", answer).status_code == 400
    started = Client()
    asked = asked_for(started.get("/sso/login/"))
    later = time.time() + 601
    answer = {"code": provider.issue(asked), "state": asked["state"]}
    monkeypatch.setattr(time, "time", lambda: later)
    assert started.get("/sso/callback/", answer).status_code == 400


@pytest.mark.usefixtures("linked")
def test_several_tabs_at_once_but_not_any_number(client: Client, provider: Provider) -> None:
    started = [client.get("/sso/login/") for _ in range(6)]
    assert come_back(client, provider, started[0]).status_code == 400
    assert come_back(client, provider, started[1]).status_code == 302


@pytest.mark.attack("sso")
def test_made_up_answers_lock_their_address_and_refused_people_do_not(
    client: Client, provider: Provider, linked: User
) -> None:
    User.objects.update(is_active=False)
    assert log_in(client, provider).status_code == 403
    assert LoginFailures.objects.get().failures == 0
    LoginFailures.objects.update(failures=28)
    for _ in range(2):
        assert client.get("/sso/callback/", {"state": "x"}).status_code == 400
    response = client.get("/sso/callback/", {"state": "x"})
    assert response.status_code == 429 and int(response["Retry-After"]) > 0
    assert AuditEvent.objects.filter(action="login.locked").exists()


@pytest.mark.attack("sso")
@pytest.mark.usefixtures("linked")
def test_another_sites_page_cannot_lock_the_address_of_its_readers(client: Client, provider: Provider) -> None:
    by_another = {"sec-fetch-site": "cross-site", "sec-fetch-dest": "image"}
    for _ in range(30):
        assert Client().get("/sso/callback/", {"state": "x"}, headers=by_another).status_code == 400
    assert not LoginFailures.objects.exists()
    started = client.get("/sso/login/")
    client.defaults["HTTP_SEC_FETCH_SITE"] = "cross-site"  # as browsers say of the way back from the provider
    assert come_back(client, provider, started).status_code == 302


@pytest.mark.parametrize(
    ("settled", "claims", "counts"),
    [
        ({}, {}, False),
        ({}, {"amr": ["pwd"]}, False),
        ({}, {"amr": ["pwd", "mfa"]}, True),
        ({}, {"acr": "2"}, False),
        ({"acr": frozenset({"2"})}, {"acr": "2"}, True),
        ({"acr": frozenset({"2"})}, {"acr": ["1", "3"]}, False),
        ({"second_factor": "provider"}, {}, True),
        ({"second_factor": "never"}, {"amr": ["mfa"]}, False),
    ],
    ids=str,
)
def test_when_a_login_there_counts_as_two_factors(
    client: Client,
    provider: Provider,
    linked: User,
    configure: Configure,
    settings: Any,
    settled: Any,
    claims: Any,
    counts: bool,
) -> None:
    configure(**settled)
    settings.SECOND_FACTOR = "all"
    assert log_in(client, provider, target="/cases/", **claims)["Location"] == "/cases/"
    response = client.get("/cases/")
    assert response.status_code == (200 if counts else 302)
    assert counts or response["Location"] == "/second-factor/"
    SecondFactor.objects.create(user=linked, seed=app_secret.new_seed(), last_step=0)
    asks = log_in(Client(), provider, target="/cases/", **claims)
    assert asks["Location"] == ("/cases/" if counts else "/login/code/")


def test_the_sites_own_code_after_the_provider(client: Client, provider: Provider, linked: User) -> None:
    import pyotp

    factor = SecondFactor.objects.create(user=linked, seed=app_secret.new_seed(), last_step=0)
    log_in(client, provider, target="/cases/")
    assert client.get("/cases/").status_code == 302
    code = pyotp.TOTP(app_secret.secret(factor.seed)).now()
    assert client.post("/login/code/", {"code": code})["Location"] == "/cases/"
    assert client.get("/cases/").status_code == 200


class TestConfirm:
    """Before rights change: somebody without a password shows at the provider who they are."""

    @pytest.fixture
    def boss(self, provider: Provider, linked: User, client: Client, settings: Any) -> Client:
        linked.set_unusable_password()
        linked.is_staff = linked.is_superuser = True
        linked.save()
        log_in(client, provider, amr=["mfa"])
        settings.REAUTHENTICATION_MINUTES = 0
        return client

    def test_a_confirmation_asks_for_a_new_login_at_the_provider(
        self, boss: Client, provider: Provider, settings: Any
    ) -> None:
        assert boss.get("/admin/auth/user/add/")["Location"] == "/confirm/?next=/admin/auth/user/add/"
        page = text(boss.get("/confirm/?next=/admin/auth/user/add/"))
        assert "Confirm with Hospital" in page and 'name="password"' not in page
        left = boss.post("/sso/confirm/", {"next": "/admin/auth/user/add/"})
        assert left.status_code == 200  # a redirect after a form would be stopped by our own policy
        asked = asked_for(left)
        assert (asked["prompt"], asked["max_age"]) == ("login", "0")
        settings.REAUTHENTICATION_MINUTES = 15
        back = come_back(boss, provider, left)
        assert back["Location"] == "/admin/auth/user/add/"
        assert boss.get(back["Location"]).status_code == 200
        assert AuditEvent.objects.get(action="user.confirmed").details == {"by": "provider"}

    @pytest.mark.attack("sso")
    @pytest.mark.parametrize(
        "claims",
        [{"auth_time": None}, {"auth_time": int(time.time()) - 3600}, {"sub": "subject-2"}],
    )
    def test_an_old_login_or_another_person_confirms_nothing(
        self, boss: Client, provider: Provider, settings: Any, claims: Any
    ) -> None:
        confirmed_at = boss.session["confirmed_at"]
        response = come_back(boss, provider, boss.post("/sso/confirm/"), **claims)
        assert response.status_code == 403
        assert boss.session["confirmed_at"] == confirmed_at
        assert "Nothing was changed" in text(response)

    @pytest.mark.attack("sso")
    @pytest.mark.parametrize(
        ("claims", "counts"),
        [({"auth_time": None}, False), ({"auth_time": 1}, False), ({"auth_time": True}, False), ({}, True)],
    )
    def test_a_login_there_confirms_only_if_it_is_new(
        self, client: Client, provider: Provider, linked: User, claims: Any, counts: bool
    ) -> None:
        """A provider that knows the browser logs in whoever sits before it, without a password."""
        log_in(client, provider, **claims)
        assert client.get("/history/").status_code == 200
        made = client.post("/tokens/", {"name": "Script", "scope": "read"})
        assert (made.status_code, ApiToken.objects.exists()) == ((200, True) if counts else (302, False))
        assert counts or client.get("/second-factor/")["Location"].startswith("/confirm/")

    @pytest.mark.attack("sso")
    def test_a_confirmation_counts_only_in_the_session_that_asked(
        self, boss: Client, provider: Provider, other_user: User
    ) -> None:
        left = boss.post("/sso/confirm/")
        boss.force_login(other_user)
        assert come_back(boss, provider, left).status_code in (400, 403)

    @pytest.mark.attack("redirects")
    def test_it_never_leads_to_another_site(self, boss: Client, provider: Provider) -> None:
        left = boss.post("/sso/confirm/", {"next": "https://evil.example/"})
        assert come_back(boss, provider, left)["Location"] == "/history/"


class TestLink:
    """People link their own accounts: logged in here with the password, then there."""

    @pytest.fixture
    def here(self, provider: Provider, user: User, client: Client) -> Client:
        client.post("/login/", {"username": "ada", "password": PASSWORD})
        return client

    def test_link_and_unlink(self, here: Client, provider: Provider, user: User) -> None:
        assert "Link my account" in text(here.get("/sessions/"))
        back = come_back(here, provider, here.post("/sso/link/"), preferred_username="ada.l")
        page = text(here.get(back["Location"]))
        assert "Hospital logs you in from now on" in page and "<b>ada.l</b>" in page
        assert log_in(Client(), provider)["Location"] == "/history/"
        here.post("/sso/unlink/")
        assert not ProviderLink.objects.exists()
        assert log_in(Client(), provider).status_code == 403
        rows = AuditEvent.objects.filter(action__in=("sso.linked", "sso.unlinked")).order_by("id")
        assert [(row.action, row.actor) for row in rows] == [("sso.linked", "ada"), ("sso.unlinked", "ada")]

    @pytest.mark.attack("forged")
    @pytest.mark.parametrize("path", ["/sso/link/", "/sso/unlink/", "/sso/confirm/"])
    def test_linking_and_confirming_need_a_form_with_a_csrf_token(self, here: Client, path: str) -> None:
        assert here.get(path).status_code == 405
        strict = Client(enforce_csrf_checks=True)
        strict.cookies = here.cookies
        assert strict.post(path).status_code == 403
        assert Client().post(path)["Location"].startswith("/login/")

    @pytest.mark.parametrize("path", ["/sso/link/", "/sso/unlink/"])
    def test_the_password_is_asked_for_again(self, here: Client, user: User, settings: Any, path: str) -> None:
        ProviderLink.objects.create(user=user, issuer=settings.OIDC.issuer, subject="subject-1")
        settings.REAUTHENTICATION_MINUTES = 0
        assert here.post(path)["Location"] == "/confirm/?next=/sessions/"
        assert ProviderLink.objects.count() == 1

    @pytest.mark.attack("sso")
    def test_somebody_elses_identity_is_not_taken(self, here: Client, provider: Provider, other_user: User) -> None:
        ProviderLink.objects.create(user=other_user, issuer=provider.issuer, subject="subject-1")
        assert come_back(here, provider, here.post("/sso/link/")).status_code == 403
        assert ProviderLink.objects.get().user == other_user

    def test_an_old_login_there_links_nothing(self, here: Client, provider: Provider) -> None:
        old = int(time.time()) - 3600
        assert come_back(here, provider, here.post("/sso/link/"), auth_time=old).status_code == 403
        assert not ProviderLink.objects.exists()

    def test_an_account_without_a_password_keeps_its_link(
        self, client: Client, provider: Provider, linked: User
    ) -> None:
        linked.set_unusable_password()
        linked.save()
        log_in(client, provider)
        assert "no password to log in with" in text(client.post("/sso/unlink/", follow=True))
        assert ProviderLink.objects.exists()
