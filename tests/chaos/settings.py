"""The product's settings, with what a chaos run adds: a disk that fills up, and mutations.

The product has no switch for any of it; the run's processes are started with this module as
DJANGO_SETTINGS_MODULE.
"""

from ucdash.settings import *  # noqa: F403
from ucdash.settings import INSTALLED_APPS, STORAGES

INSTALLED_APPS = [*INSTALLED_APPS, "tests.chaos.hooks.ChaosConfig"]
STORAGES = {
    **STORAGES,
    "uploads": {**STORAGES["uploads"], "BACKEND": "tests.chaos.hooks.StorageOfAFullDisk"},
}
