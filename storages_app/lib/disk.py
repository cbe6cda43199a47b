"""What the errors of a disk mean."""

import errno

FULL = {errno.ENOSPC, errno.EDQUOT}


def is_full(error: BaseException) -> bool:
    """Whether there is no room, on the disk or in somebody's quota of it."""
    return isinstance(error, OSError) and error.errno in FULL
