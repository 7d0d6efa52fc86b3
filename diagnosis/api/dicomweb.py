"""STOW-RS endpoint, where an archive or a script stores DICOM objects; `diagnosis.dicom.stow` does the work."""

from collections.abc import Callable
from typing import Any, cast

from django.http import HttpResponseBase, JsonResponse
from pydicom.uid import UID
from rest_framework.exceptions import NotFound, ParseError, UnsupportedMediaType
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.views import APIView

from diagnosis.access.users import User
from diagnosis.api.negotiation import IgnoreAccept
from diagnosis.dicom import multipart, stow
from diagnosis.models.api_token import Scope

MEDIA_TYPE = "application/dicom+json"


class UnparsedBody(BaseParser):
    """Leaves the body unread, so that `stow` can stream it."""

    media_type = "multipart/related"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> dict[str, Any]:
        return {}


class StoreView(APIView):
    """POST /dicomweb/studies, and /dicomweb/studies/{study}, which accepts objects of that study only."""

    token_scope = Scope.UPLOAD
    parser_classes = (UnparsedBody,)
    content_negotiation_class = IgnoreAccept
    schema = None  # described by the DICOM standard; docs/dicom.md lists what is supported

    def post(self, request: Request, study: str = "") -> HttpResponseBase:
        if study and not UID(study).is_valid:
            raise NotFound("A study's address ends with its Study Instance UID.")
        try:
            boundary = multipart.find_boundary(request.content_type, part_type=stow.DICOM)
            if boundary is None:
                raise UnsupportedMediaType(
                    request.content_type, 'Send multipart/related; type="application/dicom" with DICOM files as parts.'
                )
            response = stow.store(
                user=cast(User, request.user), read=_body_reader(request), boundary=boundary, study=study
            )
        except multipart.Malformed as error:
            raise ParseError(f"The multipart body cannot be read: {error}.") from error
        if not response.outcomes and not response.other_failures:
            raise ParseError("The request holds no part.")
        return JsonResponse(response.as_json(), status=response.status, content_type=MEDIA_TYPE)


def _body_reader(request: Request) -> Callable[[int], bytes]:
    """A function that reads the body. Archives send chunked bodies, which Django reads as empty: it needs a length."""
    environ = request._request.META
    chunked = "chunked" in request.headers.get("Transfer-Encoding", "").lower()
    if chunked and environ.get("wsgi.input_terminated"):
        return cast(Callable[[int], bytes], environ["wsgi.input"].read)
    return request._request.read
