"""A local server that speaks the OpenAI wire, and one that misbehaves: refuses, resets, hangs, babbles, cuts off.

Behaviours are functions of a connection; a script of them is used up, one a request, and then it answers well.
"""

import asyncio
import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from afina.border import aclosing
from afina.contracts import Prompt
from afina.domain.answer import Finish, Logprobs, Piece, Text, Used
from afina.domain.ask import Sampling
from afina.domain.message import Message
from afina.errors import AfinaError
from afina.testing.echo import EchoEngine

Body = dict[str, Any]


class Connection(BaseHTTPRequestHandler):
    """One request in a thread of its own."""

    protocol_version = "HTTP/1.1"
    server: "_Server"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("content-length", 0))))
        fake = self.server.fake
        fake.asked.append(body)
        fake.headers.append({name.lower(): value for name, value in self.headers.items()})
        behave = fake.script.pop(0) if fake.script else answers
        fake.running += 1
        try:
            behave(self, body)
        except (BrokenPipeError, ConnectionResetError):
            fake.left += 1
        finally:
            fake.running -= 1
            self.close_connection = True

    def begin(self, kind: str = "text/event-stream", *, status: int = 200, **headers: str) -> None:
        """Status line and headers; what follows ends with the connection."""
        self.send_response(status)
        for name, value in {"content-type": kind, "connection": "close", **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()

    def write(self, text: str | bytes) -> None:
        self.wfile.write(text.encode() if isinstance(text, str) else text)
        self.wfile.flush()

    def event(self, value: object) -> None:
        self.write(f"data: {json.dumps(value)}\n\n")

    def wait(self, seconds: float) -> None:
        """Do nothing, but no longer than the server lives."""
        self.server.fake.stopping.wait(seconds)

    def log_message(self, format: str, *args: object) -> None:
        """Tests look at `asked`, not at a log."""


Behaviour = Callable[[Connection, Body], None]


@dataclass
class FakeOpenAI:
    """url: up to and with /v1. engine: who answers. script: behaviours of the next requests.

    asked, headers: what came. running: requests being answered. left: requests whose client went away.
    """

    url: str = ""
    engine: EchoEngine = field(default_factory=EchoEngine)
    script: list[Behaviour] = field(default_factory=list)
    asked: list[Body] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    running: int = 0
    left: int = 0
    stopping: threading.Event = field(default_factory=threading.Event)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    fake: FakeOpenAI


@contextmanager
def fake_openai(*script: Behaviour, engine: EchoEngine | None = None) -> Iterator[FakeOpenAI]:
    """A server on loopback while the block runs."""
    server = _Server(("127.0.0.1", 0), Connection)
    server.fake = FakeOpenAI(f"http://127.0.0.1:{server.server_address[1]}/v1", engine or EchoEngine(), list(script))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server.fake
    finally:
        server.fake.stopping.set()
        server.shutdown()
        server.server_close()
        thread.join(5)


# --- behaviours -----------------------------------------------------------------------------------


def answers(connection: Connection, body: Body) -> None:
    """What a good server does, with the echo engine behind it."""
    asyncio.run(_stream(connection, body))


async def _stream(connection: Connection, body: Body) -> None:
    engine = connection.server.fake.engine
    used = [0, 0]
    begun = False
    try:
        async with aclosing(engine.generate(_prompt(body))) as pieces:
            async for piece in pieces:
                if not begun:
                    connection.begin()
                begun = True
                if isinstance(piece, Used):
                    used = [used[0] + piece.prompt_tokens, used[1] + piece.completion_tokens]
                elif (choice := _choice(piece)) is not None:
                    connection.event({"object": "chat.completion.chunk", "choices": [choice]})
    except AfinaError as error:
        refuses(400, code=error.code, message=str(error))(connection, body)
        return
    usage = {"prompt_tokens": used[0], "completion_tokens": used[1], "total_tokens": sum(used)}
    connection.event({"object": "chat.completion.chunk", "choices": [], "usage": usage})
    connection.write("data: [DONE]\n\n")


def refuses(
    status: int, *, code: str | None = None, message: str = "no", param: str | None = None, **headers: str
) -> Behaviour:
    """Another status than 200, with an error body."""

    def behave(connection: Connection, body: Body) -> None:
        error = {"message": message, "type": "error", "param": param, "code": code}
        connection.begin("application/json", status=status, **headers)
        connection.write(json.dumps({"error": error}))

    return behave


def resets(connection: Connection, body: Body) -> None:
    """Cut the line with a TCP reset before a word."""
    connection.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.connection.close()
    raise ConnectionResetError


def says_html(connection: Connection, body: Body) -> None:
    """A web page with status 200, as proxies send."""
    connection.begin("text/html")
    connection.write("<!doctype html><html><body><h1>Welcome</h1></body></html>")


def streams_html(connection: Connection, body: Body) -> None:
    connection.begin()
    connection.write("<html>\n<body>\n")
    connection.write("<p>not an event</p>\n" * 50)


def babbles(connection: Connection, body: Body) -> None:
    """Events that are not JSON."""
    connection.begin()
    connection.write("data: {this is not json\n\n")


def sends(*events: object) -> Behaviour:
    """These events and no more."""

    def behave(connection: Connection, body: Body) -> None:
        connection.begin()
        for event in events:
            connection.event(event)

    return behave


def hangs_at_once(connection: Connection, body: Body) -> None:
    """Takes the request and never answers."""
    connection.wait(60)


def hangs_after(words: int) -> Behaviour:
    """Says some words (or just begins) and then nothing more."""

    def behave(connection: Connection, body: Body) -> None:
        connection.begin()
        for number in range(words):
            connection.event(chunk(f" word{number}"))
        connection.wait(60)

    return behave


def pings_forever(connection: Connection, body: Body) -> None:
    """Comments that keep the line open, and never a word."""
    connection.begin()
    while not connection.server.fake.stopping.wait(0.01):
        connection.write(": ping\n\n")


def cuts_off_after(words: int) -> Behaviour:
    """Ends the stream without an end."""

    def behave(connection: Connection, body: Body) -> None:
        connection.begin()
        for number in range(words):
            connection.event(chunk(f" word{number}"))

    return behave


def fails_after(words: int) -> Behaviour:
    """Sends an error event in the middle."""

    def behave(connection: Connection, body: Body) -> None:
        cuts_off_after(words)(connection, body)
        connection.event({"error": {"message": "the GPU fell off", "code": "server_error"}})

    return behave


def talks_forever(connection: Connection, body: Body) -> None:
    """Tokens without end, whatever max_tokens said."""
    connection.begin()
    while True:
        connection.event(chunk(" and"))


def sends_an_endless_line(connection: Connection, body: Body) -> None:
    connection.begin()
    connection.write("data: ")
    while True:
        connection.write("x" * 65536)


def drips(connection: Connection, body: Body) -> None:
    """A good answer, a byte at a time, with CRLF: slow and odd, but right."""
    connection.begin()
    events = [chunk("Größe"), chunk(" 日本"), {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}]
    for byte in "".join(f"data: {json.dumps(e, ensure_ascii=False)}\r\n\r\n" for e in events).encode():
        connection.write(bytes([byte]))
    connection.write("data: [DONE]")


def chunk(text: str, *, index: int = 0) -> Body:
    return {"choices": [{"index": index, "delta": {"content": text}, "finish_reason": None}]}


def _choice(piece: Piece) -> Body | None:
    if isinstance(piece, Text):
        return chunk(piece.text, index=piece.choice)["choices"][0]  # type: ignore[no-any-return]
    if isinstance(piece, Logprobs):
        rows = [
            {"token": t.token, "logprob": t.logprob, "top_logprobs": [{"token": a, "logprob": v} for a, v in t.top]}
            for t in piece.tokens
        ]
        return {"index": piece.choice, "delta": {}, "logprobs": {"content": rows}}
    if isinstance(piece, Finish):
        return {"index": piece.choice, "delta": {}, "finish_reason": piece.reason}
    return None


def _prompt(body: Body) -> Prompt:
    names = ("max_tokens", "temperature", "top_p", "seed", "n", "logprobs", "top_logprobs")
    given = {name: body[name] for name in names if name in body}
    bias = {int(token): value for token, value in body.get("logit_bias", {}).items()}
    schema = body.get("response_format", {}).get("json_schema", {}).get("schema")
    return Prompt(
        tuple(Message(m["role"], m["content"]) for m in body["messages"]),
        Sampling(**given, stop=tuple(body.get("stop", ())), logit_bias=bias),
        schema=schema,
    )
