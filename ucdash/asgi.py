"""For servers that speak ASGI; the default of the product is WSGI."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ucdash.settings")

application = get_asgi_application()
