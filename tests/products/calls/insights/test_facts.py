"""Thirty facts planted in calls: found, cited to the turn, never out of another business."""

import random
from typing import Any

import pytest

pytestmark = pytest.mark.both_databases

# what was said in one turn of one call, a question about it, a word that the answer must bring
FACTS = (
    (
        "The corner flat in Palm Residency is reserved for Anita Desai.",
        "Who reserved the corner flat?",
        "Anita",
    ),
    (
        "We agreed on forty five lakh for the villa at Lake Road.",
        "What was agreed for the villa at Lake Road?",
        "lakh",
    ),
    (
        "Order 88213 arrived with a broken hinge.",
        "Which order arrived with a broken hinge?",
        "88213",
    ),
    (
        "Your blender refund takes nine working days.",
        "How long does the blender refund take?",
        "nine",
    ),
    (
        "The telescope ships from our Jaipur warehouse.",
        "Where does the telescope ship from?",
        "Jaipur",
    ),
    ("My Kawasaki needs a new clutch cable.", "What does the Kawasaki need?", "clutch"),
    ("The root canal was moved to Thursday at noon.", "When is the root canal?", "Thursday"),
    (
        "The dishwasher warranty ends in October.",
        "When does the dishwasher warranty end?",
        "October",
    ),
    (
        "Mr Okafor wants halal meals on the flight.",
        "Which meals does Okafor want on the flight?",
        "halal",
    ),
    ("Our broadband drops whenever it rains.", "When does the broadband drop?", "rains"),
    (
        "Zenith offers free installation with every boiler.",
        "Who offers free installation with a boiler?",
        "Zenith",
    ),
    (
        "The scholarship covers tuition and books only.",
        "What does the scholarship cover?",
        "tuition",
    ),
    (
        "She prefers the maroon saree with a silver border.",
        "Which saree does she prefer?",
        "maroon",
    ),
    (
        "The bank rejected the loan because of the guarantor.",
        "Why was the loan rejected by the bank?",
        "guarantor",
    ),
    ("Our parrot is allergic to sunflower seeds.", "What is the parrot allergic to?", "sunflower"),
    ("The piano tuner comes on the ninth.", "When does the piano tuner come?", "ninth"),
    ("Invoice 5521 was billed twice in June.", "Which invoice was billed twice?", "5521"),
    (
        "Solar panels cut his electricity bill by a third.",
        "How much did solar panels cut the bill?",
        "third",
    ),
    (
        "The wedding hall holds six hundred guests.",
        "How many guests does the wedding hall hold?",
        "hundred",
    ),
    (
        "Password reset mails land in the spam folder.",
        "Where do password reset mails land?",
        "spam",
    ),
    (
        "The elevator inspection failed on Monday.",
        "When did the elevator inspection fail?",
        "Monday",
    ),
    ("The sapling must be watered at dawn.", "When must the sapling be watered?", "dawn"),
    ("Gluten free bread comes only on Fridays.", "When does gluten free bread come?", "Fridays"),
    (
        "We can freeze the gym membership for two months.",
        "For how long can the gym membership freeze?",
        "two",
    ),
    (
        "The passport photo had a grey background.",
        "Which background did the passport photo have?",
        "grey",
    ),
    (
        "The tractor subsidy form needs a land record.",
        "What does the tractor subsidy form need?",
        "land",
    ),
    ("बीमा पॉलिसी का नंबर गलत लिखा गया था।", "बीमा पॉलिसी का नंबर कैसे लिखा गया?", "गलत"),
    ("The museum tour in Kyoto is sold out.", "Which museum tour is sold out?", "Kyoto"),
    (
        "The chemotherapy session moved to ward seven.",
        "Where did the chemotherapy session move?",
        "seven",
    ),
    ("The violin rental includes a spare bow.", "What does the violin rental include?", "bow"),
)
NOT_SAID = (
    "Who ordered the helicopter?",
    "What colour is the submarine?",
    "When does the circus leave Vienna?",
)
CALLS, TURNS = 64, 24
_TALK = (
    "Good morning, thank you for calling, how may I help you?",
    "One moment please while I look that up for you.",
    "Okay, that sounds good, please go on.",
    "I was calling about the things that we discussed before.",
    "Let me check with my team and come back to you.",
    "Can you repeat that, the line is not very clear.",
    "We have several offers this month.",
    "I would like to think about it and talk to my family.",
    "Is there anything else that I can do for you?",
    "Our office is open from Monday to Saturday.",
)


def place_of(fact: int) -> tuple[str, int]:
    """The call that holds a fact, and the turn."""
    return f"call-{(fact * 7) % CALLS:02d}", 3 + fact % 17


async def test_planted_facts_are_found_and_cited_to_the_turn(archive: Any, ana: Any) -> None:
    planted = {place_of(n): fact for n, (fact, _, _) in enumerate(FACTS)}
    assert len({callid for callid, _ in planted}) == len(FACTS)
    for n in range(CALLS):
        chosen = random.Random(n)
        callid = f"call-{n:02d}"
        said = [chosen.choice(_TALK) for _ in range(TURNS)]
        said = [planted.get((callid, idx), text) for idx, text in enumerate(said)]
        await archive.call("6004", callid, *said)
    for n, (fact, _, _) in enumerate(FACTS):  # the same words in a business that is not ours
        await archive.call("7417", f"theirs-{n}", fact)

    recalled, cited = 0, 0
    for n, (fact, question, word) in enumerate(FACTS):
        callid, turn = place_of(n)
        hits = (await ana.told("/rag/6004/search", {"query": question}))["hits"]
        assert len(hits) <= 8
        assert {hit["bid"] for hit in hits} == {"6004"}
        assert max(sum(one["callid"] == hit["callid"] for one in hits) for hit in hits) <= 3
        recalled += any(hit["callid"] == callid and fact in hit["text"] for hit in hits)

        answer = await ana.told("/rag/6004/chat", {"message": question})
        assert {one["bid"] for one in answer["citations"]} <= {"6004"}
        right = [
            one
            for one in answer["citations"]
            if (one["callid"], one["segment_idx"], one["start_ms"]) == (callid, turn, turn * 5_000)
        ]
        cited += answer["answered"] and word in " ".join(one["quote"] for one in right)

    assert recalled / len(FACTS) >= 0.9
    assert cited / len(FACTS) >= 0.9

    for question in NOT_SAID:
        answer = await ana.told("/rag/6004/chat", {"message": question})
        assert (answer["answered"], answer["citations"]) == (False, [])
