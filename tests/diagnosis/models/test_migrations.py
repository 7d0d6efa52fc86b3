"""Migrations on a database that holds data, forwards and backwards.

The verification suite runs this file again on PostgreSQL.
"""

from collections.abc import Iterator

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection

from diagnosis.access import tokens
from diagnosis.models import Case, Passkey, PasswordHistory, Prediction, RecoveryCode, SecondFactor, Slice
from tests.factories import PredictionFactory, ScanFactory, UserFactory

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

TRIGGERS = {"prediction_follow_case": "diagnosis_case", "prediction_follow_person": "auth_user"}
"""Two of those that earlier versions made, and the tables they watch."""

OWNERS = """UPDATE diagnosis_prediction SET owner_name = person.username FROM auth_user person
WHERE person.id = diagnosis_prediction.owner_id;"""


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    yield
    migrate()


def migrate(*target: str) -> None:
    call_command("migrate", "diagnosis", *target, verbosity=0)


def make_triggers() -> None:
    with connection.cursor() as cursor:
        for name, table in TRIGGERS.items():
            head = f"CREATE TRIGGER {name} AFTER UPDATE ON {table} FOR EACH ROW"
            if connection.vendor == "postgresql":
                function = f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql"
                cursor.execute(f"{function} AS $$ BEGIN {OWNERS} RETURN NULL; END $$")
                cursor.execute(f"{head} EXECUTE FUNCTION {name}()")
            else:
                cursor.execute(f"{head} BEGIN {OWNERS} END")


def triggers() -> set[str]:
    """Those that follow an owner; the ones that keep reviews and the audit trail stay."""
    query = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
    if connection.vendor == "postgresql":
        query = "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal"
    with connection.cursor() as cursor:
        cursor.execute(query)
        return {name for (name,) in cursor.fetchall() if not name.startswith(("review_", "audit_", "disclosure_"))}


def test_what_earlier_versions_kept_otherwise_is_put_right() -> None:
    """One way back for three, as each takes seconds: slices that share a UID, owners that went stale, and the triggers
    that followed an owner."""
    stale, right, heir = PredictionFactory(), PredictionFactory(), UserFactory()
    scan = ScanFactory(frames=3, stack="96x96")
    for index in range(3):
        Slice.objects.create(scan=scan, index=index, pixel_sha256=str(index) * 64, instance_uid="2.25.1", along=index)
    migrate("0012")
    with connection.cursor() as cursor:
        cursor.execute("SELECT instance_uid FROM diagnosis_slice ORDER BY id")
        assert [uid for (uid,) in cursor.fetchall()] == ["2.25.1", "", ""]
    migrate("0009")
    Case.objects.filter(pk=stale.scan.case_id).update(owner=heir)
    make_triggers()
    assert triggers() == set(TRIGGERS)

    migrate()
    assert list(Slice.objects.values_list("along", "facts")) == [(0.0, None), (1.0, None), (2.0, None)]
    rows = {row.pk: (row.owner, row.owner_name) for row in Prediction.objects.select_related("owner")}
    assert rows == {stale.pk: (heir, heir.username), right.pk: (right.owner, right.owner.username)}
    assert triggers() == set()
    User.objects.filter(pk=heir.pk).update(username="renamed")
    stale.refresh_from_db()
    assert stale.owner_name == heir.username


def test_tokens_of_an_earlier_version_stay_valid_and_their_keys_go() -> None:
    person = UserFactory()
    key = "0123456789abcdef0123456789abcdef01234567"
    migrate("0021")
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE authtoken_token (key varchar(40) PRIMARY KEY, user_id integer, created timestamp)")
        cursor.execute("INSERT INTO authtoken_token VALUES (%s, %s, '2026-01-01 00:00:00')", [key, person.pk])
    try:
        migrate()
        found = tokens.find(key)
        assert found is not None
        assert (found.user, found.expires, found.scopes) == (person, None, ["read", "upload", "review", "change"])
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM authtoken_token")
            assert cursor.fetchone() == (0,)
        migrate("0021")
        migrate()
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP TABLE authtoken_token")


def test_present_passwords_may_not_come_back_after_the_upgrade() -> None:
    person, without = UserFactory(), UserFactory()
    without.set_unusable_password()
    without.save()
    migrate("0026")
    migrate()
    assert [(row.user, row.encoded) for row in PasswordHistory.objects.all()] == [(person, person.password)]


def test_back_before_passkeys_their_owner_still_needs_a_recovery_code() -> None:
    person, other = UserFactory(), UserFactory()
    factor = SecondFactor.objects.create(user=person)
    SecondFactor.objects.create(user=other, seed="5eed", last_step=7)
    Passkey.objects.create(factor=factor, name="Laptop", host="localhost", credential_id="aWQ")
    RecoveryCode.objects.create(factor=factor, digest="0" * 64)
    migrate("0028")
    with connection.cursor() as cursor:
        cursor.execute("SELECT seed, last_step FROM diagnosis_secondfactor ORDER BY user_id")
        (seed, step), old = cursor.fetchall()
    assert (len(seed), step, old) == (64, 0, ("5eed", 7))
    migrate()
    assert list(SecondFactor.objects.order_by("user").values_list("recovery_codes__digest", flat=True)) == [
        "0" * 64,
        None,
    ]
