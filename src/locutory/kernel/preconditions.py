"""`If-Match` (RFC 9110, 13.1.1): what the caller has read is changed, or nothing is."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Header


@dataclass(frozen=True, slots=True)
class Precondition:
    """The tags that a caller asks for; nothing and `*` hold always."""

    asked: str | None = None

    def holds(self, etag: str) -> bool:
        """Whether a thing with this tag is what the caller has read; weak tags count as strong."""
        if self.asked is None or self.asked.strip() == "*":
            return True
        return etag in {tag.strip().removeprefix("W/") for tag in self.asked.split(",")}


ALWAYS = Precondition()


def etag_of(*versions: int) -> str:
    """The tag of a version, or of one and what is counted within it."""
    return f'"{"-".join(map(str, versions))}"'


def _asked(
    if_match: Annotated[
        str | None,
        Header(description="the ETag that you read; 412 if there is another now", max_length=200),
    ] = None,
) -> Precondition:
    return Precondition(if_match)


IfMatch = Annotated[Precondition, Depends(_asked)]
