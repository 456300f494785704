"""Write docs/reference/settings.md from the settings themselves.

Run: .venv/bin/python scripts/settings_page.py
"""

from pathlib import Path

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from locutory.kernel.settings import Settings

TARGET = Path(__file__).parents[1] / "docs" / "reference" / "settings.md"


def rows(model: type[BaseModel], prefix: str) -> list[str]:
    found = []
    for name, field in model.model_fields.items():
        key = f"{prefix}{name.upper()}"
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            found += rows(kind, f"{key}__")
            continue
        default = field.get_default(call_default_factory=True)
        shown = "" if default in (None, PydanticUndefined) else f"`{default}`"
        words = getattr(kind, "__name__", str(kind)) if isinstance(kind, type) else str(kind)
        words = words.replace("typing.", "").replace("|", "or")
        found.append(f"| `{key}` | {shown} | {words} | {field.description or ''} |")
    return found


def page() -> str:
    head = [
        "# Settings",
        "",
        "Environment variables, or lines of a `.env` file. Made by `scripts/settings_page.py`.",
        "",
        "| Name | Default | Kind | What |",
        "|---|---|---|---|",
    ]
    return "\n".join([*head, *rows(Settings, "LOCUTORY_"), ""])


if __name__ == "__main__":
    TARGET.write_text(page())
