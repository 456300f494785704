"""Where a business asks for consent, calls without it are not heard, nor their recordings kept."""

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.products.calls.privacy.conftest import House

pytestmark = pytest.mark.both_databases

WORD = "zebraquux"
SAID = f"I would like the {WORD}."
URL = "https://calls.invalid/a.wav"


async def require(house: "House", *, yes: bool = True) -> None:
    change = {"filters": {"require_consent": yes}}
    await house.told("PATCH", "/pipeline/{bid}/config", json=change)


async def push(house: "House", **call: Any) -> Any:
    body = {"calls": [{"callid": "c-1", **call}]}
    return (await house.told("POST", "/ingest/{bid}/calls", json=body))["items"][0]


async def call(house: "House") -> dict[str, Any]:
    found: dict[str, Any] = await house.told("GET", "/call-records/{bid}/c-1")
    return found


def recordings(house: "House") -> list[str]:
    kept = ("original-", "sidecar-")
    return [file.name for file in house.folder.rglob("*") if file.name.startswith(kept)]


async def test_consent_is_told_by_push_and_upload(house: "House") -> None:
    await push(house, consent="yes")
    await house.hear("c-2", SAID, consent="no")
    await house.hear("c-3", SAID)

    assert (await call(house))["consent"] == "yes"
    for value, ids in {"yes": ["c-1"], "no": ["c-2"], "unknown": ["c-3"]}.items():
        assert await house.ids(f"consent={value}") == ids
    assert (await house.told("GET", "/call-records/{bid}/c-2"))["status"] == "done"


@pytest.mark.parametrize("consent", ["no", "unknown", None])
async def test_without_it_nothing_is_heard_and_nothing_kept(
    house: "House", consent: str | None
) -> None:
    await require(house)
    told = {} if consent is None else {"consent": consent}

    await house.hear("c-1", SAID, **told)

    found = await call(house)
    assert (found["status"], found["status_reason"]) == ("skipped", "NO_CONSENT")
    assert (found["audio"], found["transcript"], found["stages"]) == (None, None, [])
    assert recordings(house) == []


async def test_with_it_calls_are_worked(house: "House") -> None:
    await require(house)

    await house.hear("c-1", SAID, consent="yes")

    assert (await call(house))["status"] == "done"
    assert len(recordings(house)) == 2


async def test_an_address_is_not_fetched_until_consent_comes(house: "House") -> None:
    await require(house)
    await push(house, audio_url=URL)
    await house.work()
    before = await call(house)
    await house.told("POST", "/call-records/{bid}/c-1/retry", 202)
    await house.work()
    still = await call(house)
    await house.told("PATCH", "/call-records/{bid}/c-1", json={"consent": "yes"})
    await house.told("POST", "/call-records/{bid}/c-1/retry", 202)

    assert [c["status_reason"] for c in (before, still)] == ["NO_CONSENT"] * 2
    assert (await call(house))["status"] == "pending"
    [row] = await house.audited("call.update")
    assert row.detail["fields"] == ["consent"]


async def test_a_source_that_tells_of_consent_later_sets_the_call_going(house: "House") -> None:
    await require(house)
    await push(house, audio_url=URL)

    taken = await push(house, audio_url=URL, consent="yes")

    assert taken["result"] == "updated"
    assert (await call(house))["status"] == "pending"


@pytest.mark.parametrize("told", [{"consent": "yes"}, {}])
async def test_a_recording_that_comes_again_with_consent_is_heard(
    house: "House", told: dict[str, str]
) -> None:
    await require(house)
    await house.hear("c-1", SAID)
    if not told:
        await house.told("PATCH", "/call-records/{bid}/c-1", json={"consent": "yes"})

    await house.hear("c-1", SAID, **told)

    found = await call(house)
    assert (found["status"], found["consent"]) == ("done", "yes")
    assert WORD in found["transcript"]["turns"][1]["text"]
    assert len(recordings(house)) == 2


async def test_a_recording_that_comes_again_without_consent_is_not_kept(house: "House") -> None:
    await require(house)
    for _ in range(2):
        await house.hear("c-1", SAID)

    assert (await call(house))["status_reason"] == "NO_CONSENT"
    assert recordings(house) == []


async def test_what_waits_when_the_rule_comes_is_skipped_and_removed(house: "House") -> None:
    await house.send("c-1", SAID)
    await require(house)

    await house.work()

    assert (await call(house))["status_reason"] == "NO_CONSENT"
    assert recordings(house) == []


async def test_a_recording_that_comes_again_after_its_days_is_not_kept(house: "House") -> None:
    old = {"started_at": "2026-01-05T10:00:00Z"}
    await house.hear("c-1", SAID, **old)
    change = {"retention": {"audio_days": 30}}
    await house.told("PATCH", "/pipeline/{bid}/config", json=change)
    await house.night()

    await house.hear("c-1", SAID, **old)

    assert [name for name in recordings(house) if name.startswith("original")] == []


async def test_other_words_for_consent_are_refused(house: "House") -> None:
    result = await push(house, consent="perhaps")

    assert result["result"] == "rejected"
    assert (await house.ask("GET", "/call-records/{bid}?consent=perhaps")).status_code == 422
