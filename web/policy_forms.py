"""The form that proposes a policy: what was typed or uploaded, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from werkzeug.datastructures import FileStorage

FIELDS = ("document", "reason")


@dataclass(frozen=True, slots=True)
class PolicyFinding:
    """What is wrong with a field, in a sentence; an empty field means all of the form."""

    field: str
    sentence: str


@dataclass(frozen=True, slots=True)
class PolicyForm:
    """A proposal as it was entered; `content` is the document as it is read."""

    typed: Mapping[str, str]
    content: bytes = b""
    findings: tuple[PolicyFinding, ...] = ()
    focus: str = ""

    def text(self, name: str) -> str:
        """Return what stands in a field."""
        return self.typed.get(name, "")

    def errors(self, name: str) -> tuple[str, ...]:
        """Return what is wrong with a field."""
        return tuple(finding.sentence for finding in self.findings if finding.field == name)

    def refused(self, findings: Iterable[str]) -> PolicyForm:
        """Return the form with what the market found wrong."""
        return replace(self, findings=tuple(map(_finding, findings)))


def policy_form(fields: Mapping[str, str], uploaded: FileStorage | None) -> PolicyForm:
    """Read what was entered; a file that was chosen stands before what was typed."""
    content = uploaded.read() if uploaded else b""
    content = content or fields.get("document", "").encode()
    typed = {"document": content.decode(errors="replace"), "reason": fields.get("reason", "")}
    return PolicyForm(typed, content)


def _finding(sentence: str) -> PolicyFinding:
    """Return a finding beside its field; one about a place in the document names the place."""
    label, _, words = sentence.partition(": ")
    if label == "reason":
        return PolicyFinding("reason", words[:1].upper() + words[1:])
    return PolicyFinding("document", sentence)
