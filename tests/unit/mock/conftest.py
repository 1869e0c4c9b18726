"""A running mock for the tests of this folder."""

from collections.abc import Iterator

import pytest

from codegate.mock import ThreadedMock, run_in_thread


@pytest.fixture
def mock() -> Iterator[ThreadedMock]:
    with run_in_thread() as running:
        yield running
