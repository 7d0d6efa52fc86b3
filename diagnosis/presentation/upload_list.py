"""Rows of the upload list with what their pages show: the prediction that each became, and the scan that it repeats.

Both are read as the user may see them now, so a case that changed hands leaves a row that says so.
"""

from collections.abc import Iterable, Sequence

from diagnosis.access import selectors
from diagnosis.access.users import AnyUser
from diagnosis.models import Prediction, UploadRow
from diagnosis.models.upload_row import UploadState
from diagnosis.presentation import estimates, labels

SHOWN = 300
"""Rows on the page; further ones move up as rows above them are dismissed."""


def listing(user: AnyUser) -> list[UploadRow]:
    """The first rows of a user's list, ready for its templates. At most four queries."""
    return with_results(list(selectors.upload_rows(user)[:SHOWN]), user=user)


def with_results(rows: Sequence[UploadRow], *, user: AnyUser) -> list[UploadRow]:
    """The rows; each gets `p`, its prediction, and `repeats`, the other scan of the same image; None if not visible."""
    ids = {row.prediction_id for row in rows if row.prediction_id}
    found = labels.with_calibration(selectors.statuses(user, prediction_ids=ids)) if ids else ()
    predictions = {row.pk: row for row in estimates.with_estimates(found, look_up=True)}
    return _attach(rows, predictions, user=user)


def of_predictions(found: Iterable[Prediction], *, user: AnyUser) -> list[Prediction]:
    """The predictions; each gets `upload_rows`: the rows of the user's list that show it."""
    predictions = {row.pk: row for row in found}
    rows = list(selectors.upload_rows(user).filter(prediction__in=predictions)) if predictions else []
    for prediction in predictions.values():
        prediction.upload_rows = []  # type: ignore[attr-defined]
    for row in _attach(rows, predictions, user=user):
        row.p.upload_rows.append(row)  # type: ignore[attr-defined]
    return list(predictions.values())


def _attach(rows: Sequence[UploadRow], predictions: dict[int, Prediction], *, user: AnyUser) -> list[UploadRow]:
    repeated = {row.duplicate_of_id for row in rows if row.duplicate_of_id}
    scans = {scan.pk: scan for scan in selectors.scans(user).filter(pk__in=repeated)} if repeated else {}
    for row in rows:
        row.p = predictions.get(row.prediction_id or 0)  # type: ignore[attr-defined]
        row.repeats = scans.get(row.duplicate_of_id or 0)  # type: ignore[attr-defined]
    return list(rows)


def is_seen(row: UploadRow) -> bool:
    """Whether a row of `with_results` shows how its file ended, so that it need not stay for long."""
    p: Prediction | None = row.p  # type: ignore[attr-defined]
    return row.state in (UploadState.TAKEN, UploadState.KNOWN) and (p is None or not p.is_active)


def counts(rows: Iterable[UploadRow]) -> dict[str, int]:
    """How many rows are shown in each state."""
    found = dict.fromkeys((*UploadState.values, "asks"), 0)
    for row in rows:
        found[row.shown_state] += 1
    return found
