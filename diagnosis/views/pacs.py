"""Pages for the hospital's archive: fetch a study, download a result as DICOM, send a result."""

from typing import cast

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from diagnosis import intake
from diagnosis.access import selectors
from diagnosis.access.users import User
from diagnosis.dicom import export, retrieve
from diagnosis.dicom.errors import PacsError, SendForbidden
from diagnosis.presentation.missing import FileMissing


@sensitive_post_parameters("accession")
@require_http_methods(["GET", "HEAD", "POST"])
def pull_page(request: HttpRequest) -> HttpResponse:
    """A form for an accession number. POST fetches the study and redirects to its case."""
    if request.method != "POST":
        return render(request, "diagnosis/archive.html")
    try:
        receipt = retrieve.fetch_study(user=cast(User, request.user), accession=request.POST.get("accession", ""))
    except retrieve.Interrupted as error:
        messages.warning(request, error.message)
        receipt = error.receipt
    except PacsError as error:
        return render(request, "diagnosis/archive.html", {"error": error.message}, status=400)
    except (intake.Busy, intake.NoRoom) as error:
        status = 503 if isinstance(error, intake.Busy) else 507
        response = render(request, "diagnosis/archive.html", {"error": str(error)}, status=status)
        response.headers["Retry-After"] = str(error.seconds)
        return response
    if receipt.case is None:
        return render(request, "diagnosis/archive.html", {"rejected": receipt.rejected}, status=400)
    if receipt.rejected:
        messages.warning(request, f"{len(receipt.rejected)} images were set aside. {receipt.rejected[0].detail}")
    return redirect(receipt.case)


@require_safe
def download(request: HttpRequest, prediction_id: int) -> HttpResponseBase:
    """The report and the captures as a ZIP archive."""
    prediction = get_object_or_404(selectors.result(request.user, prediction_id=prediction_id))
    try:
        packed, name = export.download(user=request.user, prediction=prediction)
    except PacsError as error:
        messages.warning(request, error.message)
        return redirect(prediction)
    except FileNotFoundError as error:
        raise FileMissing from error
    return FileResponse(packed, as_attachment=True, filename=name)


@require_POST
def send(request: HttpRequest, prediction_id: int) -> HttpResponse:
    """Send the report and the captures to the archive, and return to the result."""
    prediction = get_object_or_404(selectors.result(request.user, prediction_id=prediction_id))
    try:
        sent = export.send(user=cast(User, request.user), prediction=prediction)
    except SendForbidden:
        raise PermissionDenied from None
    except PacsError as error:
        messages.error(request, error.message)
    except FileNotFoundError as error:
        raise FileMissing from error
    else:
        messages.success(request, f"The archive has the result: {sent} objects.")
    return redirect(prediction)
