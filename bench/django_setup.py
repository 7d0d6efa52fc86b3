"""Importing this module sets Django up. Programs import it before they import models."""

import os

import django
from django.apps import apps

if not apps.ready:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "brainscan.settings")
    os.environ.setdefault("HTTPS", "0")  # they ask in plain HTTP, which is redirected otherwise
    django.setup()
