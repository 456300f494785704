"""Make the demo's recordings, transcripts and timelines under src/locutory/products/calls/demo.

Run `.venv/bin/python scripts/make_demo_audio.py` from the repository's root; it takes about a
minute. The results are committed, so that flite (Debian package `flite`) is needed only to make
them again. Equal seeds give equal files for one version each of flite and libsndfile.
"""

import argparse
import json
import random
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

from demo_audio import dialogue, mixing, planning, transcripts
from demo_audio.casting import CLINIC, HOMES, Business
from demo_audio.planning import Plan
from demo_audio.speech import say

_TARGET = Path(__file__).parent.parent / "src/locutory/products/calls/demo"
_DURATION_MS = (20_000, 60_000)
_TURNS = (8, 20)
_PARALLEL = 2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--target", type=Path, default=_TARGET)
    options = parser.parse_args()
    if shutil.which("flite") is None:
        sys.exit("flite is not installed; on Debian: apt-get install flite")

    for folder in ("audio", "timelines", "transcripts"):
        shutil.rmtree(options.target / folder, ignore_errors=True)
        (options.target / folder).mkdir(parents=True)
    plans = planning.plans(options.seed)
    with ThreadPoolExecutor(_PARALLEL) as pool:
        calls = list(pool.map(lambda plan: make(plan, options.seed, options.target), plans))
    businesses = [_business(business) for business in (CLINIC, HOMES)]
    _write_json(options.target / "manifest.json", {"businesses": businesses, "calls": calls})


def make(plan: Plan, seed: int, target: Path) -> dict[str, Any]:
    """Write the files of one call and return its entry in the manifest.

    Raises ValueError if the call is longer, shorter or has more or fewer turns than promised.
    """
    rng = random.Random(f"{seed}:{plan.callid}")
    lines = dialogue.lines(plan.scenario, plan.slots, rng)
    voices = {"agent": plan.agent.voice, "customer": plan.customer.voice}
    speech = [
        say(dialogue.spoken(line.text), voices[line.role], raised=line.raised) for line in lines
    ]
    mixed = mixing.mix(lines, speech, plan.layout, plan.agent_channel, rng)
    _require(plan, "turns", len(lines), _TURNS)
    _require(plan, "ms", mixed.duration_ms, _DURATION_MS)

    audio = f"audio/{plan.callid}.ogg"
    mixing.write_opus(target / audio, mixed.samples, serial=rng.getrandbits(31))
    timeline = f"timelines/{plan.callid}.json"
    turns = [asdict(turn) for turn in mixed.turns]
    _write_json(target / timeline, {"duration_ms": mixed.duration_ms, "turns": turns})
    transcript = None
    if plan.transcript is not None:
        transcript = f"transcripts/{plan.callid}.{plan.transcript}"
        text = transcripts.written(mixed.turns, plan.transcript)
        (target / transcript).write_text(text, encoding="utf-8")
    return _entry(plan, audio, transcript, timeline)


def _entry(plan: Plan, audio: str, transcript: str | None, timeline: str) -> dict[str, Any]:
    facts = dialogue.facts(plan.scenario, plan.slots) if transcript else []
    return {
        "bid": plan.business.bid,
        "callid": plan.callid,
        "audio": audio,
        "transcript": transcript,
        "timeline": timeline,
        "direction": plan.scenario.direction,
        "agent_id": plan.agent.id,
        "agent_name": plan.agent.name,
        "customer_phone": plan.customer.phone,
        "days_ago": plan.days_ago,
        "seconds_of_day": plan.seconds_of_day,
        "disposition": plan.scenario.disposition,
        "scenario": plan.scenario.name,
        "layout": plan.layout,
        "facts": [asdict(fact) for fact in facts],
    }


def _business(business: Business) -> dict[str, str]:
    names = ("bid", "name", "timezone", "country_code", "currency")
    return {name: getattr(business, name) for name in names}


def _require(plan: Plan, unit: str, value: int, limits: tuple[int, int]) -> None:
    if not limits[0] <= value <= limits[1]:
        raise ValueError(f"{plan.callid} ({plan.scenario.name}): {value} {unit}, not in {limits}")


def _write_json(path: Path, content: object) -> None:
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
