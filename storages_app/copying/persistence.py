"""The ledger's database may restart or break a deadlock: what is to be written is tried again.

Copies under way are not lost with a connection. Without this every restart of the database would
count as the death of a worker over each of its copies.
"""

import logging
from collections.abc import Callable
from time import sleep
from typing import TypeVar

from django.db import InterfaceError, OperationalError, connection

log = logging.getLogger(__name__)

T = TypeVar("T")

_PAUSES_S = (0.1, 0.5, 1, 2, 4, 8)  # less than a lease in all


def persist(work: Callable[[], T]) -> T:
    """What `work` returns, which is one transaction and may be done twice."""
    for pause_s in _PAUSES_S:
        try:
            return work()
        except (OperationalError, InterfaceError) as error:
            if connection.in_atomic_block:
                raise  # the transaction is somebody else's, and so is the decision
            log.warning("The database failed (%s); tried again.", type(error).__name__)
            connection.close()
            sleep(pause_s)
    return work()
