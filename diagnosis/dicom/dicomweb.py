"""Client of the DICOMweb archive that DICOMWEB_URL names: search (QIDO-RS), fetch (WADO-RS) and store (STOW-RS)."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit, urlunsplit

import requests
from dicomweb_client.web import DICOMwebClient
from django.conf import settings
from pydicom.dataset import Dataset
from pydicom.uid import UID
from requests.auth import HTTPBasicAuth

from diagnosis.dicom import multipart
from diagnosis.dicom.dicomweb_transport import (
    TIMEOUT,
    BearerAuth,
    bounded_reader,
    chunks_of,
    open_session,
    translated_errors,
)
from diagnosis.dicom.errors import NotConfigured, Refused, TooMuch, Unreachable
from diagnosis.dicom.spool import Spool, SpooledFile
from diagnosis.dicom.stow import DICOM

T = TypeVar("T")

_PAGE_SIZE = 200
_MAX_SERIES = 1_000
_ACCEPT = f'multipart/related; type="{DICOM}"; transfer-syntax=*'


@dataclass(frozen=True, slots=True)
class InstanceReference:
    """The UIDs of one object in the archive."""

    study: str
    series: str
    instance: str


class DicomWebClient:
    """A connection to the archive. Every method raises Unreachable, Refused or TooMuch."""

    def __init__(self, url: str, *, token: str = "") -> None:
        parts = urlsplit(url)
        self._base = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])).rstrip("/")
        auth: HTTPBasicAuth | BearerAuth | None = None
        if token:
            auth = BearerAuth(token)
        elif parts.username:
            auth = HTTPBasicAuth(unquote(parts.username), unquote(parts.password or ""))
        self._session = open_session(auth)
        with translated_errors():
            self._client = DICOMwebClient(self._base, session=self._session, timeout=TIMEOUT, permissive_uid=False)
        self._client.set_http_retry_params(retry=False)

    def close(self) -> None:
        self._session.close()

    def studies(self, accession: str) -> list[str]:
        """Study Instance UIDs with this accession number, at most ten."""
        with translated_errors():
            found = self._client.search_for_studies(
                search_filters={"AccessionNumber": accession}, fields=["AccessionNumber"], limit=10
            )
        # Checked again here, because an archive that does not support the filter returns any study.
        return _distinct(_value(one, "0020000D") for one in found if _value(one, "00080050") == accession)

    def mr_series(self, study: str) -> list[str]:
        """Series Instance UIDs of the study's MR series."""
        search = partial(self._client.search_for_series, study, search_filters={"Modality": "MR"})
        modalities = _pages(search, "0020000E", lambda one: _value(one, "00080060"), limit=_MAX_SERIES, of="series")
        return _distinct(uid for uid, modality in modalities.items() if modality == "MR")

    def instances(self, study: str, series: str, *, limit: int) -> list[InstanceReference]:
        """The objects of a series, in the order of their instance numbers. Raises TooMuch if there are over `limit`."""
        search = partial(self._client.search_for_instances, study, series)
        numbers = _pages(search, "00080018", _instance_number, limit=limit, of="images")
        return [InstanceReference(study, series, uid) for uid in sorted(numbers, key=numbers.__getitem__)]

    def fetch(self, reference: InstanceReference, spool: Spool, *, name: str) -> SpooledFile:
        """Download one object into the spool, in the transfer syntax in which it is stored."""
        path = f"/studies/{reference.study}/series/{reference.series}/instances/{reference.instance}"
        with (
            translated_errors(),
            self._session.get(
                self._base + path, headers={"Accept": _ACCEPT}, stream=True, timeout=TIMEOUT, allow_redirects=False
            ) as response,
        ):
            response.raise_for_status()
            return spool.add(name, _object_bytes(response), max_bytes=settings.MAX_ARCHIVE_MB * 1024 * 1024)

    def store(self, dataset: Dataset) -> None:
        """Send one object."""
        with translated_errors():
            answer = self._client.store_instances([dataset])
        if answer.get("FailedSOPSequence"):
            raise Refused("The archive did not accept the objects.")


@contextmanager
def configured_client() -> Iterator[DicomWebClient]:
    """A client of the configured archive, closed at the end of the block. Raises NotConfigured."""
    if not settings.DICOMWEB_URL:
        raise NotConfigured("No archive is configured for this site.")
    client = DicomWebClient(settings.DICOMWEB_URL, token=settings.DICOMWEB_TOKEN)
    try:
        yield client
    finally:
        client.close()


def _pages(
    search: Callable[..., list[Any]], uid_tag: str, keep: Callable[[Any], T], *, limit: int, of: str
) -> dict[str, T]:
    """What to keep of each item that a search finds, by its UID, page by page: an archive may give less than it is
    asked for. Raises TooMuch if there are over `limit`. of: what they are."""
    found: dict[str, T] = {}
    while len(found) <= limit:
        offset = len(found)
        with translated_errors():
            for one in search(limit=_PAGE_SIZE, offset=offset):
                if uid := _value(one, uid_tag):
                    found.setdefault(uid, keep(one))
        if len(found) == offset:  # the end, or an archive that ignores `offset` and repeats itself
            return found
    raise TooMuch(f"The study has more than {limit:,} {of}, the limit for one fetch.")


def _object_bytes(response: requests.Response) -> Iterator[bytes]:
    """The bytes of a WADO-RS response with one object: the first part of a multipart body, or the body itself."""
    content_type = response.headers.get("Content-Type", "")
    boundary = multipart.find_boundary(content_type, part_type=DICOM)
    read = bounded_reader(response)
    if boundary is not None:
        for part in multipart.parts(read, boundary=boundary):
            yield from part.chunks
            return
        raise Unreachable("The archive sent an answer without an object in it.")
    elif content_type.partition(";")[0].strip().lower() == DICOM:
        yield from chunks_of(read)
    else:
        raise Unreachable("The archive sent something that is not a DICOM object.")


def _distinct(uids: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(uid for uid in uids if uid and UID(uid).is_valid))


def _value(item: Any, tag: str) -> str:
    """The first value of an attribute in the DICOM JSON model, as text; "" if absent."""
    values = item.get(tag, {}).get("Value") or [""]
    return str(values[0]).strip()


def _instance_number(item: Any) -> int:
    """The Instance Number; 0 if absent or not a number."""
    text = _value(item, "00200013")
    return int(text) if text.removeprefix("-").isdecimal() and len(text) < 12 else 0
