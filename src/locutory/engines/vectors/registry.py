"""Where copies of vectors are kept, by the settings."""

import re
from urllib.parse import urlsplit

from locutory.engines.vectors.base import OutsideStore
from locutory.engines.vectors.chroma import ChromaVectors
from locutory.engines.vectors.outside import Wire
from locutory.engines.vectors.qdrant import QdrantVectors
from locutory.kernel.errors import ConfigError
from locutory.kernel.http.client import HttpClient
from locutory.kernel.settings import VectorSettings

_PREFIX = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}")


def get_vectors(settings: VectorSettings, http: HttpClient) -> OutsideStore | None:
    """The server that LOCUTORY_VECTORS__STORE names; None: vectors are searched in memory alone.

    Nothing is asked yet. Raises ConfigError for settings that no server can have.
    """
    if settings.store == "embedded":
        return None
    url = urlsplit(settings.url or "")
    if url.scheme not in ("http", "https") or not url.netloc or "@" in url.netloc or url.query:
        raise ConfigError("LOCUTORY_VECTORS__URL must be http(s)://host:port")
    if _PREFIX.fullmatch(settings.prefix) is None:
        raise ConfigError("LOCUTORY_VECTORS__PREFIX takes letters, digits, _ and -, 40 at most")
    assert settings.url is not None
    key = settings.api_key.get_secret_value() if settings.api_key else None
    if settings.store == "qdrant":
        headers = {} if key is None else {"api-key": key}
        wire = Wire(http, settings.store, settings.url, headers, settings.timeout_s)
        return QdrantVectors(wire, prefix=settings.prefix)
    headers = {} if key is None else {"x-chroma-token": key}
    wire = Wire(http, settings.store, settings.url, headers, settings.timeout_s)
    return ChromaVectors(wire, prefix=settings.prefix)
