"""The one DICOMweb archive that the environment names: search, fetch, store.

dicomweb-client speaks the protocol; here stand the limits it does not have. Answers are read up to a size and up to a
moment, redirects are not followed, and an error never quotes an address, as an address may hold an accession number.
"""

import io
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

import requests
from dicomweb_client.web import DICOMwebClient
from django.conf import settings
from pydicom.dataset import Dataset
from pydicom.uid import UID
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase, HTTPBasicAuth
from urllib3.exceptions import HTTPError as TransportError

from diagnosis.dicom import multipart
from diagnosis.dicom.errors import NotConfigured, Refused, TooMuch, Unreachable
from diagnosis.dicom.spool import Piece, Spool, TooLarge
from diagnosis.dicom.stow import DICOM

CONNECT_SECONDS, READ_SECONDS = 10, 60
ANSWER_SECONDS = 300.0
"""For one whole answer, however steadily it drips."""
MAX_ANSWER = 32 * 1024 * 1024
"""Bytes of an answer to a search or to a store request."""
_PAGE = 200
_ACCEPT = f'multipart/related; type="{DICOM}"; transfer-syntax=*'


@dataclass(frozen=True, slots=True)
class Instance:
    """UIDs of one object, as the archive knows it."""

    study: str
    series: str
    instance: str


class Archive:
    """A connection to the archive. Everything raises Unreachable, Refused or TooMuch."""

    def __init__(self, url: str, *, token: str = "") -> None:
        parts = urlsplit(url)
        self._base = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])).rstrip("/")
        self._session = requests.Session()
        self._session.max_redirects = 0
        self._session.headers["Accept-Encoding"] = "identity"  # so that sizes are what they seem
        if token:
            self._session.auth = _Bearer(token)
        elif parts.username:
            self._session.auth = HTTPBasicAuth(unquote(parts.username), unquote(parts.password or ""))
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, _Bounded())
        with _translated():
            self._client = DICOMwebClient(
                self._base, session=self._session, timeout=(CONNECT_SECONDS, READ_SECONDS), permissive_uid=False
            )
        self._client.set_http_retry_params(retry=False)

    def close(self) -> None:
        self._session.close()

    def studies(self, accession: str) -> list[str]:
        """UIDs of the studies with this accession number, not more than a few."""
        with _translated():
            found = self._client.search_for_studies(
                search_filters={"AccessionNumber": accession}, fields=["AccessionNumber"], limit=10
            )
        # An archive that does not know the filter answers with whatever it has.
        return _distinct(_value(one, "0020000D") for one in found if _value(one, "00080050") == accession)

    def mr_series(self, study: str) -> list[str]:
        """UIDs of the study's MR series."""
        with _translated():
            found = self._client.search_for_series(study, search_filters={"Modality": "MR"}, limit=_PAGE)
        return _distinct(_value(one, "0020000E") for one in found if _value(one, "00080060") == "MR")

    def instances(self, study: str, series: str, *, most: int) -> list[Instance]:
        """The series' objects, by Instance Number where it is known. Raises TooMuch for more than `most`."""
        known: dict[str, int] = {}
        while len(known) <= most:
            before = len(known)
            with _translated():
                page = self._client.search_for_instances(study, series, limit=_PAGE, offset=before)
            for one in page:
                if uid := _value(one, "00080018"):
                    known.setdefault(uid, _number(one))
            if len(known) == before:  # also where the archive does not know `offset`
                return [Instance(study, series, uid) for uid in sorted(known, key=known.__getitem__)]
        raise TooMuch(f"The study has more than {most:,} pictures, the most that are fetched at a time.")

    def fetch(self, wanted: Instance, spool: Spool, *, name: str) -> Piece:
        """One object into the spool, as it is stored there."""
        uids = (wanted.study, wanted.series, wanted.instance)
        path = "/studies/{}/series/{}/instances/{}".format(*uids)
        with (
            _translated(),
            self._session.get(
                self._base + path,
                headers={"Accept": _ACCEPT},
                stream=True,
                timeout=(CONNECT_SECONDS, READ_SECONDS),
                allow_redirects=False,
            ) as response,
        ):
            response.raise_for_status()
            read = _reader(response)
            content_type = response.headers.get("Content-Type", "")
            mark = multipart.boundary(content_type, of=DICOM)
            if mark is None and content_type.partition(";")[0].strip().lower() != DICOM:
                raise Unreachable("The archive sent something that is no DICOM object.")
            chunks = _plain(read) if mark is None else _first_part(read, mark)
            return spool.add(name, chunks, most=settings.MAX_ARCHIVE_MB * 1024 * 1024)

    def store(self, dataset: Dataset) -> None:
        """Send one object."""
        with _translated():
            answer = self._client.store_instances([dataset])
        if answer.get("FailedSOPSequence"):
            raise Refused("The archive did not take the objects.")


@contextmanager
def configured() -> Iterator[Archive]:
    """The archive of the environment, until the end of the block. Raises NotConfigured."""
    if not settings.DICOMWEB_URL:
        raise NotConfigured("No archive is configured for this site (DICOMWEB_URL).")
    archive = Archive(settings.DICOMWEB_URL, token=settings.DICOMWEB_TOKEN)
    try:
        yield archive
    finally:
        archive.close()


class _Bearer(AuthBase):
    """As an `auth`, since a .netrc file would replace a mere header."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class _Bounded(HTTPAdapter):
    """Reads answers that are not streamed here, within limits, before requests would without."""

    def send(self, request: requests.PreparedRequest, stream: bool = False, **options: Any) -> requests.Response:  # type: ignore[override]
        request.headers.pop("Host", None)  # dicomweb-client leaves the port out
        response = super().send(request, stream=True, **options)
        if not stream:
            body = bytearray()
            try:
                for chunk in _plain(_reader(response)):
                    body += chunk
                    if len(body) > MAX_ANSWER:
                        raise TooMuch("The archive's answer is larger than what is read.")
            finally:
                response.close()
            response.raw = io.BytesIO(bytes(body))
        return response


def _reader(response: requests.Response) -> Callable[[int], bytes]:
    """Reads the body until the answer's time is over."""
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise Unreachable("The archive compresses its answers although it was asked not to.")
    deadline = time.monotonic() + ANSWER_SECONDS

    def read(count: int) -> bytes:
        if time.monotonic() > deadline:
            raise Unreachable("The archive's answer took too long.")
        return bytes(response.raw.read(count))

    return read


def _plain(read: Callable[[int], bytes]) -> Iterator[bytes]:
    while chunk := read(multipart.CHUNK):
        yield chunk


def _first_part(read: Callable[[int], bytes], mark: str) -> Iterator[bytes]:
    for part in multipart.parts(read, mark):
        yield from part.chunks
        return


@contextmanager
def _translated() -> Iterator[None]:
    """Errors in our own words; those of the libraries quote addresses."""
    try:
        yield
    except requests.HTTPError as error:
        status = error.response.status_code if error.response is not None else 0
        if status in (401, 403):
            raise Refused(f"The archive does not let this site in (HTTP {status}).") from None
        raise Refused(f"The archive answered with an error (HTTP {status}).") from None
    except TooLarge:
        limit = settings.MAX_ARCHIVE_MB
        raise TooMuch(f"An object of the archive is larger than {limit} MB, the most that is accepted.") from None
    except (requests.RequestException, TransportError, ConnectionError, TimeoutError) as error:
        raise Unreachable(f"The archive cannot be reached ({type(error).__name__}).") from None
    except (ValueError, KeyError, TypeError, AttributeError, multipart.Malformed):
        raise Unreachable("The archive's answer cannot be understood.") from None


def _distinct(uids: Iterator[str]) -> list[str]:
    return list(dict.fromkeys(uid for uid in uids if uid and UID(uid).is_valid))


def _value(found: Any, tag: str) -> str:
    """A single value of the DICOM JSON model as text; "" where absent."""
    values = found.get(tag, {}).get("Value") or [""]
    return str(values[0]).strip()


def _number(found: Any) -> int:
    text = _value(found, "00200013")
    return int(text) if text.lstrip("-").isdecimal() and len(text) < 12 else 0
