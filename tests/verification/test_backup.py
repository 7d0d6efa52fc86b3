"""A backup made while people upload comes back whole into an empty site: same accounts, same UIDs, nothing doubled."""

import json
import os
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import builders
from tests.verification import reliability
from tests.verification.client import Client
from tests.verification.servers import postgres_server
from tests.verification.services import ROOT, Site, running_site, wait_for
from tests.verification.test_faults import RESULTS, phantoms

SLICES = [
    (f"IM{n}", data)
    for n, data in enumerate(
        builders.dicom_series(
            3,
            planes=[builders.phantom(64, seed=70 + n) for n in range(3)],
            StudyInstanceUID="1.2.3",
            SeriesInstanceUID="1.2.3.4",
        )
    )
]


@pytest.fixture(params=["sqlite", "postgresql"])
def databases(request: pytest.FixtureRequest) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """The environment of a site, and of the empty one that takes its place."""
    if request.param == "sqlite":
        yield {}, {}
        return
    with postgres_server() as one, postgres_server() as other:
        yield {"DATABASE_URL": one}, {"DATABASE_URL": other}


def command(*arguments: str, data_dir: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """A management command on a site that does not run, with no key but those in its folder."""
    unset = ("SECRET_KEY", "DEID_SECRET", "DATABASE_URL", "REDIS_URL", "STORAGE_URL", "DATA_DIR")
    base = {key: value for key, value in os.environ.items() if key not in unset}
    full = base | {"DATA_DIR": str(data_dir)} | environment
    run = [sys.executable, "manage.py", *arguments]
    return subprocess.run(run, cwd=ROOT, env=full, capture_output=True, text=True, timeout=300)


def results(client: Client) -> dict[int, Any]:
    """What the model said of each scan."""
    rows = client.get("/api/v1/predictions/?page_size=200")[1]["results"]
    return {one["scan"]: (one["state"], one["outcome"], one["tumor_probability"]) for one in rows}


def backed_up(site: Site, client: Client, target: Path, **database: str) -> dict[int, Any]:
    """Make a backup while somebody uploads. Returns the results that were there before it began."""
    known = results(client)
    uploads = threading.Thread(target=lambda: [client.upload(*phantoms(2, start=300 + 2 * n)) for n in range(5)])
    uploads.start()
    with reliability.Watch(site) as watch:
        done = command("backup", str(target), data_dir=site.data_dir, **database)
    assert done.returncode == 0, done.stderr
    uploads.join()
    assert watch.outage == 0 and watch.answers
    return known


@pytest.mark.timeout(900)
def test_a_backup_comes_back_whole(
    tmp_path: Path, databases: tuple[dict[str, Any], dict[str, Any]], request: pytest.FixtureRequest
) -> None:
    here, there = databases
    target, empty = tmp_path / "backup", tmp_path / "restored"
    with running_site(tmp_path / "data", **here) as site:
        client = Client(site.url, site.token())
        assert client.upload(*phantoms(6))[0] == 201
        assert client.upload(*SLICES)[0] == 201
        wait_for("all results", lambda: {state for state, *_ in results(client).values()} <= RESULTS, seconds=120)
        before = backed_up(site, client, target, **here)
        token = client.token
    for path in (target, *target.iterdir()):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0

    if not there:  # keys are looked at before any database
        refused = command("restore", str(target), data_dir=tmp_path / "other", DEID_SECRET="another")
        assert refused.returncode == 1 and "known slices would become new cases" in refused.stderr
    done = command("restore", str(target), data_dir=empty, **there)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "The audit trail is whole" in done.stdout and "All is well" in done.stdout
    twice = command("restore", str(target), data_dir=empty, **there)
    assert twice.returncode == 1 and "not empty" in twice.stderr

    with running_site(empty, **there) as site:
        client = Client(site.url, token)
        wait_for("all results", lambda: {state for state, *_ in results(client).values()} <= RESULTS, seconds=120)
        after = results(client)
        lost = sum(after.get(scan) != result for scan, result in before.items())
        count = len(after)
        _, receipt = client.upload(*SLICES)
        assert [one["duplicate"] for one in receipt["scans"]] == [True]
        doubled = len(results(client)) - count
        report = json.loads(site.manage("check_integrity", "--json"))
        assert report["whole"], report
    kind = request.node.callspec.params["databases"]
    reliability.record(
        fault=f"Site gone, restored from a backup made during uploads ({kind})",
        section="Backup and restore",
        times=1,
        at_stake=f"{len(before)} results, accounts, tokens, UIDs",
        lost=lost,
        doubled=doubled,
    )
    assert (lost, doubled) == (0, 0)
