"""Rows of every kind that the API speaks of, and requests that name them."""

from dataclasses import dataclass
from typing import Any

import schemathesis
from django.contrib.auth.models import Group
from hypothesis import strategies as st

from diagnosis.cases import notes, trash
from diagnosis.models import ApiToken, Assignment, AuditEvent, Case, Prediction, SavedView, Slice, SliceResult
from diagnosis.models.prediction import State
from tests.builders import nifti_bytes, phantom, png_bytes
from tests.embeddings import embed, past
from tests.factories import (
    CaseFactory,
    PredictionFactory,
    ReviewFactory,
    ScanFactory,
    UserFactory,
    digest,
    evidence,
    token_key,
)

KNOWN = 4
"""Of five ids, so many are of a row that is there."""


@dataclass(frozen=True)
class Rows:
    """Ids by the part of an address that they follow, and tokens of an administrator who owns the rows: one that allows
    all, and one that reads only."""

    ids: dict[str, list[int]]
    token: str
    reading: str

    def put_into(self, case: schemathesis.Case[Any], data: st.DataObject, *, valid: bool) -> None:
        """Name rows that are there. A request that has to be invalid keeps its body, its parameters, and a number that
        no row can have."""
        of = case.operation.path.split("/")[3]
        known = {"id": self.ids.get(of, []), "index": [0]}
        for name, number in case.path_parameters.items():
            if isinstance(number, int) and 0 <= number < 2**63 and data.draw(st.integers(0, KNOWN)):
                case.path_parameters[name] = data.draw(st.sampled_from(known[name]))
        if not valid:
            return
        if isinstance(case.body, dict) and case.media_type != "application/json":
            case.body = {name: sent for name, sent in case.body.items() if name.isidentifier()}  # as forms name fields
        for sent in (case.query, case.body):
            if isinstance(sent, dict):
                self._name_rows(sent, data)

    def _name_rows(self, sent: dict[str, Any], data: st.DataObject) -> None:
        if "case" in sent and "case_id" in sent:  # one of the two
            del sent[data.draw(st.sampled_from(["case", "case_id"]))]
        for name, kind in {"prediction": "predictions", "case_id": "cases", "model": "models", "scan": "scans"}.items():
            if name in sent:
                sent[name] = data.draw(st.sampled_from(self.ids[kind]))
        if "ids" in sent:
            sent["ids"] = data.draw(st.lists(st.sampled_from(self.ids["predictions"]), min_size=1))
        if "group" in sent:
            sent |= {"group": "reader", "user": ""}
        if "files" in sent and data.draw(st.booleans()):
            sent["files"] = [png_bytes(phantom(64))]


def every_kind() -> Rows:
    admin = UserFactory(username="root", is_staff=True, is_superuser=True)
    case, deleted = CaseFactory(owner=admin), CaseFactory(owner=admin)
    runs = [PredictionFactory(scan__case=case, state=state) for state in State]
    done = next(run for run in runs if run.state == State.DONE)
    embed(done)
    past(admin, done.model_version, 0.9)  # similar to it
    series = _series(case)
    notes.add_note(case, author=admin, text="Compare with the scan of May.")
    notes.set_labels(case, labels=["teaching"], actor=admin)
    lone = ScanFactory(case=case)
    trash.delete_scan(lone, actor=admin)
    trash.delete_case(deleted, actor=admin)
    readings = [
        ReviewFactory(scan=run.scan, reader=admin, state=state)
        for run, state in zip(runs, ("draft", "committed", "signed"), strict=False)
    ]
    group = Group.objects.get(name="reader")
    whole, reading = token_key(admin), token_key(admin, scopes=("read",))
    return Rows(
        ids={
            "cases": [case.pk, deleted.pk],
            "scans": [*(run.scan_id for run in runs), series.scan_id, lone.pk],
            "predictions": [*(run.pk for run in runs), series.pk],
            "assignments": [Assignment.objects.create(case=case, group=group, assigned_by=admin).pk],
            "views": [SavedView.objects.create(user=admin, name="Urgent", query="reading=unread").pk],
            "reviews": [reading.pk for reading in readings],
            "tokens": list(ApiToken.objects.values_list("pk", flat=True)),
            "audit": list(AuditEvent.objects.values_list("pk", flat=True)),
            "models": [run.model_version_id for run in runs],
        },
        token=whole,
        reading=reading,
    )


def _series(case: Case) -> Prediction:
    """A finished run over two slices, the first of which has evidence."""
    scan = ScanFactory(case=case, frames=2, format="NIFTI", name="volume.nii", data=nifti_bytes(2))
    run = PredictionFactory(scan=scan, progress=2, series={"accepted": 2, "top": [0], "extent": [0, 0]})
    for index in range(2):
        row = Slice.objects.create(
            scan=scan, index=index, frame=index, pixel_sha256=digest(index), preview=scan.preview.name
        )
        SliceResult.objects.create(
            prediction=run,
            slice=row,
            outcome="tumor",
            tumor_probability=0.9,
            evidence=None if index else evidence(),
            gate=run.gate,
        )
    return run
