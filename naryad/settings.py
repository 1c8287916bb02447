"""Settings from the environment and `.env`: the seeds' names, and `NARYAD_` for our own."""

from datetime import tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo

from platformdirs import user_data_path
from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from naryad import faults
from naryad.errors import ConfigError
from naryad.i18n import _

SECRET_CHARS = 32


def _home() -> Path:
    return user_data_path("naryad")


class Settings(BaseSettings):
    """Everything that configures an install; each field is an environment variable of its alias."""

    model_config = SettingsConfigDict(env_file=".env", env_file_encoding="utf-8", extra="ignore")

    home: Path = Field(default_factory=_home, alias="NARYAD_HOME")
    lang: str = Field("ru", alias="NARYAD_LANG", pattern="^(ru|en)$")
    timezone: str = Field("Europe/Moscow", alias="NARYAD_TIMEZONE")
    log: str = Field("warning", alias="NARYAD_LOG", pattern="(?i)^(debug|info|warning|error|critical)$")
    database_url: SecretStr | None = Field(None, alias="DATABASE_URL")
    policy: Path | None = Field(None, alias="NARYAD_POLICY")
    services: Path | None = Field(None, alias="NARYAD_SERVICES")
    runbooks: Path | None = Field(None, alias="NARYAD_RUNBOOKS")

    model: str = Field("", alias="NARYAD_MODEL", pattern="^(|none|openai|local|scripted:.+)$")
    openai_api_key: SecretStr | None = Field(None, alias="OPENAI_API_KEY")
    openai_base_url: str = Field("https://api.openai.com/v1", alias="OPENAI_BASE_URL")
    openai_model: str = Field("gpt-4.1-mini", alias="OPENAI_MODEL")
    enable_llm_fallback: bool = Field(True, alias="ENABLE_LLM_FALLBACK")
    local_model: Path | None = Field(None, alias="NARYAD_LOCAL_MODEL")
    llm_timeout_s: float = Field(30, alias="LLM_TIMEOUT_SECONDS", gt=0)
    llm_max_retries: int = Field(3, alias="MAX_RETRIES", ge=0, le=10)
    breaker_failures: int = Field(3, alias="CB_FAILURE_THRESHOLD", ge=1)
    breaker_timeout_s: float = Field(60, alias="CB_TIMEOUT", gt=0)
    breaker_successes: int = Field(2, alias="CB_SUCCESS_THRESHOLD", ge=1)

    enable_caching: bool = Field(True, alias="ENABLE_CACHING")
    redis_url: SecretStr | None = Field(None, alias="REDIS_URL")
    cache_ttl_analysis_s: int = Field(600, alias="CACHE_TTL_ANALYSIS", ge=0)
    cache_ttl_playbook_s: int = Field(1800, alias="CACHE_TTL_PLAYBOOK", ge=0)
    cache_ttl_text_s: int = Field(300, alias="CACHE_TTL_NL", ge=0)

    prometheus_url: SecretStr | None = Field(None, alias="PROMETHEUS_URL")
    ansible_inventory: Path | None = Field(None, alias="ANSIBLE_INVENTORY")
    ansible_library: Path | None = Field(None, alias="ANSIBLE_LIBRARY")

    api_host: str = Field("127.0.0.1", alias="API_HOST")
    api_port: int = Field(8000, alias="API_PORT", ge=0, le=65535)
    public_url: str = Field("", alias="NARYAD_PUBLIC_URL")
    cors_origins: str = Field("", alias="NARYAD_CORS_ORIGINS")
    registration: bool = Field(False, alias="NARYAD_OPEN_REGISTRATION")
    rate_limit: int = Field(60, alias="RATE_LIMIT_PER_MINUTE", ge=1)
    streams: int = Field(20, alias="NARYAD_MAX_STREAMS", ge=1)
    socket_commands: int = Field(300, alias="NARYAD_SOCKET_COMMANDS_PER_MINUTE", ge=1)
    secret: SecretStr | None = Field(None, alias="NARYAD_SECRET")
    secret_before: SecretStr | None = Field(None, alias="NARYAD_SECRET_BEFORE")
    alertmanager_token: SecretStr | None = Field(None, alias="ALERTMANAGER_TOKEN")
    workers: int = Field(4, alias="NARYAD_MAX_RUNS", ge=1)
    calendar: Path | None = Field(None, alias="NARYAD_CALENDAR")
    prices: Path | None = Field(None, alias="NARYAD_PRICES")
    sentinel: bool = Field(True, alias="NARYAD_SENTINEL")
    otlp_endpoint: str = Field("", alias="OTEL_EXPORTER_OTLP_ENDPOINT")

    telegram_token: SecretStr | None = Field(None, alias="TELEGRAM_TOKEN")
    telegram_api: str = Field("https://api.telegram.org", alias="TELEGRAM_API_URL")
    telegram_webhook_secret: SecretStr | None = Field(None, alias="TELEGRAM_WEBHOOK_SECRET")
    admin_chat_id: int | None = Field(None, alias="ADMIN_CHAT_ID")

    knowledge: str = Field("", alias="NARYAD_KNOWLEDGE")
    embeddings: str = Field("built-in", alias="NARYAD_EMBEDDINGS", pattern="^(built-in|http|local:.+|none)$")
    embeddings_url: str = Field("https://api.openai.com/v1", alias="EMBEDDINGS_URL")
    embeddings_model: str = Field("text-embedding-3-small", alias="EMBEDDINGS_MODEL")
    embeddings_timeout_s: float = Field(5, alias="EMBEDDINGS_TIMEOUT_SECONDS", gt=0)
    embeddings_batch_timeout_s: float = Field(120, alias="EMBEDDINGS_BATCH_TIMEOUT_SECONDS", gt=0)
    vectors: str = Field("", alias="NARYAD_VECTORS", pattern="^(|database|https?://.+)$")
    embeddings_api_key: SecretStr | None = Field(None, alias="EMBEDDINGS_API_KEY")
    reranker_url: str = Field("", alias="RERANKER_URL", pattern="^(|https?://.+)$")
    reranker_model: str = Field("", alias="RERANKER_MODEL")
    reranker_api_key: SecretStr | None = Field(None, alias="RERANKER_API_KEY")
    reranker_timeout_s: float = Field(5, alias="RERANKER_TIMEOUT_SECONDS", gt=0)

    imap_host: str = Field("", alias="IMAP_HOST")
    imap_port: int = Field(993, alias="IMAP_PORT", ge=1, le=65535)
    imap_user: str = Field("", alias="IMAP_USER")
    imap_password: SecretStr | None = Field(None, alias="IMAP_PASSWORD")
    imap_folder: str = Field("INBOX", alias="IMAP_FOLDER")
    imap_security: str = Field("tls", alias="IMAP_SECURITY", pattern="^(none|starttls|tls)$")
    telephony_token: SecretStr | None = Field(None, alias="TELEPHONY_TOKEN")

    report_time: str = Field("02:00", alias="REPORT_TIME", pattern=r"^([01]\d|2[0-3]):[0-5]\d$")
    report_recipients: str = Field("", alias="REPORT_RECIPIENTS")

    jira_url: str = Field("", alias="JIRA_URL")
    jira_user: str = Field("", alias="JIRA_USER")
    jira_token: SecretStr | None = Field(None, alias="JIRA_TOKEN")
    jira_project: str = Field("", alias="JIRA_PROJECT")
    servicenow_url: str = Field("", alias="SERVICENOW_URL")
    servicenow_user: str = Field("", alias="SERVICENOW_USER")
    servicenow_password: SecretStr | None = Field(None, alias="SERVICENOW_PASSWORD")

    notify: Path | None = Field(None, alias="NARYAD_NOTIFY")
    enable_email: bool = Field(False, alias="ENABLE_EMAIL_NOTIFICATIONS")
    smtp_host: str = Field("", alias="SMTP_HOST")
    smtp_port: int = Field(587, alias="SMTP_PORT", ge=1, le=65535)
    smtp_user: str = Field("", alias="SMTP_USER")
    smtp_password: SecretStr | None = Field(None, alias="SMTP_PASSWORD")
    smtp_from: str = Field("", alias="SMTP_FROM")
    smtp_security: str = Field("starttls", alias="SMTP_SECURITY", pattern="^(none|starttls|tls)$")
    enable_slack: bool = Field(False, alias="ENABLE_SLACK_NOTIFICATIONS")
    slack_webhook_url: SecretStr | None = Field(None, alias="SLACK_WEBHOOK_URL")
    enable_pagerduty: bool = Field(False, alias="ENABLE_PAGERDUTY")
    pagerduty_routing_key: SecretStr | None = Field(None, alias="PAGERDUTY_ROUTING_KEY")

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (KeyError, ValueError) as error:
            raise ValueError(_("a time zone is expected, such as Europe/Moscow")) from error
        return name

    @field_validator("secret")
    @classmethod
    def _long_secret(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret and len(secret.get_secret_value()) < SECRET_CHARS:
            text = _("at least {least} characters are expected: whoever guesses it signs in as anybody")
            raise ValueError(text.format(least=SECRET_CHARS))
        return secret

    @field_validator("cors_origins")
    @classmethod
    def _named_origins(cls, origins: str) -> str:
        if "*" in origins:
            raise ValueError(_("name each origin: with * any page could act for whoever is signed in"))
        return origins

    @property
    def zone(self) -> tzinfo:
        """Where people read times."""
        return ZoneInfo(self.timezone)

    @property
    def database(self) -> str:
        """SQLAlchemy URL with an async driver; SQLite in `home` when none is set."""
        own = f"sqlite:///{self.home / 'naryad.db'}"
        url = self.database_url.get_secret_value() if self.database_url else own
        for plain, driver in (("sqlite://", "sqlite+aiosqlite://"), ("postgresql://", "postgresql+psycopg://")):
            if url.startswith(plain):
                return url.replace(plain, driver, 1)
        return url


def load(**overrides: object) -> Settings:
    """Read the settings.

    Raises:
        ConfigError: A variable has a wrong value; names it, and `.env` with its line when it stands there.
    """
    try:
        return Settings(**overrides)  # type: ignore[arg-type]
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        name = str(first["loc"][0])
        source, line = _where(name)
        raise ConfigError(faults.explained(first), source=source, line=line, field=name) from None


def _where(name: str) -> tuple[str, int | None]:
    env = Path(".env")
    if env.is_file():
        for number, text in enumerate(env.read_text(encoding="utf-8").splitlines(), 1):
            if text.partition("=")[0].strip().removeprefix("export ") == name:
                return str(env), number
    return "environment", None
