"""`/metrics`: for clients with the token, whatever is down, and without a name in it."""

import ctypes
import gc
import os
import subprocess
import sys
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from brainscan import memory
from diagnosis.access import audit
from diagnosis.inference import workload
from diagnosis.models import Heartbeat
from tests.factories import PredictionFactory

pytestmark = pytest.mark.django_db

TOKEN = "a-long-token"


@pytest.fixture
def token(settings: Any) -> str:
    settings.METRICS_TOKEN = TOKEN
    return TOKEN


def samples(client: Client) -> dict[str, float]:
    """All samples by name and labels."""
    response = client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    assert response.status_code == 200
    return {
        sample.name + "".join(f",{key}={value}" for key, value in sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(response.content.decode())
        for sample in family.samples
    }


def test_without_a_token_there_is_no_such_page(client: Client) -> None:
    assert client.get("/metrics", headers={"Authorization": "Bearer "}).status_code == 404


@pytest.mark.parametrize(
    "sent", ["", "Bearer", "Bearer ", "Bearer wrong", "Basic a-long-token", "Bearer a-long-tokenx", "ü"]
)
def test_another_token_is_401(client: Client, token: str, sent: str) -> None:
    response = client.get("/metrics", headers={"Authorization": sent})
    assert (response.status_code, response.headers["WWW-Authenticate"]) == (401, "Bearer")


def test_work_that_waits_and_that_ended(client: Client, token: str) -> None:
    now = timezone.now()
    PredictionFactory(state="queued", queued=now - timedelta(seconds=90))
    PredictionFactory(state="queued", queued=now)
    PredictionFactory(state="running")
    PredictionFactory(state="done", outcome="tumor", finished=now, milliseconds={"forward": 40.0, "total": 60.0})
    PredictionFactory(state="done", outcome="tumor", finished=now, milliseconds={"forward": 20.0, "total": 40.0})
    PredictionFactory(state="done", outcome="no_tumor", finished=now - timedelta(minutes=6), milliseconds={})
    PredictionFactory(state="failed", error_code="timeout", finished=now)
    audit.record("scan.uploaded")
    found = samples(client)
    assert found["brainscan_predictions,state=queued"] == 2
    assert found["brainscan_predictions,state=running"] == 1
    assert 90 <= found["brainscan_queue_oldest_seconds"] < 100
    ended = {name: value for name, value in found.items() if name.startswith("brainscan_predictions_ended_recently")}
    assert ended == {
        "brainscan_predictions_ended_recently,outcome=tumor,state=done": 2,
        "brainscan_predictions_ended_recently,outcome=timeout,state=failed": 1,
    }
    assert found["brainscan_stage_seconds,stage=forward"] == pytest.approx(0.03)
    assert found["brainscan_actions_recently,action=scan.uploaded"] == 1
    assert found["brainscan_free_bytes"] <= found["brainscan_disk_bytes"]


def test_a_reused_result_has_no_times_of_its_own() -> None:
    source = PredictionFactory(state="done", outcome="tumor", milliseconds={"total": 60.0})
    PredictionFactory(state="done", outcome="tumor", milliseconds={"total": 1.0}, reused_from=source)
    assert workload.current().stages == {"total": 60.0}


@pytest.mark.parametrize("rows", [1, 20])
def test_queries_do_not_grow(rows: int, django_assert_num_queries: Any) -> None:
    PredictionFactory.create_batch(rows, state="queued")
    with django_assert_num_queries(6):
        workload.current()


def test_workers(client: Client, token: str) -> None:
    assert (samples(client)["brainscan_workers"], samples(client)["brainscan_workers_ready"]) == (0, 0)
    for role in ("worker", "beat"):
        Heartbeat.objects.create(id=uuid4(), role=role, process="host:1", seen=timezone.now(), model="vgg16@abc")
    found = samples(client)
    assert (found["brainscan_workers"], found["brainscan_workers_ready"], found["brainscan_beat_up"]) == (1, 1, 1)


def test_a_broker_that_is_down_is_told(client: Client, token: str, broker_down: None) -> None:
    found = samples(client)
    assert (found["brainscan_broker_up"], found["brainscan_workers"], found["brainscan_database_up"]) == (0, 0, 1)


def test_a_database_that_is_down_is_told(client: Client, token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from django.db.utils import OperationalError

    def refuse() -> None:
        raise OperationalError("down")

    monkeypatch.setattr(workload, "current", refuse)
    found = samples(client)
    assert (found["brainscan_database_up"], found["brainscan_broker_up"]) == (0, 1)
    assert "brainscan_queue_oldest_seconds" not in found


@pytest.mark.skipif(memory.allocated() is None, reason="this C library does not tell what it has allocated")
def test_allocated_memory_counts_large_blocks_and_small_objects(client: Client, token: str) -> None:
    def megabytes() -> float:
        return samples(client)["brainscan_web_allocated_bytes"] / 1e6

    megabytes()
    gc.collect()  # or what other tests left is collected in the middle
    before = megabytes()
    large = bytearray(30_000_000)
    with_large = megabytes()
    small = [[n] for n in range(300_000)]  # a list, its one place, and a number
    with_both = megabytes()
    assert with_large - before == pytest.approx(30, abs=5)
    assert with_both - with_large == pytest.approx(memory.BLOCK * 3 * len(small) / 1e6, rel=0.2)
    del large, small
    assert megabytes() == pytest.approx(before, abs=5)


def test_another_c_library_tells_nothing(client: Client, token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda _: object())
    memory._mallinfo2.cache_clear()
    assert "brainscan_web_allocated_bytes" not in samples(client)
    memory._mallinfo2.cache_clear()


def test_requests_are_counted_by_the_name_of_their_page(as_user: Client, token: str) -> None:
    as_user.get("/history/?q=Jane+Doe")
    as_user.get("/nobody/knows/Jane-Doe/")
    as_user.generic("JANE-DOE", "/history/")
    found = samples(as_user)
    assert found["brainscan_request_seconds_count,method=GET,page=history,status=200"] >= 1
    assert found["brainscan_request_seconds_count,method=GET,page=unknown,status=404"] >= 1
    assert found["brainscan_request_seconds_count,method=OTHER,page=history,status=405"] >= 1
    assert not [name for name in found if "Jane" in name or "JANE" in name]


@pytest.mark.slow
def test_several_processes_are_added_up(tmp_path: Any) -> None:
    program = (
        "from prometheus_client import CollectorRegistry, generate_latest\n"
        "from prometheus_client.multiprocess import MultiProcessCollector\n"
        "from brainscan import metrics\n"
        "metrics.REQUESTS.labels('GET', 'history', 200).observe(0.1)\n"
        "registry = CollectorRegistry(); MultiProcessCollector(registry); print(generate_latest(registry).decode())\n"
    )
    run = [sys.executable, "-c", "import django; django.setup()\n" + program]
    values = os.environ | {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path), "DJANGO_SETTINGS_MODULE": "brainscan.settings"}
    last = ""
    for _ in range(2):
        last = subprocess.run(run, env=values, capture_output=True, text=True, check=True).stdout
    (count,) = [line for line in last.splitlines() if line.startswith("brainscan_request_seconds_count")]
    assert count.endswith(" 2.0")
