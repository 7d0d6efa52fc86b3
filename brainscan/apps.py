"""The project as an app, for its commands, and Django's admin with our own site."""

from django.apps import AppConfig
from django.contrib.admin.apps import AdminConfig as DjangoAdminConfig


class AdminConfig(DjangoAdminConfig):
    """`admin.site` is `brainscan.admin.Site`, which must not be imported before the apps are loaded."""

    default_site = "brainscan.admin.Site"


class ProjectConfig(AppConfig):
    """Brings `run_site`; it has no models."""

    name = "brainscan"
