"""What transcribers leave out: apostrophes, and where one clause of a long turn ends.

Only what is left out beyond doubt is put back: "id" is "I'd" before a verb, not before "card".
"""

import re

from locutory.capabilities.analysis.rules.matching import word_set
from locutory.kernel.words import words

_SHORTEST_RUN = 14
"""Words without any punctuation from which on a sentence is more than one."""
_SHORTEST_CLAUSE = 3

_WHOLE = {
    said.replace("'", ""): said
    for said in word_set(
        "don't doesn't didn't isn't aren't wasn't weren't won't wouldn't can't couldn't shouldn't"
        " haven't hasn't hadn't ain't mustn't needn't i'm i've you're you've you'll you'd they're"
        " they've they'll they'd we've he's she's that's that'll that'd what's there's there'll"
        " here's where's how's who's it'll it'd somebody's nobody's everybody's everyone's"
    )
}
_VERB = (
    "be|have|like|love|want|need|rather|sooner|prefer|say|think|ask|call|ring|phone|take|see|leave"
    "|let|give|get|do|go|pay|come|speak|talk|try|pop|wait|stick|send|put|check|tell|find|look|make"
    "|bring|keep|stay|help|just|never|only|not|probably|have|still|always|never"
)
_BEFORE_VERBS = "|".join(
    rf"{bare}(?= (?:{_VERB})\b)" for bare in ("id", "ill", "well", "wed", "hell", "hed", "shell")
)
_SAID_BEFORE_VERBS = {
    "id": "i'd",
    "ill": "i'll",
    "well": "we'll",
    "wed": "we'd",
    "hell": "he'll",
    "hed": "he'd",
    "shell": "she'll",
}
_IS = (
    r"its(?= (?:a|an|the|not|been|just|only|too|very|so|really|about|for|in|on|at|all|my|your|our"
    r"|no|still|already|like|that|got|gone|going|quite|fine|more|never|nothing|always|what|how|been|it"
    r"|out|up|over|down|working|broken|free|hard|far|good|bad|great|lovely|easy|nice|\w+ing)\b)"
)
_ARE = (
    r"were(?= (?:not|just|all|only|still|looking|going|trying|happy|fine|after|thinking|moving"
    r"|doing|getting|having|waiting|hoping)\b)"
)
_LET = r"lets(?= (?:not|do|see|get|leave|go|have|say|just|call|book|try|talk|speak)\b)"
_BARE = re.compile(
    rf"(?<![\w'])(?:(?:{'|'.join(_WHOLE)})(?![\w'])|{_BEFORE_VERBS}|{_IS}|{_ARE}|{_LET})"
)
_OTHERS = {"its": "it's", "were": "we're", "lets": "let's", **_SAID_BEFORE_VERBS}

# "were" after its subject is a past: "we were just looking".
_SUBJECTS = re.compile(r"(?:i|you|we|they|who|there|that|which|people|\w+s) $")

_PUNCTUATION = re.compile(r"[.,;:!?।…—](?=\s)")
_BREAK = re.compile(
    r"\s+(?=(?:but|so|because|cos|cause|anyway|plus|though|although|unless|except|otherwise"
    r"|lekin|magar|aur|kyunki|लेकिन|मगर|और|क्योंकि"
    r"|i mean|you see|the thing is|thing is|to be honest|look|listen|basically)\s)"
    r"|\s+(?=and\s(?:i|i'm|i've|i'd|im|ive|id|you|youre|we|weve|they|theyre|he|hes|she|shes|it|its"
    r"|there|theres|that|thats|the|this|what|whats|how|when|is|are|do|does|can|could|if|then|my|your"
    r"|nobody|everybody|everyone|somebody|maybe|also|now|yeah|no)\s)"
    r"|\s+(?=(?:do|does|did|can|could|have|would|are|is|will|was)\s(?:you|it|there|they|we|i|that)\s)"
    r"|\s+(?=(?:what'?s|how much|how long|how far|how many|how do|what do|what does|what if)\s)",
    re.IGNORECASE,
)
_ASKED_BEFORE = re.compile(
    r"\b(?:what|whats|what's|how|why|where|when|which|who|whatever|if|whether|and|but|so|or|that|know"
    r"|see|wonder|wondering|tell|as|than|say|because|cos)(?: \w+){0,2}$",
    re.IGNORECASE,
)
_CONJUNCTION = re.compile(
    r"(?:and|but|so|because|cos|cause|anyway|plus|though|although|unless|except|otherwise|lekin"
    r"|magar|aur|kyunki|लेकिन|मगर|और|क्योंकि|i mean|you see|the thing|thing is|to be|look|listen"
    r"|basically)\b",
    re.IGNORECASE,
)


def with_apostrophes(plain: str) -> str:
    """A folded text with the apostrophes that were left out; it has as many words as before."""
    return _BARE.sub(_restored, plain)


def _restored(found: re.Match[str]) -> str:
    bare = found.group()
    if bare == "were" and _SUBJECTS.search(found.string, 0, found.start()):
        return bare
    return _WHOLE.get(bare) or _OTHERS[bare]


def clauses(sentence: str) -> list[str]:
    """A sentence, or the clauses of a long one without punctuation, verbatim."""
    if len(sentence) < 3 * _SHORTEST_RUN or _PUNCTUATION.search(sentence):
        return [sentence]
    if len(words(sentence)) < _SHORTEST_RUN:
        return [sentence]
    pieces: list[str] = []
    begun = 0
    for found in _BREAK.finditer(sentence):
        before = sentence[begun : found.start()]
        if len(before.split()) < _SHORTEST_CLAUSE or _is_inside(sentence, found, before):
            continue
        pieces.append(before)
        begun = found.end()
    rest = sentence[begun:]
    if pieces and len(rest.split()) < _SHORTEST_CLAUSE:
        return [*pieces[:-1], sentence[len(sentence) - len(rest) - len(pieces[-1]) - 1 :]]
    return [*pieces, rest]


def _is_inside(sentence: str, found: re.Match[str], before: str) -> bool:
    """Whether a question's opening belongs to what stands before it: "tell me what is it"."""
    if _CONJUNCTION.match(sentence, found.end()):
        return False
    return _ASKED_BEFORE.search(before) is not None
