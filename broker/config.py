"""The settings of an installation, read from an environment that is handed in.

Every setting starts with `BROKER_` and stands in `SETTINGS`; a name that does not is an error,
because a setting that is misspelt would silently do nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from broker.engines import DRIVERS, SQLITE
from broker.errors import InvalidSettings

PREFIX = "BROKER_"
SETTINGS = {
    "BROKER_DATABASE_URL": "where the market is stored, such as sqlite:///broker.db or "
    "postgresql://USER:PASSWORD@HOST/DATABASE",
    "BROKER_AUDIT_KEY_FILE": "the key that signs the audit log, apart from the database",
    "BROKER_SECRET_KEY": "a long random text to sign with; sessions need none",
    "BROKER_SMTP_URL": "where mails go, such as smtp://USER:PASSWORD@HOST:587; none without it",
    "BROKER_MAIL_FROM": "the address from which mails come",
    "BROKER_TRUSTED_PROXIES": "how many proxies stand in front of the server; 0 without it",
    "BROKER_SOLVER_MEMORY_MIB": "how much memory a solver may take; without it most of all",
    "BROKER_WEBHOOK_HOSTS": "where webhooks may lead, such as hooks.example.org,*.example.net",
    "BROKER_OIDC_ISSUER": "the company's own sign-in (OpenID Connect), such as "
    "https://login.example.org",
    "BROKER_OIDC_CLIENT_ID": "the name of this market there",
    "BROKER_OIDC_CLIENT_SECRET": "its secret there",
    "BROKER_OIDC_GROUPS_CLAIM": "the claim that names groups; groups without it",
    "BROKER_OIDC_GROUPS_FILE": "a JSON file that says which role a group proposes",
    "BROKER_PASSWORDS": "on or off: whether people may sign in with a password of this market",
    "BROKER_REQUESTS_PER_MINUTE": "how often one asker may ask one process; 600 without it, "
    "0 for any",
    "BROKER_PUBLIC_URL": "where people find this market, such as https://broker.example.org",
}
SECRETS = frozenset({"BROKER_OIDC_CLIENT_SECRET", "BROKER_SECRET_KEY", "BROKER_SMTP_URL"})
"""Settings of which nobody is told more than that they are set."""
OTHERS = frozenset({"BROKER_CHROMIUM", "BROKER_ROUNDS", "BROKER_TORTURE"})
"""Names that the tests read, and that mean nothing here."""
DEFAULT_DATABASE_URL = "sqlite:///broker.db"
HOW_TO_NAME_A_DATABASE = (
    "Write sqlite:///FILE, sqlite:////FILE for a path from the root, or "
    "postgresql://USER:PASSWORD@HOST:PORT/DATABASE with signs such as @ and / in the password "
    "percent-encoded."
)
MEBIBYTE = 2**20
HOST_NAME = re.compile(
    r"(\*\.)?([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?"
)
HOST = re.compile(r"[A-Za-z0-9._:-]+")
KEY_SUFFIX = ".audit-key"
DEFAULT_MAIL_FROM = "capacity-broker@localhost"


GROUPS_CLAIM = "groups"
OF_SIGN_ON = ("BROKER_OIDC_ISSUER", "BROKER_OIDC_CLIENT_ID", "BROKER_OIDC_CLIENT_SECRET")
"""Settings that the company's sign-in needs all of."""


@dataclass(frozen=True, slots=True)
class SingleSignOn:
    """The company's own sign-in, and where it is written what its groups mean."""

    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    groups_claim: str = GROUPS_CLAIM
    groups_file: Path | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """What an installation is told from outside."""

    database_url: str = field(default=DEFAULT_DATABASE_URL, repr=False)
    secret_key: str | None = field(default=None, repr=False)
    smtp_url: str | None = field(default=None, repr=False)
    mail_from: str = DEFAULT_MAIL_FROM
    public_url: str = ""
    trusted_proxies: int = 0
    audit_key: Path | None = None
    solver_memory_bytes: int | None = None
    webhook_hosts: frozenset[str] = frozenset()
    sign_on: SingleSignOn | None = None
    has_passwords: bool = True
    requests_per_minute: int = 0

    @property
    def audit_key_file(self) -> Path:
        """Where the key that signs the audit log lies: beside the database unless it says."""
        if self.audit_key is not None:
            return self.audit_key
        database = Path(make_url(self.database_url).database or "")
        return database.absolute().with_suffix(KEY_SUFFIX)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Settings:
        """Read the settings. Raises: InvalidSettings if one is unknown or means nothing."""
        given = {name: environment[name] for name in environment if name.startswith(PREFIX)}
        for name in sorted(given.keys() - OTHERS):
            _check_known(name, given[name])
        database_url = given.get("BROKER_DATABASE_URL", DEFAULT_DATABASE_URL)
        _check_database_url(database_url)
        public_url = given.get("BROKER_PUBLIC_URL", "")
        _check_public_url(public_url)
        key_file = given.get("BROKER_AUDIT_KEY_FILE")
        return cls(
            database_url,
            given.get("BROKER_SECRET_KEY"),
            given.get("BROKER_SMTP_URL"),
            given.get("BROKER_MAIL_FROM", DEFAULT_MAIL_FROM),
            public_url.rstrip("/"),
            _proxies(given.get("BROKER_TRUSTED_PROXIES", "0")),
            Path(key_file).absolute() if key_file else None,
            _memory_bytes(given.get("BROKER_SOLVER_MEMORY_MIB")),
            _hosts(given.get("BROKER_WEBHOOK_HOSTS", "")),
            _sign_on(given),
            _is_on("BROKER_PASSWORDS", given.get("BROKER_PASSWORDS", "on")),
            _rate(given.get("BROKER_REQUESTS_PER_MINUTE", "600")),
        )


def told(environment: Mapping[str, str]) -> dict[str, str]:
    """Return every setting as it may be told: its value, or only whether it is set."""
    return {name: _told(name, environment.get(name)) for name in SETTINGS}


def _told(name: str, value: str | None) -> str:
    if value is None:
        return "not set"
    if name in SECRETS:
        return "set"
    if name == "BROKER_DATABASE_URL":
        return make_url(value).render_as_string(hide_password=True)
    return value


def _check_known(name: str, value: str) -> None:
    if name not in SETTINGS:
        known = ", ".join(SETTINGS)
        raise InvalidSettings(f"There is no setting {name}.", hint=f"There are: {known}.")
    if not value.strip():
        raise InvalidSettings(f"The setting {name} is empty.", hint=f"It says {SETTINGS[name]}.")


def _proxies(text: str) -> int:
    if not re.fullmatch(r"[0-9]", text):
        hint = "Write a digit: 1 for one proxy that ends https, 0 for none."
        raise InvalidSettings("BROKER_TRUSTED_PROXIES is no number of proxies.", hint=hint)
    return int(text)


def _rate(text: str) -> int:
    if not re.fullmatch(r"0|[1-9][0-9]{1,5}", text):
        hint = "Write a number from 10 on, or 0 to hold nobody to any."
        raise InvalidSettings("BROKER_REQUESTS_PER_MINUTE is no rate.", hint=hint)
    return int(text)


def _memory_bytes(text: str | None) -> int | None:
    if text is not None and not re.fullmatch(r"[1-9][0-9]{2,7}", text):
        hint = "Write mebibytes from 100 on, such as 4096."
        raise InvalidSettings("BROKER_SOLVER_MEMORY_MIB is no amount of memory.", hint=hint)
    return None if text is None else int(text) * MEBIBYTE


def _hosts(text: str) -> frozenset[str]:
    names = [name.strip().lower() for name in text.split(",")] if text else []
    if not all(HOST_NAME.fullmatch(name) for name in names):
        hint = "Write names of hosts with commas between; *.example.org is every name below it."
        raise InvalidSettings("BROKER_WEBHOOK_HOSTS names something that is no host.", hint=hint)
    return frozenset(names)


def is_safe_address(text: str) -> bool:
    """Say whether an address of the web is encrypted, or of this machine alone."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    is_here = parts.hostname in {"localhost", "127.0.0.1", "::1"}
    has_host = parts.hostname is not None and parts.username is None
    return has_host and (parts.scheme == "https" or (parts.scheme == "http" and is_here))


def _sign_on(given: Mapping[str, str]) -> SingleSignOn | None:
    named = [name for name in OF_SIGN_ON if given.get(name)]
    if not named:
        return None
    missing = sorted(set(OF_SIGN_ON) - set(named))
    if missing:
        hint = f"Set {', '.join(missing)} as well, or none of them."
        raise InvalidSettings(f"{named[0]} alone is no way to sign in.", hint=hint)
    if not is_safe_address(given["BROKER_OIDC_ISSUER"]):
        hint = "Write it as the provider does, such as https://login.example.org."
        raise InvalidSettings("BROKER_OIDC_ISSUER is no https:// address.", hint=hint)
    if not given.get("BROKER_PUBLIC_URL"):
        hint = "Set BROKER_PUBLIC_URL: the provider sends browsers back there."
        raise InvalidSettings("BROKER_OIDC_ISSUER needs to know this market's address.", hint=hint)
    file = given.get("BROKER_OIDC_GROUPS_FILE")
    return SingleSignOn(
        given["BROKER_OIDC_ISSUER"],
        given["BROKER_OIDC_CLIENT_ID"],
        given["BROKER_OIDC_CLIENT_SECRET"],
        given.get("BROKER_OIDC_GROUPS_CLAIM") or GROUPS_CLAIM,
        Path(file).absolute() if file else None,
    )


def _is_on(name: str, text: str) -> bool:
    if text not in {"on", "off"}:
        raise InvalidSettings(f"{name} is neither on nor off.", hint="Write on or off.")
    return text == "on"


def _check_public_url(text: str) -> None:
    if text and not text.startswith(("https://", "http://")):
        hint = "Write a whole address such as https://broker.example.org."
        raise InvalidSettings("BROKER_PUBLIC_URL is no address on the web.", hint=hint)


def _check_database_url(text: str) -> None:
    """Refuse what names no database; only what comes before the `://` is ever repeated."""
    try:
        url = make_url(text)
        is_named = _names_a_file(url) or _names_a_database(url)
    except (ArgumentError, ValueError) as error:
        sentence = "BROKER_DATABASE_URL is no database URL."
        raise InvalidSettings(sentence, hint=HOW_TO_NAME_A_DATABASE) from error
    if url.drivername not in DRIVERS:
        sentence = f"BROKER_DATABASE_URL names a database of the kind {url.drivername[:32]}."
        raise InvalidSettings(sentence, hint=HOW_TO_NAME_A_DATABASE)
    if not is_named:
        sentence = "BROKER_DATABASE_URL names no file of SQLite and no database of PostgreSQL."
        raise InvalidSettings(sentence, hint=HOW_TO_NAME_A_DATABASE)


def _names_a_file(url: URL) -> bool:
    return url.drivername == SQLITE and url.database not in {None, "", ":memory:"}


def _names_a_database(url: URL) -> bool:
    """Say whether a URL names a database; a host with other signs is a part of a password."""
    has_host = url.host is None or bool(HOST.fullmatch(url.host))
    return url.drivername != SQLITE and has_host and bool(url.database)
