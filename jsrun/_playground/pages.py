"""The page and what it loads: files of this package, and nothing from elsewhere."""

from __future__ import annotations

from importlib import resources

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

_HEADERS = {
    "cache-control": "no-cache",
    "content-security-policy": "; ".join(
        [
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self' data:",
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        ]
    ),
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}
# Independent of what the machine's registry of types says.
_TYPES = {".js": "text/javascript", ".css": "text/css", ".html": "text/html", ".svg": "image/svg+xml"}


class Pages:
    """Serves the files of ``static/``, read once."""

    def __init__(self) -> None:
        folder = resources.files(__package__) / "static"
        self._files = {
            item.name: (item.read_bytes(), _TYPES[item.name[item.name.rfind(".") :]]) for item in folder.iterdir()
        }

    async def page(self, request: Request) -> Response:
        """Serve the page itself."""
        return self._serve("index.html")

    async def asset(self, request: Request) -> Response:
        """Serve a file that the page loads."""
        return self._serve(request.path_params["name"])

    def _serve(self, name: str) -> Response:
        if name not in self._files:
            raise HTTPException(404, f"there is no file {name!r}")
        content, kind = self._files[name]
        return Response(content, media_type=kind, headers=_HEADERS)
