"""HTTP to the archive within limits that requests and dicomweb-client lack.

Responses are read up to a size and a deadline, redirects are not followed, and errors never quote a URL, because a URL
may contain an accession number.
"""

import io
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import requests
from django.conf import settings
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase, HTTPBasicAuth
from urllib3.exceptions import HTTPError as TransportError

from diagnosis.dicom import multipart
from diagnosis.dicom.errors import Refused, TooMuch, Unreachable
from diagnosis.dicom.spool import TooLarge

TIMEOUT = (10, 60)
"""Seconds to connect, and between two reads."""
RESPONSE_SECONDS = 300.0
"""For a whole response, even if it keeps trickling in."""
MAX_RESPONSE = 32 * 1024 * 1024
"""Bytes of a response to a search or store request."""


class BearerAuth(AuthBase):
    """The token as `auth` of a session: a plain header would be replaced by an entry in .netrc."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class _BoundedAdapter(HTTPAdapter):
    """Reads responses that are not streamed within the limits, before requests would read them without."""

    def send(self, request: requests.PreparedRequest, stream: bool = False, **options: Any) -> requests.Response:  # type: ignore[override]
        request.headers.pop("Host", None)  # dicomweb-client omits the port
        response = super().send(request, stream=True, **options)
        if not stream:
            body = bytearray()
            try:
                for chunk in chunks_of(bounded_reader(response)):
                    body += chunk
                    if len(body) > MAX_RESPONSE:
                        raise TooMuch("The archive's answer is too large.")
            finally:
                response.close()
            response.raw = io.BytesIO(bytes(body))
        return response


def open_session(auth: HTTPBasicAuth | BearerAuth | None) -> requests.Session:
    """A session with these limits."""
    session = requests.Session()
    session.auth = auth
    session.max_redirects = 0
    session.headers["Accept-Encoding"] = "identity"  # so that the limits apply to the size on the wire
    for scheme in ("http://", "https://"):
        session.mount(scheme, _BoundedAdapter())
    return session


def bounded_reader(response: requests.Response) -> Callable[[int], bytes]:
    """A function that reads the body until its deadline. It raises Unreachable."""
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise Unreachable("The archive compresses its answers although it was asked not to.")
    deadline = time.monotonic() + RESPONSE_SECONDS

    def read(count: int) -> bytes:
        if time.monotonic() > deadline:
            raise Unreachable("The archive's answer took too long.")
        return bytes(response.raw.read(count))

    return read


def chunks_of(read: Callable[[int], bytes]) -> Iterator[bytes]:
    while chunk := read(multipart.CHUNK):
        yield chunk


@contextmanager
def translated_errors() -> Iterator[None]:
    """Replace the libraries' errors, which quote URLs, with our own."""
    try:
        yield
    except requests.HTTPError as error:
        status = error.response.status_code if error.response is not None else 0
        if status in (401, 403):
            raise Refused(f"The archive denies access to this site (HTTP {status}).") from None
        raise Refused(f"The archive answered with an error (HTTP {status}).") from None
    except TooLarge:
        limit = settings.MAX_ARCHIVE_MB
        raise TooMuch(f"An object of the archive is larger than {limit} MB, the limit for one file.") from None
    except (requests.RequestException, TransportError, ConnectionError, TimeoutError) as error:
        raise Unreachable(f"The archive cannot be reached ({type(error).__name__}).") from None
    except (ValueError, KeyError, TypeError, AttributeError, multipart.Malformed):
        raise Unreachable("The archive's answer cannot be understood.") from None
