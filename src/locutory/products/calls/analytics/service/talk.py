"""How people talk: the conversation's figures, their feelings, how well they were understood."""

from collections.abc import Sequence

from locutory.kernel.auth.contract import Access
from locutory.products.calls.analytics.measures import FROM_FIGURES
from locutory.products.calls.analytics.schemas import Ask, FiguresRead, SentimentRead
from locutory.products.calls.analytics.service.asking import asked_of, pair_of
from locutory.products.calls.analytics.service.trends import trend_of

_CONVERSATION = ("talk_ratio", "listen_ratio", *FROM_FIGURES[1:])
_SENTIMENT = (
    "sentiment",
    "sentiment_agent",
    "sentiment_customer",
    "sentiment_trend",
    "positive_share",
    "neutral_share",
    "negative_share",
)
_LABELS = ("positive", "neutral", "negative")
_ASR = ("asr_quality", "low_asr_share", "text_share", "wpm_agent", "wpm_customer", "words")


async def conversation(access: Access, ask: Ask) -> FiguresRead:
    """Means over calls of what each conversation measures; word figures only where words are."""
    return await _figures(access, ask, _CONVERSATION, "talk_ratio")


async def asr_quality(access: Access, ask: Ask) -> FiguresRead:
    """How far transcripts can be trusted."""
    return await _figures(access, ask, _ASR, "asr_quality")


async def sentiment(access: Access, ask: Ask) -> SentimentRead:
    """How calls feel, and how they turn."""
    asked = asked_of(access, ask)
    async with access.db.read() as session:
        pair = await pair_of(session, asked, _SENTIMENT)
        trend = await trend_of(session, asked, ask.granularity, "sentiment")
    return SentimentRead(
        scope=asked.scope(),
        figures=[pair.read(key) for key in _SENTIMENT],
        trend_of="sentiment",
        trend=trend,
        labels={label: pair.now[label] for label in _LABELS},
    )


async def _figures(access: Access, ask: Ask, keys: Sequence[str], main: str) -> FiguresRead:
    asked = asked_of(access, ask)
    async with access.db.read() as session:
        pair = await pair_of(session, asked, keys)
        trend = await trend_of(session, asked, ask.granularity, main)
    return FiguresRead(
        scope=asked.scope(),
        figures=[pair.read(key) for key in keys],
        trend_of=main,
        trend=trend,
    )
