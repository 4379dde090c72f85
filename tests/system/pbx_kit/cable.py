"""The network between daemon and switch, which a test can cut, or let go silent."""

import selectors
import socket
import threading
from contextlib import suppress
from types import TracebackType
from typing import Final, Self

CHUNK: Final = 1 << 16


class Cable:
    """Carries TCP connections to a port of loopback, until it is cut.

    Args:
        port: Where it leads.
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._wake, self._woken = socket.socketpair()
        self._selector.register(self._woken, selectors.EVENT_READ)
        self._ends: dict[socket.socket, socket.socket] = {}
        self._is_cut = False
        self._is_silent = False
        self._is_ending = False
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._is_ending = True
        self._wake.send(b"x")
        self._thread.join()
        for end in (*self._ends, self._listener, self._wake, self._woken):
            end.close()
        self._selector.close()

    def cut(self) -> None:
        """End all connections, and take no new ones."""
        self._is_cut = True
        self._wake.send(b"x")

    def silence(self) -> None:
        """Carry nothing any more, and tell nobody."""
        self._is_silent = True

    def mend(self) -> None:
        """Take new connections again; those of before are ended."""
        self._is_cut = True
        self._wake.send(b"x")
        self._is_silent = False
        self._wake.send(b"m")

    def _run(self) -> None:
        while not self._is_ending:
            for key, _ in self._selector.select():
                end = key.fileobj
                assert isinstance(end, socket.socket)
                if end is self._woken:
                    self._told(end.recv(CHUNK))
                elif end is self._listener:
                    self._connect()
                else:
                    self._carry(end)

    def _told(self, what: bytes) -> None:
        if self._is_cut:
            for end in tuple(self._ends):
                self._drop(end)
        if b"m" in what:
            self._is_cut = False

    def _connect(self) -> None:
        near, _ = self._listener.accept()
        far = None
        if not self._is_cut:
            with suppress(OSError):
                far = socket.create_connection(("127.0.0.1", self._port))
        if far is None:
            near.close()
            return
        for end, other in ((near, far), (far, near)):
            self._ends[end] = other
            self._selector.register(end, selectors.EVENT_READ)

    def _carry(self, end: socket.socket) -> None:
        if end not in self._ends:
            return
        try:
            data = end.recv(CHUNK)
            if data and not self._is_silent:
                self._ends[end].sendall(data)
        except OSError:
            data = b""
        if not data:
            self._drop(end)

    def _drop(self, end: socket.socket) -> None:
        other = self._ends.pop(end, None)
        if other is not None:
            self._selector.unregister(end)
            end.close()
            self._drop(other)
