"""STOW-RS: how an archive or a script stores DICOM objects here. The work is done in `neighbors.stow`."""

from collections.abc import Callable
from typing import Any, cast

from django.http import HttpResponseBase, JsonResponse
from pydicom.uid import UID
from rest_framework.exceptions import NotFound, ParseError, UnsupportedMediaType
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.views import APIView

from diagnosis.access.users import User
from diagnosis.dicom import multipart, stow

MEDIA_TYPE = "application/dicom+json"


class Unparsed(BaseParser):
    """Leaves the body where it is: `stow` reads it as it comes in."""

    media_type = "multipart/related"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> dict[str, Any]:
        return {}


class OneAnswer(DefaultContentNegotiation):
    """Whatever the client says it accepts, it gets DICOM's JSON or a problem."""

    def select_renderer(self, request: Request, renderers: Any, format_suffix: Any = None) -> tuple[Any, str]:
        return renderers[0], renderers[0].media_type


class StoreView(APIView):
    """POST /dicomweb/studies, and /dicomweb/studies/{study}, which takes objects of that study alone."""

    parser_classes = (Unparsed,)
    content_negotiation_class = OneAnswer
    schema = None  # DICOM's own standard describes it; docs/dicom.md says how much of it holds here

    def post(self, request: Request, study: str = "") -> HttpResponseBase:
        if study and not UID(study).is_valid:
            raise NotFound("A study's address ends with its Study Instance UID.")
        try:
            boundary = multipart.boundary(request.content_type, of=stow.DICOM)
            if boundary is None:
                raise UnsupportedMediaType(
                    request.content_type, 'Send multipart/related; type="application/dicom" with DICOM files as parts.'
                )
            stored = stow.store(user=cast(User, request.user), read=_reader(request), boundary=boundary, study=study)
        except multipart.Malformed as error:
            raise ParseError(f"The multipart body cannot be read: {error}.") from error
        except stow.TooMany as error:
            raise ParseError("The request holds too many parts; send them in several.", "too_many_files") from error
        if not stored.fates and not stored.nameless:
            raise ParseError("The request holds no part.")
        return JsonResponse(stored.as_json(), status=stored.status, content_type=MEDIA_TYPE)


def _reader(request: Request) -> Callable[[int], bytes]:
    """Where the body comes from. Django gives no body that does not state its length; archives send such ones."""
    environ = request._request.META
    chunked = "chunked" in request.headers.get("Transfer-Encoding", "").lower()
    if chunked and environ.get("wsgi.input_terminated"):
        return cast(Callable[[int], bytes], environ["wsgi.input"].read)
    return request._request.read
