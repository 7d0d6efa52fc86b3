"""Files in the storage that no row needs.

Their names are written in the transaction that deletes the rows, and the files are deleted after it. So if the process
dies between the two, the next purge still knows them.
"""

from collections.abc import Iterable

from django.apps import apps
from django.db import models

STORED = ("file", "preview", "thumbnail")
"""The fields of scans and slices that name a file."""


class DiscardedFile(models.Model):
    """A file that is waiting to be deleted."""

    name = models.CharField(max_length=100, unique=True, help_text="In the storage.")

    def __str__(self) -> str:
        return self.name


def discard(names: Iterable[str]) -> None:
    """Note the files that no row needs now. A slice that moved to another scan may still provide the old one's
    preview."""
    DiscardedFile.objects.bulk_create([DiscardedFile(name=name) for name in unnamed(names)], ignore_conflicts=True)


def unnamed(names: Iterable[str]) -> list[str]:
    """Those of the names that no scan and no slice names, sorted."""
    rest = {name for name in names if name}
    for model in ("Scan", "Slice"):
        rows = apps.get_model("diagnosis", model)._default_manager
        for field in STORED:
            candidates = sorted(rest)
            for start in range(0, len(candidates), 500):
                part = candidates[start : start + 500]
                rest.difference_update(rows.filter(**{f"{field}__in": part}).values_list(field, flat=True))
    return sorted(rest)
