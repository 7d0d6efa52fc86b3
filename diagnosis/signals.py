"""Reactions to what Django itself does: audit rows for logins and admin changes, renamed users, database errors."""

from collections.abc import Callable, Collection
from typing import Any

from django.contrib.admin.models import LogEntry
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.db import DatabaseError
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created
from django.db.models.signals import post_save
from django.dispatch import receiver
from django.http import HttpRequest

from diagnosis.access import audit, ownership, password_history, reauthentication, sessions
from diagnosis.access.users import User
from diagnosis.intake.file_names import clean_name

_ADMIN_ACTIONS = {1: "admin.added", 2: "admin.changed", 3: "admin.deleted"}


@receiver(user_logged_in)
def logged_in(user: Any, request: HttpRequest, **_: Any) -> None:
    reauthentication.remember(request)
    sessions.start(request, user)
    audit.record("user.logged_in", actor=user, target=user)


@receiver(user_logged_out)
def logged_out(user: Any, request: HttpRequest, **_: Any) -> None:
    if user is not None:
        sessions.finish(request)
        audit.record("user.logged_out", actor=user, target=user)


@receiver(user_login_failed)
def login_failed(credentials: dict[str, Any], **_: Any) -> None:
    """Keep the attempted name, cut to the column's length. Django masks the password before it sends the signal."""
    audit.record("user.login_failed", username=clean_name(str(credentials.get("username", "")))[:150])


@receiver(post_save, sender=LogEntry)
def admin_changed(instance: LogEntry, created: bool, **_: Any) -> None:
    if created:
        model = instance.content_type.model if instance.content_type else ""
        audit.record(
            _ADMIN_ACTIONS.get(instance.action_flag, "admin.changed"),
            actor=instance.user,
            model=model,
            object_id=instance.object_id,
            object=instance.object_repr,
            change=instance.get_change_message(),
        )


@receiver(post_save, sender=User)
def user_saved(
    instance: User, created: bool, raw: bool, update_fields: Collection[str] | None = None, **_: Any
) -> None:
    """Copies a new user name to the user's predictions. A login saves only `last_login`, so it costs nothing here.

    Django tells validators of a password that has changed, and not of that of an account made by a program.
    """
    if created and not raw:
        password_history.keep(instance)
    if not (created or raw) and (update_fields is None or "username" in update_fields):
        ownership.copy_username(instance)


@receiver(connection_created)
def connected(connection: BaseDatabaseWrapper, **_: Any) -> None:
    """PostgreSQL's errors quote the row and the statement that they are about, and errors are logged."""
    if connection.vendor == "postgresql" and _first_line_of_errors not in connection.execute_wrappers:
        connection.execute_wrappers.append(_first_line_of_errors)


def _first_line_of_errors(execute: Callable[..., Any], *query: Any) -> Any:
    try:
        return execute(*query)
    except DatabaseError as error:
        for shown in (error, error.__cause__):
            if shown is not None:
                shown.args = tuple(str(arg).partition("\n")[0] for arg in shown.args)
        raise
