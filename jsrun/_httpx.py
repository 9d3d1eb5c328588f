"""`HttpxFetch`: a handler for `RuntimeConfig.fetch` over httpx, with an allow-list and limits."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Iterable
from typing import TYPE_CHECKING, Any, Final, TypeVar

from ._fetch import FetchRequest, FetchResponse
from ._stream import JsStream
from .errors import FetchError, PermissionDenied

if TYPE_CHECKING:
    import httpx

_T = TypeVar("_T")

_PORTS: Final = {"http": 80, "https": 443}
# The connection's own business, and what decides who is spoken to.
_DROPPED: Final = frozenset(
    "connection content-length expect host keep-alive proxy-authorization proxy-connection te trailer "
    "transfer-encoding upgrade".split()
)
# What one origin is told and another must not hear.
_PRIVATE: Final = frozenset({"authorization", "cookie"})
# What described a body that is not sent again.
_OF_BODY: Final = frozenset({"content-type", "content-encoding", "content-language", "content-location"})
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_NO_BODY: Final = frozenset({204, 205, 304})


class HttpxFetch:
    """Lets JavaScript's `fetch` reach the origins that are named, and no other. Needs the extra ``jsrun[fetch]``.

    Every request, and every redirect, is checked against the list. Each uses a connection of its own, nothing is kept
    between two: no cookies, no caches, no proxies or credentials from the environment. One object may serve any number
    of runtimes, loops and threads.

    Args:
        allow: origins: scheme, host and, unless it is the scheme's own, port. No paths, no wildcards.
        timeout: seconds for one request, from its start to the last byte of the response's body, redirects included.
        max_response_bytes: largest body of a response, counted after decompression.
        max_redirects: redirects that are followed for one request.
        verify: whether certificates are checked; or the `ssl.SSLContext` to use.

    Raises:
        ImportError: httpx is not installed.
        TypeError, ValueError: an argument is wrong.

    Example:
        >>> import jsrun
        >>> rt = jsrun.Runtime(fetch=jsrun.HttpxFetch(allow=["https://api.example.com"]))
        >>> rt.eval("fetch('https://example.org/').catch(error => error.cause.name)")
        'PermissionDenied'
        >>> rt.close()
    """

    def __init__(
        self,
        allow: Iterable[str],
        *,
        timeout: float = 30.0,
        max_response_bytes: int = 10 << 20,
        max_redirects: int = 10,
        verify: bool | ssl.SSLContext = True,
    ) -> None:
        try:
            import httpx
        except ImportError as error:
            raise ImportError("HttpxFetch needs httpx; install it with: pip install 'jsrun[fetch]'") from error
        if isinstance(allow, str):
            raise TypeError(f"allow must be several origins, such as a list of str, got the str {allow!r}")
        if isinstance(timeout, bool) or not isinstance(timeout, (int, float)):
            raise TypeError(f"timeout must be seconds (int or float), got {timeout!r}")
        if not timeout > 0:
            raise ValueError(f"timeout must be more than 0 seconds, got {timeout!r}")
        for name, value in (("max_response_bytes", max_response_bytes), ("max_redirects", max_redirects)):
            if isinstance(value, bool) or not isinstance(value, int):
                raise TypeError(f"{name} must be an int, got {value!r}")
            if value < 0:
                raise ValueError(f"{name} must not be negative, got {value}")
        self._httpx = httpx
        self._allowed = frozenset(self._allow(origin) for origin in allow)
        self._timeout = timeout
        self._most = max_response_bytes
        self._redirects = max_redirects
        # Made when it is needed, and kept: reading the certificates takes longer than a request.
        self._verify = verify
        self._context: ssl.SSLContext | None = verify if isinstance(verify, ssl.SSLContext) else None

    def _allow(self, origin: str) -> tuple[str, str, int]:
        if not isinstance(origin, str):
            raise TypeError(f"allow must hold str, got {origin!r}")
        try:
            url = self._httpx.URL(origin)
        except self._httpx.InvalidURL as error:
            raise ValueError(f"{origin!r} is not an origin: {error}") from error
        bare = url.path in {"", "/"} and not url.query and not url.fragment and not url.userinfo
        if url.scheme not in _PORTS or not url.host or "*" in url.host or not bare:
            raise ValueError(f"{origin!r} is not an origin; one looks like 'https://api.example.com'")
        return _origin(url)

    def __repr__(self) -> str:
        origins = sorted(f"{scheme}://{host}:{port}" for scheme, host, port in self._allowed)
        return f"<HttpxFetch {', '.join(origins) or 'nothing allowed'}>"

    async def __call__(self, request: FetchRequest) -> FetchResponse:
        """Send one request. What goes wrong raises `PermissionDenied`, `FetchError` or `TimeoutError`."""
        return await _Exchange(self._httpx, self, request).run()

    def check(self, url: httpx.URL) -> None:
        """Raise unless the address is on the list."""
        if url.scheme not in _PORTS or _origin(url) not in self._allowed:
            text = f"{url.scheme}://{url.netloc.decode('ascii', 'replace')}"
            raise PermissionDenied(f"fetch: the origin {text} is not on the allow list of HttpxFetch")

    def client(self, scheme: str) -> httpx.AsyncClient:
        """Make a client for one request."""
        if scheme == "https" and self._context is None:
            self._context = self._httpx.create_ssl_context(verify=self._verify, trust_env=False)
        return self._httpx.AsyncClient(
            trust_env=False, follow_redirects=False, timeout=None, verify=self._context or False
        )

    @property
    def limits(self) -> tuple[float, int, int]:
        """Seconds, bytes and redirects."""
        return self._timeout, self._most, self._redirects


def _origin(url: httpx.URL) -> tuple[str, str, int]:
    return url.scheme, url.host.lower().rstrip("."), url.port or _PORTS[url.scheme]


class _Exchange:
    """One request with its redirects, until the head of the response is there."""

    def __init__(self, module: Any, owner: HttpxFetch, request: FetchRequest) -> None:
        self._httpx = module
        self._owner = owner
        self._request = request
        self._timeout, self._most, self._redirects = owner.limits
        self._end = asyncio.get_running_loop().time() + self._timeout
        self._method = request.method
        self._headers = [(name, value) for name, value in request.headers if name not in _DROPPED]
        self._body: bytes | JsStream | None = request.body

    async def run(self) -> FetchResponse:
        """Follow redirects to the end."""
        url = self._httpx.URL(self._request.url)
        followed = 0
        while True:
            self._owner.check(url)
            client = self._owner.client(url.scheme)
            try:
                response = await self._head(client, url)
                target = response.headers.get("location")
                if response.status_code not in _REDIRECTS or target is None or self._request.redirect == "manual":
                    return await self._answer(client, response, followed)
                followed += 1
                url = self._redirected(url, target, response.status_code, followed)
                await response.aclose()
            except BaseException:
                await client.aclose()
                raise
            await client.aclose()

    async def _head(self, client: httpx.AsyncClient, url: httpx.URL) -> httpx.Response:
        try:
            return await self.within(self._send(client, url))
        except self._httpx.HTTPError as error:
            raise FetchError(f"fetch: {type(error).__name__}: {error}") from error

    async def _send(self, client: httpx.AsyncClient, url: httpx.URL) -> httpx.Response:
        content = _upload(self._body) if isinstance(self._body, JsStream) else self._body
        headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in self._headers]
        request = client.build_request(self._method, url, headers=headers, content=content)
        if not any(name == "user-agent" for name, _ in self._headers):
            request.headers["user-agent"] = "jsrun"
        return await client.send(request, stream=True)

    def _redirected(self, url: httpx.URL, target: str, status: int, followed: int) -> httpx.URL:
        """Return the next address, and change the request as the standard says."""
        if self._request.redirect == "error":
            raise FetchError(f"fetch: {url} redirects, and the request has redirect: 'error'")
        if followed > self._redirects:
            raise FetchError(f"fetch: more than {self._redirects} redirects (max_redirects of HttpxFetch)")
        try:
            following: httpx.URL = url.join(target)
        except self._httpx.InvalidURL as error:
            raise FetchError(f"fetch: {url} redirects to no address: {error}") from error
        becomes_get = (status == 303 and self._method not in {"GET", "HEAD"}) or (
            status in {301, 302} and self._method == "POST"
        )
        if becomes_get:
            self._method, self._body = "GET", None
            self._headers = [pair for pair in self._headers if pair[0] not in _OF_BODY]
        elif isinstance(self._body, JsStream):
            raise FetchError(f"fetch: {url} redirects with {status}, and a body that is a stream cannot be sent again")
        self._owner.check(following)
        if _origin(following) != _origin(url):
            self._headers = [pair for pair in self._headers if pair[0] not in _PRIVATE]
        return following

    async def _answer(self, client: httpx.AsyncClient, response: httpx.Response, followed: int) -> FetchResponse:
        body: _Download | None = None
        if self._method == "HEAD" or response.status_code in _NO_BODY:
            await response.aclose()
            await client.aclose()
        else:
            length = response.headers.get("content-length", "")
            if length.isdigit() and int(length) > self._most:
                raise self.too_large()
            body = _Download(self, client, response)
        return FetchResponse(
            body,
            status=response.status_code,
            status_text=response.reason_phrase,
            headers=[(name.decode("latin-1"), value.decode("latin-1")) for name, value in response.headers.raw],
            url=str(response.url),
            redirected=followed > 0,
        )

    def too_large(self) -> FetchError:
        return FetchError(f"fetch: the response has more than {self._most} bytes (max_response_bytes of HttpxFetch)")

    @property
    def most(self) -> int:
        return self._most

    async def within(self, work: Awaitable[_T]) -> _T:
        """Await something until the request's time is over."""
        left = self._end - asyncio.get_running_loop().time()
        try:
            return await asyncio.wait_for(work, max(left, 0))
        except (asyncio.TimeoutError, TimeoutError) as error:
            raise TimeoutError(f"fetch: it took more than {self._timeout} s (timeout of HttpxFetch)") from error


async def _upload(stream: JsStream) -> AsyncIterator[bytes]:
    async for chunk in stream:
        if not isinstance(chunk, (bytes, bytearray, memoryview)):
            raise TypeError(f"a chunk of a request's body must be a Uint8Array, got {type(chunk).__name__}")
        yield bytes(chunk)


class _Download:
    """The body of a response, with the connection that it comes over."""

    def __init__(self, exchange: _Exchange, client: httpx.AsyncClient, response: httpx.Response) -> None:
        self._exchange = exchange
        self._client = client
        self._response = response
        self._chunks = response.aiter_bytes()
        self._taken = 0

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        try:
            chunk = await self._exchange.within(anext(self._chunks))
        except StopAsyncIteration:
            await self.aclose()
            raise
        except self._exchange._httpx.HTTPError as error:
            await self.aclose()
            raise FetchError(f"fetch: {type(error).__name__}: {error}") from error
        except BaseException:
            await self.aclose()
            raise
        self._taken += len(chunk)
        if self._taken > self._exchange.most:
            await self.aclose()
            raise self._exchange.too_large()
        return chunk

    async def aclose(self) -> None:
        """End the exchange, however far it came."""
        close = getattr(self._chunks, "aclose", None)
        if close is not None:
            await close()
        await self._response.aclose()
        await self._client.aclose()
