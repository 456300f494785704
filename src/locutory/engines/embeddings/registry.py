"""The embedders by name."""

from locutory.engines.embeddings.base import Embedder
from locutory.kernel.errors import ConfigError


def get_embedder(name: str = "hashed") -> Embedder:
    """The embedder of that name. Raises ConfigError for a name that nobody registered."""
    if name == "hashed":
        from locutory.engines.embeddings.hashed import HashedEmbedder

        return HashedEmbedder()
    raise ConfigError(f"There is no embedder {name!r}; known: hashed")
