"""Django's admin with our own site. Apart from `admin.py`, which must not be imported before the apps are loaded."""

from django.contrib.admin.apps import AdminConfig as DjangoAdminConfig


class AdminConfig(DjangoAdminConfig):
    """`admin.site` is `brainscan.admin.Site`."""

    default_site = "brainscan.admin.Site"
