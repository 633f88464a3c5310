"""Who may speak to the server: checked before a body is read, the same for every route."""

import hmac
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from afina.api.errors import RefusedError

LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class Access:
    """key: what clients must send as a bearer; None: none is needed, and only this machine may speak.

    token: the server's own, from server.json; it opens every route, and alone the private ones.
    names: hosts by which the server may be called; None: any (a server with a key, on an outside address).
    """

    token: str
    key: str | None = None
    names: frozenset[str] | None = LOCAL_NAMES


def is_loopback(host: str) -> bool:
    """Whether an address can only be reached from this machine."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


class Guard:
    """Refuses strangers: wrong Host or Origin (a web page that points a name here), wrong or no key."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app, self._access = app, access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            headers = Headers(scope=scope)
            self._check_names(headers)
            self._check_bearer(headers, scope["path"])
        await self._app(scope, receive, send)

    def _check_names(self, headers: Headers) -> None:
        names = self._access.names
        if names is None:
            return
        host = headers.get("host", "")
        if _name(f"//{host}") not in names:
            raise RefusedError(403, f'this server does not answer to the host "{host}"', code="host_not_allowed")
        origin = headers.get("origin")
        if origin is not None and _name(origin) not in names:
            raise RefusedError(403, f'pages of "{origin}" may not call this server', code="origin_not_allowed")

    def _check_bearer(self, headers: Headers, path: str) -> None:
        kind, _, sent = headers.get("authorization", "").partition(" ")
        bearer = sent.strip() if kind.lower() == "bearer" else ""
        if _same(bearer, self._access.token):
            return
        if path.startswith("/v1/afina/engine"):
            raise RefusedError(401, "this route is private to the workspace's own commands", code="invalid_api_key")
        if self._access.key is not None and not _same(bearer, self._access.key):
            said = "the API key is wrong" if bearer else "an API key is needed"
            raise RefusedError(401, f"{said}: send Authorization: Bearer <AFINA_API_KEY>", code="invalid_api_key")


def _name(address: str) -> str:
    try:
        return urlsplit(address).hostname or ""
    except ValueError:
        return ""


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())
