"""`manage.py createsuperuser`: Django's, but a password that the rules refuse is refused here, too.

Without a terminal Django accepts any password; at one it lets the user insist.
"""

import getpass
import os
import sys
from typing import Any

from django.contrib.auth.management.commands import createsuperuser
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import CommandError

from diagnosis.access import audit
from diagnosis.access.users import User


class Command(createsuperuser.Command):
    def handle(self, *args: Any, **options: Any) -> None:
        if options["interactive"] and self.stdin.isatty():
            try:
                return self._at_terminal(options)
            except KeyboardInterrupt:
                self.stderr.write("\nNo account was made.")
                sys.exit(1)
            except ValidationError as error:
                raise CommandError(" ".join(error.messages)) from None
        name = User.normalize_username(options["username"] or os.environ.get("DJANGO_SUPERUSER_USERNAME", ""))
        password = os.environ.get("DJANGO_SUPERUSER_PASSWORD")
        if not options["interactive"] and password is not None:
            try:
                validate_password(password, User(username=name))
            except ValidationError as error:
                raise CommandError(f"DJANGO_SUPERUSER_PASSWORD is refused. {' '.join(error.messages)}") from None
        super().handle(*args, **options)
        if not options["interactive"]:  # else there was no terminal, and Django has made none
            audit.record("user.created", target=User.objects.get(username=name), superuser=True)

    def _at_terminal(self, options: dict[str, Any]) -> None:
        """Ask for what the options lack, each until it is right."""
        manager = User.objects.db_manager(options["database"])
        email_field = User._meta.get_field("email")
        username, email = options["username"], options["email"]
        while username is None or manager.filter(username=username).exists():
            if username is not None:
                self.stderr.write("That username is already taken.")
            username = self.get_input_data(self.username_field, "Username: ")
        while email is None:
            email = self.get_input_data(email_field, "Email address (may be left out): ")
        username, email = self.username_field.clean(username, None), email_field.clean(email, None)
        password = self._password(User(username=username, email=email))
        made = manager.create_superuser(username, email=email, password=password)
        audit.record("user.created", target=made, superuser=True)
        if options["verbosity"] >= 1:
            self.stdout.write("Superuser created successfully.")

    def _password(self, user: User) -> str:
        while True:
            password = getpass.getpass()
            try:
                validate_password(password, user)
            except ValidationError as error:
                self.stderr.write("\n".join(error.messages))
                continue
            if password == getpass.getpass("Password (again): "):
                return password
            self.stderr.write("The two passwords differ.")
