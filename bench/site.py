"""The whole site as `make run` starts it, with embedded defaults: waiting times, throughput and memory."""

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import requests

from bench import processes
from bench.images import heavy, slices
from ml import analyze, readers
from ml.cli.benchmark import spread
from ml.engines import cores
from ml.inference.registry import load_model
from ml.preprocess import preprocess, to_network
from tests.verification.client import Client
from tests.verification.services import PASSWORD, Site, running_site

LONE, QUEUED, FILES_A_REQUEST = 25, 200, 20
"""Scans that are uploaded one by one, scans that are queued at once, and files in one request."""

POLLS, POLLERS = 600, 4
"""Status requests in one turn, and the browsers that send them."""

BIG, BIG_MB = 20, 20
"""Uploads at the same time, and the size of each in megabytes."""

PATIENCE = 600
"""Seconds for an answer: a slow machine needs more than a minute for the uploads at the same time."""


def measure(*, folder: Path) -> dict[str, Any]:
    """Measure one thing after the other, so that each finds the site idle."""
    images = list(slices(LONE + QUEUED))
    found: dict[str, Any] = {}
    with _site(folder / "site") as site:
        client = Client(site.url, site.token(), timeout=PATIENCE)
        found["lone"] = _lone(client, images[:LONE])
        found["repeated"] = _repeated(client, images[:LONE])
        found["queued_1"] = _queued(site, client, images[LONE:])
        found["polling"] = _polling(site, found["lone"].pop("last"))
        found["memory"] = _memory(site, client)
    workers = cores.available()
    if workers > 1:
        with _site(folder / "many", WORKERS=str(workers)) as site:
            found[f"queued_{workers}"] = _queued(site, Client(site.url, site.token(), timeout=PATIENCE), images[LONE:])
    return found


def _site(folder: Path, **env: str) -> contextlib.AbstractContextManager[Site]:
    return running_site(folder, worker=True, fresh=True, **env, API_RATE="1000000/min", LOG_LEVEL="WARNING")


def _lone(client: Client, images: list[bytes]) -> dict[str, Any]:
    """Milliseconds from the start of an upload to its recorded result, and those of the analysis alone."""
    waited, engine, row = [], [], {}
    for number, image in enumerate(images):
        start = time.time()
        row = client.wait(_upload(client, [image], case=f"LONE-{number}")[0])
        waited.append((_timestamp(row["finished"]) - start) * 1000)
        engine.append(row["milliseconds"]["total"])
    above = [whole - alone for whole, alone in zip(waited, engine, strict=True)]
    named = {"upload_to_done": waited, "engine": engine, "above": above}
    return {name: spread(times) for name, times in named.items()} | {"last": row["id"]}


def _repeated(client: Client, images: list[bytes]) -> dict[str, Any]:
    """Milliseconds for the same images in other cases, whose results are reused."""
    waited = []
    for number, image in enumerate(images):
        start = time.time()
        row = client.wait(_upload(client, [image], case=f"AGAIN-{number}")[0])
        waited.append((_timestamp(row["finished"]) - start) * 1000)
    return spread(waited)


def _queued(site: Site, client: Client, images: list[bytes]) -> dict[str, Any]:
    """Scans a second from a full queue while somebody opens pages.

    Before and after, for comparison: whole analyses and bare forward passes, one after the other in this process.
    """
    alone = [_alone(images)]
    rate, pages = _drained(site, client, images)
    alone.append(_alone(images))
    return {
        "scans_a_second": round(rate, 2),
        "alone": {name: round(sum(one[name] for one in alone) / len(alone), 2) for name in alone[0]},
        "pages_ms": spread(pages),
    }


def _drained(site: Site, client: Client, images: list[bytes]) -> tuple[float, list[float]]:
    """Scans a second from a full queue, and milliseconds of pages requested meanwhile."""
    browser = _browser(site)
    with _suspended_worker(site):
        sent = [
            prediction
            for start in range(0, len(images), FILES_A_REQUEST)
            for prediction in _upload(client, images[start : start + FILES_A_REQUEST], case=f"QUEUE-{start}")
        ]
    start, pages = time.time(), []
    while not _ended(client, sent[-1]):
        pages.append(_seconds(lambda: browser.get(f"{site.url}/history/", timeout=30).raise_for_status()) * 1000)
        time.sleep(1)
    rows = [client.wait(prediction) for prediction in sent]
    if {row["state"] for row in rows} != {"done"}:
        raise RuntimeError(f"The queue ended otherwise: { ({row['state'] for row in rows}) }")
    return len(rows) / (max(_timestamp(row["finished"]) for row in rows) - start), pages


def _alone(images: list[bytes]) -> dict[str, float]:
    """Images a second, one after the other in this process."""
    model, some = load_model(engine="ncnn"), images[:40]
    inputs = [to_network(preprocess(readers.read(data))[0][None]) for data in some]
    model.engine.forward(inputs[0])
    return {
        "analyses": len(some) / _seconds(lambda: [analyze(model, data) for data in some]),
        "forward_passes": len(some) / _seconds(lambda: [model.engine.forward(one) for one in inputs]),
    }


def _polling(site: Site, prediction: int) -> dict[str, Any]:
    """Requests a second: the page's poll, the API's, and the cheapest request that the web process answers."""
    paths = {
        "live": "/health/live",
        "page": f"/status/?view=result&id={prediction}",
        "api": f"/api/v1/predictions/{prediction}/",
    }
    taken: dict[str, list[float]] = {name: [] for name in paths}
    browsers = [_browser(site) for _ in range(POLLERS)]
    for _ in range(5):
        for name, path in paths.items():
            with ThreadPoolExecutor(POLLERS) as pool:
                start = time.perf_counter()
                list(pool.map(partial(_poll, site.url + path), browsers))
                taken[name].append(POLLS / (time.perf_counter() - start))
    return {name: spread(rates) for name, rates in taken.items()}


def _poll(address: str, browser: requests.Session) -> None:
    for _ in range(POLLS // POLLERS):
        browser.get(address, timeout=30).raise_for_status()


def _memory(site: Site, client: Client) -> dict[str, Any]:
    """Megabytes of the web processes when idle, and their peak while large uploads arrive at once."""
    [master] = [pid for pid in site.find("gunicorn") if _parent(pid) not in site.find("gunicorn")]
    rest, seen, over = processes.proportional_mb(master), [0.0], threading.Event()

    def watch() -> None:
        while not over.wait(0.02):
            seen.append(processes.proportional_mb(master))

    watcher = threading.Thread(target=watch)
    watcher.start()
    files = [heavy(BIG_MB, seed=number) for number in range(BIG)]
    try:
        with ThreadPoolExecutor(BIG) as pool:
            sent = list(pool.map(lambda n: _upload(client, [files[n]], case=f"BIG-{n}"), range(BIG)))
    finally:
        over.set()
        watcher.join()
    for [prediction] in sent:
        client.wait(prediction)
    return {"at_rest_mb": round(rest, 1), "most_mb": round(max(seen), 1)}


def _upload(client: Client, images: list[bytes], *, case: str) -> list[int]:
    """Upload into a case; the ids of the predictions."""
    status, body = client.upload(*((f"{n}.png", data) for n, data in enumerate(images)), case=case)
    assert status == 201 and not body["rejected"], (status, body)
    return [int(scan["prediction"]["id"]) for scan in body["scans"]]


def _ended(client: Client, prediction: int) -> bool:
    return bool(client.get(f"/api/v1/predictions/{prediction}/")[1]["finished"])


@contextlib.contextmanager
def _suspended_worker(site: Site) -> Iterator[None]:
    """Suspend the worker, so that all scans are queued when it continues."""
    workers = site.find(" worker ")
    for pid in workers:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in workers:
            os.kill(pid, signal.SIGCONT)


def _browser(site: Site) -> requests.Session:
    """A logged-in session of the first account."""
    session = requests.Session()
    session.get(f"{site.url}/login/", timeout=30).raise_for_status()
    form = {"username": "admin", "password": PASSWORD, "csrfmiddlewaretoken": session.cookies["csrftoken"]}
    session.post(f"{site.url}/login/", data=form, timeout=30).raise_for_status()
    assert "sessionid" in session.cookies
    return session


def _timestamp(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def _parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])


def _seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start
