"""Where files are kept, by the settings."""

from urllib.parse import urlsplit

from locutory.engines.blobs.base import BlobStore
from locutory.engines.blobs.local import LocalBlobs
from locutory.kernel.errors import ConfigError
from locutory.kernel.settings import Settings


def get_blobs(settings: Settings) -> BlobStore:
    """The folder `blobs/` of the data directory, or the bucket that LOCUTORY_BLOBS__URL names.

    Nothing is asked yet. Raises ConfigError for settings that no store can have.
    """
    blobs = settings.blobs
    if blobs.url is None:
        return LocalBlobs(settings.data_dir / "blobs")
    url = urlsplit(blobs.url)
    if url.scheme != "s3" or not url.netloc or "@" in url.netloc or url.query or url.fragment:
        raise ConfigError("LOCUTORY_BLOBS__URL must be s3://bucket or s3://bucket/prefix")
    if blobs.endpoint is not None:
        at = urlsplit(blobs.endpoint)
        if at.scheme not in ("http", "https") or not at.netloc or at.path.strip("/") or at.query:
            raise ConfigError(
                "LOCUTORY_BLOBS__ENDPOINT must be http(s)://host or http(s)://host:port"
            )
    if (blobs.access_key is None) != (blobs.secret_key is None):
        raise ConfigError("LOCUTORY_BLOBS__ACCESS_KEY and ..._SECRET_KEY belong together")
    from locutory.engines.blobs.s3 import S3Blobs

    return S3Blobs(
        blobs, bucket=url.netloc, prefix=url.path.strip("/"), scratch=settings.data_dir / "tmp"
    )
