"""Events of a case as sentences: who did what, and nothing about what a model or a reader found."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from diagnosis.access import selectors
from diagnosis.access.users import AnyUser
from diagnosis.models import AuditEvent, Prediction, Review

_SENTENCES = {
    "case.opened": "opened the case",
    "case.deleted": "moved the case to the trash",
    "case.restored": "restored the case",
    "case.renamed": "renamed the case from {former} to {reference}",
    "case.labeled": "set the labels",
    "case.noted": "wrote a note",
    "case.handed_over": "handed the case over from {former_owner} to {owner}",
    "case.assigned": "assigned the case to {to}",
    "case.unassigned": "withdrew the assignment to {to}",
    "list.exported": "exported the case",
    "scan.uploaded": "uploaded",
    "scan.repeated": "uploaded again",
    "scan.extended": "added a slice to",
    "scan.split": "set slices apart as",
    "scan.deleted": "moved to the trash",
    "scan.restored": "restored",
    "scan.moved": "moved from {former} to {case}",
    "prediction.retried": "started again the run on",
    "prediction.canceled": "canceled the run on",
    "prediction.reopened": "added slices, so that it is judged again, to",
    "file.downloaded": "downloaded the file of",
    "overlay.downloaded": "downloaded the marked image of",
    "dicom.downloaded": "downloaded DICOM objects of",
    "result.sent": "sent to the archive",
    "report.downloaded": "downloaded the report on",
    "fhir.downloaded": "downloaded the FHIR report on",
    "review.committed": "committed a reading of",
    "review.signed": "signed a reading of",
    "review.amended": "amended a reading of",
}

_CASES_OF_A_MOVE = ("former", "case")


@dataclass(frozen=True, slots=True)
class Entry:
    """scan: its id, None for the case itself and for a scan that is not to be seen. name: of the scan."""

    at: datetime
    actor: str
    text: str
    name: str = ""
    scan: int | None = None


def entries(user: AnyUser, events: Sequence[AuditEvent]) -> list[Entry]:
    """The events as sentences, in their order. At most four queries, however many there are."""
    scans = _scans(events)
    names = dict(selectors.scans(user).filter(pk__in=scans.values()).order_by().values_list("pk", "name"))
    details = _without_unseen_cases(user, events)
    return [
        _entry(event, details[event.pk], scans.get((event.target_type, event.target_id)), names) for event in events
    ]


def _without_unseen_cases(user: AnyUser, events: Sequence[AuditEvent]) -> dict[int, dict[str, Any]]:
    """The details of each event. A scan takes its events along: they may name a case that `user` does not see."""
    details: dict[int, dict[str, Any]] = {event.pk: dict(event.details) for event in events}
    moved = [details[event.pk] for event in events if event.action == "scan.moved" and event.actor_id != user.pk]
    if moved:
        named = {int(one.get(f"{name}_id", 0)) for one in moved for name in _CASES_OF_A_MOVE}
        seen = set(selectors.cases(user).filter(pk__in=named).order_by().values_list("pk", flat=True))
        for one in moved:
            one |= {name: "another case" for name in _CASES_OF_A_MOVE if one.get(f"{name}_id") not in seen}
    return details


def _entry(event: AuditEvent, details: dict[str, Any], scan: int | None, names: dict[int, str]) -> Entry:
    name = names.get(scan, event.target if event.target_type == "scan" else "") if scan is not None else ""
    return Entry(event.at, event.actor, _sentence(event.action, details), name, scan if scan in names else None)


def _sentence(action: str, details: dict[str, Any]) -> str:
    known = _SENTENCES.get(action)
    if known is None:
        thing, _, verb = action.partition(".")
        return f"{verb} ({thing})".replace("_", " ")
    try:
        return known.format(**details)
    except KeyError:  # an old row, from before the detail was kept
        return known.partition(" from {")[0].partition(" to {")[0]


def _scans(events: Sequence[AuditEvent]) -> dict[tuple[str, str], int]:
    """The scan of each target."""
    found = {("scan", event.target_id): int(event.target_id) for event in events if event.target_type == "scan"}
    for target_type, model in (("prediction", Prediction), ("review", Review)):
        ids = [event.target_id for event in events if event.target_type == target_type]
        if ids:
            rows = model.objects.filter(pk__in=ids).order_by().values_list("pk", "scan")
            found |= {(target_type, str(pk)): scan for pk, scan in rows}
    return found
