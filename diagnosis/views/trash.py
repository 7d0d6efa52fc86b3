"""Deleting a case or a scan, on a page that first says what goes with it; the trash, and restoring from it."""

from collections.abc import Callable
from datetime import datetime
from typing import cast

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from diagnosis.access import pagination, selectors
from diagnosis.access import trash as trashed
from diagnosis.access.permissions import may_change
from diagnosis.access.users import User
from diagnosis.cases import trash
from diagnosis.cases.errors import CaseForbidden, CaseRefused
from diagnosis.models import Case, Scan

ROWS_A_PAGE = 50
NEWEST_FIRST = pagination.Order("deleted", datetime, descending=True)


@require_safe
def trash_page(request: HttpRequest) -> HttpResponse:
    """What the user may restore: cases, or with `?show=scans` the scans that were deleted alone."""
    cases, scans = trashed.deleted_cases(request.user), trashed.deleted_scans(request.user)
    show = "scans" if request.GET.get("show") == "scans" else "cases"
    page = pagination.page(scans if show == "scans" else cases, order=NEWEST_FIRST, data=request.GET, size=ROWS_A_PAGE)
    context = {
        "page": page,
        "rows": [(row, trashed.kept_until(row)) for row in page],
        "show": show,
        "keep_days": settings.TRASH_DAYS,
        "counts": {"cases": cases.count(), "scans": scans.count()},
    }
    return render(request, "diagnosis/trash.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def delete_case(request: HttpRequest, case_id: int) -> HttpResponse:
    gone = trashed.deleted_cases(request.user).filter(pk=case_id).first()
    if request.method == "POST" and gone is not None:  # a second click
        return _now_in_trash(request, gone, after=reverse("cases"))
    case = get_object_or_404(selectors.cases(request.user), pk=case_id)
    return _delete(request, case, case=case, after=reverse("cases"))


@require_http_methods(["GET", "HEAD", "POST"])
def delete_scan(request: HttpRequest, scan_id: int) -> HttpResponse:
    gone = trashed.deleted_scans(request.user).filter(pk=scan_id).first()
    if request.method == "POST" and gone is not None:  # a second click
        return _now_in_trash(request, gone, after=gone.case.get_absolute_url())
    scan = get_object_or_404(selectors.scans(request.user), pk=scan_id)
    return _delete(request, scan, case=scan.case, after=scan.case.get_absolute_url())


def _delete(request: HttpRequest, target: Case | Scan, *, case: Case, after: str) -> HttpResponse:
    if not may_change(request.user, case):
        raise PermissionDenied
    if request.method != "POST":
        context = {
            "target": target,
            "case": case,
            "is_case": isinstance(target, Case),
            "contents": trash.contents(target),
            "back": target.get_absolute_url(),
            "keep_days": settings.TRASH_DAYS,
            "signed_days": settings.SIGNED_REVIEW_DAYS,
        }
        return render(request, "diagnosis/delete.html", context)
    user = cast(User, request.user)

    def act() -> None:
        if isinstance(target, Case):
            trash.delete_case(target, actor=user)
        else:
            trash.delete_scan(target, actor=user)

    return _now_in_trash(request, target, after=after) if _done(request, act) else redirect(after)


def _now_in_trash(request: HttpRequest, target: Case | Scan, *, after: str) -> HttpResponse:
    messages.success(request, f"{target} is in the trash, from where you can restore it.")
    return redirect(after)


@require_POST
def restore_case(request: HttpRequest, case_id: int) -> HttpResponse:
    back = selectors.cases(request.user).filter(pk=case_id).first()
    case = back or get_object_or_404(trashed.deleted_cases(request.user), pk=case_id)
    if _is_back(request, back) or _done(request, lambda: trash.restore_case(case, actor=cast(User, request.user))):
        messages.success(request, f"The case {case} is restored.")
    return redirect(case)


@require_POST
def restore_scan(request: HttpRequest, scan_id: int) -> HttpResponse:
    back = selectors.scans(request.user).filter(pk=scan_id).first()
    scan = back or get_object_or_404(trashed.deleted_scans(request.user), pk=scan_id)
    case = back.case if back else None
    if _is_back(request, case) or _done(request, lambda: trash.restore_scan(scan, actor=cast(User, request.user))):
        messages.success(request, f"The scan {scan} is restored.")
    return redirect(scan.case)


def _is_back(request: HttpRequest, case: Case | None) -> bool:
    """Whether a second click asks for what the first did. case: of what is out of the trash, None if nothing is.

    Raises PermissionDenied.
    """
    if case is not None and not may_change(request.user, case):
        raise PermissionDenied
    return case is not None


def _done(request: HttpRequest, act: Callable[[], None]) -> bool:
    """Whether it was done; else a message says why not. Raises PermissionDenied."""
    try:
        act()
    except CaseForbidden:
        raise PermissionDenied from None
    except CaseRefused as error:
        messages.warning(request, error.message)
        return False
    return True
