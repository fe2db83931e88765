"""Options of the suite."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--draws", type=int, default=300, help="draws of each simulation; 1,000 check its bounds harder"
    )


@pytest.fixture(scope="session")
def draws(request: pytest.FixtureRequest) -> int:
    """Return how many times each simulation draws."""
    return int(request.config.getoption("--draws"))
