"""A provider for demonstrations and tests: deterministic, strict, and faulty on request."""

from codegate.mock.journal import Entry, Journal
from codegate.mock.options import Options
from codegate.mock.provider import MockProvider, ThreadedMock, run_in_thread
from codegate.mock.serve import serve

__all__ = ["Entry", "Journal", "MockProvider", "Options", "ThreadedMock", "run_in_thread", "serve"]
