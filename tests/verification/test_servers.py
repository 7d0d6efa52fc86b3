"""PostgreSQL and Redis stop, are full or emptied, and the model's weights are damaged, while people upload.

One site for all tests; each leaves it whole. Meanwhile a person uploads an image after the other and sends each again
until it is accepted, a user reads, and the answers say what is wrong.
"""

import json
import os
import shutil
import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from urllib.error import URLError
from urllib.request import Request

import psycopg
import pytest
import redis

from ml.inference import registry
from tests.verification import reliability
from tests.verification.background import Background
from tests.verification.client import Client
from tests.verification.servers import Server, postgres
from tests.verification.servers import redis as redis_of_its_own
from tests.verification.services import Site, running_site, wait_for
from tests.verification.test_api_journey import journey
from tests.verification.test_faults import RESULTS, is_whole, phantoms

SECTION = "Database, queue and model"
CONNECTIONS = 40


@dataclass
class Servers:
    """A site on servers that can be stopped, and the folder of its model."""

    site: Site
    postgres: Server
    redis: Server
    model: Path

    @property
    def client(self) -> Client:
        return Client(self.site.url, self.site.token())

    def whole(self) -> bool:
        return is_whole(self.site.ready())


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    folder = tmp_path_factory.mktemp("servers")
    model = Path(shutil.copytree(registry.DEFAULT_ARTIFACT, folder / "model"))
    with (
        redis_of_its_own(folder / "redis") as queue,
        postgres(f"max_connections={CONNECTIONS}", "deadlock_timeout=2s") as database,
        running_site(
            folder / "data", REDIS_URL=queue.url, DATABASE_URL=database.url, ML_MODEL=str(model), TASK_TIME_LIMIT="20"
        ) as site,
    ):
        yield Servers(site, database, queue, model)


class Uploads(Background):
    """A person who uploads eight images, and one after the other in a thread, each until it is accepted."""

    numbers = iter(range(7000, 9000, 10))

    def __init__(self, site: Site) -> None:
        super().__init__()
        self._client = Client(site.url, site.token())
        self.accepted: list[int] = []
        self.refused: dict[Any, int] = {}

    def __enter__(self) -> Self:
        _, receipt = self._client.upload(*phantoms(8, start=next(self.numbers) + 10_000))
        self.accepted += [scan["prediction"]["id"] for scan in receipt["scans"]]
        super().__enter__()
        self.wait_for_more()
        return self

    def wait_for_more(self) -> None:
        seen = len(self.accepted)
        wait_for("a further upload", lambda: len(self.accepted) > seen, seconds=20)

    def _run(self) -> None:
        while not self._over.is_set():
            [image] = phantoms(1, start=next(self.numbers))
            while not (self._send(image) or self._over.wait(0.1)):
                continue
            self._over.wait(0.2)

    def _send(self, image: tuple[str, bytes]) -> bool:
        status: Any = "no answer"
        answer: dict[str, Any] = {}
        with suppress(URLError, OSError):
            status, answer = self._client.upload(image)
        if status == 201:
            self.accepted.append(answer["scans"][0]["prediction"]["id"])
            return True
        kind = status, answer.get("code")
        self.refused[kind] = self.refused.get(kind, 0) + 1
        return False


def settle(servers: Servers, uploads: Uploads) -> tuple[int, int]:
    """Once the site is whole: how many of the accepted images have no result, and how many results are too many."""
    wait_for("a whole site", servers.whole, seconds=60)
    states = [servers.client.wait(one, seconds=90)["state"] for one in uploads.accepted]
    repeated = len(uploads.accepted) - len(set(uploads.accepted))
    return sum(state not in RESULTS for state in states), reliability.doubled(servers.site) + repeated


def note(fault: str, uploads: Uploads, found: tuple[int, int], outage: float | None) -> None:
    reliability.record(
        fault=fault,
        section=SECTION,
        times=1,
        at_stake=f"{len(uploads.accepted)} uploads",
        lost=found[0],
        doubled=found[1],
        outage=outage,
    )
    assert found == (0, 0)
    assert set(uploads.refused) <= {(503, "unavailable")}


def unavailable(servers: Servers, words: str) -> None:
    """Page, API and health check answer 503 and say why, with these words."""
    status, problem = servers.client.get("/api/v1/scans/")
    assert (status, problem["code"], words in problem["detail"]) == (503, "unavailable", True)
    of_a_session = Request(servers.site.url + "/history/", headers={"Cookie": f"sessionid={'x' * 32}"})
    status, page = servers.client.answer(of_a_session)
    assert (status, words in page.decode()) == (503, True)
    status, report = servers.client.get("/health/ready")
    assert (status, words in report["database"]["problem"]) == (503, True)


def test_the_journey(servers: Servers, real_scans: dict[str, list[Path]]) -> None:
    journey(servers.site, real_scans)
    assert not (servers.site.data_dir / "db.sqlite3").exists()
    assert not servers.site.find("valkey-server")


def test_postgresql_stops_and_starts_again(servers: Servers) -> None:
    with reliability.Watch(servers.site) as watch, Uploads(servers.site) as uploads:
        servers.postgres.stop()
        unavailable(servers, "The database cannot be reached")
        wait_for("refusals", lambda: uploads.refused and watch.refused.get(503, 0) > 4, seconds=20)
        servers.postgres.start()
        wait_for("a whole site", servers.whole, seconds=60)
    note("PostgreSQL stopped and started again", uploads, settle(servers, uploads), watch.outage)


def test_postgresql_has_no_connection_left(servers: Servers) -> None:
    """Somebody else takes them all, those of the site as well."""
    others = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE application_name <> 'taker' AND backend_type = 'client backend'"
    )
    address = f"{servers.postgres.url}?application_name=taker"
    with reliability.Watch(servers.site) as watch, Uploads(servers.site) as uploads:
        with ExitStack() as stack:
            first = stack.enter_context(psycopg.connect(address, autocommit=True))
            left = [True]
            while any(left):  # one that ends late leaves room, which the site may take
                left = [bool(first.execute(others).fetchall())]
                with suppress(psycopg.OperationalError):
                    while True:
                        stack.enter_context(psycopg.connect(address))
                left.append(bool(first.execute(others).fetchall()))
            unavailable(servers, "accepts no more connections")
            wait_for("refusals", lambda: uploads.refused and watch.refused.get(503, 0) > 4, seconds=20)
        wait_for("a whole site", servers.whole, seconds=60)
    note("PostgreSQL at its limit of connections", uploads, settle(servers, uploads), watch.outage)


WAITING = """SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'
AND (query LIKE 'INSERT INTO "diagnosis_auditevent"%' OR query LIKE '%"diagnosis_case"%')"""
"""A rename that waits; sealing the audit trail may wait for the same table, and is none."""


def waits_for_a_lock(connection: psycopg.Connection[Any]) -> bool:
    return bool(connection.execute(WAITING).fetchone())


def rename_meanwhile(servers: Servers, *, lock: str, then: str) -> tuple[int, Any]:
    """Rename a case while somebody else holds what `lock` takes, and does `then` once the site waits for it."""
    client = servers.client
    _, receipt = client.upload(*phantoms(1, start=next(Uploads.numbers)))
    client.wait(receipt["scans"][0]["prediction"]["id"], seconds=60)
    case, answers = receipt["case_id"], list[tuple[int, Any]]()
    path, body = f"/api/v1/cases/{case}/", json.dumps({"reference": f"RENAMED-{case}"}).encode()
    request = threading.Thread(target=lambda: answers.append(client.send("PATCH", path, body)))
    with psycopg.connect(servers.postgres.url) as other, psycopg.connect(servers.postgres.url, autocommit=True) as look:
        other.execute("SET deadlock_timeout = '60s'")  # so that the site is the one that gives way
        other.execute(lock.format(case=case))
        request.start()
        wait_for("the wait for a lock", lambda: waits_for_a_lock(look), seconds=10)
        other.execute(then.format(case=case))
    request.join()
    return answers[0]


LOCK_ROW = "UPDATE diagnosis_case SET reference = reference WHERE id = {case}"
LOCK_AUDIT = "LOCK TABLE diagnosis_auditevent IN SHARE ROW EXCLUSIVE MODE"
CONFLICTS = {
    "a deadlock": ("read committed", LOCK_AUDIT, LOCK_ROW),
    "a serialization failure": ("repeatable read", LOCK_ROW, "COMMIT"),
}


@pytest.mark.parametrize("conflict", CONFLICTS)
def test_a_write_conflict_is_a_503_and_changes_nothing(servers: Servers, conflict: str) -> None:
    level, lock, then = CONFLICTS[conflict]
    with psycopg.connect(servers.postgres.url, autocommit=True) as boss:
        boss.execute(f"ALTER DATABASE brainscan SET default_transaction_isolation = '{level}'")
        boss.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'client backend' "
                     "AND pid <> pg_backend_pid()")  # fmt: skip
        status, problem = rename_meanwhile(servers, lock=lock, then=then)
        boss.execute("ALTER DATABASE brainscan RESET default_transaction_isolation")
    done = servers.client.get("/api/v1/cases/?q=RENAMED")[1]["count"]
    reliability.record(
        fault=f"{conflict} in PostgreSQL", section=SECTION, times=1, at_stake="a case renamed: 503, nothing changed",
        lost=0 if status == 503 else 1, doubled=done,
    )  # fmt: skip
    assert (status, problem["code"], done) == (503, "unavailable", 0)
    assert "Two people changed the same thing" in problem["detail"]


def is_down(report: dict[str, Any], name: str) -> bool:
    """Whether the site says so; false while it says nothing."""
    return name in report and not report[name]["ready"]


def test_redis_is_emptied_and_stopped_while_scans_wait(servers: Servers) -> None:
    faults = {
        "Redis emptied while scans wait": lambda: redis.Redis.from_url(servers.redis.url).flushall(),
        "Redis stopped with all it held, and started again": servers.redis.stop,
    }
    found: list[tuple[str, Uploads, float]] = []
    for fault, make in faults.items():
        with reliability.Watch(servers.site) as watch, Uploads(servers.site) as uploads:
            make()
            if "stopped" in fault:
                wait_for("the broker's absence", lambda: is_down(servers.site.ready(), "broker"), seconds=20)
                uploads.wait_for_more()  # they go on meanwhile
                servers.redis.start()
            uploads.wait_for_more()
        found.append((fault, uploads, watch.outage))
    for fault, uploads, outage in found:
        note(fault, uploads, settle(servers, uploads), outage)


def test_damaged_weights_are_told_and_a_worker_that_starts_with_them_predicts_nothing(servers: Servers) -> None:
    weights, client = servers.model / "weights.safetensors", servers.client
    whole = weights.read_bytes()
    damaged = bytearray(whole)
    damaged[len(damaged) // 2] ^= 1
    with reliability.Watch(servers.site) as watch:
        replace(weights, bytes(damaged))
        wait_for("the worker's verdict", lambda: is_down(servers.site.ready(), "worker"), seconds=30)
        report = servers.site.ready()
        assert report["status"] == "unavailable" and weights.name in report["worker"]["problem"]
        for pid in servers.site.find("brainscan worker"):  # it has the sound weights in its memory
            os.kill(pid, signal.SIGKILL)
        _, receipt = client.upload(*phantoms(2, start=next(Uploads.numbers) + 20_000))
        ids = [scan["prediction"]["id"] for scan in receipt["scans"]]
        results = [client.wait(one, seconds=60) for one in ids]
        predicted = sum(row["outcome"] is not None for row in results)
        assert {row["error"]["code"] for row in results} == {"weights_damaged"}
        replace(weights, whole)
        wait_for("a whole site", servers.whole, seconds=60)
    client.post("/api/v1/predictions/bulk/", json.dumps({"action": "retry", "ids": ids}).encode())
    lost = sum(client.wait(one, seconds=60)["state"] not in RESULTS for one in ids)
    reliability.record(
        fault="the model's weights damaged, the worker killed, the weights repaired", section=SECTION, times=1,
        at_stake=f"{len(ids)} uploads, none predicted meanwhile", lost=lost + predicted,
        doubled=reliability.doubled(servers.site), outage=watch.outage,
    )  # fmt: skip
    assert (lost, predicted) == (0, 0)


def replace(path: Path, data: bytes) -> None:
    beside = path.with_suffix(".new")
    beside.write_bytes(data)
    beside.replace(path)
