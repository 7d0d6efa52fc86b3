"""One result of each kind on a running site, whatever the model would say of the images."""

import json
from typing import Any

from tests.builders import nifti_bytes, phantom, png_bytes
from tests.verification.client import Client
from tests.verification.services import Site

CASE = "KINDS"
_NOTHING: dict[str, Any] = {
    "outcome": "", "uncertain": False, "tumor_probability": None, "type_probabilities": None, "evidence": None,
    "gate": None, "series": None, "key_slice": None, "error": "", "error_code": "", "progress": 0,
}  # fmt: skip
"""A worker may have been faster than the cancellation, so no result of its own is left."""
KINDS: dict[str, dict[str, Any]] = {
    "tumor": {"state": "done", "outcome": "tumor", "tumor_probability": 0.94},
    "uncertain": {"state": "done", "outcome": "tumor", "uncertain": True, "tumor_probability": 0.48},
    "no_tumor": {"state": "done", "outcome": "no_tumor", "tumor_probability": 0.04},
    "refused": {
        "state": "refused",
        "outcome": "refused",
        "gate": {"accepted": False, "reason": "not_brain_mri", "message": "This does not look like a brain MRI: " * 3},
    },
    "failed": {"state": "failed", "error_code": "timeout", "error": "Reading this image took too long."},
    "canceled": {"state": "canceled"},
    "waiting": {"state": "queued"},
    "running": {"state": "running"},
    "series": {
        "state": "done",
        "outcome": "tumor",
        "tumor_probability": 0.97,
        "progress": 12,
        "series": {"runs": [[3, 6]], "extent": [3, 6], "accepted": 12, "top": [4, 5]},
    },
}

_SET = """
import json
from django.utils import timezone
from diagnosis.models import Heartbeat, Prediction
for id, fields in json.loads({changes!r}):
    fields["finished"] = None if fields["state"] in ("queued", "running") else timezone.now()
    if fields["state"] == "running":
        fields |= {{"started": timezone.now(), "worker": Heartbeat.objects.filter(role="worker").values("pk")[:1]}}
    if fields["state"] == "queued":
        fields["not_before"] = timezone.now() + timezone.timedelta(hours=1)
    Prediction.objects.filter(pk=id).update(**fields)
"""


def one_of_each(site: Site, *, case: str = CASE, seed: int = 2000) -> dict[str, int]:
    """Id of the prediction by kind. The images are new to the site; no run of the model is waited for."""
    client = Client(site.url, site.token())
    images = [
        (f"a scan with a name as long as some archives give it, {kind}.png", png_bytes(phantom(128, seed=seed)))
        for seed, kind in enumerate((kind for kind in KINDS if kind != "series"), start=seed)
    ]
    volume = ("series.nii", nifti_bytes(12, size=64))
    ids = []
    for name, data in [*images, volume]:
        status, receipt = client.upload((name, data), case=case)
        assert status == 201, receipt
        ids.append(receipt["scans"][0]["prediction"]["id"])
    client.post("/api/v1/predictions/bulk/", json.dumps({"action": "cancel", "ids": ids}).encode())
    for number in ids:
        client.wait(number)
    kinds = [*(kind for kind in KINDS if kind != "series"), "series"]
    found = dict(zip(kinds, ids, strict=True))
    _set(site, [(found[kind], fields) for kind, fields in KINDS.items()])
    return found


def cancel(site: Site, ids: list[int]) -> None:
    """Make them canceled, also those with which the worker was faster."""
    client = Client(site.url, site.token())
    for number in ids:
        client.wait(number)
    _set(site, [(number, KINDS["canceled"]) for number in ids])


def _set(site: Site, changes: list[tuple[int, dict[str, Any]]]) -> None:
    text = json.dumps([(number, _NOTHING | fields) for number, fields in changes])
    site.manage("shell", "-c", _SET.format(changes=text))
