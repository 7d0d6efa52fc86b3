"""A person's last passwords, none of which is accepted again (PASSWORD_HISTORY).

Only hashes are kept, made by the same hasher as the account's own. To compare a password with five of them takes five
times the work of a login, about a tenth of a second, and happens only where a password is set.
"""

from django.conf import settings
from django.contrib.auth.hashers import check_password
from django.db import transaction

from diagnosis.access.users import User
from diagnosis.models import PasswordHistory


def was_used(user: User, password: str) -> bool:
    """Whether this is one of the person's last passwords."""
    last = PasswordHistory.objects.filter(user=user.pk).values_list("encoded", flat=True)
    hashes = {user.password, *last[: settings.PASSWORD_HISTORY]} if settings.PASSWORD_HISTORY else set()
    return any(check_password(password, encoded) for encoded in hashes)


def keep(user: User) -> None:
    """Keep the person's new password, and forget those beyond the limit."""
    with transaction.atomic():
        kept = PasswordHistory.objects.filter(user=user.pk)
        is_known = kept.filter(encoded=user.password).exists()
        if settings.PASSWORD_HISTORY and user.password and user.has_usable_password() and not is_known:
            PasswordHistory.objects.create(user_id=user.pk, encoded=user.password)
        left = list(kept.values_list("pk", flat=True)[: settings.PASSWORD_HISTORY])
        kept.exclude(pk__in=left).delete()
