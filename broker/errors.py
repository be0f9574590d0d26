"""What the market refuses, each as a type with a stable code, its facts, a sentence and a hint.

`str(error)` is a sentence that a person can act on and that names what it is about. The one table
of exit codes stands in commands/exits.py; the screens map the same types to HTTP.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar


class BrokerError(Exception):
    """Something that the market refuses or cannot do, said in a sentence with its facts."""

    code: ClassVar[str] = "error"

    def __init__(self, sentence: str, *, hint: str = "", **facts: Any) -> None:
        self.sentence = sentence
        self.hint = hint
        self.facts = facts
        super().__init__(f"{sentence} {hint}".rstrip())


class NotFound(BrokerError):  # noqa: N818  # the market's word; every subclass is an error
    """There is no such thing, or none that the asker may know of."""

    code = "not-found"


class NotAllowed(BrokerError):  # noqa: N818  # the market's word; every subclass is an error
    """The asker may know of it, but may not do it."""

    code = "not-allowed"


class SignInNeeded(NotAllowed):
    """Nobody knows who asks, and only some may do it."""

    code = "sign-in-needed"


class WrongSignIn(NotAllowed):
    """Name and password do not belong together, whichever of them is wrong."""

    code = "wrong-sign-in"


class ProviderFailed(BrokerError):  # noqa: N818  # the market's word; every subclass is an error
    """The company's own sign-in does not answer, or not as it should."""

    code = "provider-failed"


class Refused(BrokerError):  # noqa: N818  # the market's word; every subclass is an error
    """The state of things does not allow it: a wrong state, or somebody else is at it."""

    code = "refused"


class Busy(Refused):
    """Others kept the database locked for longer than anybody should wait."""

    code = "busy"


class HeldElsewhere(Refused):
    """Another host is at it, and holds the lease."""

    code = "held-elsewhere"


class TooLate(Refused):
    """A bid came when its round had closed, or its closing time had passed."""

    code = "too-late"


class TooManyAttempts(Refused):
    """Signing in failed too often in a row, so that everybody waits a while."""

    code = "too-many-attempts"


class TooManyRequests(Refused):
    """Somebody asks more often than anybody may."""

    code = "too-many-requests"


class Overdrawn(Refused):
    """An account has fewer credits than should leave it."""

    code = "overdrawn"


class StorageFailed(BrokerError):  # noqa: N818  # the market's word; every subclass is an error
    """The database or the disk could not do its work: no room, a broken or a read-only file."""

    code = "storage-failed"


class Unrecorded(StorageFailed):
    """Something was to change without an entry in the audit log, or past the log."""

    code = "unrecorded"


class UnusableDatabase(StorageFailed):
    """The place that the settings name holds no database, and can hold none."""

    code = "unusable-database"


class BrokenBackup(BrokerError):  # noqa: N818  # the market's word; every subclass is an error
    """A copy of a market lacks something, or is damaged; it is not used."""

    code = "broken-backup"


class UnusablePlace(BrokerError):  # noqa: N818  # the market's word; every subclass is an error
    """A path or an address that somebody named cannot be used."""

    code = "unusable-place"


class InvalidSettings(BrokerError):  # noqa: N818  # the market's word; every subclass is an error
    """A setting in the environment is unknown or means nothing."""

    code = "invalid-settings"


class WrongSchema(BrokerError):  # noqa: N818  # the market's word; every subclass is an error
    """The database has the schema of another version, or none."""

    code = "wrong-schema"


class InvalidInput(BrokerError):  # noqa: N818  # the market's word; every subclass is an error
    """What was handed in breaks rules of the market; every finding is listed, one a line."""

    code = "invalid-input"
    what: ClassVar[str] = "input"

    def __init__(self, key: str, findings: Sequence[str]) -> None:
        self.findings = tuple(findings)
        count = f"{len(self.findings)} finding(s)"
        super().__init__(
            f"The {self.what} {key} is not valid, {count}: {' '.join(self.findings)}", key=key
        )


class InvalidBid(InvalidInput):
    """A bid breaks rules of the market."""

    code = "invalid-bid"
    what = "bid"


class InvalidRound(InvalidInput):
    """A round breaks rules of the market."""

    code = "invalid-round"
    what = "round"


class InvalidPolicy(InvalidInput):
    """A policy says what no policy may say."""

    code = "invalid-policy"
    what = "policy"


class InvalidPool(InvalidInput):
    """A pool or its calendar says what no pool may say, or offers less than is promised already."""

    code = "invalid-pool"
    what = "pool"


class InvalidApproval(InvalidInput):
    """A request for an approval, or the answer to one, breaks rules of the market."""

    code = "invalid-approval"
    what = "approval"


class InvalidRevocation(InvalidInput):
    """Access is to be taken back without a reason that its team can read."""

    code = "invalid-revocation"
    what = "revocation of access"


class InvalidAnswer(InvalidInput):
    """Hours are declined without a reason, or answered without naming any."""

    code = "invalid-answer"
    what = "answer"


class InvalidPerson(InvalidInput):
    """What should be kept about a person, or their password, breaks rules."""

    code = "invalid-person"
    what = "person"


class InvalidTeam(InvalidInput):
    """A team has a key or a name that no team can have."""

    code = "invalid-team"
    what = "team"


class InvalidToken(InvalidInput):
    """A token that nobody should have: without an end, a purpose or a name."""

    code = "invalid-token"
    what = "token"


class InvalidDeadline(InvalidInput):
    """A closing time that no round can have, or no reason for it."""

    code = "invalid-deadline"
    what = "closing time of round"


class InvalidCancellation(InvalidInput):
    """A cancellation without a reason that everybody can read."""

    code = "invalid-cancellation"
    what = "cancellation of round"


class NotChecked(BrokerError):  # noqa: N818  # the market's word; every subclass is an error
    """A check could not be made, so that nobody knows what it would have found."""

    code = "not-checked"


class InvalidCheckpoint(NotChecked):
    """What was given as a checkpoint is none, or another key signed it."""

    code = "invalid-checkpoint"


class UnusableKey(NotChecked):
    """The key of the audit log is not there, or cannot do what is asked of it."""

    code = "unusable-key"


class InvalidOverride(InvalidInput):
    """An override that cannot stand, or that changes nothing, or has no reason."""

    code = "invalid-override"
    what = "override of bid"
