"""Removing an account: all its cases, those in the trash included, get a new owner, its assignments end, and it is
deactivated or deleted.

One transaction holds everything. An account that has signed readings is only deactivated: a signature keeps its name.
"""

from collections.abc import Iterable

from django.db import transaction
from django.db.models import ProtectedError, Q

from diagnosis.access import audit, ownership, sessions, sharing, tokens
from diagnosis.access.users import User
from diagnosis.cases import naming
from diagnosis.cases.errors import CaseForbidden, CaseRefused
from diagnosis.cases.locking import locked
from diagnosis.models import Assignment, Case, Review


def collisions(user: User, *, to: User) -> dict[str, str]:
    """The references that both users have, each with a free one for the case of `user`. Two queries."""
    taken = set(to.cases.values_list("reference", flat=True))
    own = set(user.cases.values_list("reference", flat=True))
    return {reference: _free(reference, user, taken | own) for reference in sorted(own & taken)}


def has_readings(user: User) -> bool:
    """Whether a reading names the account, which therefore cannot be deleted."""
    return Review.objects.filter(Q(reader=user) | Q(signed_by=user)).exists()


def remove(user: User, *, to: User | None, actor: User, rename: bool = False, delete: bool = False) -> int:
    """Hand all cases of `user` over to `to`, then deactivate or delete the account. Returns how many cases there were.

    to: may be None for an account without cases. rename: cases whose reference `to` has, too, get another one.
    Raises CaseForbidden unless the actor is a superuser, and CaseRefused for what cannot be done; nothing is done then.
    """
    if not actor.is_superuser:
        raise CaseForbidden
    if user.pk == actor.pk:
        raise CaseRefused("own_account", "You cannot remove the account that you are logged in with.")
    with transaction.atomic():
        cases = locked(*user.cases.order_by("pk"))
        ownership.lock(user)  # nothing is signed meanwhile
        if cases:
            _hand_over(cases, user, to, actor, rename=rename)
        sharing.end(Assignment.objects.filter(user=user), actor=actor)
        if delete:
            _delete(user, actor)
        else:
            user.is_active = False
            user.save(update_fields=["is_active"])
            tokens.revoke_all(user, actor=actor)
            sessions.end(sessions.of(user), actor=actor, reason="deactivated")
            audit.record("user.deactivated", actor=actor, target=user, cases=len(cases))
    return len(cases)


def _hand_over(cases: Iterable[Case], user: User, to: User | None, actor: User, *, rename: bool) -> None:
    if to is None or to.pk == user.pk or not to.is_active:
        raise CaseRefused("no_new_owner", "Choose an active account that gets the cases.")
    ownership.lock(user, to)
    taken = collisions(user, to=to)
    if taken and not rename:
        names = ", ".join(f"{reference} (would become {other})" for reference, other in taken.items())
        raise CaseRefused("references_taken", f"{to.get_username()} has cases of the same name: {names}.")
    for case in cases:
        if case.reference in taken:
            naming.write(case, reference=taken[case.reference], actor=actor)
        ownership.hand_over(case, to=to, actor=actor)


def _delete(user: User, actor: User) -> None:
    if has_readings(user):
        raise CaseRefused(
            "has_readings",
            f"{user.get_username()} is named by readings. Deactivate the account instead of deleting it.",
        )
    audit.record("user.deleted", actor=actor, target=user)
    try:
        user.delete()
    except ProtectedError as error:
        models = sorted({str(row._meta.verbose_name_plural) for row in error.protected_objects})
        raise CaseRefused(
            "still_needed", f"The account is still needed by {', '.join(models)}. Deactivate it."
        ) from None


def _free(reference: str, user: User, taken: set[str]) -> str:
    """An unused reference: the case's, with the former owner's name."""
    name = "".join(letter for letter in user.get_username() if letter.isascii() and letter.isalnum())[:20] or "former"
    numbered = (f"{reference[: 60 - len(name)]}-{name}{number or ''}" for number in range(len(taken) + 1))
    return next(other for other in numbered if other not in taken)
