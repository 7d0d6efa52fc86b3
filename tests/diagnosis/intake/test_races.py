"""What an upload's own connection does not see of its transaction."""

import threading
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import OperationalError, connection

from diagnosis import intake
from diagnosis.models import Scan
from tests import builders
from tests.overlapping import overlapping, wait_for_blocked

pytestmark = overlapping


@pytest.mark.parametrize(
    "data", [builders.png_bytes(), builders.dicom_series(1)[0]], ids=["image", "slice of a series"]
)
def test_a_commit_that_ends_after_its_connection_costs_no_file(
    data: bytes, user: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server still writes it to its disk, or waits for a standby, when the connection breaks."""
    commit = connection._commit  # type: ignore[attr-defined]
    late: list[threading.Thread] = []

    def end(lost: Any) -> None:
        try:
            wait_for_blocked(by=lost.info.backend_pid)
        finally:  # else the upload would wait for good
            lost.commit()
            lost.close()
            connection.close()

    def lose() -> None:
        if late or not Scan.objects.exists():
            commit()
            return
        late.append(threading.Thread(target=end, args=[connection.connection]))
        late[0].start()
        connection.connection = None
        raise OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(connection, "_commit", lose)
    with pytest.raises(OperationalError, match="unexpectedly"):
        intake.receive(user=user, files=[SimpleUploadedFile("a", data)])
    late[0].join()
    scan = Scan.objects.get()
    assert all(default_storage.exists(str(file.name)) for file in (scan.file, scan.preview, scan.thumbnail))
