"""The suite that every backend passes, ours and third parties' alike.

A backend's test file is this much::

    import pytest
    from dk_notebook.testing.backend import BackendTests
    from my_package.backend import BACKEND, MyConfig

    class TestMyStore(BackendTests):
        backend = BACKEND
        slow = "select pg_sleep(30)"
        gaps = {"truncate": "files are replaced, never emptied"}

        @pytest.fixture
        def config(self):
            return MyConfig(host="localhost")

``pip install 'dk-notebook[testing]'`` brings what it needs. The tests are coroutines: run them with pytest-asyncio in
``asyncio_mode = "auto"``. A gap has a reason, and the backend must refuse what it lacks with Unsupported. `Suite` lists
what can be said differently.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

from dk_notebook.backends.base import Backend, BackendConfig
from dk_notebook.errors import MissingDependency

try:
    from dk_notebook.testing.browses import BrowseTests
    from dk_notebook.testing.documents import DocumentTests
    from dk_notebook.testing.gaps import check_gaps
    from dk_notebook.testing.queries import QueryTests
    from dk_notebook.testing.reads import ReadTests
    from dk_notebook.testing.stops import StopTests
    from dk_notebook.testing.writes import WriteTests
except ModuleNotFoundError as error:
    if error.name not in {"pytest", "hypothesis"}:
        raise
    raise MissingDependency(
        f"the tests of backends need {error.name}", hint="pip install 'dk-notebook[testing]'"
    ) from None


class BackendTests(ReadTests, WriteTests, StopTests, BrowseTests, DocumentTests, QueryTests):
    """All of it."""

    backend: ClassVar[type[Backend]]

    def test_the_gaps_have_reasons(self) -> None:
        """A gap without one is a bug that nobody looks at."""
        check_gaps(self.gaps)

    def test_the_class_is_what_the_registry_expects(self) -> None:
        """A concrete Backend, with a name and a class of settings."""
        assert issubclass(self.backend, Backend)
        assert self.backend.name.isidentifier()
        assert issubclass(self.backend.config_class, BackendConfig)

    def test_the_settings_are_a_key(self, config: Any) -> None:
        """Frozen and comparable: equal settings are the same pool."""
        again = replace(config)
        assert again == config
        assert hash(again) == hash(config)
        assert config.location
