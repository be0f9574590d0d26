"""A person gets one mail a day, from whichever host, and none is lost while the server is away."""

from __future__ import annotations

import datetime as dt
import multiprocessing
from collections.abc import Iterator
from pathlib import Path

import pytest

from broker.db import Database, connect, reading, transact
from broker.notices.digests import LEASE, claim_digest, note_sent, people_due
from broker.notices.mails import mail_of
from broker.notices.outboxes import FolderOutbox, MailNotSent, SmtpOutbox
from broker.notices.reading import choose, mark_all_read
from broker.notices.tables import Channel, NoticeKind
from broker.people.persons import disable_person
from tests.cast import LEAD, MEMBER, OPERATOR, OTHER_LEAD, actor
from tests.commands import Broker
from tests.credit_markets import a_sprint, place, publish
from tests.ledgers import announce
from tests.mail_server import Postbox, a_mail_server
from tests.markets import NOON
from tests.notices import DAY, SENDER, a_peopled_market, digests, post

HOSTS = 4
MORNING = NOON.replace(hour=7)
BIDDERS = (LEAD, MEMBER, OTHER_LEAD)


@pytest.fixture
def postbox() -> Iterator[Postbox]:
    with a_mail_server() as found:
        yield found


@pytest.fixture
def waiting(either_market: Database) -> Database:
    """Return a market in which three people have one notice each to be mailed."""
    a_peopled_market(either_market)
    announce(either_market, a_sprint(2))
    return either_market


def addresses(postbox: Postbox) -> list[str]:
    return sorted(str(mail["To"].addresses[0].addr_spec) for mail in postbox.mails)


def everybody() -> list[str]:
    return sorted(f"{key}@example.org" for key in BIDDERS)


# --- one a day -----------------------------------------------------------------------------------


def test_a_day_brings_one_mail_with_all_that_is_new(waiting: Database, postbox: Postbox) -> None:
    post(waiting, postbox)
    assert addresses(postbox) == everybody()
    announce(waiting, a_sprint(3))
    assert post(waiting, postbox, NOON + dt.timedelta(hours=5)) == []
    post(waiting, postbox, MORNING + DAY)
    assert len(postbox.mails) == 2 * len(BIDDERS)
    first, second = (mail.get_content() for mail in postbox.to("lea@"))
    assert ("sprint-2" in first, "sprint-3" in first) == (True, False)
    assert ("sprint-2" in second, "sprint-3" in second) == (False, True)
    assert "https://market.example.org/rounds/sprint-3" in second


def test_no_mail_goes_out_before_the_morning(waiting: Database, postbox: Postbox) -> None:
    assert post(waiting, postbox, MORNING - dt.timedelta(seconds=1)) == []
    assert len(post(waiting, postbox, MORNING)) == len(BIDDERS)


def test_what_was_read_or_is_not_wanted_by_mail_is_not_mailed(
    waiting: Database, postbox: Postbox
) -> None:
    lead, member = actor(waiting, LEAD), actor(waiting, MEMBER)
    unwanted = [(NoticeKind.ROUND_OPENED, Channel.MAIL)]
    transact(waiting, lambda session: mark_all_read(session, lead, NOON, NOON))
    transact(waiting, lambda session: choose(session, member, unwanted, NOON))
    transact(waiting, lambda s: disable_person(s, OPERATOR, OTHER_LEAD, NOON))
    assert post(waiting, postbox) == []


def test_many_hosts_together_send_one_mail_to_each(waiting: Database, postbox: Postbox) -> None:
    if waiting.writer.dialect.name != "sqlite":
        _race([waiting] * HOSTS, postbox)
    else:
        _race_processes(waiting.file, postbox)
    assert addresses(postbox) == everybody()
    assert {row.state for row in digests(waiting)} == {"sent"}


def _race(hosts: list[Database], postbox: Postbox) -> None:
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415  # only for this race

    with ThreadPoolExecutor(HOSTS) as executor:
        list(executor.map(lambda db: post(db, postbox), hosts))


def _race_processes(file: Path, postbox: Postbox) -> None:
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(HOSTS)
    hosts = [
        context.Process(target=_post_from, args=(file, postbox.port, barrier)) for _ in range(HOSTS)
    ]
    for host in hosts:
        host.start()
    for host in hosts:
        host.join(60)
    assert [host.exitcode for host in hosts] == [0] * HOSTS


def _post_from(file: Path, port: int, barrier: object) -> None:
    db = connect(f"sqlite:///{file}")
    barrier.wait(30)  # type: ignore[attr-defined]
    post(db, Postbox(port=port))
    db.dispose()


# --- nothing is lost -----------------------------------------------------------------------------


def test_a_mail_that_was_refused_is_tried_again_later_and_arrives_once(
    waiting: Database, postbox: Postbox
) -> None:
    postbox.is_refusing = True
    assert all(mail.failure for mail in post(waiting, postbox))
    postbox.is_refusing = False
    assert post(waiting, postbox, NOON + dt.timedelta(seconds=59)) == []
    post(waiting, postbox, NOON + dt.timedelta(seconds=60))
    post(waiting, postbox, NOON + dt.timedelta(hours=3))
    assert addresses(postbox) == everybody()


def test_without_a_server_one_mail_is_tried_and_the_others_wait(waiting: Database) -> None:
    with a_mail_server() as gone:
        pass
    [tried] = post(waiting, gone)
    assert "does not answer" in tried.failure
    assert [row.attempts for row in digests(waiting)] == [1]
    with a_mail_server() as back:
        post(waiting, back, NOON + dt.timedelta(minutes=1))
    assert addresses(back) == everybody()


def test_the_pause_doubles_up_to_an_hour(waiting: Database, postbox: Postbox) -> None:
    postbox.is_refusing = True
    at, pauses = NOON, []
    for _ in range(9):
        post(waiting, postbox, at)
        due = min(row.next_try_at for row in digests(waiting))
        pauses.append(int((due - at).total_seconds()))
        at = due
    assert pauses == [60, 120, 240, 480, 960, 1920, 3600, 3600, 3600]


def test_what_could_not_be_sent_for_a_day_is_in_the_mail_of_the_next(
    waiting: Database, postbox: Postbox
) -> None:
    postbox.is_refusing = True
    post(waiting, postbox)
    postbox.is_refusing = False
    announce(waiting, a_sprint(3))
    post(waiting, postbox, MORNING + DAY)
    assert addresses(postbox) == everybody()
    [mail] = postbox.to("lea@")
    assert "sprint-2" in mail.get_content()
    assert "sprint-3" in mail.get_content()
    assert sorted(row.state for row in digests(waiting)) == ["merged"] * 3 + ["sent"] * 3


def test_a_host_that_dies_while_sending_is_followed_by_another_with_the_same_message_id(
    waiting: Database, postbox: Postbox
) -> None:
    with reading(waiting) as session:
        person_id = people_due(session, NOON)[0]
    lost = transact(waiting, lambda session: claim_digest(session, person_id, NOON))
    assert lost is not None
    assert transact(waiting, lambda session: claim_digest(session, person_id, NOON)) is None
    later = NOON + LEASE
    taken = transact(waiting, lambda session: claim_digest(session, person_id, later))
    assert taken is not None
    assert transact(waiting, lambda session: note_sent(session, lost, later)) is False
    assert transact(waiting, lambda session: note_sent(session, taken, later)) is True
    ids = {mail_of(one, SENDER, later)["Message-ID"] for one in (lost, taken)}
    assert len(ids) == 1
    assert len(post(waiting, postbox, later)) == len(BIDDERS) - 1


# --- sealed --------------------------------------------------------------------------------------


def test_a_mail_before_the_close_is_the_same_whatever_was_bid(
    migrated_file: Path, tmp_path: Path
) -> None:
    worlds = [_mails(migrated_file, tmp_path / str(offer), offer) for offer in (0, 100, 700)]
    assert worlds[0] == worlds[1] == worlds[2] != []


def _mails(migrated: Path, folder: Path, offer: int) -> list[tuple[str, str, str]]:
    folder.mkdir()
    file = folder / "broker.db"
    file.write_bytes(migrated.read_bytes())
    db = connect(f"sqlite:///{file}")
    a_peopled_market(db)
    announce(db, a_sprint(2))
    if offer:
        place(db, 2, "blue", offer)
        place(db, 2, "red", offer + 1)
    with a_mail_server() as postbox:
        post(db, postbox)
    db.dispose()
    mails = [(str(m["To"]), str(m["Subject"]), m.get_content()) for m in postbox.mails]
    return sorted(mails)


def test_the_result_of_a_team_is_in_its_own_mails_only(waiting: Database, postbox: Postbox) -> None:
    place(waiting, 1, "red", 400)
    publish(waiting, 1)
    post(waiting, postbox, NOON + DAY)
    for key, has_it in ((LEAD, True), (MEMBER, True), (OTHER_LEAD, False)):
        [mail] = postbox.to(f"{key}@")
        assert ("won, for 120 credits" in mail.get_content()) is has_it


# --- where mails go ------------------------------------------------------------------------------


def test_a_password_is_not_given_to_a_server_that_offers_no_encryption(
    waiting: Database, postbox: Postbox
) -> None:
    with reading(waiting) as session:
        person_id = people_due(session, NOON)[0]
    digest = transact(waiting, lambda session: claim_digest(session, person_id, NOON))
    assert digest is not None
    server = SmtpOutbox("127.0.0.1", postbox.port, is_tls=False, user="u", password="hunter2")  # noqa: S106  # nobody's
    with pytest.raises(MailNotSent, match="gets no password"):
        server.send(mail_of(digest, SENDER, NOON))
    assert postbox.mails == []
    assert "hunter2" not in repr(server)


def test_a_folder_keeps_one_file_a_mail(waiting: Database, tmp_path: Path) -> None:
    from broker.notices.sending import send_due  # noqa: PLC0415  # only here without a server

    box = FolderOutbox(tmp_path / "mails")
    for _ in range(2):
        list(send_due(waiting, box, SENDER, lambda: NOON))
    assert len(list((tmp_path / "mails").glob("*.eml"))) == len(BIDDERS)


def test_without_the_setting_no_mail_is_sent_and_the_command_says_so(migrated: Broker) -> None:
    said = migrated("notices", "send")
    assert (said.code, "BROKER_SMTP_URL" in said.out) == (0, True)
    said = migrated("notices", "send", BROKER_SMTP_URL="console:")
    assert (said.code, said.out) == (0, "No mail is due.\n")


@pytest.mark.parametrize("url", ["http://host", "smtp://", "file:///", "nowhere", "smtp://h:x"])
def test_a_setting_that_names_no_place_for_mails_is_refused(migrated: Broker, url: str) -> None:
    said = migrated("notices", "send", BROKER_SMTP_URL=url)
    assert said.code == 2
    assert "BROKER_SMTP_URL" in said.err
