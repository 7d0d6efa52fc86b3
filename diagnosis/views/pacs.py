"""The archive of the hospital, from the pages: fetch a study, take a result along as DICOM, send it there."""

from typing import cast

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from diagnosis import intake
from diagnosis.access import audit, selectors
from diagnosis.access.permissions import may_change
from diagnosis.access.users import User
from diagnosis.dicom import dicomweb, export, retrieve
from diagnosis.dicom.errors import NeighborError


@sensitive_post_parameters("accession")
@require_http_methods(["GET", "HEAD", "POST"])
def pull_page(request: HttpRequest) -> HttpResponse:
    """A form for an accession number; on POST the case that the study's pictures went to."""
    if request.method != "POST":
        return render(request, "diagnosis/archive.html")
    try:
        with dicomweb.configured() as archive:
            asked = request.POST.get("accession", "")
            receipt = retrieve.pull(user=cast(User, request.user), accession=asked, archive=archive)
    except retrieve.Interrupted as error:
        messages.warning(request, error.message)
        receipt = error.receipt
    except NeighborError as error:
        return render(request, "diagnosis/archive.html", {"error": error.message}, status=400)
    except intake.Busy as busy:
        response = render(request, "diagnosis/archive.html", {"error": str(busy)}, status=503)
        response.headers["Retry-After"] = str(busy.seconds)
        return response
    if receipt.case is None:
        return render(request, "diagnosis/archive.html", {"rejected": receipt.rejected}, status=400)
    if receipt.rejected:
        messages.warning(request, f"{len(receipt.rejected)} pictures were set aside. {receipt.rejected[0].detail}")
    return redirect(receipt.case)


@require_safe
def download(request: HttpRequest, prediction_id: int) -> HttpResponseBase:
    """Report and captures as a ZIP archive. Each download is audited."""
    found = get_object_or_404(selectors.result(request.user, prediction_id=prediction_id))
    try:
        packed = export.pack(export.result_of(request.user, found))
    except NeighborError as error:
        messages.warning(request, error.message)
        return redirect(found)
    except FileNotFoundError as error:
        raise Http404("the scan's file is gone from the storage") from error
    audit.record("dicom.downloaded", actor=request.user, target=found, kinds=list(export.KINDS))
    return FileResponse(packed, as_attachment=True, filename=f"prediction-{found.pk}-dicom.zip")


@require_POST
def send(request: HttpRequest, prediction_id: int) -> HttpResponse:
    """Report and captures to the archive, and back to the result."""
    found = get_object_or_404(selectors.result(request.user, prediction_id=prediction_id))
    if not may_change(request.user, found.scan.case):
        raise PermissionDenied
    try:
        with dicomweb.configured() as archive:
            sent = export.send(user=cast(User, request.user), prediction=found, archive=archive)
    except NeighborError as error:
        messages.error(request, error.message)
    except FileNotFoundError as error:
        raise Http404("the scan's file is gone from the storage") from error
    else:
        messages.success(request, f"The archive has the result: {sent} objects.")
    return redirect(found)
