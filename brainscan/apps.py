"""Django's admin, with the site below in place of its own. Apart from `admin.py`, which apps may not import this early."""

from django.contrib.admin.apps import AdminConfig as DjangoAdminConfig


class AdminConfig(DjangoAdminConfig):
    """`admin.site` is `brainscan.admin.Site`."""

    default_site = "brainscan.admin.Site"
