"""Named places where a crash test may end the process, as `kill -9` would.

`LOCUTORY_FAILPOINT=name:n` kills at the n-th passage of `name`; `name:n:stop` stops the process
there until it is told to go on. In production mode the variable is ignored; `doctor` says so.
Every name in use is listed in docs/reference/failpoints.md.
"""

import os
import signal

_SIGNALS = {"kill": signal.SIGKILL, "stop": signal.SIGSTOP}

_armed: tuple[str, int, signal.Signals] | None = None
_passages = 0


def arm(spec: str | None, *, production: bool) -> None:
    """Arm from a text such as `calls.transcript.saved:3`; None or production disarms.

    Raises ValueError for a text of another form.
    """
    global _armed, _passages
    _passages = 0
    if not spec or production:
        _armed = None
        return
    name, _, rest = spec.partition(":")
    count, _, how = rest.partition(":")
    if how not in ("", *_SIGNALS):
        raise ValueError(f"not a failpoint: {spec!r}")
    _armed = (name, int(count or 1), _SIGNALS[how or "kill"])


def failpoint(name: str) -> None:
    """Die or stop here without any clean-up, if armed for this passage."""
    global _passages
    if _armed is None or _armed[0] != name:
        return
    _passages += 1
    if _passages == _armed[1]:
        os.kill(os.getpid(), _armed[2])
