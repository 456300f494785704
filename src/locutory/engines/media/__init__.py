"""Recordings: what a file is, its samples, its channels."""

from locutory.engines.media.base import MediaReader
from locutory.engines.media.registry import get_media_reader
from locutory.engines.media.sniff import container_of

__all__ = ["MediaReader", "container_of", "get_media_reader"]
