"""Upload: the plain form with many files, and the page's script, which sends one file per request."""

from typing import cast

from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from diagnosis import intake
from diagnosis.access import selectors
from diagnosis.access.users import User
from diagnosis.intake import Receipt, Upload
from diagnosis.intake.upload_handler import oversized
from diagnosis.models import Prediction
from diagnosis.presentation import estimates, labels
from diagnosis.views.forms import UploadForm

_RECENT = 8


@require_http_methods(["GET", "HEAD", "POST"])
def upload(request: HttpRequest) -> HttpResponse:
    """The form; on POST a row for each file.

    200 if any file was accepted, 413 if all were too large, 503 if the site is busy, else 400.
    """
    user = cast(User, request.user)
    if request.method != "POST":
        return _page(request, UploadForm(initial=_initial(request)))
    files, dropped = request.FILES.getlist("files"), oversized(request)
    form = UploadForm(request.POST)
    if not form.is_valid():
        return _refuse(request, form)
    if not files and not dropped:
        form.add_error("files", "No file was sent. Choose at least one scan.")
        return _refuse(request, form)
    try:
        receipt = intake.receive(
            user=user,
            files=cast("list[Upload]", files),
            oversized=dropped,
            reference=form.cleaned_data["case"],
            confirmed=form.cleaned_data["confirmed"],
        )
    except ValidationError as error:
        form.add_error(None, error)
        return _refuse(request, form)
    except intake.Busy as busy:
        form.add_error(None, str(busy))
        return _with_retry_after(_refuse(request, form, status=503), busy)
    return _answer(request, receipt)


def _initial(request: HttpRequest) -> dict[str, str]:
    wanted = request.GET.get("case", "")
    return {"case": wanted[:64]} if wanted else {}


def _answer(request: HttpRequest, receipt: Receipt) -> HttpResponse:
    status = 200 if receipt.accepted else 413 if receipt.all_too_large else 400
    rows = _rows(request, receipt)
    if _wants_rows(request):
        return render(request, "diagnosis/_fragments/upload_rows.html", rows, status=status)
    initial = {"case": receipt.case.reference} if receipt.case else {"case": request.POST.get("case", "")}
    return _page(request, UploadForm(initial=initial), status=status, **rows)


def _rows(request: HttpRequest, receipt: Receipt) -> dict[str, object]:
    """Context of the row templates: accepted predictions, each with the scan it duplicates, and rejected files."""
    ids = [accepted.prediction.pk for accepted in receipt.accepted]
    statuses = labels.with_calibration(selectors.statuses(request.user, prediction_ids=ids)) if ids else ()
    known = {row.pk: row for row in estimates.with_estimates(statuses, look_up=True)}
    uploaded: list[Prediction] = []
    for accepted in receipt.accepted:
        row = known.get(accepted.prediction.pk)
        if row is None or row in uploaded:
            continue
        row.uploaded_as = accepted.name  # type: ignore[attr-defined]
        row.left_out = [note for note in accepted.notes if note.startswith("Left out")]  # type: ignore[attr-defined]
        row.duplicate_of = accepted.duplicate_of  # type: ignore[attr-defined]
        row.stored_again = accepted.duplicate_of is None or accepted.duplicate_of.pk != accepted.scan.pk  # type: ignore[attr-defined]
        uploaded.append(row)
    active = any(row.is_active for row in uploaded)
    return {"uploaded": uploaded, "rejected": receipt.rejected, "active": active, "view": "upload"}


def _with_retry_after(response: HttpResponse, busy: intake.Busy) -> HttpResponse:
    response.headers["Retry-After"] = str(busy.seconds)
    return response


def _refuse(request: HttpRequest, form: UploadForm, *, status: int = 400) -> HttpResponse:
    if _wants_rows(request):
        sentences = " ".join(str(text) for texts in form.errors.values() for text in texts)
        name = next((file.name for file in request.FILES.getlist("files")), "")
        rejected = [{"name": name, "code": "invalid", "detail": sentences}]
        return render(request, "diagnosis/_fragments/upload_rows.html", {"rejected": rejected}, status=status)
    return _page(request, form, status=status)


def _wants_rows(request: HttpRequest) -> bool:
    """The page's script gets only the rows, which it puts in place of its own."""
    return request.headers.get("X-Requested-With") == "XMLHttpRequest"


def _page(request: HttpRequest, form: UploadForm, *, status: int = 200, **rows: object) -> HttpResponse:
    own_cases = selectors.cases(request.user).filter(owner=request.user.pk)[:_RECENT]
    context = {
        "form": form,
        "recent": own_cases,
        "samples": {} if rows else _samples(request),
        "view": "upload",
    }
    return render(request, "diagnosis/upload.html", context | rows, status=status)


def _samples(request: HttpRequest) -> dict[str, object]:
    """Simulated cases, offered until the user can see a real scan."""
    if selectors.scans(request.user).filter(case__simulated=False).exists():
        return {}
    return {"offered": True, "cases": selectors.cases(request.user).filter(simulated=True)[:3]}
