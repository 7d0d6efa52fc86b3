"""Which account belongs to the person who returns from the identity provider, and which rights the provider decides.

An account is known by issuer and subject once it is linked. Names and addresses may pass to other people, so they link
an account only where the administrator says so, and never one that may open the admin unless that is said, too.
"""

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone

from diagnosis.access import audit
from diagnosis.access.oidc.rules import configured, texts
from diagnosis.access.refusals import Refused
from diagnosis.access.selectors import READERS
from diagnosis.access.users import User
from diagnosis.models import ProviderLink

_MULTIPLE_FACTORS = "mfa"
"""The value of `amr` that says so (RFC 8176, 2)."""


def of(claims: Mapping[str, Any]) -> User:
    """The account of the person with these verified claims, with the rights that the provider gives it.

    Raises Refused: claim_missing, unknown_person, name_taken, invalid_name, administrator_not_linked, linked_already or
    inactive.
    """
    oidc = configured()
    if oidc.required is not None and not oidc.required.holds(claims):
        raise Refused("claim_missing", f"{oidc.name} knows you, but you are not among those who may use this site.")
    link = ProviderLink.objects.filter(issuer=oidc.issuer, subject=claims["sub"]).select_related("user").first()
    user = link.user if link is not None else (_by_rule(claims) or _created(claims))
    if not user.is_active:
        raise Refused("inactive", "Your account here is deactivated. Ask an administrator.")
    if link is None:
        add_link(user, claims, actor=None)
    else:
        ProviderLink.objects.filter(pk=link.pk).update(last_used=timezone.now(), called=_called(claims))
    _apply_rights(user, claims)
    return user


def add_link(user: User, claims: Mapping[str, Any], *, actor: User | None) -> None:
    """Link the account to the person with these claims. Raises Refused: linked_already.

    actor: who asked for it; None where a rule of the site did.
    """
    oidc = configured()
    try:
        with transaction.atomic():
            ProviderLink.objects.create(
                user=user, issuer=oidc.issuer, subject=claims["sub"], called=_called(claims), last_used=timezone.now()
            )
            audit.record("sso.linked", actor=actor, target=user, issuer=oidc.issuer, subject=claims["sub"])
    except IntegrityError:
        raise Refused(
            "linked_already", f"This account, or you at {oidc.name}, is linked already. An administrator can unlink it."
        ) from None


def remove_link(link: ProviderLink, *, actor: User) -> None:
    """Unlink an account: the provider no longer logs anybody in to it, unless a rule links it again."""
    with transaction.atomic():
        if ProviderLink.objects.filter(pk=link.pk).delete()[0]:
            audit.record("sso.unlinked", actor=actor, target=link.user, issuer=link.issuer, subject=link.subject)


def link_of(user: User) -> ProviderLink | None:
    """The account's link to the provider that is set now."""
    if settings.OIDC is None:
        return None
    return ProviderLink.objects.filter(user=user.pk, issuer=settings.OIDC.issuer).select_related("user").first()


def is_of(claims: Mapping[str, Any], user: User) -> bool:
    """Whether the person who returned is this account's."""
    link = link_of(user)
    return link is not None and link.subject == claims["sub"]


def may_log_in_here(user: User) -> bool:
    """Whether this person may log in without the provider (OIDC_LOCAL_LOGIN): by password or passkey."""
    allowed = settings.OIDC.local_login if settings.OIDC is not None else "all"
    return bool(allowed == "all" or (allowed == "superusers" and user.is_superuser))


def check_local_login(user: User) -> None:
    """Raises Refused, provider_only, for somebody who has to log in at the provider."""
    if not may_log_in_here(user):
        raise Refused("provider_only", f"Log in with {configured().name}: this site leaves logins to it.")


def has_two_factors(claims: Mapping[str, Any]) -> bool:
    """Whether the login at the provider took two factors, as far as this site believes it (OIDC_SECOND_FACTOR)."""
    oidc = configured()
    if oidc.second_factor != "claims":
        return bool(oidc.second_factor == "provider")
    amr = claims.get("amr")
    return (isinstance(amr, list) and _MULTIPLE_FACTORS in amr) or not oidc.acr.isdisjoint(texts(claims.get("acr")))


def _by_rule(claims: Mapping[str, Any]) -> User | None:
    """The local account that is this person's by the rule of OIDC_LINK; None without a rule, or without one."""
    oidc = configured()
    found: QuerySet[User] = User.objects.none()
    if oidc.link == "username" and (name := _text(claims, oidc.username_claim)):
        found = User.objects.filter(username=name)
    if oidc.link == "email" and claims.get("email_verified") is True and (email := _text(claims, "email")):
        found = User.objects.filter(email__iexact=email)
    candidates = list(found[:2])
    if len(candidates) != 1:  # of two with one address, neither is known to be theirs
        return None
    (user,) = candidates
    if (user.is_staff or user.is_superuser) and not oidc.link_admins:
        raise Refused(
            "administrator_not_linked",
            "Your account may open the administration, so it is not linked by its name alone. Log in with your "
            "password, and link it on the page Sessions.",
        )
    return user


def _created(claims: Mapping[str, Any]) -> User:
    """A new account without rights and without a password, where the site makes any."""
    oidc = configured()
    if not oidc.create_accounts:
        raise Refused("unknown_person", f"{oidc.name} knows you, but you have no account here. Ask an administrator.")
    name = _text(claims, oidc.username_claim)
    user = User(
        username=name,
        email=_text(claims, "email"),
        first_name=_text(claims, "given_name")[:150],
        last_name=_text(claims, "family_name")[:150],
    )
    user.set_unusable_password()
    if User.objects.filter(username__iexact=name).exists():
        raise Refused(
            "name_taken",
            f"There is an account {name} here that is not linked to you. If it is yours, log in with your password and "
            "link it on the page Sessions; else ask an administrator.",
        )
    try:
        user.clean_fields()
        with transaction.atomic():
            user.save()
            audit.record("user.created", target=user, issuer=oidc.issuer, subject=claims["sub"])
    except (ValidationError, IntegrityError):
        raise Refused(
            "invalid_name", f"{oidc.name} gave no name that can be a user name here ({oidc.username_claim})."
        ) from None
    return user


def _apply_rights(user: User, claims: Mapping[str, Any]) -> None:
    """Give and take what OIDC_READERS and OIDC_ADMINS leave to the provider; nothing else."""
    oidc = configured()
    changed: dict[str, Any] = {}
    with transaction.atomic():
        if oidc.readers is not None:
            wanted, group = oidc.readers.holds(claims), Group.objects.get(name=READERS)
            if wanted != user.groups.filter(pk=group.pk).exists():
                (user.groups.add if wanted else user.groups.remove)(group)
                changed["reader"] = wanted
        if oidc.admins is not None:
            wanted = oidc.admins.holds(claims)
            if (user.is_staff, user.is_superuser) != (wanted, wanted):
                user.is_staff = user.is_superuser = wanted
                user.save(update_fields=["is_staff", "is_superuser"])
                changed["administrator"] = wanted
        if changed:
            audit.record("user.rights_changed", target=user, issuer=oidc.issuer, **changed)


def _called(claims: Mapping[str, Any]) -> str:
    return _text(claims, configured().username_claim)[:150]


def _text(claims: Mapping[str, Any], name: str) -> str:
    value = claims.get(name)
    return value.strip() if isinstance(value, str) and value.isprintable() else ""
