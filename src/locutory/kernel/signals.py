"""In-process wake-ups: a name is notified, its listeners' events are set. Never carries data."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable


class Signals:
    """Wakes the tasks of this process that wait for a name. Losing one costs a poll interval."""

    def __init__(self) -> None:
        self._listeners: dict[str, set[asyncio.Event]] = defaultdict(set)

    def listen(self, *names: str) -> asyncio.Event:
        """An event that is set whenever one of the names is notified; the listener clears it."""
        event = asyncio.Event()
        for name in names:
            self._listeners[name].add(event)
        return event

    def forget(self, event: asyncio.Event) -> None:
        """Stop setting this event."""
        for listeners in self._listeners.values():
            listeners.discard(event)

    def notify(self, names: Iterable[str]) -> None:
        """Wake everyone who listens to one of the names."""
        for name in names:
            for event in self._listeners.get(name, ()):
                event.set()
