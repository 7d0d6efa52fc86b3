"""One action on several rows of the worklist. Each object is checked and audited as if it were the only one.

What the user may not see is not found; what they may see but not change is refused with the rule. The ids that came
with a request are never trusted.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from django.conf import settings

from diagnosis.access import selectors, sharing
from diagnosis.access.permissions import may_run
from diagnosis.access.refusals import Refused
from diagnosis.access.sharing import Assignee, SharingError
from diagnosis.access.users import User
from diagnosis.dicom import export
from diagnosis.dicom.errors import PacsError, SendForbidden
from diagnosis.inference import transitions
from diagnosis.models import Prediction
from diagnosis.presentation import missing

MAX_SELECTED = 200
"""Most rows that one request may name."""

MAX_SENT = 25
"""Results that one request sends to the archive: each takes it a second or more, and the page waits."""

DONE_WORDS = {"assign": "assigned", "retry": "queued again", "cancel": "canceled", "archive": "sent to the archive"}
"""The actions, each with the word for an object that it was done to."""


_NOT_FOUND = "There is no such scan, or you may not see it."
_LABELS = {"assign": "Assign", "retry": "Retry", "cancel": "Cancel", "archive": "Send to the archive"}


def offered() -> list[tuple[str, str]]:
    """The actions that this site can do, with their labels."""
    return [(name, label) for name, label in _LABELS.items() if name != "archive" or settings.DICOMWEB_URL]


class BulkRefused(Refused):
    """Why the whole action was refused."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A row that was left as it is: its id, its name if the user may see it, and why."""

    prediction: int
    name: str
    code: str
    detail: str


@dataclass(slots=True)
class Result:
    """Ids of the rows for which the action was done, and the others."""

    done: list[int] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)

    def by_reason(self) -> Mapping[str, list[Refusal]]:
        """The refusals under each reason."""
        found = defaultdict(list)
        for refusal in self.refused:
            found[refusal.detail].append(refusal)
        return found


def run(user: User, *, action: str, ids: Iterable[int], to_user: str = "", to_group: str = "") -> Result:
    """Do it for each prediction of `ids`, in their order in time. Raises BulkRefused if nothing can be done at all.

    to_user, to_group: names, for the action `assign`: one of the two.
    """
    wanted = list(dict.fromkeys(ids))
    _check(action, wanted)
    act = _assigning(user, to_user, to_group) if action == "assign" else _ACTIONS[action]
    rows = {row.pk: row for row in selectors.predictions(user).filter(pk__in=wanted).order_by("id")}
    result = Result()
    for pk in wanted:
        if pk not in rows:
            result.refused.append(Refusal(pk, "", "not_found", _NOT_FOUND))
    for pk, row in rows.items():
        try:
            act(user, row)
        except (Refused, PacsError) as error:
            result.refused.append(Refusal(pk, row.scan_name, error.code, error.message))
        else:
            result.done.append(pk)
    return result


def _check(action: str, ids: list[int]) -> None:
    if action not in DONE_WORDS:
        raise BulkRefused("unknown_action", f"Choose what to do: {', '.join(DONE_WORDS)}.")
    if not ids:
        raise BulkRefused("nothing_selected", "Select at least one scan.")
    most = MAX_SENT if action == "archive" else MAX_SELECTED
    if len(ids) > most:
        raise BulkRefused("too_many_selected", f"Select at most {most} scans at a time.")


def _assigning(user: User, to_user: str, to_group: str) -> Callable[[User, Prediction], None]:
    try:
        to = Assignee.named(user=to_user, group=to_group)
    except SharingError as error:
        raise BulkRefused(error.code, error.message) from error

    def assign(actor: User, row: Prediction) -> None:
        sharing.assign(row.scan.case, to=to, actor=actor)

    return assign


def _retry(user: User, row: Prediction) -> None:
    _check_may_run(user, row)
    if not transitions.retry(prediction=row, actor=user):
        raise Refused("conflict", "Only a failed or canceled run whose scan has no other result can be retried.")


def _cancel(user: User, row: Prediction) -> None:
    _check_may_run(user, row)
    if not transitions.cancel(prediction=row, actor=user):
        raise Refused("conflict", "Only a waiting or running analysis can be canceled.")


def _archive(user: User, row: Prediction) -> None:
    present = selectors.result(user, prediction_id=row.pk).first()
    if present is None:  # those before it have taken seconds
        raise Refused("not_found", _NOT_FOUND)
    try:
        export.send(user=user, prediction=present)
    except SendForbidden as error:
        raise Refused("permission_denied", error.message) from error
    except FileNotFoundError as error:
        raise Refused("file_missing", missing.FILE) from error


def _check_may_run(user: User, row: Prediction) -> None:
    if not may_run(user, row):
        raise Refused("permission_denied", "Only the case's owner, its assignees and administrators may do this.")


_ACTIONS: Mapping[str, Callable[[User, Prediction], None]] = {"retry": _retry, "cancel": _cancel, "archive": _archive}
