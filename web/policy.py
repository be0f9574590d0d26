"""The policy: what is in force, every version, what a change would have done; admins propose it.

Everybody may read. A second admin activates what a first one proposed. Replays are solved by the
worker; here they are asked for and watched. Who may do what is decided by the services.
"""

from __future__ import annotations

from flask import Blueprint, Response, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from broker.access import Action, require
from broker.dashboards.policies import policy_screen, version_screen
from broker.dashboards.replays import replay_screen
from broker.errors import BrokerError, InvalidPolicy, Refused
from broker.policy.proposals import activate_policy, find_policy, propose_policy, refuse_policy
from broker.policy.replaying import ask_replays
from web.auth import current_actor
from web.desk import market, moment, now, write
from web.errors import status_of
from web.hypermedia import answer
from web.policy_forms import PolicyFinding, PolicyForm, policy_form

policy = Blueprint("policy", __name__, url_prefix="/admin/policy")
SEE_OTHER = 303


@policy.get("")
def index() -> Response:
    """Show the policy in force, what waits for a second person, and all versions."""
    return _page()


@policy.get("/versions/<int:number>")
def version(number: int) -> Response:
    """Show one version, and what it says differently from the one in force."""
    with market() as session:
        screen = version_screen(session, current_actor(), number, now())
    return answer("policy_version", screen=screen)


@policy.get("/versions/<int:number>.json")
def document(number: int) -> Response:
    """Hand out a version as the document that can be edited and proposed again."""
    with market() as session:
        screen = version_screen(session, current_actor(), number, now())
    response = Response(screen.text + "\n", mimetype="application/json")
    response.headers["Content-Disposition"] = f'inline; filename="policy-{number}.json"'
    return response


@policy.post("/proposals")
def propose() -> AnyResponse:
    """Propose a policy as it was typed or uploaded."""
    actor = current_actor()
    require(actor, Action.PROPOSE_POLICY)
    form = policy_form(request.form, request.files.get("file"))
    reason = form.text("reason")
    try:
        write(lambda s: propose_policy(s, actor, form.content, reason, moment(s)))
    except InvalidPolicy as error:
        return _page(form.refused(error.findings), error)
    except Refused as error:
        return _page(PolicyForm(form.typed, findings=(PolicyFinding("", str(error)),)), error)
    return _back()


@policy.post("/proposals/<proposal_id>/activate")
def activate(proposal_id: str) -> AnyResponse:
    """Put a proposed policy in force, as the second person."""
    actor = current_actor()
    write(lambda s: activate_policy(s, actor, proposal_id, moment(s)))
    return _back()


@policy.post("/proposals/<proposal_id>/refuse")
def refuse(proposal_id: str) -> AnyResponse:
    """Turn a proposed policy down, or take the own one back."""
    actor = current_actor()
    write(lambda s: refuse_policy(s, actor, proposal_id, moment(s)))
    return _back()


@policy.get("/replays/<sha256>")
def replay(sha256: str) -> Response:
    """Show past rounds under a policy; the part that shows them looks again until all is done."""
    with market() as session:
        screen = replay_screen(session, current_actor(), sha256)
    return answer("policy_replay", swaps=("replay",), screen=screen)


@policy.post("/replays/<sha256>")
def ask(sha256: str) -> AnyResponse:
    """Have a policy replayed on past rounds; the worker solves them."""
    actor = current_actor()
    require(actor, Action.REPLAY_POLICY)
    write(lambda s: ask_replays(s, actor, find_policy(s, sha256), moment(s)))
    return redirect(url_for("policy.replay", sha256=sha256), SEE_OTHER)


def _page(form: PolicyForm | None = None, error: BrokerError | None = None) -> Response:
    """Show the policy; a form that was refused keeps what was entered and says what is wrong."""
    with market() as session:
        screen = policy_screen(session, current_actor(), now())
    response = answer("policy", screen=screen, form=form or PolicyForm({"document": screen.text}))
    if error is not None:
        response.status_code = status_of(error)
    return response


def _back() -> AnyResponse:
    return redirect(url_for("policy.index"), SEE_OTHER)
