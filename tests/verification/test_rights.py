"""Every permission of the admin, alone, at the addresses of users, groups and its own model: none hands out a right."""

from typing import Any
from urllib.parse import urlencode

import pytest
from django.conf import settings as configured
from django.contrib.auth.models import Group, Permission, User

from tests.diagnosis.admin.test_rights import admin_addresses, crafted, log_in, people, rights
from tests.verification.security import tried

pytestmark = [pytest.mark.django_db, pytest.mark.timeout(900)]

__all__ = ["people"]

FORM = "application/x-www-form-urlencoded"
"""As the forms of the admin without files are sent. Parts of several hundred values take most of such a test's time."""


@pytest.mark.attack("rights")
def test_no_permission_alone_hands_out_a_right(people: dict[str, User], settings: Any) -> None:
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = configured.STORAGES | {"staticfiles": plain}
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    ids, asked = {people["reader"].pk, Group.objects.get(name="reader").pk}, 0
    for permission in Permission.objects.select_related("content_type"):
        client, person = log_in(permission)
        before, sent = rights(without=person), urlencode(crafted(person), doseq=True)
        own = f"/{permission.content_type.app_label}/{permission.content_type.model}/"
        for path in admin_addresses(ids):
            if "/auth/" in path or own in path:
                asked += bool(client.post(path, sent, content_type=FORM).status_code)
        assert rights(without=person) == before, permission.codename
    tried(asked)
    assert asked > 1_000
