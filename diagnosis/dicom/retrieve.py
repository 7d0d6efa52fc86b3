"""Fetch a study's MR pictures from the archive, one by one, into intake.

The accession number is used to ask and then forgotten: neither it nor a UID of the archive is stored or logged.
"""

import re
from collections.abc import Iterator

from diagnosis import intake
from diagnosis.access import audit
from diagnosis.access.users import User
from diagnosis.dicom.dicomweb import Archive, Instance
from diagnosis.dicom.errors import Ambiguous, InvalidAccession, NeighborError, NothingFound, TooMuch
from diagnosis.dicom.spool import Piece, Spool

MAX_PICTURES = 2_000
"""Objects that are fetched at a time."""

_ACCESSION = re.compile(r"[^\x00-\x1f\x7f\\*?]{1,16}")
"""SH without the characters that have a meaning in a search (PS3.5, 6.2; PS3.4, C.2.2.2.4)."""


class Interrupted(NeighborError):
    """The archive failed half-way. receipt: what became of what had come."""

    def __init__(self, cause: NeighborError, receipt: intake.Receipt, *, fetched: int, wanted: int) -> None:
        super().__init__(
            f"{cause.message} {fetched} of {wanted} pictures had come and are kept; asking again fetches the rest."
        )
        self.code = cause.code
        self.receipt = receipt


def pull(*, user: User, accession: str, archive: Archive) -> intake.Receipt:
    """Fetch the study with this accession number into a case of `user`.

    Raises InvalidAccession, NothingFound, Ambiguous, TooMuch, what `Archive` raises, intake.Busy before a picture is
    fetched, and Interrupted once something has been stored.
    """
    wanted = _find(accession.strip(), archive)
    fetched = _Fetched(archive, wanted)
    receipt = intake.receive(user=user, files=fetched)
    if receipt.accepted or receipt.rejected:
        audit.record("study.pulled", actor=user, pictures=fetched.count, refused=len(receipt.rejected))
    if fetched.failure is not None:
        if not fetched.count:
            raise fetched.failure
        raise Interrupted(fetched.failure, receipt, fetched=fetched.count, wanted=len(wanted))
    return receipt


def _find(accession: str, archive: Archive) -> list[Instance]:
    if not _ACCESSION.fullmatch(accession):
        raise InvalidAccession("An accession number has 1 to 16 characters, and none of * ? \\.")
    studies = archive.studies(accession)
    if not studies:
        raise NothingFound("The archive has no study with this accession number.")
    if len(studies) > 1:
        raise Ambiguous("The archive has more than one study with this accession number.")
    found: list[Instance] = []
    for series in archive.mr_series(studies[0]):
        found += archive.instances(studies[0], series, most=MAX_PICTURES)
        if len(found) > MAX_PICTURES:
            raise TooMuch(f"The study has more than {MAX_PICTURES:,} pictures, the most that are fetched at a time.")
    if not found:
        raise NothingFound("The study has no MR pictures.")
    return found


class _Fetched:
    """The objects as intake asks for them: one lies here at a time. An archive that fails ends the row."""

    def __init__(self, archive: Archive, wanted: list[Instance]) -> None:
        self._archive, self._wanted = archive, wanted
        self.count = 0
        self.failure: NeighborError | None = None

    def __iter__(self) -> Iterator[Piece]:
        for number, one in enumerate(self._wanted, start=1):
            with Spool() as spool:
                try:
                    piece = self._archive.fetch(one, spool, name=f"fetched-{number:04}.dcm")
                except NeighborError as error:
                    self.failure = error
                    return
                yield piece
            self.count += 1
