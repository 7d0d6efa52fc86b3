"""Move authenticator apps to a new SECRET_KEY, so that the earlier keys can be dropped."""

from dataclasses import dataclass

from django.db import transaction

from diagnosis.access import app_secret, audit
from diagnosis.models import SecondFactor


@dataclass(frozen=True, slots=True)
class Moved:
    """How many apps were moved, how many used today's key already, and whose apps no key opens."""

    moved: int
    there_already: int
    unopened: list[str]


def move_apps() -> Moved:
    """Move every app from earlier keys to today's SECRET_KEY, so that the site no longer needs those."""
    moved, there_already = 0, 0
    with transaction.atomic():
        for factor in SecondFactor.objects.exclude(seed=""):
            seed = app_secret.moved(factor.seed)
            if seed == factor.seed:
                there_already += 1
            elif seed is not None:
                # Only if it is still that app: its owner may remove it, or add another, meanwhile.
                moved += SecondFactor.objects.filter(pk=factor.pk, seed=factor.seed).update(seed=seed)
        if moved:
            audit.record("second_factor.apps_moved", moved=moved)
    return Moved(moved=moved, there_already=there_already, unopened=unopened())


def unopened() -> list[str]:
    """The people whose apps neither SECRET_KEY nor any of SECRET_KEY_FALLBACKS opens."""
    factors = SecondFactor.objects.exclude(seed="").select_related("user").order_by("user__username")
    return [one.user.get_username() for one in factors if app_secret.moved(one.seed) is None]


def lost(names: list[str]) -> str:
    """A sentence that says whose app no longer works, and what to do."""
    return (
        f"No key opens the authenticator app of: {', '.join(names)}. Put the key it was added under into "
        "SECRET_KEY_FALLBACKS; without it, they log in with a recovery code or a passkey and add the app again."
    )
