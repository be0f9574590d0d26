"""The people of Larkfield Health who sign in to the demo, one for every role. All are invented.

They share one password that is no secret: what they can see is as fictional as they are. Nothing
here knows a database; broker/demo.py adds them.
"""

from __future__ import annotations

from dataclasses import dataclass

PASSWORD = "larkfield is fictional"  # noqa: S105  # printed by the demo, and of nobody real


@dataclass(frozen=True, slots=True)
class CompanyPerson:
    """Somebody with one role; `team_key` or `pool_keys` say of what."""

    key: str
    name: str
    role: str
    team_key: str | None = None
    pool_keys: tuple[str, ...] = ()

    @property
    def email(self) -> str:
        """Return an address in a domain that nobody can have."""
        return f"{self.key}@larkfield.example"


FIRST_ADMIN = CompanyPerson("ingrid", "Ingrid Vale", "platform-admin")
SECOND_ADMIN = CompanyPerson("samir", "Samir Kohl", "platform-admin")
OTHERS = (
    CompanyPerson("mara", "Mara Lindqvist", "team-lead", team_key="claims-automation"),
    CompanyPerson("tomasz", "Tomasz Bell", "member", team_key="claims-automation"),
    CompanyPerson("yuki", "Yuki Okafor", "team-lead", team_key="document-intelligence"),
    CompanyPerson("odette", "Odette Marsh", "member", team_key="document-intelligence"),
    CompanyPerson(
        "priya", "Priya Raman", "pool-owner", pool_keys=("h100-training", "a100-training")
    ),
    CompanyPerson(
        "amara", "Amara Nwosu", "pool-owner", pool_keys=("claims-history", "data-engineers")
    ),
    CompanyPerson(
        "ines", "Dr. Ines Carvalho", "pool-owner", pool_keys=("clinical-notes", "clinical-advisers")
    ),
    CompanyPerson("wanda", "Wanda Crisp", "pool-owner", pool_keys=("call-transcripts",)),
    CompanyPerson("beatriz", "Beatriz Holm", "finance-auditor"),
)
LEAVER = CompanyPerson("joaquin", "Joaquin Ferrer", "pool-owner", pool_keys=("pharmacy-claims",))
"""Somebody who leaves the company in the middle of the story."""
PEOPLE = (*OTHERS, FIRST_ADMIN, SECOND_ADMIN)
"""Everybody who can sign in, in the order in which the demo names them."""


def of_what(person: CompanyPerson) -> str:
    """Return the team or the pools that a person's role is for, or nothing."""
    return person.team_key or ", ".join(person.pool_keys)
