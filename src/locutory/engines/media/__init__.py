"""Recordings: what a file is, its samples, its channels."""

from locutory.engines.media.base import MediaReader
from locutory.engines.media.registry import get_media_reader

__all__ = ["MediaReader", "get_media_reader"]
