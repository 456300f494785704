"""In-process wake-ups: a name is notified, its listeners' events are set. Never carries data."""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Iterable, Iterator


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

    @contextlib.contextmanager
    def woken(self, stop: asyncio.Event, *names: str) -> Iterator[asyncio.Event]:
        """For a task that works until `stop`: an event set by each of the names, and by `stop`."""
        wake = self.listen(*names)
        try:
            with set_also_by(stop, wake):
                yield wake
        finally:
            self.forget(wake)


@contextlib.contextmanager
def set_also_by(stop: asyncio.Event, wake: asyncio.Event) -> Iterator[None]:
    """While inside, `wake` is set when `stop` is: who waits for the one sees the other."""
    stopper = asyncio.create_task(stop.wait())
    stopper.add_done_callback(lambda _: wake.set())
    try:
        yield
    finally:
        stopper.cancel()


async def pause(event: asyncio.Event, seconds: float) -> None:
    """Until the event is set, `seconds` at most."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), seconds)
