"""How gunicorn serves: `gunicorn --config python:ucdash.gunicorn ucdash.wsgi`.

Many threads in each process, because a thread may wait for a slow upload or for a copy, and a
process for each core, because Python keeps no more than one busy. The app is loaded once, then
forked. Both ports lead to the same processes: `ucdash.middleware.HostsMiddleware` tells them apart.
"""

import gc
import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ucdash.settings")

from django.conf import settings

bind = [f"{settings.BIND}:{settings.PORT}", f"{settings.BIND}:{settings.FILES_PORT}"]
worker_class = "gthread"
workers = settings.WEB_PROCESSES
preload_app = True
threads = 32
timeout = 60
graceful_timeout = 4  # less than the 5 s that honcho waits before it kills
keepalive = 5
loglevel = "warning"
control_socket_disable = True  # it would lie in the home folder, shared by installations


def when_ready(server: object) -> None:
    """Before the fork: what was loaded is here to stay, so no collection looks at it.

    Otherwise each process would walk through all modules' objects now and then, and so make them
    its own copies of the memory that they share.
    """
    gc.collect()
    gc.freeze()
