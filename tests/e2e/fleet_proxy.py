"""Stands between agents and the server, and cuts: a request in half, an answer before it arrives, half of it, or says nothing any more."""
import contextlib
import os
import selectors
import signal
import socket
import struct
import tempfile
import threading
from pathlib import Path

KINDS = ("half a request", "no answer", "half an answer", "silence", "killed behind its commit")
STATEMENTS = (b"claim(", b"record(", b"renew(", b"file_", b"heartbeat(", b"")


class Pair:
    """One connection: the agent's end, the server's, and what is to become of it."""

    def __init__(self, agent, server):
        self.ends, self.fate, self.silent = {agent: server, server: agent}, None, False
        self.agent = agent

    def close(self):
        for end in self.ends:
            end.close()


class Proxy:
    """A thread of the test's; host is the folder of its socket."""

    def __init__(self, server):
        self.server, self.host = server, Path(tempfile.mkdtemp(prefix="px", dir="/tmp"))
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(self.host / f".s.PGSQL.{server.port}"))
        self.listener.listen(128)
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.listener, selectors.EVENT_READ, None)
        self.armed, self.cuts, self.ended = [], {}, False
        self.thread = threading.Thread(target=self.work, daemon=True)
        self.thread.start()

    def arm(self, kind, statement):
        """The next connection that sends this statement meets that fate."""
        self.armed.append((kind, statement))

    def end(self):
        self.ended = True
        self.thread.join()
        self.listener.close()
        (self.host / f".s.PGSQL.{self.server.port}").unlink()
        self.host.rmdir()

    def work(self):
        while not self.ended:
            for key, _ in self.selector.select(0.2):
                if key.data is None:
                    self.accept()
                elif key.fileobj.fileno() >= 0:  # its other end may have been closed in this round
                    self.forward(key.data, key.fileobj)
        for key in list(self.selector.get_map().values()):
            key.fileobj.close()

    def accept(self):
        agent, _ = self.listener.accept()
        server = socket.socket(socket.AF_UNIX)
        try:
            server.connect(str(self.server.folder / f".s.PGSQL.{self.server.port}"))
        except OSError:  # the server is away
            agent.close()
            return
        pair = Pair(agent, server)
        for end in pair.ends:
            self.selector.register(end, selectors.EVENT_READ, pair)

    def drop(self, pair):
        for end in pair.ends:
            with contextlib.suppress(KeyError, ValueError):
                self.selector.unregister(end)
        pair.close()

    def forward(self, pair, end):
        try:
            data = end.recv(1 << 18)
            if data:
                data = self.request(pair, data) if end is pair.agent else self.answer(pair, data)
            if data and not pair.silent:
                pair.ends[end].sendall(data)
        except OSError:
            data = b""
        if not data:
            self.drop(pair)

    def request(self, pair, data):
        """What goes on of it; b"": the connection ends with it."""
        for kind, statement in self.armed:
            if statement in data and data[:1] in (b"P", b"Q"):
                self.armed.remove((kind, statement))
                self.cuts[kind] = self.cuts.get(kind, 0) + 1
                pair.fate = kind
                break
        if pair.fate == "half a request":
            pair.ends[pair.agent].sendall(data[:len(data) // 2])
            return b""
        pair.silent = pair.fate == "silence"
        return data

    def answer(self, pair, data):
        """The statement has been done, and committed."""
        if pair.fate == "killed behind its commit":
            pid = struct.unpack("3i", pair.agent.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0]
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            return b""
        if pair.fate == "half an answer":
            pair.agent.sendall(data[:len(data) // 2])
        return b"" if pair.fate in ("no answer", "half an answer") else data
