"""Typed settings. Every default starts without environment, key or server.

Names are `LOCUTORY_<AREA>__<NAME>`; a `.env` file in the working directory is read as well.
"""

from functools import cached_property
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class ServerSettings(BaseModel):
    """The HTTP side."""

    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65535)
    max_body_bytes: int = 520 * 1024 * 1024
    public_url: str | None = None


class DatabaseSettings(BaseModel):
    """Where rows live. Without `url`, one SQLite file in the data directory."""

    url: str | None = None
    migration_url: str | None = Field(
        default=None, description="owner's address on PostgreSQL; `url` is then the plain role"
    )
    pool_size: int = Field(default=8, ge=1)
    busy_timeout_s: float = Field(default=10.0, gt=0)
    answer_s: float = Field(
        default=20.0,
        gt=0,
        description="PostgreSQL: a connection whose server is silent for so long is given up",
    )


class AuthSettings(BaseModel):
    """Logins and tokens."""

    mode: Literal["password", "open_loopback"] = "password"
    access_minutes: int = Field(default=15, ge=1)
    refresh_days: int = Field(default=30, ge=1)
    lockout_failures: int = Field(default=8, ge=1)
    lockout_minutes: int = Field(default=15, ge=1)
    argon2_memory_kib: int = Field(default=65_536, ge=8, description="of a password's hash")
    argon2_passes: int = Field(default=3, ge=1, description="over that memory")

    @property
    def is_weak(self) -> bool:
        """Whether passwords are hashed below what OWASP asks for at the least."""
        return self.argon2_memory_kib < 19_456 or self.argon2_passes < 2


class JobSettings(BaseModel):
    """The durable queue."""

    lease_s: float = Field(default=120.0, gt=0)
    poll_s: float = Field(default=1.0, gt=0, description="how often an idle worker looks by itself")
    claim_batch: int = Field(default=64, ge=1)
    max_lost: int = Field(default=3, ge=1, description="workers that may die on a job: then poison")
    keep_done_hours: int = Field(default=72, ge=0)
    drain_s: float = Field(default=30.0, ge=0)

    @property
    def heartbeat_s(self) -> float:
        """How often a worker says that it lives and prolongs its leases."""
        return min(30.0, self.lease_s / 4)

    @property
    def silent_s(self) -> float:
        """After so long without a heartbeat a worker counts as gone: three were missed."""
        return 3 * self.heartbeat_s


class BusSettings(BaseModel):
    """A broker between processes; without one PostgreSQL's notices wake them."""

    url: SecretStr | None = Field(
        default=None,
        description="`amqp://user:password@host/`, `redis://host:6379/0` or `kafka://host:9092`",
    )
    prefix: str = Field(
        default="", description="before every name there, where several installations share it"
    )
    wakeups: bool = Field(default=True, description="workers are woken over the broker")
    events: bool = Field(default=True, description="events are told to the broker")


class CryptoSettings(BaseModel):
    """The key ring, `id:base64,id:base64`; the first id encrypts. Empty: made at first start."""

    keys: SecretStr | None = None


class HttpSettings(BaseModel):
    """Calls to the outside."""

    allow_private_hosts: tuple[str, ...] = Field(
        default=(), description="host or host:port that tenants' addresses may reach though private"
    )
    connect_timeout_s: float = 10.0
    idle_timeout_s: float = 60.0
    fetch_timeout_s: float = Field(
        default=120.0, gt=0, description="a download's time; large ones get 1 s for each 64 kB"
    )


class LimitSettings(BaseModel):
    """Rates per principal and route group, in the notation of the limits library."""

    storage: str = "async+memory://"
    default: str = "1200/minute"
    login: str = "60/minute"


class BlobSettings(BaseModel):
    """Where recordings and other files are kept."""

    url: str | None = Field(
        default=None,
        description="`s3://bucket/prefix`; unset: `blobs/` of the data directory",
    )
    endpoint: str | None = Field(
        default=None,
        description="address of another server than Amazon's that speaks S3,"
        " as `https://storage.example.org:9000`",
    )
    region: str = "us-east-1"
    access_key: str | None = Field(
        default=None, description="unset with `secret_key`: the machine's own role"
    )
    secret_key: SecretStr | None = None
    style: Literal["path", "virtual"] = Field(
        default="path", description="`virtual` puts the bucket's name before the host's"
    )
    timeout_s: float = Field(
        default=60.0, gt=0, description="of one request; large files go in pieces of 4 or 5 MB"
    )


class MediaSettings(BaseModel):
    """Recordings."""

    max_audio_bytes: int = Field(default=512 * 1024 * 1024, ge=1)


class IntakeSettings(BaseModel):
    """Folders that recordings are taken from; a business has those below its own bid."""

    folders: tuple[Path, ...] = Field(
        default=(),
        description="directories to watch folders in; a business has its own below `<it>/<bid>`",
    )
    settle_s: float = Field(
        default=10.0, ge=0, description="a file counts as whole when it has not changed for so long"
    )
    sidecar_wait_s: float = Field(
        default=120.0, ge=0, description="how long a whole recording waits for its transcript"
    )
    files_per_look: int = Field(default=500, ge=1, description="recordings of a folder in a minute")
    database_hosts: tuple[str, ...] = Field(
        default=(),
        description="host or host:port of source databases that businesses may name themselves;"
        " private ones must be listed",
    )
    connect_timeout_s: float = Field(default=10.0, gt=0, description="of a source database")
    statement_timeout_s: float = Field(
        default=30.0, gt=0, description="of a statement on a source database, held by its server"
    )


class SarvamSettings(BaseModel):
    """The account at Sarvam, and what its models are asked for."""

    api_key: SecretStr | None = None
    base_url: str = "https://api.sarvam.ai"
    model: str = Field(
        default="saaras:v2.5",
        description="`saaras:v2.5` answers in English whatever was spoken; `v3` and `v4` by `mode`",
    )
    mode: Literal["transcribe", "translate", "verbatim", "translit", "codemix"] = Field(
        default="transcribe", description="of `saaras:v3` and later"
    )
    poll_s: float = Field(
        default=2.0,
        gt=0,
        description="the first wait for a job; later ones are up to 5 times it",
    )


class DeepgramSettings(BaseModel):
    """The account at Deepgram, and its model."""

    api_key: SecretStr | None = None
    base_url: str = "https://api.deepgram.com"
    model: str = "nova-3"


class SttSettings(BaseModel):
    """Speech to text; `auto` takes the best engine in this process."""

    provider: str = Field(
        default="auto",
        description="`auto`, `embedded`, `stub`, or an outside one: `sarvam`, `deepgram`",
    )
    language: str | None = Field(
        default=None, description="spoken language for outside providers; unset: they detect it"
    )
    concurrency: int = Field(default=30, ge=1)
    timeout_s: float = Field(
        default=900.0,
        gt=0,
        description="of a request; a provider's job has it beyond twice the recording's length",
    )
    stub_latency_s: float = 0.3
    sarvam: SarvamSettings = SarvamSettings()
    deepgram: DeepgramSettings = DeepgramSettings()


class ModelPlace(BaseModel):
    """Where a language model is. `base_url` is for servers of your own, `region` for Bedrock."""

    model: str | None = None
    base_url: str | None = None
    api_key: SecretStr | None = None
    region: str | None = Field(default=None, description="of Amazon Bedrock")


class FallbackSettings(ModelPlace):
    """A model that answers while those before it cannot."""

    provider: Literal["openai_compatible", "ollama", "anthropic", "gemini", "bedrock"]


class LlmSettings(ModelPlace):
    """The language model; `rules` needs none."""

    provider: Literal["rules", "openai_compatible", "ollama", "anthropic", "gemini", "bedrock"] = (
        "rules"
    )
    fallbacks: tuple[FallbackSettings, ...] = Field(
        default=(), description="JSON list of models that answer in turn while it cannot"
    )
    config: Path | None = Field(
        default=None, description="a YAML file of several providers, in place of `provider`"
    )
    keys: dict[str, SecretStr] = Field(
        default={}, description="by provider of that file: `LOCUTORY_LLM__KEYS__GEMINI`"
    )
    timeout_s: float = 60.0
    concurrency: int = Field(default=16, ge=1)
    context_tokens: int | None = Field(
        default=None,
        ge=4096,
        description="the model's window; longer talks are judged in pieces (unset: no limit known)",
    )


class PipelineSettings(BaseModel):
    """Marks at which the pipeline holds back or raises an alert; shares are 0-1."""

    most_queued: int = Field(
        default=50_000, ge=1, description="queued calls of a business; beyond, pushes get 429"
    )
    most_queued_overall: int = Field(default=1_000_000, ge=1)
    high_water: int = Field(
        default=2000,
        ge=2,
        description="waiting analyses that halve a business's transcriptions;"
        " waiting transcriptions that hold its source databases",
    )
    disk_stop: float = Field(default=0.05, ge=0, description="less free: nothing is fetched")
    disk_warn: float = Field(default=0.10, ge=0, description="less free: alert DiskLow")
    dead_s: int = Field(default=60, ge=0, description="age of dead letters for DlqNotEmpty")
    lag_jobs: int = Field(default=500, ge=0)
    lag_s: int = Field(default=300, ge=0)
    stalled_s: int = Field(default=600, ge=1)
    missing_s: int = Field(default=180, ge=1, description="no heartbeat for so long: WorkerMissing")
    budget_near: float = Field(default=0.8, ge=0, le=1)
    scale_threshold: int = Field(default=500, ge=0, description="ready jobs that want more workers")
    scale_drain_min: float = Field(default=10.0, gt=0, description="minutes to work a backlog off")
    scale_max_workers: int = Field(default=10, ge=1)


class PriceSettings(BaseModel):
    """What engines cost, in millionths of the currency; 0 where they cost nothing or it is unknown.

    A speech engine that says its own price wins over `stt_minute_micros`.
    """

    currency: str = "USD"
    stt_minute_micros: int = Field(default=0, ge=0)
    llm_million_in_micros: int = Field(
        default=0, ge=0, description="of a million tokens of prompts"
    )
    llm_million_out_micros: int = Field(
        default=0, ge=0, description="of a million tokens of answers"
    )


class TracingSettings(BaseModel):
    """Spans for OpenTelemetry; the extra `otel` sends them."""

    endpoint: str | None = Field(
        default=None,
        description="base address of an OTLP collector by HTTP, as `http://127.0.0.1:4318`;"
        " unset: off",
    )
    sample: float = Field(default=1.0, ge=0, le=1, description="share of traces that are kept")


class Settings(BaseSettings):
    """All settings of a server."""

    model_config = SettingsConfigDict(
        env_prefix="LOCUTORY_", env_nested_delimiter="__", env_file=".env", extra="ignore"
    )

    data_dir: Path = Path("locutory-data")
    production: bool = False
    only: tuple[str, ...] = Field(default=(), description="products to mount; empty: all")
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["auto", "json", "console"] = "auto"
    failpoint: str | None = None

    server: ServerSettings = ServerSettings()
    database: DatabaseSettings = DatabaseSettings()
    auth: AuthSettings = AuthSettings()
    jobs: JobSettings = JobSettings()
    bus: BusSettings = BusSettings()
    crypto: CryptoSettings = CryptoSettings()
    http: HttpSettings = HttpSettings()
    limits: LimitSettings = LimitSettings()
    blobs: BlobSettings = BlobSettings()
    media: MediaSettings = MediaSettings()
    intake: IntakeSettings = IntakeSettings()
    stt: SttSettings = SttSettings()
    llm: LlmSettings = LlmSettings()
    pipeline: PipelineSettings = PipelineSettings()
    prices: PriceSettings = PriceSettings()
    tracing: TracingSettings = TracingSettings()

    @cached_property
    def database_url(self) -> str:
        """The database address in SQLAlchemy's notation."""
        url = self.database.url
        if url is None:
            return f"sqlite+aiosqlite:///{self.data_dir / 'locutory.db'}"
        for prefix in ("postgresql://", "postgres://"):
            if url.startswith(prefix):
                return "postgresql+psycopg://" + url.removeprefix(prefix)
        return url
