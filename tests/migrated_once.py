"""For `make mutate`, which forks a process for each change: the first session of pytest runs the migrations, and the
forks copy the empty database that it made instead of spending seconds on their own."""

import sqlite3
from typing import Any

from django.conf import settings
from django.db.backends.sqlite3.creation import DatabaseCreation

_create = DatabaseCreation.create_test_db
_migrated: bytes | None = None


def create_test_db(self: Any, *args: Any, **kwargs: Any) -> str:
    global _migrated
    if _migrated is None:
        made = _create(self, *args, **kwargs)
        empty = sqlite3.connect(":memory:")
        self.connection.connection.backup(empty)
        _migrated = empty.serialize()
        empty.close()
        return made
    name: str = self._get_test_db_name()
    self.connection.close()
    settings.DATABASES[self.connection.alias]["NAME"] = self.connection.settings_dict["NAME"] = name
    self.connection.ensure_connection()
    empty = sqlite3.connect(":memory:")
    empty.deserialize(_migrated)
    empty.backup(self.connection.connection)
    empty.close()
    return name


DatabaseCreation.create_test_db = create_test_db  # type: ignore[method-assign]
