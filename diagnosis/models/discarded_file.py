"""Files in the storage that no row needs any more.

Their names are written in the transaction that deletes the rows, and the files are deleted after it. So if the process
dies between the two, the next purge still knows them.
"""

from django.db import models


class DiscardedFile(models.Model):
    """A file that waits for its deletion."""

    name = models.CharField(max_length=100, unique=True, help_text="In the storage.")

    def __str__(self) -> str:
        return self.name
