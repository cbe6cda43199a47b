"""How connection tests reach a worker."""

from celery import shared_task

from storages_app.custom_storages import orders, runner


@shared_task(name="custom_storages.drain")
def drain() -> None:
    """Run every connection test that waits."""
    while test := runner.claim():
        runner.run_test(test)


def run_now(*, test_id: int) -> None:
    """Run one test here and now, unless a worker was quicker."""
    test = runner.claim(test_id=test_id)
    if test:
        runner.run_test(test)


@shared_task(name="custom_storages.retest")
def retest() -> None:
    """Order tests of the storages whose last one is old."""
    orders.order_retests()


@shared_task(name="custom_storages.forget_tests")
def forget_tests() -> None:
    """Drop old tests."""
    orders.forget_old_tests()
