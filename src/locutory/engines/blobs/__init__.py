"""Files: one place for recordings, sidecars and pictures, keys beginning with the tenant."""

from locutory.engines.blobs.base import BlobMissing, BlobStore
from locutory.engines.blobs.local import LocalBlobs

__all__ = ["BlobMissing", "BlobStore", "LocalBlobs"]
