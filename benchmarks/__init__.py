"""Programs that measure ucdash beside a named peer, in one run: `make bench NAME=copy_drain`."""
