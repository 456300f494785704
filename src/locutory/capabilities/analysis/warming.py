"""Reading the rules' vocabularies when work comes, beside it, and never for an idle process."""

from threading import Event, Thread

from locutory.capabilities.analysis.rules.wordbook import prepare

_STARTED = Event()


def prepare_beside() -> None:
    """Start to read them in a thread, at the first call only; the rules wait for it by themselves.

    A recording is listened to before anything is judged, so that nobody waits for these seconds.
    """
    if not _STARTED.is_set():
        _STARTED.set()
        Thread(target=prepare, name="vocabularies", daemon=True).start()
