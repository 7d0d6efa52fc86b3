"""Upload: the plain form with many files, and the page's script, which sends one file per request."""

import uuid
from typing import cast

from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from diagnosis import intake
from diagnosis.access import selectors
from diagnosis.access.users import User
from diagnosis.intake import Receipt, Upload, free_space, namesakes
from diagnosis.intake.upload_handler import oversized, require_room
from diagnosis.models import UploadRow
from diagnosis.presentation import upload_list
from diagnosis.uploads import rows as upload_rows
from diagnosis.views.forms import UploadForm
from diagnosis.views.status import ids_in

_RECENT = 8
MAX_IMAGES = 60
"""Images of one upload that ask about their text and are shown; the next ones are asked once these are answered."""


@require_http_methods(["GET", "HEAD", "POST"])
def upload(request: HttpRequest) -> HttpResponse:
    """The form and the person's upload list; on POST a row for each file.

    To a script the rows alone: 200 if any file was accepted, 409 if another owner's case has the reference, 413 if all
    were too large, 503 if the site is busy, 507 if its disk is full, else 400. To a browser the page with these.
    """
    user = cast(User, request.user)
    if request.method != "POST":
        return _page(request, UploadForm(initial=_initial(request)))
    files, dropped = request.FILES.getlist("files"), oversized(request)
    form = UploadForm(request.POST)
    if not form.is_valid():
        return _refuse(request, form)
    try:
        require_room(request)
        if not files and not dropped:
            form.add_error("files", "No file was sent. Choose at least one scan.")
            return _refuse(request, form)
        receipt = intake.receive(
            user=user,
            files=cast("list[Upload]", files),
            oversized=dropped,
            reference=form.cleaned_data["case"],
            confirmed=form.cleaned_data["confirmed"]
            or upload_rows.confirmed(user, ids=ids_in(request.POST.getlist("looked_at"))),
            images=MAX_IMAGES,
            refuse_namesakes=not form.cleaned_data["own_case"],
        )
    except namesakes.ReferenceInUse as error:
        form.add_error("case", str(error))
        return _refuse(request, form, status=409, in_use=error)
    except ValidationError as error:
        form.add_error(None, error)
        return _refuse(request, form)
    except (intake.Busy, intake.NoRoom) as error:
        form.add_error(None, str(error))
        status = 503 if isinstance(error, intake.Busy) else 507
        return _with_retry_after(_refuse(request, form, status=status), error)
    rows = upload_rows.record(
        user, key=_key(request), file_name=_file_name(request), reference=form.cleaned_data["case"], receipt=receipt
    )
    return _answer(request, receipt, rows)


def _initial(request: HttpRequest) -> dict[str, str]:
    wanted = request.GET.get("case", "")
    return {"case": wanted[:64]} if wanted else {}


def _key(request: HttpRequest) -> uuid.UUID:
    """The name that the page gave the file; the plain form gives none."""
    try:
        return uuid.UUID(request.POST.get("key", ""))
    except ValueError:
        return uuid.uuid4()


def _file_name(request: HttpRequest) -> str:
    """The name of the file that was sent, "" if there were several."""
    names = [*(file.name or "" for file in request.FILES.getlist("files")), *oversized(request)]
    return intake.clean_name(names[0]) if len(names) == 1 else ""


def _answer(request: HttpRequest, receipt: Receipt, rows: list[UploadRow]) -> HttpResponse:
    status = 200 if receipt.accepted else 413 if receipt.all_too_large else 400
    if wants_rows(request):
        return _rows(request, rows, status=status)
    initial = {"case": receipt.case.reference} if receipt.case else {"case": request.POST.get("case", "")}
    return _page(request, UploadForm(initial=initial), status=status)


def _rows(request: HttpRequest, rows: list[UploadRow], *, status: int) -> HttpResponse:
    shown = selectors.upload_rows(request.user).filter(pk__in=[row.pk for row in rows])
    context = {"rows": upload_list.with_results(list(shown), user=request.user), "view": "upload"}
    return render(request, "diagnosis/_fragments/upload_rows.html", context, status=status)


def _with_retry_after(response: HttpResponse, error: intake.Busy | intake.NoRoom) -> HttpResponse:
    response.headers["Retry-After"] = str(error.seconds)
    return response


def _refuse(
    request: HttpRequest, form: UploadForm, *, status: int = 400, in_use: namesakes.ReferenceInUse | None = None
) -> HttpResponse:
    """The form with what is wrong in it. A script gets the sentence alone: its file waits, or has a row already."""
    if wants_rows(request):
        sentences = " ".join(str(text) for texts in form.errors.values() for text in texts)
        context = {"detail": sentences, "case": "case" in form.errors}
        return render(request, "diagnosis/_fragments/upload_refused.html", context, status=status)
    return _page(request, form, status=status, in_use=in_use)


def wants_rows(request: HttpRequest) -> bool:
    """The page's script gets only the rows, which it puts in place of its own."""
    return request.headers.get("X-Requested-With") == "XMLHttpRequest"


def _page(request: HttpRequest, form: UploadForm, *, status: int = 200, **more: object) -> HttpResponse:
    own_cases = selectors.cases(request.user).filter(owner=request.user.pk)[:_RECENT]
    rows = upload_list.listing(request.user)
    upload_rows.mark_seen(row for row in rows if upload_list.is_seen(row))
    context = {
        "form": form,
        "rows": rows,
        "counts": upload_list.counts(rows),
        "active": any(row.p and row.p.is_active for row in rows),  # type: ignore[attr-defined]
        "recent": own_cases,
        "no_room": "" if free_space.status().enough else str(intake.NoRoom()),
        "samples": {} if rows else _samples(request),
        "view": "upload",
    }
    return render(request, "diagnosis/upload.html", context | more, status=status)


def _samples(request: HttpRequest) -> dict[str, object]:
    """Simulated cases, offered until the user can see a real scan."""
    if selectors.scans(request.user).filter(case__simulated=False).exists():
        return {}
    return {"offered": True, "cases": selectors.cases(request.user).filter(simulated=True)[:3]}
