"""Where a person is logged in, ending it, and sessions that nobody uses."""

import time
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import OperationalError, connection
from django.db.models import QuerySet
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from diagnosis import intake
from diagnosis.access import sessions
from diagnosis.models import AuditEvent, LoginSession, Scan
from tests.builders import phantom, png_bytes
from tests.factories import PredictionFactory

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
EDGE = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36 Edg/140.0"


def logged_in(name: str = "ada", browser: str = FIREFOX) -> Client:
    client = Client(headers={"user-agent": browser})
    assert client.post("/login/", {"username": name, "password": PASSWORD}).status_code == 302
    return client


@pytest.fixture
def pass_time(monkeypatch: pytest.MonkeyPatch) -> Any:
    started = time.time()

    def until(minutes: float) -> None:
        monkeypatch.setattr(time, "time", lambda: started + minutes * 60)

    return until


def test_the_page_lists_ones_own_sessions_and_marks_this_one(user: User, other_user: User) -> None:
    here = logged_in()
    logged_in(browser=EDGE)
    logged_in("grace", browser="curl/8")
    page = here.get("/sessions/").content.decode()
    assert page.count("(this session)") == 1
    assert "Firefox on Linux" in page and "Edge on Windows" in page and "Another program" not in page
    assert page.count('name="session" value="') == 2  # the other one, and all others


def test_ending_one(user: User, other_user: User) -> None:
    here, there, strangers = logged_in(), logged_in(browser=EDGE), logged_in("grace")
    rows = {row.browser: row.pk for row in LoginSession.objects.filter(user=user)}
    stranger = LoginSession.objects.get(user=other_user).pk
    for wrong in (stranger, rows[FIREFOX], 10**30, "x", ""):
        page = here.post("/sessions/end/", {"session": wrong}, follow=True).content.decode()
        assert "already ended" in page
    assert here.post("/sessions/end/", {"session": rows[EDGE]})["Location"] == "/sessions/"
    assert [client.get("/history/").status_code for client in (here, there, strangers)] == [200, 302, 200]
    event = AuditEvent.objects.get(action="session.ended")
    assert (event.actor, event.details["browser"]) == ("ada", "Edge on Windows")


def test_ending_all_others(user: User) -> None:
    here, *rest = (logged_in() for _ in range(3))
    assert "2 sessions are ended" in here.post("/sessions/end/", {"session": "all"}, follow=True).content.decode()
    assert [client.get("/history/").status_code for client in (here, *rest)] == [200, 302, 302]
    assert Session.objects.count() == 1


def test_a_session_that_goes_on_under_a_new_secret_key_can_be_ended(user: User, settings: Any) -> None:
    here, there = logged_in(), logged_in(browser=EDGE)
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "another one", [settings.SECRET_KEY]
    assert [client.get("/status/").status_code for client in (here, there)] == [200, 200]
    here.post("/sessions/end/", {"session": "all"})
    assert [client.get("/history/").status_code for client in (here, there)] == [200, 302]


def test_of_two_keys_that_requests_at_once_were_given_the_one_that_is_used_can_be_ended(
    user: User, pass_time: Any
) -> None:
    here, there = logged_in(), logged_in(browser=EDGE)
    LoginSession.objects.filter(browser=EDGE).update(session_key="the other requests")
    pass_time(2)
    assert there.get("/history/").status_code == 200
    here.post("/sessions/end/", {"session": "all"})
    assert there.get("/history/").status_code == 302


def test_a_login_too_many_ends_the_session_unused_for_longest(user: User, other_user: User, settings: Any) -> None:
    settings.SESSIONS_PER_PERSON = 2
    first, second, strangers = logged_in(), logged_in(browser=EDGE), logged_in("grace")
    LoginSession.objects.filter(session_key=first.session.session_key).update(last_used=timezone.now())
    third = logged_in()
    assert [client.get("/history/").status_code for client in (first, second, third, strangers)] == [200, 302, 200, 200]
    ended = AuditEvent.objects.get(action="session.ended")
    assert (ended.actor, ended.details["browser"], ended.details["reason"]) == ("ada", "Edge on Windows", "too_many")
    settings.SESSIONS_PER_PERSON = 0
    logged_in()
    assert LoginSession.objects.filter(user=user).count() == 3


def test_with_a_limit_of_one_the_newest_session_stays(user: User, settings: Any) -> None:
    settings.SESSIONS_PER_PERSON = 1
    assert [client.get("/history/").status_code for client in [logged_in() for _ in range(3)]] == [302, 302, 200]


def test_logging_out_and_a_new_password_take_sessions_off_the_list(user: User) -> None:
    here, there = logged_in(), logged_in()
    there.post("/logout/")
    assert LoginSession.objects.count() == 1
    logged_in()
    new = {"old_password": PASSWORD, "new_password1": "another one 77", "new_password2": "another one 77"}
    here.post("/password/", new)
    assert LoginSession.objects.get().session_key == here.session.session_key
    assert here.get("/sessions/").content.decode().count("(this session)") == 1


def test_a_session_that_nobody_uses_ends(user: User, pass_time: Any) -> None:
    client = logged_in()
    pass_time(119)
    assert client.get("/status/").status_code == 200  # an open page asks by itself
    pass_time(121)
    answer = client.get("/history/")
    assert answer["Location"].startswith("/login/") and answer["Clear-Site-Data"] == '"cache"'
    assert not LoginSession.objects.exists() and not Session.objects.exists()
    assert AuditEvent.objects.get(action="session.timed_out").actor == "ada"


def test_a_viewer_that_waits_for_its_slices_keeps_no_session_open(user: User, pass_time: Any) -> None:
    waiting = PredictionFactory(state="queued", scan__case__owner=user)
    client = logged_in()
    pass_time(119)
    assert client.get(f"/predictions/{waiting.pk}/slices/").status_code == 200
    pass_time(121)
    assert client.get("/history/")["Location"].startswith("/login/")


def test_a_worklist_that_shows_new_scans_by_itself_keeps_no_session_open(user: User, pass_time: Any) -> None:
    new = PredictionFactory(state="queued", scan__case__owner=user)
    client = logged_in()
    pass_time(119)
    assert client.get(f"/scans/{new.scan_id}/thumbnail/").getvalue()
    pass_time(121)
    assert client.get("/history/")["Location"].startswith("/login/")


def test_a_session_that_is_used_goes_on(user: User, pass_time: Any) -> None:
    client = logged_in()
    for minutes in (100, 200, 300):
        pass_time(minutes)
        assert client.get("/history/").status_code == 200


def test_without_a_limit_and_in_older_sessions_nothing_ends(user: User, pass_time: Any, settings: Any) -> None:
    client = logged_in()
    older = client.session
    pass_time(600)
    settings.IDLE_MINUTES = 0
    assert client.get("/history/").status_code == 200
    settings.IDLE_MINUTES = 15
    for key in ("used_at", "login_session"):
        older.pop(key)
    older.save()
    assert client.get("/sessions/").status_code == 200


def test_use_is_written_once_a_minute(user: User, pass_time: Any) -> None:
    client = logged_in()
    client.get("/password/")

    def updates() -> int:
        with CaptureQueriesContext(connection) as asked:
            client.get("/password/")
        return sum("UPDATE" in query["sql"] for query in asked)

    assert updates() == 0
    pass_time(2)
    assert (updates() > 0, updates()) == (True, 0)


def test_a_session_that_ends_during_a_request_does_not_hide_that_it_was_served(
    user: User, pass_time: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, receive = logged_in(), intake.receive

    def ended_meanwhile(*given: Any, **more: Any) -> Any:
        Session.objects.all().delete()  # in another window
        return receive(*given, **more)

    monkeypatch.setattr(intake, "receive", ended_meanwhile)
    pass_time(2)  # so that the use of the session is to be noted
    file = SimpleUploadedFile("axial.png", png_bytes(phantom(96)))
    headers = {"X-Requested-With": "XMLHttpRequest"}
    answer = client.post("/upload/", {"files": file, "case": "A", "key": str(uuid4())}, headers=headers)
    assert (answer.status_code, Scan.objects.count()) == (200, 1)
    assert "sessionid" not in answer.cookies, "it would end the session that the browser may have by now"
    assert 'data-state="taken"' in answer.content.decode()
    assert client.get("/history/").status_code == 302


def test_a_session_that_ended_before_a_request_is_not_deleted_from_the_browser(user: User) -> None:
    client = logged_in()
    Session.objects.all().delete()
    answer = client.post("/upload/", {"case": "A"})
    assert (answer.status_code, answer.headers["Location"]) == (302, "/login/?next=/upload/")
    assert "sessionid" not in answer.cookies, "the browser may have a new one by now"
    assert "Cookie" in answer.headers["Vary"]


def test_a_full_disk_stops_no_reader(user: User, pass_time: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    client = logged_in()
    pass_time(5)

    def full(*_: Any, **__: Any) -> None:
        raise OperationalError("database or disk is full")

    monkeypatch.setattr(QuerySet, "update", full)
    assert client.get("/password/").status_code == 200


def test_rows_of_sessions_that_are_over_go(user: User) -> None:
    LoginSession.objects.create(user=user, session_key="old")
    LoginSession.objects.update(last_used="2026-01-01T00:00:00Z")
    client = logged_in()
    assert LoginSession.objects.get().session_key == client.session.session_key


def test_wrong_verbs_and_visitors(as_user: Client) -> None:
    assert as_user.post("/sessions/").status_code == 405
    assert as_user.get("/sessions/end/").status_code == 405
    assert Client().get("/sessions/")["Location"].startswith("/login/")


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (FIREFOX, "Firefox on Linux"),
        (EDGE, "Edge on Windows"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Safari/604.1", "Safari on iPhone"),
        ("Mozilla/5.0 (Linux; Android 16) Chrome/140.0 Mobile Safari/537.36", "Chrome on Android"),
        ("<script>", "Another program"),
        ("", "Another program"),
    ],
)
def test_browsers_are_told_apart(said: str, words: str) -> None:
    assert sessions.browser(LoginSession(browser=said)) == words


def test_a_visitors_session_ends_soon_and_a_persons_lasts(client: Client, user: User, settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["localhost"]
    client.post("/login/passkey/", headers={"host": "localhost"})
    assert client.session.get_expiry_age() == sessions.VISITOR
    client.post("/login/", {"username": "ada", "password": PASSWORD}, headers={"host": "localhost"})
    assert client.session.get_expiry_age() == settings.SESSION_COOKIE_AGE


def test_a_login_clears_away_sessions_that_are_over(user: User) -> None:
    over = Session.objects.create(session_key="o" * 32, session_data="", expire_date="2026-01-01T00:00:00Z")
    logged_in()
    assert not Session.objects.filter(pk=over.pk).exists()
