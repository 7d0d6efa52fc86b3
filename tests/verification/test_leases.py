"""A worker process is killed or paused at work: what it held is taken over soon, and nothing is done twice."""

import os
import signal
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.verification import reliability
from tests.verification.client import Client
from tests.verification.reliability import doubled
from tests.verification.services import Site, running_site, wait_for
from tests.verification.test_faults import RESULTS, phantoms

SECTION = "Programs are killed"
KILLS = 2
SOON = 15.0
"""Seconds from a worker's death until a living one has what it held."""
WITH_START = 30.0
"""The same where none lives: a worker starts first, with Celery and its model."""


def pool(site: Site) -> list[int]:
    """The pool processes, which do the work: children of the worker's main process."""
    processes = site.find("brainscan worker")
    return [pid for pid in processes if _parent(pid) in processes]


def _parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def running(client: Client) -> list[int]:
    return [row["id"] for row in client.get("/api/v1/predictions/?state=running&page_size=100")[1]["results"]]


def attempts(client: Client, prediction_id: int) -> int:
    return int(client.get(f"/api/v1/predictions/{prediction_id}/")[1]["attempts"])


def upload_and_wait_for_work(client: Client, *, start: int, count: int = 12) -> list[int]:
    """Ids of new predictions, once some of them are running."""
    _, receipt = client.upload(*phantoms(count, start=start))
    ids = [scan["prediction"]["id"] for scan in receipt["scans"]]
    wait_for("work", lambda: set(running(client)) & set(ids), seconds=60)
    return ids


def taken_over(client: Client, held: list[int], *, since: float) -> float:
    """Seconds from `since` until no prediction of `held` is claimed by its first worker process."""

    def free() -> bool:
        rows = (client.get(f"/api/v1/predictions/{one}/")[1] for one in held)
        return all(row["state"] != "running" or row["attempts"] > 1 for row in rows)

    wait_for("the takeover", free, seconds=60)
    return time.monotonic() - since


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site with two worker processes. Each test leaves it whole."""
    with running_site(tmp_path_factory.mktemp("pair") / "data", WORKERS="2") as site:
        yield site


@pytest.mark.parametrize("whole", [False, True], ids=["pool process", "whole worker"])
def test_what_a_killed_worker_held_is_taken_over(pair: Site, whole: bool) -> None:
    client = Client(pair.url, pair.token())
    wait_for("both workers", partial(two_workers, pair), seconds=60)
    ids, longest = [], 0.0
    with reliability.Watch(pair) as watch:
        for number in range(KILLS):
            ids += upload_and_wait_for_work(client, start=3000 + 100 * number + 1000 * whole)
            victims = pair.find("brainscan worker") if whole else pool(pair)[:1]
            killed = time.monotonic()
            for pid in victims:
                os.kill(pid, signal.SIGKILL)
            longest = max(longest, taken_over(client, running(client), since=killed))
            wait_for("a worker", lambda: bool(pair.ready().get("worker", {}).get("ready")), seconds=60)
        states = [client.wait(one, seconds=90)["state"] for one in ids]
    lost, twice = sum(state not in RESULTS for state in states), doubled(pair)
    what = "the whole worker" if whole else "one of two worker processes"
    reliability.record(
        fault=f"{what} killed at work (SIGKILL)",
        section=SECTION,
        times=KILLS,
        at_stake=f"{len(ids)} images; those at work were taken over within {longest:.0f} s",
        lost=lost,
        doubled=twice,
        outage=watch.outage,
    )
    assert longest < (WITH_START if whole else SOON)
    assert (lost, twice) == (0, 0)


def test_the_late_result_of_a_paused_worker_is_dropped(pair: Site) -> None:
    """As when a virtual machine is paused: it goes on where it stood, after another one has done its work."""
    client = Client(pair.url, pair.token())
    wait_for("both workers", partial(two_workers, pair), seconds=60)
    ids = upload_and_wait_for_work(client, start=5000, count=30)
    paused, stopped = pool(pair)[0], time.monotonic()
    os.kill(paused, signal.SIGSTOP)
    try:
        # Whoever still runs what it had claimed when the other one has ended everything else is the paused one.
        longest = taken_over(client, running(client), since=stopped)
        before = [client.wait(one, seconds=120) for one in ids]
    finally:
        os.kill(paused, signal.SIGCONT)
    wait_for("a further heartbeat", partial(two_workers, pair), seconds=30)
    after = [client.wait(one, seconds=30) for one in ids]
    again = sum(result["attempts"] > 1 for result in after)
    lost, twice = sum(result["state"] not in RESULTS for result in after), doubled(pair)
    reliability.record(
        fault="a worker process paused at work (SIGSTOP), then let go on",
        section=SECTION,
        times=1,
        at_stake=f"{len(ids)} images; {again} claimed twice, taken over within {longest:.0f} s",
        lost=lost,
        doubled=twice,
    )
    assert longest < SOON and again >= 1
    assert [_result(one) for one in after] == [_result(one) for one in before]
    assert (lost, twice) == (0, 0)


def two_workers(site: Site) -> bool:
    return bool(site.ready().get("worker", {}).get("count") == 2)


def _result(row: dict[str, Any]) -> tuple[Any, ...]:
    return row["state"], row["outcome"], row["tumor_probability"], row["attempts"], row["finished"]
