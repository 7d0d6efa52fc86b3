"""A scanner that sends series by C-STORE, and an unknown one that the site must reject."""

import io

from pydicom import dcmread
from pydicom.uid import MRImageStorage
from pynetdicom import AE

from tests.verification.client import Client
from tests.verification.services import wait_for
from tests.verification.soak.files import Files
from tests.verification.soak.ledger import Ledger

TITLE = "SCANNER"
PERSON = "admin"
"""The account that owns what the listener receives. It must be there when the site starts."""


class Scanner:
    """Sends as TITLE to `port` on loopback. client: with the token of PERSON, to find what was received."""

    def __init__(self, port: int, client: Client, files: Files, ledger: Ledger) -> None:
        self._port, self._client, self._files, self._ledger = port, client, files, ledger
        self._turn, self._known = 0, 0

    def step(self) -> None:
        """Send a series in one association, and wait for its result."""
        self._turn += 1
        name, files = self._files.slices()
        ae = AE(TITLE)
        ae.add_requested_context(MRImageStorage)
        association = ae.associate("127.0.0.1", self._port, ae_title="BRAINSCAN")
        self._ledger.record_answer(
            "DICOM", "associate", association.is_established, expected=association.is_established
        )
        for data in files:
            status = association.send_c_store(dcmread(io.BytesIO(data))).Status
            self._ledger.record_answer("DICOM", "C-STORE", status, expected=status == 0)
        association.release()
        number = wait_for("the scan of a C-STORE", self._new, seconds=60)
        self._ledger.record_upload(number, name)
        self._known = number
        self._client.wait(number, seconds=120)
        if self._turn % 4 == 0:
            self._stranger()

    def _new(self) -> int:
        newest = self._client.get(f"/api/v1/predictions/?owner={PERSON}&ordering=-id&page_size=1")[1]["results"]
        return newest[0]["id"] if newest and newest[0]["id"] > self._known else 0

    def _stranger(self) -> None:
        ae = AE("STRANGER")
        ae.add_requested_context(MRImageStorage)
        refused = ae.associate("127.0.0.1", self._port, ae_title="BRAINSCAN").is_rejected
        self._ledger.record_answer("DICOM", "associate as a stranger", refused, expected=refused)
