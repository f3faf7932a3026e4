"""The option that writes the present answers of commands into the pages.

Not here: fixtures (tests/conftest.py).
"""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--rewrite-pages", action="store_true", help="write the answers of shown commands into the pages")
