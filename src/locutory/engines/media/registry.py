"""The media readers by name."""

from locutory.engines.media.base import MediaReader
from locutory.kernel.errors import ConfigError


def get_media_reader(name: str = "embedded") -> MediaReader:
    """Return the reader of that name; numpy and the decoder load with it, not before.

    Raises ConfigError for a name that nobody registered.
    """
    if name == "embedded":
        from locutory.engines.media.embedded import EmbeddedReader

        return EmbeddedReader()
    raise ConfigError(f"There is no media reader {name!r}; known: embedded")
