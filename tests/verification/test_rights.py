"""Every permission of the admin, alone, at the addresses of users, groups and its own model: none hands out a right."""

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
    for permission in Permission.objects.select_related("content_type"):
        client, person = log_in(permission)
        before = rights(without=person)
        own = f"/{permission.content_type.app_label}/{permission.content_type.model}/"
        for path in admin_addresses({people["reader"].pk, Group.objects.get(name="reader").pk}):
            if "/auth/" in path or own in path:
                asked += bool(client.post(path, crafted(person)).status_code)
        assert rights(without=person) == before, permission.codename
    assert asked > 1_000
