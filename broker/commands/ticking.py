"""`broker tick`: everything that is due now, from cron, every minute and on every host."""

from __future__ import annotations

from collections.abc import Mapping
from socket import gethostname

import click
from sqlmodel import Session

from allocation.options import Options
from broker.access_grants.endings import expire_access
from broker.approvals.steps import escalate_due
from broker.audit import Change
from broker.clock import system_clock, time_of
from broker.commands.checkpoints import sign_after
from broker.commands.exits import DONE, exit_code
from broker.commands.market import command_line, market_of, solver_of
from broker.commands.notices import outbox_of_settings, remind_and_send, sentence_of
from broker.commands.options import json_option, quiet_option, search_options
from broker.commands.speech import progress_to_terminal, say_json
from broker.commands.webhooks import send_all
from broker.db import Database, transact
from broker.idempotency import forget_answers
from broker.notices.causes import counted
from broker.notices.sending import Mailed
from broker.people.sessions import forget_sessions
from broker.ticking import Deed, Ticked, Ticker, tick
from broker.upkeep.ticks import note_tick
from broker.webhooks.sending import Sent


@click.command("tick")
@search_options
@json_option
@quiet_option
@click.pass_obj
def tick_(
    environment: Mapping[str, str], *, options: Options, as_json: bool, is_quiet: bool
) -> int:
    """Open, close, allocate and finish rounds that are due, end access, hand requests on, mail.

    Access to data ends after its last day; sessions that ended a month ago are forgotten on the
    way. Safe to repeat on every host. A request for an approval that nobody answered in time goes
    on to the next who may answer; nothing is approved or rejected here. What
    changed is signed in a checkpoint of the audit log.

    Exit code: 0, or that of the first round with which something went wrong.
    """
    report_progress = progress_to_terminal(is_quiet=is_quiet)
    db = market_of(environment)
    ticker = Ticker(
        db, system_clock, command_line(), options, solver_of(environment), report_progress
    )
    transact(db, lambda session: note_tick(session, gethostname(), time_of(session, system_clock)))
    deeds = []
    for ticked in tick(ticker):
        deeds.append(ticked)
        if ticked.deed is Deed.FAILED:
            click.echo(ticked.sentence, err=True)
        elif not (as_json or is_quiet):
            click.echo(ticked.sentence)
    expired = _expire_access(db, says=not (as_json or is_quiet))
    handed_on = _hand_on(db, says=not (as_json or is_quiet))
    mails = _send_mails(db, environment, says=not (as_json or is_quiet))
    messages = _send_messages(db, environment, says=not (as_json or is_quiet))
    transact(db, lambda session: forget_sessions(session, _now(session)))
    transact(db, lambda session: forget_answers(session, _now(session).at))
    sign_after(db, environment)
    if as_json:
        documents = [_document(ticked) for ticked in deeds]
        said = {"escalated_requests": list(handed_on), "expired_access_grants": expired}
        say_json({"deeds": documents, **said})
    elif not (deeds or expired or handed_on or mails or messages or is_quiet):
        click.echo("Nothing is due.")
    return _exit_code(deeds)


def _expire_access(db: Database, *, says: bool) -> int:
    """End access to data whose last day is past."""

    def work(session: Session) -> int:
        return expire_access(session, Change(command_line(), time_of(session, system_clock)))

    expired = 0
    while ended := transact(db, work):
        expired += ended
    if says and expired:
        click.echo(f"{counted(expired, 'access grant')} expired.")
    return expired


def _hand_on(db: Database, *, says: bool) -> tuple[str, ...]:
    """Hand on what nobody answered in time, before mails go out, so that they tell it."""

    def work(session: Session) -> tuple[str, ...]:
        return escalate_due(session, _now(session))

    handed_on = transact(db, work)
    if says and handed_on:
        click.echo(f"{counted(len(handed_on), 'request')} went on to the next who may answer.")
    return handed_on


def _now(session: Session) -> Change:
    return Change(command_line(), time_of(session, system_clock))


def _send_mails(db: Database, environment: Mapping[str, str], *, says: bool) -> list[Mailed]:
    """Send what is due; what cannot be sent is told and tried again, and stops no round."""
    outbox = outbox_of_settings(environment)
    mails = list(remind_and_send(db, outbox, environment))
    for mail in mails:
        if mail.failure:
            click.echo(mail.failure, err=True)
    if says and mails:
        click.echo(sentence_of(mails))
    return mails


def _send_messages(db: Database, environment: Mapping[str, str], *, says: bool) -> list[Sent]:
    """Tell webhooks what is due; what does not arrive is tried again, and stops no round."""
    sent = list(send_all(db, environment))
    for one in sent:
        if one.failure:
            click.echo(one.failure, err=True)
    if says and sent:
        click.echo(f"{counted(len(sent), 'message')} went to webhooks.")
    return sent


def _document(ticked: Ticked) -> dict[str, str]:
    return {
        "round_key": ticked.round_key,
        "deed": ticked.deed,
        "sentence": ticked.sentence,
    }


def _exit_code(deeds: list[Ticked]) -> int:
    errors = (ticked.error for ticked in deeds if ticked.error is not None)
    return next((exit_code(error, "run") for error in errors), DONE)
