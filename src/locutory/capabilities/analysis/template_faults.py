"""Everything that is wrong with a scoring template as it was sent, all at once.

The values are unchecked JSON: what is not even of the right kind is somebody else's fault to tell
(the wire schema's), and is passed over here.
"""

import math
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from locutory.capabilities.analysis.contract import ParameterType
from locutory.capabilities.analysis.evidence import normalised

MOST_PARAMETERS = 100
MOST_OPTIONS = 50
_LARGEST_SCALE = 100
_LONGEST_PHRASE = 200
_ROLES = ("agent", "customer")

Fault = tuple[tuple[str | int, ...], str, str]  # where, code, message
_Faults = Iterator[Fault]


def template_faults(given: Any, *, metrics: Collection[str]) -> list[Fault]:
    """The faults of a template's parameters; `metrics` are the figures that may be bound."""
    parameters = given.get("parameters") if isinstance(given, Mapping) else None
    if not isinstance(parameters, list):
        return []
    faults: list[Fault] = []
    keys: set[str] = set()
    weights = []
    for n, parameter in enumerate(parameters[:MOST_PARAMETERS]):
        if not isinstance(parameter, Mapping):
            continue
        key = parameter.get("key")
        if isinstance(key, str) and key in keys:
            faults.append((("parameters", n, "key"), "KEY_TWICE", "another parameter has it"))
        if isinstance(key, str):
            keys.add(key)
        weights.append(parameter.get("weight", 1))
        found = _parameter_faults(parameter, metrics)
        faults += [(("parameters", n, *where), code, text) for where, code, text in found]
    if weights and all(_is_number(weight) and weight == 0 for weight in weights):
        faults.append((("parameters",), "NO_WEIGHT", "some parameter must have a weight"))
    return faults


def _parameter_faults(parameter: Mapping[str, Any], metrics: Collection[str]) -> _Faults:
    kind = parameter.get("type")
    options, binding = parameter.get("options", {}), parameter.get("binding", {})
    if kind not in tuple(ParameterType):
        return
    if isinstance(options, Mapping):
        yield from _within("options", _OPTIONS[ParameterType(kind)](options))
    if not isinstance(binding, Mapping):
        return
    if kind == ParameterType.METRIC:
        yield from _within("binding", _metric(binding, metrics))
    elif kind == ParameterType.PHRASE:
        yield from _within("binding", _phrase(binding))
    else:
        yield from _within("binding", _none(binding))


def _within(part: str, faults: _Faults) -> _Faults:
    for where, code, message in faults:
        yield (part, *where), code, message


def _only(given: Mapping[str, Any], *known: str) -> _Faults:
    for name in given:
        if name not in known:
            yield (str(name),), "UNKNOWN", "this type of parameter has no such thing"


def _none(given: Mapping[str, Any]) -> _Faults:
    return _only(given)


def _scale(options: Mapping[str, Any]) -> _Faults:
    yield from _only(options, "max")
    most = options.get("max")
    if not (isinstance(most, int) and not isinstance(most, bool) and 1 <= most <= _LARGEST_SCALE):
        yield ("max",), "SCALE_INVALID", f"a whole number from 1 to {_LARGEST_SCALE}"


def _enum(options: Mapping[str, Any]) -> _Faults:
    yield from _only(options, "points")
    points = options.get("points")
    if not isinstance(points, Mapping) or not 2 <= len(points) <= MOST_OPTIONS:
        yield ("points",), "OPTIONS_INVALID", f"points of 2 to {MOST_OPTIONS} options"
        return
    for label, value in points.items():
        if not str(label).strip():
            yield ("points", str(label)), "OPTION_EMPTY", "an option has a name"
        if not _is_share(value):
            yield ("points", str(label)), "POINTS_INVALID", "a number from 0 to 1"


def _number(options: Mapping[str, Any]) -> _Faults:
    yield from _only(options, "min", "max")
    low, high = options.get("min", 0), options.get("max")
    for name, value in (("min", low), ("max", high)):
        if not _is_number(value):
            yield (name,), "NUMBER_INVALID", "a number"
    if _is_number(low) and _is_number(high) and low >= high:
        yield ("max",), "RANGE_EMPTY", "greater than min"


_OPTIONS: Mapping[ParameterType, Callable[[Mapping[str, Any]], _Faults]] = {
    ParameterType.BOOL: _none,
    ParameterType.SCALE: _scale,
    ParameterType.ENUM: _enum,
    ParameterType.NUMBER: _number,
    ParameterType.METRIC: _none,
    ParameterType.PHRASE: _none,
}


def _metric(binding: Mapping[str, Any], metrics: Collection[str]) -> _Faults:
    yield from _only(binding, "metric", "bands")
    metric = binding.get("metric")
    if not isinstance(metric, str) or metric not in metrics:
        yield ("metric",), "METRIC_UNKNOWN", "one of " + ", ".join(sorted(metrics))
    bands = binding.get("bands")
    if not isinstance(bands, list) or not 1 <= len(bands) <= MOST_OPTIONS:
        yield ("bands",), "BANDS_INVALID", f"1 to {MOST_OPTIONS} of [low, high, points]"
        return
    sound: list[tuple[float, float]] = []
    for n, band in enumerate(bands):
        ends = _ends(band)
        if ends is None:
            message = "[low, high, points]: low below high, null for no bound, points 0 to 1"
            yield ("bands", n), "BAND_INVALID", message
        elif any(ends[0] < high and low < ends[1] for low, high in sound):
            yield ("bands", n), "BANDS_OVERLAP", "another band has some of these values"
        else:
            sound.append(ends)


def _ends(band: Any) -> tuple[float, float] | None:
    if not isinstance(band, list) or len(band) != 3 or not _is_share(band[2]):
        return None
    if not all(end is None or _is_number(end) for end in band[:2]):
        return None
    low = -math.inf if band[0] is None else float(band[0])
    high = math.inf if band[1] is None else float(band[1])
    return (low, high) if low < high else None


def _phrase(binding: Mapping[str, Any]) -> _Faults:
    ranges = ("from_ms", "to_ms", "from_share", "to_share")
    yield from _only(binding, "phrases", "present", "role", *ranges)
    phrases = binding.get("phrases")
    if not isinstance(phrases, list) or not 1 <= len(phrases) <= MOST_OPTIONS:
        yield ("phrases",), "PHRASES_INVALID", f"1 to {MOST_OPTIONS} phrases"
    else:
        for n, phrase in enumerate(phrases):
            if not _is_phrase(phrase):
                yield (
                    ("phrases", n),
                    "PHRASE_INVALID",
                    f"words, at most {_LONGEST_PHRASE} characters",
                )
    if not isinstance(binding.get("present", True), bool):
        yield ("present",), "PRESENT_INVALID", "true or false"
    if binding.get("role", _ROLES[0]) not in _ROLES:
        yield ("role",), "ROLE_UNKNOWN", "one of " + ", ".join(_ROLES)
    yield from _stretch(binding, "from_ms", "to_ms", math.inf)
    yield from _stretch(binding, "from_share", "to_share", 1.0)


def _stretch(binding: Mapping[str, Any], first: str, last: str, most: float) -> _Faults:
    low, high = binding.get(first, 0), binding.get(last, most)
    bounds = "0 or more" if math.isinf(most) else f"from 0 to {most:g}"
    for name, value in ((first, low), (last, high)):
        if name in binding and not (_is_number(value) and 0 <= value <= most):
            yield (name,), "TIME_INVALID", f"a number, {bounds}"
    ends = [value if _is_number(value) else None for value in (low, most if high == most else high)]
    if last in binding and None not in ends and low >= high:
        yield (last,), "RANGE_EMPTY", f"greater than {first}"


def _is_number(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**53


def _is_phrase(value: Any) -> bool:
    if not isinstance(value, str) or len(value) > _LONGEST_PHRASE or not value.isprintable():
        return False
    return bool(normalised(value))


def _is_share(value: Any) -> bool:
    return _is_number(value) and 0 <= value <= 1
