"""Files: one place for recordings, sidecars and pictures, keys beginning with the tenant."""

from locutory.engines.blobs.base import BlobMissing, BlobsRefused, BlobStore, BlobsUnavailable
from locutory.engines.blobs.local import LocalBlobs
from locutory.engines.blobs.registry import get_blobs

__all__ = [
    "BlobMissing",
    "BlobStore",
    "BlobsRefused",
    "BlobsUnavailable",
    "LocalBlobs",
    "get_blobs",
]
