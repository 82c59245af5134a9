"""The browser of `tests/browser`, for pages of the documentation."""

from tests.browser.conftest import browser as browser
from tests.browser.conftest import chromium as chromium
