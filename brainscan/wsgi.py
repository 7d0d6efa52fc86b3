"""The WSGI entry point that gunicorn serves."""

import os

import django
from django.core.wsgi import get_wsgi_application

from brainscan import tracing

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "brainscan.settings")
django.setup()
tracing.start()
application = get_wsgi_application()
