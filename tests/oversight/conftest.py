from tests.memory_bucket import bucket

__all__ = ["bucket"]
