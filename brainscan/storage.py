"""Django's storage of files in a folder, except that it deletes a file that could not be written completely."""

from pathlib import Path
from typing import Any

from django.core.files.storage import FileSystemStorage
from django.utils.deconstruct import deconstructible


@deconstructible(path="brainscan.storage.WholeFiles")
class WholeFiles(FileSystemStorage):
    """Deletes a partly written file when the disk is full. Names are random, so it is no one else's."""

    def _save(self, name: str, content: Any) -> str:
        try:
            return str(super()._save(name, content))  # type: ignore[misc]  # the stubs leave it out
        except OSError:
            Path(self.path(name)).unlink(missing_ok=True)
            raise
