"""Fills a fresh site as a few weeks of work would: people, cases, readings, notes, views, a trash.

Everything is done through the API, as its users would do it, but for what only time or a fault brings about.
"""

import json
from dataclasses import dataclass, field
from typing import Any

from tests.verification.client import Client
from tests.verification.services import PASSWORD, Site
from tests.verification.tour import samples

OWNER, OPEN, SECOND, THIRD, BLIND, NEW = "ada", "sven", "tove", "uma", "rosa", "nils"
CAREFUL = "vera"
"""Has a second factor."""

_PEOPLE = f"""
from django.contrib.auth.models import Group, User
from diagnosis.models import ReadingPolicy, SecondFactor
reader = Group.objects.get(name="reader")
study, _ = Group.objects.get_or_create(name="blind study")
ReadingPolicy.objects.get_or_create(group=study, defaults={{"mode": "blind_first"}})
for name, groups in {{
    "{OWNER}": [], "{NEW}": [], "{CAREFUL}": [],
    "{OPEN}": [reader], "{SECOND}": [reader], "{THIRD}": [reader], "{BLIND}": [reader, study],
}}.items():
    person = User.objects.create_user(name, password={PASSWORD!r})
    person.groups.set(groups)
SecondFactor.objects.create(user=User.objects.get(username="{CAREFUL}"), seed="00", last_step=0)
"""

_FAILED = """
from diagnosis.models import Prediction
Prediction.objects.filter(pk={pk}).update(
    state="failed", outcome="", uncertain=False, tumor_probability=None, type_probabilities=None, evidence=None,
    error_code="timeout", error="Reading this image took longer than two minutes, so it was stopped. Run it again.",
)
"""

RUNNING = """
from django.utils import timezone
from diagnosis.models import Prediction
Prediction.objects.filter(pk={pk}).update(
    state="running", outcome="", tumor_probability=None, started=timezone.now() - timezone.timedelta(seconds=4),
    finished=None, progress=11, not_before=None,
)
"""


_SURE = {"state": "done", "uncertain": False, "series": None}
KINDS: dict[str, dict[str, Any]] = {
    "tumor": _SURE | {"outcome": "tumor", "case": "SIM-LESION-1"},
    "disputed": _SURE | {"outcome": "tumor", "case": "SIM-LESION-1"},
    "no-tumor": _SURE | {"outcome": "no_tumor", "case": "SIM-HEALTHY"},
    "blind": _SURE | {"outcome": "tumor", "case": "STUDY-07"},
    "refused": {"state": "refused", "series": None},
    "uncertain": {"state": "done", "uncertain": True, "series": None},
    "series": {"state": "done", "name": "t1c_1_volume.nii"},
    "running": {"state": "done", "name": "simulated-healthy-volume.nii"},
    "failed": _SURE | {"case": "STUDY-05"},
}
"""What scenes show, and what a prediction of each kind is like. Models differ: the one that fits best is taken."""


@dataclass
class Stage:
    """The filled site: predictions by kind, and the cases that scenes open."""

    site: Site
    predictions: dict[str, int] = field(default_factory=dict)
    cases: dict[str, int] = field(default_factory=dict)
    scans: dict[str, int] = field(default_factory=dict)

    def client(self, name: str) -> Client:
        return Client(self.site.url, self.site.token(name))


def filled(site: Site) -> Stage:
    """Fill it. Raises AssertionError where the site does not do what the tour tells of it."""
    site.manage("shell", "-c", _PEOPLE)
    site.manage("load_demo", "--user", OWNER)
    stage = Stage(site)
    owner = stage.client(OWNER)
    _upload(stage, owner, samples.slices(0, series=True), case="STUDY-07")
    _upload(stage, owner, samples.healthy((0.5, 0.45, 0.6)), case="STUDY-08")
    _upload(stage, owner, [("chart.png", samples.drawing())], case="STUDY-08")
    _upload(stage, owner, samples.healthy((0.55, 0.6, 0.42))[:2], case="STUDY-05")
    _upload(stage, owner, samples.healthy((0.42, 0.5, 0.5))[:1], case="STUDY-04")
    _choose(stage, owner)
    _read(stage)
    _keep_house(stage, owner)
    site.manage("shell", "-c", _FAILED.format(pk=stage.predictions["failed"]))
    return stage


def _upload(stage: Stage, client: Client, files: list[tuple[str, bytes]], *, case: str) -> None:
    status, receipt = client.upload(*files, case=case)
    assert status == 201, receipt
    stage.cases[case] = receipt["case_id"]


def _choose(stage: Stage, client: Client) -> None:
    """Wait for all results, and name one of each kind."""
    _, listing = client.get("/api/v1/predictions/?page_size=200&ordering=id")
    rows = [client.wait(row["id"], seconds=300) for row in listing["results"]]
    for row in rows:
        stage.cases.setdefault(row["case"], row["case_id"])
    kinds: dict[str, dict[str, Any]] = {}
    for kind, wanted in KINDS.items():
        left = [row for row in rows if row not in kinds.values()]
        kinds[kind] = max(left, key=lambda row: sum(row[name] == value for name, value in wanted.items()))
    stage.predictions = {kind: row["id"] for kind, row in kinds.items()}
    stage.scans = {kind: row["scan"] for kind, row in kinds.items()}


def _read(stage: Stage) -> None:
    """Signed readings: one that agrees, two that do not, and a few of the rest of the list."""
    first, second = stage.client(OPEN), stage.client(SECOND)
    tumor = {"finding": "tumor", "type": "glioma", "confidence": "high"}
    comment = "Ring-enhancing lesion with edema, right frontal lobe."
    place = {"box": [0.55, 0.24, 0.76, 0.46]}
    _sign(first, stage.predictions["tumor"], tumor | {"comment": comment, "location": place})
    _sign(first, stage.predictions["disputed"], tumor | {"confidence": "medium"})
    doubt = {"finding": "no_tumor", "confidence": "low", "comment": "I take the rim for a vessel."}
    _sign(second, stage.predictions["disputed"], doubt)
    _sign(first, stage.predictions["no-tumor"], {"finding": "no_tumor", "confidence": "high"})


def _sign(reader: Client, prediction: int, opinion: dict[str, Any]) -> None:
    status, review = reader.post(
        "/api/v1/reviews/", json.dumps({"prediction": prediction, "state": "signed", **opinion}).encode()
    )
    assert status == 201, review


def _keep_house(stage: Stage, owner: Client) -> None:
    """Notes, labels, an assignment, saved views, and something in the trash."""
    case, assigned = stage.cases["SIM-LESION-1"], stage.cases["STUDY-07"]
    _ok(owner, f"/api/v1/cases/{case}/notes/", {"text": "Shown in the teaching round of Thursday."})
    _ok(owner, f"/api/v1/cases/{assigned}/notes/", {"text": "Second reading asked for."})
    _ok(owner, "/api/v1/assignments/", {"case_id": assigned, "user": SECOND})
    reader = stage.client(OPEN)
    _ok(reader, "/api/v1/views/", {"name": "Urgent", "query": "reading=unread&sort=triage"})
    _ok(reader, "/api/v1/views/", {"name": "Disagreements", "query": "reading=disagreement"})
    changed, _ = owner.send(
        "PATCH", f"/api/v1/cases/{case}/", json.dumps({"labels": ["teaching", "follow up"]}).encode()
    )
    deleted, _ = owner.send("DELETE", f"/api/v1/cases/{stage.cases['STUDY-04']}/")
    assert (changed, deleted) == (200, 204)


def _ok(client: Client, path: str, body: dict[str, Any]) -> None:
    status, answer = client.post(path, json.dumps(body).encode())
    assert status == 201, answer
