"""Changes on a case's page: reference and labels, notes, moving a scan to another case; and the case's activity."""

from typing import cast

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from diagnosis.access import pagination, selectors, timeline
from diagnosis.access.permissions import may_change
from diagnosis.access.users import User
from diagnosis.cases import moving, notes
from diagnosis.cases.errors import CaseForbidden, CaseRefused
from diagnosis.models.case_note import MAX_LABELS
from diagnosis.presentation.timeline import entries

EVENTS_A_PAGE = 50
NEWEST_FIRST = pagination.Order("id", int, descending=True)
_SUGGESTED = 50


@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: HttpRequest, case_id: int) -> HttpResponse:
    """Rename and label a case. A refused change answers 400 with the form as it was sent.

    What the form showed and nobody changed in it stays as it is now, as another tab may have changed that.
    """
    case = get_object_or_404(selectors.cases(request.user).prefetch_related("labels"), pk=case_id)
    if not may_change(request.user, case):
        raise PermissionDenied
    now = {"reference": case.reference, "labels": ", ".join(label.text for label in case.labels.all())}
    sent = {name: request.POST.get(name, value) for name, value in now.items()}
    shown = {f"shown_{name}": request.POST.get(f"shown_{name}", value) for name, value in now.items()}
    context = {"case": case, "most": MAX_LABELS, **sent, **shown}
    if request.method != "POST":
        return render(request, "diagnosis/case_edit.html", context)
    try:
        typed = {name: text for name, text in sent.items() if text != shown[f"shown_{name}"]}
        labels = typed["labels"].split(",") if "labels" in typed else None
        notes.change(case, actor=cast(User, request.user), reference=typed.get("reference"), labels=labels)
    except CaseForbidden:
        raise PermissionDenied from None
    except CaseRefused as error:
        field = "labels" if "label" in error.code else "reference"
        return render(request, "diagnosis/case_edit.html", {**context, f"{field}_error": error.message}, status=400)
    messages.success(request, "The case is changed.")
    return redirect(case)


@require_POST
def add_note(request: HttpRequest, case_id: int) -> HttpResponse:
    """Append a note. One that is refused comes back in the form, so that no text is lost."""
    case = get_object_or_404(selectors.cases(request.user), pk=case_id)
    text = request.POST.get("text", "")
    try:
        notes.add_note(case, author=cast(User, request.user), text=text)
    except CaseForbidden:
        raise PermissionDenied from None
    except CaseRefused as error:
        context = {"case": case, "text": text, "error": error.message}
        return render(request, "diagnosis/note.html", context, status=400)
    return redirect(f"{case.get_absolute_url()}#notes")


@require_http_methods(["GET", "HEAD", "POST"])
def move(request: HttpRequest, scan_id: int) -> HttpResponse:
    """Move a scan to another case of its owner. A refused move answers 400 with the form as it was sent."""
    scan = get_object_or_404(selectors.scans(request.user), pk=scan_id)
    if not may_change(request.user, scan.case):
        raise PermissionDenied
    others = selectors.cases(request.user).filter(owner=scan.case.owner_id).exclude(pk=scan.case_id)
    reference = request.POST.get("case", "")
    context: dict[str, object] = {"scan": scan, "others": others[:_SUGGESTED], "reference": reference}
    if request.method != "POST":
        return render(request, "diagnosis/move.html", context)
    opens = request.POST.get("open") == "on"
    try:
        target = moving.move_by_reference(scan, reference=reference, actor=cast(User, request.user), open_new=opens)
    except CaseForbidden:
        raise PermissionDenied from None
    except CaseRefused as error:
        context |= {"error": error.message, "unknown": error.code == "unknown_case", "opens": opens}
        return render(request, "diagnosis/move.html", context, status=400)
    messages.success(request, f"{scan} is in the case {target} now.")
    return redirect(target)


@require_safe
def activity(request: HttpRequest, case_id: int) -> HttpResponse:
    """Who did what with a case, newest first."""
    case = get_object_or_404(selectors.cases(request.user), pk=case_id)
    shown = timeline.events(request.user, case=case)
    page = pagination.page(shown, order=NEWEST_FIRST, data=request.GET, size=EVENTS_A_PAGE)
    context = {"case": case, "page": page, "entries": entries(request.user, page.rows)}
    return render(request, "diagnosis/activity.html", context)
