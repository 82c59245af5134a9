import pytest

from dk_notebook.errors import QueryError, Unsupported
from dk_notebook.testing.gaps import check_gaps, needs

pytestmark = pytest.mark.unit


class Suite:
    def __init__(self, gaps, raised=None):
        self.gaps = gaps
        self.raised = raised
        self.ran = False

    @needs("truncate")
    async def test(self):
        self.ran = True
        if self.raised:
            raise self.raised


async def test_without_a_gap_a_test_is_what_it_was():
    suite = Suite({})
    await suite.test()
    assert suite.ran
    with pytest.raises(Unsupported):
        await Suite({}, Unsupported("no")).test()


async def test_a_gap_that_the_backend_refuses_in_words_passes():
    await Suite({"truncate": "files are replaced"}, Unsupported("no")).test()


async def test_a_gap_that_works_after_all_fails():
    with pytest.raises(pytest.fail.Exception):
        await Suite({"truncate": "files are replaced"}).test()


async def test_a_gap_that_ends_in_another_error_fails():
    with pytest.raises(QueryError):
        await Suite({"truncate": "files are replaced"}, QueryError("what?")).test()


def test_a_gap_needs_a_reason_and_a_known_name():
    check_gaps({"truncate": "files are replaced"})
    with pytest.raises(AssertionError, match="reason"):
        check_gaps({"truncate": " "})
    with pytest.raises(AssertionError, match="tuncate"):
        check_gaps({"tuncate": "files are replaced"})
