"""Counts as sentences."""

from collections.abc import Sequence
from datetime import timedelta

from locutory.products.calls.insights.contract import (
    ANY,
    Bound,
    Count,
    Figure,
    Measure,
    Period,
    Rank,
    Value,
    Where,
)

_MOST_LISTED = 12
_NAMES = {
    Value.SCORE: "score",
    Value.DURATION: "duration",
    Value.SENTIMENT: "sentiment",
    Value.TALK_RATIO: "agents' share of the talking",
    Value.BANT: "BANT score",
}


def sentence(count: Count, found: Sequence[Figure]) -> str:
    """The numbers in words, with all that they were narrowed to."""
    if count.rank is not None and count.group is not None:
        return _first(count, found)
    if count.group is not None:
        return _listed(count, found)
    (figure,) = found
    if count.versus is not None:
        return _compared(count, figure)
    match count.measure:
        case Measure.AVERAGE:
            return _average(count, figure)
        case Measure.SHARE:
            return _share(count, figure)
        case _:
            return f"{_calls(count.where, figure.n)}{_when(count.period)}."


def _average(count: Count, figure: Figure) -> str:
    """Such as: The average score is 71.3 of 100, over 9 calls."""
    name = _NAMES[count.value or Value.SCORE]
    of = _narrowed(count.where)
    if figure.value is None:
        return f"No call{of} has a {name}{_when(count.period)}."
    noun = "call" if figure.n == 1 else "calls"
    return (
        f"The average {name} is {_number(count, figure.value)}, over {figure.n} {noun}{of}"
        f"{_when(count.period)}."
    )


def _share(count: Count, figure: Figure) -> str:
    """Such as: 33.3 % (4 of 12 calls contain "price"), last week (2026-03-02 to 2026-03-08)."""
    if figure.value is None:
        return f"There are no calls{_when(count.period)}."
    part = round(figure.value * figure.n / 100)
    return f"{figure.value:.1f} %: {_calls(count.where, part)}, of {figure.n}{_when(count.period)}."


def _compared(count: Count, figure: Figure) -> str:
    """Such as: 12 calls, this week (…); 8 calls, last week (…): +50.0 %."""
    assert count.versus is not None
    now, before = figure.value, figure.previous
    change = ""
    if now is not None and before:
        change = f": {100 * (now - before) / abs(before):+.1f} %"
    subject = _subject(count)
    return (
        f"{subject}: {_number(count, now)}{_when(count.period)};"
        f" {_number(count, before)}{_when(count.versus)}{change}."
    )


def _listed(count: Count, found: Sequence[Figure]) -> str:
    """Such as: Calls by agent, today (2026-03-04): Priya 12, Asha 7."""
    assert count.group is not None
    subject = f"{_subject(count)} by {count.group}"
    if not found:
        return f"{subject}{_when(count.period)}: none."
    shown = [f"{one.label} {_pair(count, one)}" for one in found[:_MOST_LISTED]]
    more = f" and {len(found) - len(shown)} more" if len(found) > len(shown) else ""
    versus = "" if count.versus is None else f", against{_when(count.versus)[1:]}"
    return f"{subject}{_when(count.period)}{versus}: {', '.join(shown)}{more}."


def _first(count: Count, found: Sequence[Figure]) -> str:
    """Such as: Priya has the most calls: 14. All who share the first place."""
    assert count.group is not None
    what = _subject(count, lower=True)
    if not found:
        return f"No call{_narrowed(count.where)} has a known {count.group}{_when(count.period)}."
    if count.top is not None:
        return _listed(count, found)
    best = found[0].value
    first = [one.label for one in found if one.value == best]
    end = "fewest" if count.rank is Rank.LEAST else "most"
    if count.measure is not Measure.CALLS:
        end = "lowest" if count.rank is Rank.LEAST else "highest"
    names = first[0] if len(first) == 1 else f"{', '.join(first[:-1])} and {first[-1]}"
    verb, each = ("has", "") if len(first) == 1 else ("have", " each")
    over = f" (over {found[0].n} calls)" if count.measure is Measure.AVERAGE else ""
    return (
        f"{names} {verb} the {end} {what}: {_number(count, best)}{each}{over}{_when(count.period)}."
    )


def _pair(count: Count, figure: Figure) -> str:
    number = _number(count, figure.value)
    if count.versus is None:
        return number
    return f"{number} (before {_number(count, figure.previous)})"


def _subject(count: Count, *, lower: bool = False) -> str:
    calls = f"calls{_narrowed(count.where)}"
    if count.measure is Measure.AVERAGE:
        name = f"average {_NAMES[count.value or Value.SCORE]}"
        of = _narrowed(count.where)
        text = f"{name} of calls{of}" if of else name
    elif count.measure is Measure.SHARE:
        text = f"share of {calls}"
    else:
        text = calls
    return text if lower else text[0].upper() + text[1:]


def _number(count: Count, value: float | None) -> str:
    if value is None:
        return "none"
    if count.measure is Measure.CALLS:
        return f"{value:.0f}"
    if count.measure is Measure.SHARE or count.value is Value.TALK_RATIO:
        return f"{value:.1f} %"
    match count.value:
        case Value.DURATION:
            minutes, seconds = divmod(round(value), 60)
            return f"{minutes}:{seconds:02d} min"
        case Value.SENTIMENT:
            return f"{value:+.2f} (of -1 to +1)"
        case _:
            return f"{value:.1f} of 100"


def _calls(where: Where, number: int) -> str:
    """Such as: 3 failed inbound calls with the objection price contain "villa"."""
    noun = "call" if number == 1 else "calls"
    said = ""
    if where.phrases:
        said = f" {'contains' if number == 1 else 'contain'} {_phrases(where)}"
    return " ".join([str(number), *_kinds(where), noun]) + _with(where) + said


def _narrowed(where: Where) -> str:
    """What narrows calls, to stand behind the noun."""
    kinds = _kinds(where)
    marked = f" ({', '.join(kinds)})" if kinds else ""
    said = f" that contain {_phrases(where)}" if where.phrases else ""
    return f"{marked}{_with(where)}{said}"


def _kinds(where: Where) -> list[str]:
    return [str(one) for one in (where.status, where.direction, where.sentiment) if one]


def _with(where: Where) -> str:
    named = ["an objection" if one == ANY else f"the objection {one}" for one in where.objections]
    named += [f"the topic {one}" for one in where.topics]
    named += [f'the tag "{one}"' for one in where.tags]
    named += [_limit(bound) for bound in where.bounds]
    who = f" of {where.agent_name}" if where.agent_name else ""
    spoken = f" in {where.language}" if where.language else ""
    return who + spoken + (f" with {' and '.join(named)}" if named else "")


def _limit(bound: Bound) -> str:
    sign = {(True, True): "over", (True, False): "at least"}.get((bound.least, bound.strict))
    if sign is None:
        sign = "under" if bound.strict else "at most"
    unit = " s" if bound.value is Value.DURATION else ""
    return f"a {_NAMES[bound.value]} of {sign} {bound.number:g}{unit}"


def _phrases(where: Where) -> str:
    return " or ".join(f'"{phrase}"' for phrase in where.phrases)


def _when(period: Period | None) -> str:
    if period is None:
        return ""
    first = period.since.date()
    last = period.until.date() - timedelta(days=1)
    days = f"{first}" if first == last else f"{first} to {last}"
    return f", {period.name} ({days})"
