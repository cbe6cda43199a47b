"""Each mutation still finds the protection that it takes away."""

from collections.abc import Iterator

import pytest

from storages_app.copying import evidence
from storages_app.models import CopyJob
from tests.chaos import mutations


@pytest.fixture(autouse=True)
def _undone() -> Iterator[None]:
    yield
    mutations.undo()


class TestMutations:
    @pytest.mark.parametrize("name", mutations.ALL)
    def test_what_it_takes_away_is_there(self, name):
        mutations.apply(name)
        assert mutations._undo

    def test_it_is_put_back(self):
        before = evidence.compare, CopyJob.finish_done.__func__
        for name in mutations.ALL:
            mutations.apply(name)
        assert evidence.compare != before[0]
        mutations.undo()
        assert (evidence.compare, CopyJob.finish_done.__func__) == before

    def test_a_protection_that_is_not_where_it_was_is_told(self):
        with pytest.raises(KeyError):
            mutations.swap(evidence, "no_such_name", None)

    def test_there_are_five(self):
        assert [*mutations.ALL] == ["verify", "fence", "unique", "sweep", "poll"]
