"""`manage.py changepassword`: Django's, with a row in the audit trail."""

import getpass
from typing import Any

from django.contrib.auth.management.commands import changepassword

from diagnosis.access import audit
from diagnosis.access.users import User


class Command(changepassword.Command):
    def handle(self, *args: Any, **options: Any) -> Any:
        said = super().handle(*args, **options)
        changed = User.objects.get(username=options["username"] or getpass.getuser())
        audit.record("password.changed", target=changed, by="changepassword")
        return said
