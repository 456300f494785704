"""What tokens cost: the operator's own prices, else the data that comes with genai-prices."""

from collections.abc import Callable, Mapping
from decimal import ROUND_CEILING, Decimal
from importlib.util import find_spec
from typing import Final

Pair = tuple[Decimal, Decimal]  # US dollars for a million tokens in, and out
_BOOKS: Final = {"anthropic": "anthropic", "gemini": "google", "bedrock": "aws"}
_OPENAI: Final = "api.openai.com"


class Prices:
    """Prices by `provider/model`. No network: the data is the library's own."""

    def __init__(self, own: Mapping[str, Pair]) -> None:
        self._own = own

    def of(
        self, name: str, kind: str, base_url: str | None
    ) -> Callable[[str, int, int], int | None]:
        """The price of a provider's models, in millionths of a dollar; None where unknown."""
        book = _BOOKS.get(kind)
        if kind == "openai_compatible" and base_url is not None and _OPENAI in base_url:
            book = "openai"

        def cost_micros(model: str, tokens_in: int, tokens_out: int) -> int | None:
            own = self._own.get(f"{name}/{model}")
            if own is not None:  # a dollar for a million tokens is a millionth for one
                return _whole(own[0] * tokens_in + own[1] * tokens_out)
            if kind == "ollama":
                return 0
            return None if book is None else listed(book, model, tokens_in, tokens_out)

        return cost_micros


def listed(book: str, model: str, tokens_in: int, tokens_out: int) -> int | None:
    """By genai-prices; None without the library, and for a model that it does not know."""
    if find_spec("genai_prices") is None:
        return None
    from genai_prices import Usage, calc_price

    usage = Usage(input_tokens=tokens_in, output_tokens=tokens_out)
    try:
        return _whole(calc_price(usage, model, provider_id=book).total_price * 1_000_000)
    except (LookupError, ValueError, AssertionError):
        return None


def _whole(micros: Decimal) -> int:
    return int(micros.to_integral_value(rounding=ROUND_CEILING))
