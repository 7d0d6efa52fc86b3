"""Fetch a study's MR images from the archive, one by one, into intake.

The accession number is used for the search only: neither it nor a UID of the archive is stored or logged.
"""

import re
from collections.abc import Iterator

from diagnosis import intake
from diagnosis.access import audit
from diagnosis.access.users import User
from diagnosis.dicom.dicomweb import DicomWebClient, InstanceReference, configured_client
from diagnosis.dicom.errors import Ambiguous, InvalidAccession, NothingFound, PacsError, TooMuch
from diagnosis.dicom.spool import Spool, SpooledFile

MAX_INSTANCES = 2_000
"""Objects that are fetched at a time."""

ACCESSION = r"[^\u0000-\u001f\u007f\\*?]{1,16}"
"""The value representation SH, less the wildcards of a search (PS3.5, 6.2; PS3.4, C.2.2.2.4)."""


class Interrupted(PacsError):
    """The archive failed in the middle of the transfer. receipt: what became of the images that had arrived."""

    def __init__(self, cause: PacsError, receipt: intake.Receipt, *, fetched: int, wanted: int) -> None:
        super().__init__(
            f"{cause.message} {fetched} of {wanted} images arrived and are kept; fetch the study again to get the rest."
        )
        self.code = cause.code
        self.receipt = receipt


def fetch_study(*, user: User, accession: str) -> intake.Receipt:
    """Fetch the study with this accession number from the configured archive into a case of `user`.

    Raises NotConfigured, InvalidAccession, NothingFound, Ambiguous, TooMuch, what `DicomWebClient` raises, intake.Busy
    and intake.NoRoom before an image is fetched, and Interrupted once something has been stored.
    """
    with configured_client() as client:
        wanted = _find(accession.strip(), client)
        downloads = _Downloads(client, wanted)
        receipt = intake.receive(user=user, files=downloads)
    if receipt.accepted or receipt.rejected:
        audit.record("study.pulled", actor=user, pictures=downloads.count, refused=len(receipt.rejected))
    if downloads.failure is not None:
        if not downloads.count:
            raise downloads.failure
        raise Interrupted(downloads.failure, receipt, fetched=downloads.count, wanted=len(wanted))
    return receipt


def _find(accession: str, client: DicomWebClient) -> list[InstanceReference]:
    if not re.fullmatch(ACCESSION, accession):
        raise InvalidAccession("An accession number has 1 to 16 characters, without * ? or \\.")
    studies = client.studies(accession)
    if not studies:
        raise NothingFound("The archive has no study with this accession number.")
    if len(studies) > 1:
        raise Ambiguous("The archive has more than one study with this accession number.")
    found: list[InstanceReference] = []
    for series in client.mr_series(studies[0]):
        found += client.instances(studies[0], series, limit=MAX_INSTANCES)
        if len(found) > MAX_INSTANCES:
            raise TooMuch(f"The study has more than {MAX_INSTANCES:,} images, the limit for one fetch.")
    if not found:
        raise NothingFound("The study has no MR images.")
    return found


class _Downloads:
    """The files as intake iterates over them; only one is held at a time. A failure of the archive ends the iteration.

    count: files that intake has processed. failure: why the iteration ended early, or None.
    """

    def __init__(self, client: DicomWebClient, wanted: list[InstanceReference]) -> None:
        self._client, self._wanted = client, wanted
        self.count = 0
        self.failure: PacsError | None = None

    def __iter__(self) -> Iterator[SpooledFile]:
        for number, reference in enumerate(self._wanted, start=1):
            with Spool() as spool:
                try:
                    file = self._client.fetch(reference, spool, name=f"fetched-{number:04}.dcm")
                except PacsError as error:
                    self.failure = error
                    return
                yield file
            self.count += 1
