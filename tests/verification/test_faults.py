"""What must survive: a killed worker, a restart, a missing model, Ctrl-C."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from brainscan.launcher.site import STARTING
from tests import builders
from tests.verification import reliability
from tests.verification.client import Client
from tests.verification.services import PASSWORD, ROOT, Site, free_port, running_site, wait_for


def phantoms(count: int, start: int = 0) -> list[tuple[str, bytes]]:
    return [(f"phantom{n}.png", builders.png_bytes(builders.phantom(256, seed=n))) for n in range(start, start + count)]


RESULTS = {"done", "refused"}
"""What a drawn head may end in: the gate, which learned from real ones, seldom takes it for a brain."""


def ended(client: Client, prediction_id: int) -> bool:
    return client.get(f"/api/v1/predictions/{prediction_id}/")[1]["state"] in RESULTS


def is_whole(report: dict[str, Any]) -> bool:
    """Whether /health/ready says that the site answers and a worker has loaded its model."""
    return report.get("status") == "ok" and bool(report["worker"]["ready"])


def pool_processes(site: Site) -> list[int]:
    """Ids of the Celery worker's processes. The parent started first, so the last is a child."""
    return sorted(site.find("celery -A brainscan worker") or site.find("worker"))


def test_a_worker_killed_at_work_loses_nothing(site: Site) -> None:
    client = Client(site.url, site.token())
    _, receipt = client.upload(*phantoms(20, start=500))
    ids = [scan["prediction"]["id"] for scan in receipt["scans"]]
    wait_for("the first result", lambda: ended(client, ids[0]), seconds=30)
    os.kill(pool_processes(site)[-1], signal.SIGKILL)
    results = [client.wait(prediction_id, seconds=120) for prediction_id in ids]
    assert {result["state"] for result in results} <= RESULTS
    assert sum(result["attempts"] for result in results) <= len(ids) + 3  # two in the network, and the next one read


PROGRAMS = ("gunicorn brainscan", "brainscan worker", "brainscan beat", "valkey")


def kill(site: Site, program: str) -> None:
    """Kill a program with all its processes, and wait until the site is whole again."""
    killed = site.find(program)
    assert killed
    for pid in killed:
        os.kill(pid, signal.SIGKILL)
    wait_for("a successor", lambda: set(site.find(program)) - set(killed), seconds=30)
    wait_for("a worker that is ready", lambda: is_whole(site.ready()), seconds=60)


def test_a_program_that_is_killed_starts_again_and_nothing_is_lost(tmp_path: Path) -> None:
    with running_site(tmp_path / "data") as running:
        client, waiting, outages = Client(running.url, running.token()), [], {}
        for number, program in enumerate(PROGRAMS):
            _, receipt = client.upload(*phantoms(4, start=600 + 10 * number))
            waiting += [scan["prediction"]["id"] for scan in receipt["scans"]]
            with reliability.Watch(running) as watch:
                kill(running, program)
            outages[program] = watch.outage
        states = [client.wait(prediction_id, seconds=150)["state"] for prediction_id in waiting]
        lost, twice = sum(state not in RESULTS for state in states), reliability.doubled(running)
        for program, outage in outages.items():
            reliability.record(
                fault=f"{program.replace(' brainscan', '').replace('brainscan ', '')}, all processes killed (SIGKILL)",
                section="Programs are killed",
                times=1,
                at_stake=f"{len(waiting) // len(PROGRAMS)} scans in the queue",
                lost=lost,
                doubled=twice,
                outage=outage,
            )
        assert (lost, twice) == (0, 0)
        running.stop()
        assert running.processes() == {}


def test_queued_scans_survive_a_restart(tmp_path: Path) -> None:
    with running_site(tmp_path / "data") as first:
        client = Client(first.url, first.token())
        _, receipt = client.upload(*phantoms(40))
        ids = [scan["prediction"]["id"] for scan in receipt["scans"]]
        first.stop()
        assert not first.processes()
    with running_site(tmp_path / "data") as second:
        client = Client(second.url, second.token())
        results = [client.wait(prediction_id, seconds=120) for prediction_id in ids]
        lost, twice = sum(result["state"] not in RESULTS for result in results), reliability.doubled(second)
    reliability.record(
        fault="the whole site stopped and started again",
        section="Programs are killed",
        times=1,
        at_stake=f"{len(ids)} scans in the queue",
        lost=lost,
        doubled=twice,
    )
    assert (lost, twice) == (0, 0)
    assert max(result["attempts"] for result in results) == 1


def test_ctrl_c_leaves_no_process_behind(tmp_path: Path) -> None:
    for sent in (signal.SIGINT, signal.SIGTERM):
        with running_site(tmp_path / "data") as running:
            assert len(running.processes()) >= 4
            running.stop(sent)
            assert running.processes() == {}
            assert running.process.returncode in (0, 130, 143, -sent)


def test_without_a_model_the_site_says_so_and_predicts_nothing(tmp_path: Path) -> None:
    with running_site(tmp_path / "data", worker=False, ML_MODEL=str(tmp_path / "nowhere")) as running:
        report = running.ready()
        assert report["model"]["ready"] is False
        assert "nowhere" in report["model"]["problem"]
        client = Client(running.url, running.token())
        _, receipt = client.upload(*phantoms(1))
        result = client.wait(receipt["scans"][0]["prediction"]["id"])
        assert (result["state"], result["outcome"], result["tumor_probability"]) == ("failed", None, None)
        assert result["error"]["code"] == "model_missing"


def test_the_web_process_is_light_and_has_no_tensorflow(tmp_path: Path) -> None:
    with running_site(tmp_path / "data") as running:
        client = Client(running.url, running.token())
        for start in range(0, 60, 20):
            client.upload(*phantoms(20, start=1000 + start))
        web = running.find("gunicorn")
        assert web
        for pid in web:
            status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
            resident_mb = int(status["VmRSS"].split()[0]) / 1024
            print(f"web process {pid}: {resident_mb:.0f} MB resident")
            assert resident_mb < 180
            assert "tensorflow" not in Path(f"/proc/{pid}/maps").read_text()


def test_a_second_site_over_the_same_data_is_refused(site: Site) -> None:
    command = [sys.executable, "manage.py", "run_site"]
    done = subprocess.run(
        command, cwd=ROOT, env=site.environment | {"PORT": str(free_port())}, capture_output=True, text=True, timeout=60
    )
    assert done.returncode != 0
    assert str(site.data_dir) in done.stdout + done.stderr
    assert PASSWORD not in done.stdout + done.stderr


def test_the_terminal_hears_of_the_start_before_the_site_is_ready(site: Site) -> None:
    wait_for("the banner", lambda: "brainscan is ready" in site.log.read_text(), seconds=30)
    assert site.log.read_text().splitlines()[0] == STARTING
