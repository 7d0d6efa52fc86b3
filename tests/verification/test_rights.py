"""Every permission of the admin, alone, at every address of it: none gives a person a right that they lack."""

from typing import Any

import pytest
from django.conf import settings as configured
from django.contrib.auth.models import Group, Permission, User

from tests.diagnosis.admin.test_rights import admin_addresses, crafted, log_in, people, rights

pytestmark = [pytest.mark.django_db, pytest.mark.timeout(900)]

__all__ = ["people"]


def test_no_permission_alone_hands_out_a_right(people: dict[str, User], settings: Any) -> None:
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = configured.STORAGES | {"staticfiles": plain}
    asked = 0
    for permission in Permission.objects.all():
        client, person = log_in(permission)
        before = rights(without=person)
        for path in admin_addresses({people["reader"].pk, Group.objects.get(name="reader").pk}):
            asked += bool(client.post(path, crafted(person)).status_code)
        assert rights(without=person) == before, permission.codename
    assert asked > 5_000
