"""Two answers to one question, leaf by leaf; and which calls to ask about."""

import hashlib
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

K = TypeVar("K", bound=Hashable)

MOST_DIFFERENCES = 200
ABSENT = "(absent)"
_TOTALS = ("total", "score", "overall")
# How far two numbers may be apart and still agree, as a share of the larger one.
_SAME_NUMBER = 1e-9
_NOT_COMPARED = frozenset(["evidence", "verified"])


@dataclass(frozen=True, slots=True)
class Difference:
    """One leaf on which two results differ; ABSENT where one has no such leaf."""

    path: str
    before: Any
    after: Any


def leaves(value: Any) -> dict[str, Any]:
    """The plain values of a result by their place, such as `parameters.greeting.value`.

    Items of a list go by their `key` where they have one, else by their number. Evidence is left
    out: it is checked, not compared.
    """
    return dict(_leaves(value, ""))


def _leaves(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping) and value:
        for name, child in value.items():
            if name not in _NOT_COMPARED:
                yield from _leaves(child, f"{path}.{name}" if path else str(name))
    elif isinstance(value, list) and value:
        for number, child in enumerate(value):
            key = child.get("key") if isinstance(child, Mapping) else None
            yield from _leaves(child, f"{path}.{number if key is None else key}")
    elif path:
        yield path, value


def differences(before: Any, after: Any) -> list[Difference]:
    """Where two results differ, in the order of the places."""
    old, new = leaves(before), leaves(after)
    return [
        Difference(path, old.get(path, ABSENT), new.get(path, ABSENT))
        for path in sorted(old.keys() | new.keys())
        if not same(old.get(path, ABSENT), new.get(path, ABSENT))
    ]


def same(one: Any, other: Any) -> bool:
    """Whether two plain values agree; numbers up to rounding, truth values only with their like."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, int | float) and isinstance(other, int | float):
        return abs(one - other) <= _SAME_NUMBER * max(abs(one), abs(other), 1.0)
    return bool(one == other)


def score_of(result: Mapping[str, Any] | None) -> float | None:
    """The number that a result comes down to, if there is one at its top."""
    for name in _TOTALS:
        value = (result or {}).get(name)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
    return None


def stratified(strata: Mapping[K, str], count: int, *, seed: int) -> list[K]:
    """So many of the keys, of each stratum its share (largest remainders first).

    The same keys, strata, count and seed give the same sample, in whatever order they come.
    """
    if len(strata) <= count:
        return sorted(strata, key=str)
    members: dict[str, list[K]] = {}
    for key, name in strata.items():
        members.setdefault(name, []).append(key)
    exact = {name: count * len(keys) / len(strata) for name, keys in members.items()}
    quota = {name: int(share) for name, share in exact.items()}
    by_remainder = sorted(exact, key=lambda name: (quota[name] - exact[name], name))
    for name in by_remainder[: count - sum(quota.values())]:
        quota[name] += 1
    return sorted(
        (key for name, keys in members.items() for key in _drawn(keys, quota[name], seed)), key=str
    )


def _drawn(keys: Sequence[K], count: int, seed: int) -> list[K]:
    def order(key: K) -> bytes:
        return hashlib.sha256(f"{seed}:{key}".encode()).digest()

    return sorted(keys, key=order)[:count]
