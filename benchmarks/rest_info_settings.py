"""The product's settings, with one view more to compare with (`benchmarks/rest_info.py`)."""

from ucdash.settings import *  # noqa: F403

ROOT_URLCONF = "benchmarks.rest_info_urls"
