"""The status poll: one request for a whole page, and it ends by itself."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from diagnosis.inference import heartbeats
from diagnosis.models import Prediction
from diagnosis.models.prediction import State
from diagnosis.presentation import estimates
from diagnosis.views import status
from tests.factories import CaseFactory

Make = Callable[..., Prediction]


def poll(client: Client, *ids: object, view: str = "row") -> str:
    response = client.get("/status/", {"id": [str(i) for i in ids], "view": view})
    assert response.status_code == 200
    return response.content.decode()


@pytest.mark.parametrize("rows", [5, 60])
@pytest.mark.parametrize("view", ["row", "upload", "badge", "result"])
def test_five_queries_whatever_the_number_of_rows_and_one_for_an_upload_list(
    as_user: Client, make: Make, user: User, rows: int, view: str, django_assert_max_num_queries: Any
) -> None:
    case = CaseFactory(owner=user)
    states = [State.QUEUED, State.RUNNING, State.DONE, State.REFUSED, State.FAILED]
    ids = [make(case=case, state=states[n % 5]).pk for n in range(rows)]
    with django_assert_max_num_queries(6 if view == "upload" else 5):  # session and person, the rows, and the audit
        poll(as_user, *ids, view=view)


def test_an_active_row_shows_its_position_and_keeps_the_poller(as_user: Client, make: Make) -> None:
    first, second = make(state=State.QUEUED), make(state=State.QUEUED)
    body = poll(as_user, first.pk, second.pk)
    assert "1st in line" in body and "2nd in line" in body
    assert f"outerHTML:[data-status='{second.pk}']" in body
    assert "delete:#poller" not in body


def test_the_poller_goes_and_the_end_is_announced_when_all_have_ended(as_user: Client, make: Make) -> None:
    done = make(state=State.DONE, name="axial_7.png")
    body = poll(as_user, done.pk)
    assert "delete:#poller" in body
    assert "axial_7.png: Tumor likely." in body
    assert f"outerHTML:[data-row='{done.pk}']" in body
    assert "poll-id" not in body


def test_the_estimate_comes_from_the_cached_average(
    as_user: Client, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("diagnosis.inference.broker.estimate", lambda position: 4.0 * position)
    estimates.seconds_each(look_up=True)
    make(state=State.QUEUED)
    assert "about 8 s" in poll(as_user, make(state=State.QUEUED).pk)


def test_invalid_ids_are_skipped(as_user: Client, make: Make) -> None:
    running = make(state=State.RUNNING)
    body = poll(as_user, "x", "-1", "", "²", "1e9", "9" * 40, "0x1", running.pk)
    assert f'data-status="{running.pk}"' in body


def test_no_ids_stop_the_poll(as_user: Client) -> None:
    assert "delete:#poller" in as_user.get("/status/").content.decode()


def test_an_unknown_view_is_a_row(as_user: Client, make: Make) -> None:
    assert "<tr " in poll(as_user, make().pk, view="../../etc/passwd")


def test_other_users_predictions_are_not_shown(as_user: Client, make: Make, other_user: User) -> None:
    theirs = make(owner=other_user, state=State.QUEUED, name="secret.png")
    body = poll(as_user, theirs.pk)
    assert "secret.png" not in body
    assert f"delete:[data-poll='{theirs.pk}']" in body  # the page stops asking for it


def test_a_request_answers_for_at_most_200() -> None:
    assert len(status.polled_ids(str(n) for n in range(1000))) == status.MAX_POLLED == 200


def test_the_queue_indicator_shows_how_busy_the_site_is(as_user: Client, make: Make, other_user: User) -> None:
    assert as_user.get("/queue/").content.decode().strip() == ""
    make(state=State.QUEUED)
    make(owner=other_user, state=State.QUEUED)
    assert "2 waiting" in as_user.get("/queue/").content.decode()


def test_the_queue_indicator_shows_when_no_worker_runs(as_user: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeats, "worker_status", lambda: {"ready": False, "count": 0, "models": []})
    assert "No worker" in as_user.get("/queue/").content.decode()


def test_there_is_no_estimate_while_no_worker_runs(
    as_user: Client, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("diagnosis.inference.broker.estimate", lambda position: 4.0 * position)
    monkeypatch.setattr(heartbeats, "worker_status", lambda: {"ready": False, "count": 0, "models": []})
    make(state=State.QUEUED)
    assert "about" not in as_user.get("/queue/").content.decode()
    assert estimates.seconds_each(look_up=True) is None
