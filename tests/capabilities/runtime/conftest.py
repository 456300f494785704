"""A server with two models: `house`, remote and priced, and `spare`, local and free."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import uvicorn
import yaml
from fastapi import FastAPI
from tests.conftest import CHEAP, free_port
from tests.stubs.models import ModelStub
from tests.stubs.vendor import served

from locutory import app
from locutory.kernel.settings import (
    DatabaseSettings,
    HttpSettings,
    LimitSettings,
    LlmSettings,
    Settings,
)


@pytest.fixture
def house() -> Iterator[ModelStub]:
    with served(ModelStub()) as stub:
        stub.text = "Good morning, how may I help?"
        yield stub


@pytest.fixture
def spare() -> Iterator[ModelStub]:
    with served(ModelStub()) as stub:
        stub.text = "This is the other model."
        yield stub


@pytest.fixture
def models_file(tmp_path: Path, house: ModelStub, spare: ModelStub) -> Path:
    return write(tmp_path / "models.yaml", house, spare)


def write(path: Path, house: ModelStub, spare: ModelStub, **more: Any) -> Path:
    """The file of models; with `more` keys of its root."""
    body = {
        "version": 1,
        "providers": {
            "house": {
                "type": "openai_compatible",
                "base_url": house.url,
                "models": {"main": "large", "fast": "small"},
            },
            "spare": {
                "type": "ollama",
                "base_url": spare.url,
                "models": {"main": "local"},
                "local": True,
            },
        },
        "prices": {
            "house/large": {"input_per_mtok": 1000, "output_per_mtok": 2000},
            "house/small": {"input_per_mtok": 1, "output_per_mtok": 2},
        },
        **more,
    }
    path.write_text(yaml.safe_dump(body, sort_keys=False))
    return path


@pytest.fixture
def llm_settings(models_file: Path) -> LlmSettings:
    return LlmSettings(config=models_file)


@pytest.fixture
async def server(
    tmp_path: Path, database_url: str, llm_settings: LlmSettings
) -> AsyncIterator[app.Server]:
    settings = Settings(
        data_dir=tmp_path / "data",
        database=DatabaseSettings(url=database_url),
        auth=CHEAP,
        limits=LimitSettings(default="1000000/minute", login="1000000/minute"),
        llm=llm_settings,
        http=HttpSettings(allow_private_hosts=("127.0.0.1",)),
    )
    async with app.compose(settings).running(work=False) as server:
        yield server


@pytest.fixture
async def address(api: FastAPI) -> AsyncIterator[str]:
    """The app on a socket of its own: streams come as they are sent."""
    port = free_port()
    config = uvicorn.Config(api, port=port, lifespan="off", log_level="error")
    serving = uvicorn.Server(config)
    task = asyncio.create_task(serving.serve())
    while not serving.started:
        await asyncio.sleep(0)
    yield f"http://127.0.0.1:{port}"
    serving.should_exit = True
    await task
