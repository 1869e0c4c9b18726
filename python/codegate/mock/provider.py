"""The mock provider as a server: for tests in the same process, in a thread, or on its own."""

import asyncio
import contextlib
import ssl
import threading
from collections.abc import Callable, Iterator
from types import TracebackType

from codegate.mock.connection import Connection, Host
from codegate.mock.http1 import Http1Connection
from codegate.mock.journal import Entry, Journal
from codegate.mock.options import Options
from codegate.mock.request import BadRequestError, HttpRequest, RequestHead
from codegate.mock.service import Service
from codegate.mock.steps import ClientGoneError, Progress, Wire, play

_LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})


class MockProvider(Host):
    """A provider on a port of its own. Use `async with`, or `start` and `stop`.

    `ssl_context` serves TLS with a context of the caller's making instead of the options' files.
    """

    def __init__(
        self, options: Options | None = None, *, ssl_context: ssl.SSLContext | None = None
    ) -> None:
        self.options = options or Options()
        self.body_limit = self.options.body_limit
        self.journal = Journal(
            size=self.options.journal_size,
            body_limit=self.options.journal_bodies,
            file=self.options.journal_file,
        )
        self.service = Service(self.options, self.journal)
        self.on_change: Callable[[], None] | None = None
        self._ssl = ssl_context or _tls_context(self.options)
        self._connections: set[Connection] = set()
        self._connection_count = 0
        self._server: asyncio.Server | None = None
        self._port = 0
        self._changed = asyncio.Event()

    async def __aenter__(self) -> "MockProvider":
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen. Raises OSError when the address is taken."""
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(
                self._protocol, self.options.host, self.options.port, ssl=self._ssl, backlog=1024
            )
        except OSError:
            self.journal.close()
            raise
        self._port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop listening and cut every connection; returns once nothing of it is left."""
        if self._server is not None:
            self._server.close()
            for connection in tuple(self._connections):
                await connection.stop()
            await self._server.wait_closed()
            self._server = None
        self.journal.close()

    @property
    def port(self) -> int:
        """The port that was bound."""
        return self._port

    @property
    def url(self) -> str:
        """Scheme, host and port, without a slash at the end."""
        host = f"[{self.options.host}]" if ":" in self.options.host else self.options.host
        return f"{'https' if self._ssl else 'http'}://{host}:{self._port}"

    @property
    def requests(self) -> list[Entry]:
        """The API requests of the journal, oldest first; health checks are left out."""
        return [entry for entry in self.journal if entry.format is not None]

    @property
    def connections_open(self) -> int:
        """Connections that are open now."""
        return len(self._connections)

    @property
    def connections_total(self) -> int:
        """Connections accepted since the start."""
        return self._connection_count

    @property
    def fault(self) -> str | None:
        """The fault script for every API request, None for none."""
        return self.service.fault

    @fault.setter
    def fault(self, script: str | None) -> None:
        self.service.fault = script

    def script(self, *scripts: str | None) -> None:
        """Queue one fault script for each of the next model calls, None for a good answer."""
        self.service.queue.extend(scripts)

    async def wait_for(self, condition: Callable[[], bool], *, timeout: float = 5.0) -> None:
        """Return once `condition` holds. Raises TimeoutError after `timeout` seconds."""
        async with asyncio.timeout(timeout):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    def next_number(self) -> int:
        """Connections are numbered from 1."""
        self._connection_count += 1
        return self._connection_count

    def opened(self, connection: Connection) -> None:
        """Keep the connection to be able to stop it."""
        self._connections.add(connection)
        self._notify()

    def closed(self, connection: Connection) -> None:
        """Forget it."""
        self._connections.discard(connection)
        self._notify()

    def refuses_connections(self) -> bool:
        """A standing fault may want it."""
        return self.service.refuses_connections()

    def refuses_early(self, head: RequestHead) -> bool:
        """A request header may want it."""
        return self.service.refuses_early(head)

    def malformed(
        self, connection: Connection, head: RequestHead | None, error: BadRequestError
    ) -> None:
        """Note it in the journal."""
        entry = self._open_entry(connection, head)
        entry.status = error.status
        self._finish(entry, "malformed")

    def incomplete(self, connection: Connection, head: RequestHead | None) -> None:
        """Note it in the journal."""
        entry = self._open_entry(connection, head)
        entry.closed_at = connection.departure.at
        self._finish(entry, "incomplete")

    def _protocol(self) -> asyncio.Protocol:
        if not self.options.http2:
            return self._http1()
        # Without HTTP/2 the mock needs no library for it.
        from codegate.mock.http2 import AlpnGate, Http2Connection

        return AlpnGate(self._http1, lambda: Http2Connection(self, self._handle))

    def _http1(self) -> Http1Connection:
        return Http1Connection(self, self._handle)

    async def _handle(self, request: HttpRequest, wire: Wire) -> None:
        head = request.head
        if head.path.startswith("/_mock/") and wire.is_local and _names_this_machine(head):
            with contextlib.suppress(ClientGoneError):
                await play(self.service.answer_own(request), wire, Progress())
            return
        entry = self.journal.open_entry(
            connection=wire.connection,
            protocol=head.protocol,
            method=head.method,
            target=head.target,
            headers=head.headers,
            body=request.body,
        )
        progress = Progress()
        outcome = "stopped"
        try:
            steps = self.service.answer(request, entry)
            self._notify()
            await play(steps, wire, progress)
            outcome = "answered" if progress.is_ended else "broken_off"
        except ClientGoneError:
            outcome = "answered" if progress.is_ended else "client_closed"
        finally:
            entry.status = progress.status
            entry.events = progress.events
            entry.answer_bytes = progress.body_bytes
            entry.closed_at = wire.departure.at
            self._finish(entry, outcome)

    def _open_entry(self, connection: Connection, head: RequestHead | None) -> Entry:
        return self.journal.open_entry(
            connection=connection.number,
            protocol=head.protocol if head else "",
            method=head.method if head else "",
            target=head.target if head else "",
            headers=head.headers if head else (),
            body=b"",
        )

    def _finish(self, entry: Entry, outcome: str) -> None:
        self.journal.finish(entry, outcome)
        self._notify()

    def _notify(self) -> None:
        self._changed.set()
        if self.on_change is not None:
            self.on_change()


class ThreadedMock:
    """A running mock in another thread. Its members may be read from any thread."""

    def __init__(self, provider: MockProvider, loop: asyncio.AbstractEventLoop) -> None:
        self.provider = provider
        self.url = provider.url
        self.port = provider.port
        self._loop = loop
        self._condition = threading.Condition()
        provider.on_change = self._notify

    @property
    def journal(self) -> Journal:
        """The mock's journal."""
        return self.provider.journal

    @property
    def requests(self) -> list[Entry]:
        """The API requests of the journal, oldest first."""
        return self.provider.requests

    @property
    def connections_open(self) -> int:
        """Connections that are open now."""
        return self.provider.connections_open

    @property
    def fault(self) -> str | None:
        """The fault script for every API request, None for none."""
        return self.provider.fault

    @fault.setter
    def fault(self, script: str | None) -> None:
        self.provider.fault = script

    def script(self, *scripts: str | None) -> None:
        """Queue one fault script for each of the next model calls, None for a good answer."""
        self.provider.script(*scripts)

    def wait_until(self, condition: Callable[[], bool], *, timeout: float = 5.0) -> None:
        """Return once `condition` holds. Raises TimeoutError after `timeout` seconds."""
        with self._condition:
            if not self._condition.wait_for(condition, timeout):
                raise TimeoutError("the mock did not come to the awaited state")

    def _notify(self) -> None:
        with self._condition:
            self._condition.notify_all()


@contextlib.contextmanager
def run_in_thread(
    options: Options | None = None, *, ssl_context: ssl.SSLContext | None = None
) -> Iterator[ThreadedMock]:
    """A mock for synchronous callers. Raises OSError when the address is taken."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="mock-provider", daemon=True)
    thread.start()

    async def start() -> MockProvider:
        provider = MockProvider(options, ssl_context=ssl_context)
        await provider.start()
        return provider

    try:
        provider = asyncio.run_coroutine_threadsafe(start(), loop).result()
        try:
            yield ThreadedMock(provider, loop)
        finally:
            provider.on_change = None
            asyncio.run_coroutine_threadsafe(provider.stop(), loop).result()
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def _names_this_machine(head: RequestHead) -> bool:
    """A web page that has its own name point here must not read the journal."""
    name = (head.header("host") or "").rpartition(":")[0] or head.header("host")
    return name in _LOCAL_NAMES


def _tls_context(options: Options) -> ssl.SSLContext | None:
    if options.tls_certificate is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(options.tls_certificate, options.tls_key)
    context.set_alpn_protocols(["h2", "http/1.1"] if options.http2 else ["http/1.1"])
    return context
