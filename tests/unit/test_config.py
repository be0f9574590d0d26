"""Settings come from the environment, and what is misspelt there is said instead of ignored."""

from __future__ import annotations

import pytest

from broker.config import Settings
from broker.errors import InvalidSettings


def test_without_settings_the_market_is_a_file_in_the_working_directory() -> None:
    assert Settings.from_environment({"PATH": "/bin"}) == Settings(requests_per_minute=600)


def test_settings_are_taken_from_the_environment() -> None:
    environment = {"BROKER_DATABASE_URL": "sqlite:////srv/market.db", "BROKER_SECRET_KEY": "s"}
    wanted = Settings("sqlite:////srv/market.db", "s", requests_per_minute=600)
    assert Settings.from_environment(environment) == wanted


def test_no_proxy_is_believed_unless_it_is_named() -> None:
    assert Settings.from_environment({}).trusted_proxies == 0
    named = Settings.from_environment({"BROKER_TRUSTED_PROXIES": "1"})
    assert named.trusted_proxies == 1


def test_the_setting_of_the_tests_is_no_mistake() -> None:
    assert Settings.from_environment({"BROKER_ROUNDS": "/rounds"}) == Settings(
        requests_per_minute=600
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BROKER_DATABSE_URL", "sqlite:///x.db"),
        ("BROKER_", "1"),
        ("BROKER_TRUSTED_PROXIES", "many"),
        ("BROKER_TRUSTED_PROXIES", "-1"),
        ("BROKER_REQUESTS_PER_MINUTE", "-1"),
        ("BROKER_REQUESTS_PER_MINUTE", "often"),
        ("BROKER_PASSWORDS", "no"),
        ("BROKER_OIDC_ISSUER", "https://login.example.org"),
        ("BROKER_OIDC_CLIENT_ID", "market"),
        ("BROKER_SECRET_KEY", " "),
        ("BROKER_DATABASE_URL", ""),
        ("BROKER_DATABASE_URL", "broker.db"),
        ("BROKER_DATABASE_URL", "sqlite://"),
        ("BROKER_DATABASE_URL", "sqlite:///:memory:"),
        ("BROKER_DATABASE_URL", "mysql://market@host/market"),
    ],
)
def test_a_setting_that_is_unknown_or_means_nothing_is_named(name: str, value: str) -> None:
    with pytest.raises(InvalidSettings, match=name):
        Settings.from_environment({name: value})


def test_a_password_in_a_refused_url_is_not_printed() -> None:
    with pytest.raises(InvalidSettings) as caught:
        Settings.from_environment({"BROKER_DATABASE_URL": "mysql://market:hunter2@host/market"})
    assert "hunter2" not in str(caught.value)
