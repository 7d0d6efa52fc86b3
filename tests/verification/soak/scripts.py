"""Load besides people: an API client with a token, Prometheus, and the emptying of the trash."""

import json
import random
import re
from contextlib import suppress
from urllib.request import Request, urlopen

from tests.verification.client import Client
from tests.verification.services import Site
from tests.verification.soak.files import Files
from tests.verification.soak.ledger import Ledger

METRICS_TOKEN = "only-for-this-soak"
_EMPTY_TRASH = """
from datetime import timedelta
from django.utils import timezone
from diagnosis.cases.tasks import empty_trash
from diagnosis.models import Case
Case.objects.filter(deleted__isnull=False).update(deleted=timezone.now() - timedelta(days=31))
empty_trash.delay()
"""
_LISTS = (
    "predictions/?state=done&ordering=-id",
    "predictions/?outcome=tumor&page_size=50",
    "predictions/export/?format=csv",
    "cases/?page_size=100",
    "scans/",
    "reviews/",
    "models/",
    "tokens/",
)


class Script:
    """Uploads through the API, waits for the results and reads them in every form."""

    def __init__(self, client: Client, files: Files, ledger: Ledger) -> None:
        self._client, self._files, self._ledger = client, files, ledger
        self._random, self._turn = random.Random(99), 0

    def step(self) -> None:
        self._turn += 1
        self._get(_LISTS[self._turn % len(_LISTS)])
        if self._turn % 4 == 0:
            self._upload()
        if self._turn % 20 == 1:
            self._refused()

    def _upload(self) -> None:
        """Two good files and a broken one in one request, confirmed to show no name."""
        sent = [self._files.picture(), self._files.broken(), self._files.dicom()]
        status, receipt = self._client.upload(*sent, case=f"API-{self._turn // 20}", confirmed=True)
        self._note("POST", "scans/", status, 201)
        if status != 201:
            return
        if len(receipt["rejected"]) != 1:
            self._ledger.record_problem(f"{len(receipt['rejected'])} of one broken file were rejected")
        for scan in receipt["scans"]:
            number = scan["prediction"]["id"]
            self._ledger.record_upload(number, scan["uploaded_as"])
            state = self._client.wait(number, seconds=120)["state"]
            for kind in ("report", "fhir", "similar", "slices"):
                self._get(f"predictions/{number}/{kind}/")
            if state == "done":
                review = {"prediction": number, "state": "signed", "finding": "no_tumor"}
                status, _ = self._client.post("/api/v1/reviews/", json.dumps(review).encode())
                self._note("POST", "reviews/", status, 201)
        number = receipt["scans"][1]["prediction"]["id"]
        if state == "done":
            self._get(f"predictions/{number}/dicom/")
            self._get(f"predictions/{number}/overlay/")

    def _refused(self) -> None:
        """An invalid token, and an address that does not exist."""
        stranger = Client(self._client.url, "0" * 64)
        self._note("GET", "cases/ as a stranger", stranger.get("/api/v1/cases/")[0], 401)
        self._note("GET", "nothing/", self._client.get("/api/v1/nothing/")[0], 404)

    def _get(self, path: str) -> None:
        self._note("GET", path, self._client.get(f"/api/v1/{path}")[0], 200)

    def _note(self, verb: str, path: str, status: int, expected: int) -> None:
        self._ledger.record_answer(verb, f"/api/v1/{path}", status, expected=status == expected)


def scrape(site: Site, ledger: Ledger) -> None:
    """The requests of Prometheus and a load balancer."""
    for path in ("/metrics", "/health/live", "/health/ready"):
        ask(site, path)
        ledger.record_answer("GET", path, 200, expected=True)


def ask(site: Site, path: str) -> str:
    """The answer's text. Raises HTTPError for any but 200 and its like, URLError if there is none within a minute."""
    request = Request(site.url + path, headers={"Authorization": f"Bearer {METRICS_TOKEN}"})
    with urlopen(request, timeout=60) as answer:
        return str(answer.read().decode())


def allocated(site: Site) -> dict[str, float]:
    """Megabytes that the web process says it has allocated; empty if it cannot say, or does not answer."""
    with suppress(OSError):
        found = re.search(r"^brainscan_web_allocated_bytes (\S+)$", ask(site, "/metrics"), re.MULTILINE)
        return {"web": float(found[1]) / 1e6} if found else {}
    return {}


def empty_trash(site: Site) -> None:
    """Date all deletions a month back, then queue the purge that beat queues every hour."""
    site.manage("shell", "-v", "0", "-c", _EMPTY_TRASH)
