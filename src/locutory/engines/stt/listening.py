"""What a recording tells by its sound alone; pure work for a process pool."""

from pathlib import Path

from locutory.engines.media import get_media_reader
from locutory.engines.media.base import Probe
from locutory.engines.stt.base import Heard


def listen(path: Path) -> tuple[Probe, Heard]:
    """Probe a recording and find its turns. Raises the media engine's errors."""
    from locutory.engines.stt.acoustic import hear

    return get_media_reader().probe(path), hear(path)
