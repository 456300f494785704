"""The engines and clients of a process, by port. Filled by the composition root, read by all."""

from typing import Any, TypeVar, cast

T = TypeVar("T")


class Services:
    """A typed bag: `services.add(LLM, engine)`, `services.get(LLM)`."""

    def __init__(self) -> None:
        self._by_port: dict[Any, Any] = {}

    def add(self, port: type[T], service: T) -> None:
        """Put a service behind its port."""
        self._by_port[port] = service

    def find(self, port: type[T]) -> T | None:
        """The service behind a port, None when there is none."""
        return cast("T | None", self._by_port.get(port))

    def get(self, port: type[T]) -> T:
        """The service behind a port. Raises LookupError when the composition root gave none."""
        try:
            return cast("T", self._by_port[port])
        except KeyError:
            raise LookupError(f"nothing serves {port.__name__}") from None
