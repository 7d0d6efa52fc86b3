"""Mixed load on a whole site, and whether what its programs hold grows in thirty minutes: `make verify-long`.

python -m tests.verification.soak [--minutes N]
"""

import argparse
import contextlib
import json
import os
import random
import shutil
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import redis

from tests.verification.client import Client
from tests.verification.servers import postgres_server, redis_server
from tests.verification.services import PASSWORD, ROOT, Site, free_port, running_site, wait_for
from tests.verification.soak import report, scanner, scripts
from tests.verification.soak.files import Files
from tests.verification.soak.ledger import Ledger, balance
from tests.verification.soak.people import ADMINISTRATOR, Person, pages, rounds
from tests.verification.soak.sampling import Sampler

WHOLE = 30
STAFF = ("ada", "sven", "tove", "rosa", ADMINISTRATOR)
SCRIPT = "script"
HISTORY, BATCH = 100, 50
"""Results that each of STAFF has before the load begins, and how many of them are uploaded in a request."""
THREADS = 32
"""Of the web process: WEB_THREADS, as it is set by default."""
PACE = 2.0
"""Seconds of rest after each thing a person does."""
_PEOPLE = f"""
from django.contrib.auth.models import Group, User
for name in {(*STAFF, SCRIPT)!r}:
    User.objects.create_user(name, password={PASSWORD!r})
User.objects.get(username="rosa").groups.add(Group.objects.get(name="reader"))
User.objects.filter(username="{ADMINISTRATOR}").update(is_staff=True, is_superuser=True)
"""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.verification.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=WHOLE, help=f"{WHOLE} measured ones write {report.PAGE.name}")
    options = parser.parse_args()
    scratch = Path(tempfile.mkdtemp(prefix="brainscan-soak-"))
    whole = options.minutes + report.warm_up(options.minutes)
    print(f"{whole:.0f} minutes; the site's files and its log are in {scratch}", flush=True)
    with whole_site(scratch) as (site, pid):
        found = soak(site, broker=pid, minutes=options.minutes)
    wrong = report.problems(found)
    if not wrong:
        shutil.rmtree(scratch)
    (ROOT / "var").mkdir(exist_ok=True)
    (ROOT / "var" / "soak.json").write_text(json.dumps(report.raw(found), indent=1), encoding="utf-8")
    print(report.page(found))
    if options.minutes >= WHOLE:
        report.PAGE.write_text(report.page(found), encoding="utf-8")
    return 1 if wrong else 0


@contextlib.contextmanager
def whole_site(scratch: Path) -> Iterator[tuple[Site, int]]:
    """A site on PostgreSQL and Redis, and Redis' process id: the site did not start it, so does not list it."""
    with redis_server(scratch / "redis") as broker, postgres_server() as database:
        pid = int(redis.Redis.from_url(broker).info("server")["process_id"])
        environment: dict[str, Any] = {
            "REDIS_URL": broker,
            "DATABASE_URL": database,
            "METRICS_TOKEN": scripts.METRICS_TOKEN,
            "DICOM_PORT": str(free_port()),
            "DICOM_ALLOWED_AES": f"{scanner.TITLE}@127.0.0.1",
            "DICOM_USER": scanner.PERSON,
        }
        with running_site(scratch / "data", **environment) as site:
            yield site, pid


def soak(site: Site, *, broker: int, minutes: float) -> report.Found:
    """Run the load for a warm-up and `minutes`, wait until the queue is empty, then compare what was sent with what is
    there."""
    ledger, files = Ledger(), Files(seed=1)
    site.manage("shell", "-v", "0", "-c", _PEOPLE)
    people = [Person(site, name, files, ledger, seed=n) for n, name in enumerate(STAFF)]
    script = scripts.Script(Client(site.url, site.token(SCRIPT)), files, ledger)
    sender = scanner.Scanner(
        int(site.environment["DICOM_PORT"]), Client(site.url, site.token(scanner.PERSON)), files, ledger
    )
    admin = Client(site.url, site.token())
    fill(site, files, ledger)
    wait_for("the results of the history", lambda: not active(admin), seconds=1800)
    until = time.monotonic() + 60 * (report.warm_up(minutes) + minutes)
    with Sampler(lambda: site.processes() | {broker: "valkey"}, allocated=lambda: scripts.allocated(site)) as sampler:
        threads = [
            threading.Thread(target=visit, args=(person, ledger, until, n), name=person.name)
            for n, person in enumerate(people)
        ]
        threads += [
            repeated(script.step, every=3.0, until=until, ledger=ledger),
            repeated(sender.step, every=30.0, until=until, ledger=ledger),
            repeated(lambda: scripts.scrape(site, ledger), every=15.0, until=until, ledger=ledger),
            repeated(lambda: scripts.empty_trash(site), every=150.0, until=until, ledger=ledger),
        ]
        burst(people, ledger)
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    with continuing(ledger, "the end of the queue"):
        wait_for("the end of the queue", lambda: not active(admin), seconds=120)
    return report.Found(
        minutes=minutes,
        samples=sampler.samples,
        ledger=ledger,
        balance=balance(site, ledger),
        integrity=output_of(site, "check_integrity"),
        trail=output_of(site, "audit_verify"),
        log=[line for line in site.log.read_text(errors="replace").splitlines() if "level=error" in line],
        machine=f"{os.cpu_count()} cores; at the end, {os.getloadavg()[1]:.1f} programs wanted one.",
    )


def fill(site: Site, files: Files, ledger: Ledger) -> None:
    """Upload a history for everybody.

    An export and a page read up to 100 results at a time. With fewer there, every answer would need more memory
    than the one before, and the site would seem to grow for that alone.
    """
    for name in STAFF:
        client = Client(site.url, site.token(name))
        for number in range(HISTORY // BATCH):
            images = [files.picture() for _ in range(BATCH)]
            status, receipt = client.upload(*images, case=f"{name}-before-{number}", confirmed=True)
            ledger.record_answer("POST", "/api/v1/scans/", status, expected=status == 201)
            for scan in receipt["scans"]:
                ledger.record_upload(scan["prediction"]["id"], scan["uploaded_as"])


def burst(people: list[Person], ledger: Ledger) -> None:
    """Everybody at once, so that every thread and decoder is warm before anything is measured.

    A thread keeps a few kilobytes, in its connection to the database most of all, for each kind of page that it has
    once answered. Left to chance, it takes hours until each of 32 threads has answered each kind.
    """
    for person in people:
        person.log_in()
    boss, any_result = people[-1], min(ledger.taken)
    with ThreadPoolExecutor(2 * THREADS) as pool:
        for path in pages(any_result):
            list(pool.map(boss.get, [path] * 2 * THREADS))
        list(pool.map(Person.upload_broken, people * 4))


def visit(person: Person, ledger: Ledger, until: float, seed: int) -> None:
    """Do everything that a person does, round after round, until `until` (time.monotonic)."""
    rng = random.Random(seed)
    while time.monotonic() < until:
        for action in rounds(person, rng):
            if time.monotonic() > until:
                return
            with continuing(ledger, f"{action.__name__} of {person.name}"):
                action(person)
            person.rest(PACE * (0.5 + rng.random()))


def repeated(action: Callable[[], None], *, every: float, until: float, ledger: Ledger) -> threading.Thread:
    """A thread that runs `action` every `every` seconds."""

    def run() -> None:
        while time.monotonic() < until:
            with continuing(ledger, getattr(action, "__qualname__", "")):
                action()
            time.sleep(max(0.0, min(every, until - time.monotonic())))

    return threading.Thread(target=run)


@contextlib.contextmanager
def continuing(ledger: Ledger, what: str) -> Iterator[None]:
    """Record an error in the ledger and carry on with the next action."""
    try:
        yield
    except Exception as error:
        traceback.print_exc()
        ledger.record_problem(f"{what}: {type(error).__name__}")


def active(client: Client) -> bool:
    return bool(client.get("/api/v1/predictions/?state=queued&state=running&page_size=1")[1]["results"])


def output_of(site: Site, command: str) -> str:
    """What the command prints, or why it failed."""
    try:
        return site.manage(command).strip()
    except AssertionError as error:
        return f"FAILED: {error}"


if __name__ == "__main__":
    sys.exit(main())
