"""Places that cannot be used, disks that are full: a sentence with the name that people gave.

An exit code of 2 says that another place must be named, 3 that the same one may do later.
"""

from __future__ import annotations

import errno
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from broker.commands.places import try_address, try_place, writing_to
from broker.errors import Refused, StorageFailed, UnusablePlace
from tests.commands import SOUND, Broker, Said
from tests.folders import write_folder

NOBODY = 65534
LITTLE_ROOM = (
    "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, ({size}, {size}));"
    "from broker.cli import run; import os; sys.exit(run(sys.argv[1:], os.environ))"
)


def with_little_room(size: int, *arguments: object, **settings: str) -> Said:
    """Run the command where no file may grow larger than some bytes."""
    script = [sys.executable, "-B", "-c", LITTLE_ROOM.format(size=size), *map(str, arguments)]
    done = subprocess.run(
        script, capture_output=True, text=True, check=False, timeout=60, env=os.environ | settings
    )
    return Said(done.returncode, done.stdout, done.stderr)


@contextmanager
def without_privileges() -> Iterator[None]:
    """Act as somebody whom file permissions bind, also where the tests run as root."""
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if is_root:
            os.seteuid(0)


@pytest.fixture
def open_place() -> Iterator[Path]:
    """Return a folder that everybody may enter, unlike those of tmp_path."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


# --- output folders ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("out", "why"),
    [
        ("file/below", "Not a directory"),
        ("file/below/deeper", "Not a directory"),
        ("n" * 300, "File name too long"),
        ("new/" + "n" * 300, "File name too long"),
        ("n" * 300 + "/below", "File name too long"),
        ("/proc/nothing-here", "No such file or directory"),
    ],
)
def test_an_output_that_cannot_be_made_is_exit_2_before_anything_is_solved(
    broker: Broker, sound: Path, tmp_path: Path, out: str, why: str
) -> None:
    (tmp_path / "file").write_text("x")
    before = sorted(tmp_path.iterdir())
    said = broker("allocate", sound, "--out", tmp_path / out, "--time-limit", "1000")
    assert (said.code, said.out) == (2, "")
    assert said.err == (
        f"Nothing was written to {tmp_path / out}: {why}. "
        "Name a place that can be made, in a folder that you may write to.\n"
    )
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("out", ["own", "own/new", "new"])
def test_a_folder_of_somebody_else_is_refused(open_place: Path, out: str) -> None:
    (open_place / "own").mkdir()
    (open_place / "own").chmod(0o555)
    open_place.chmod(0o555)
    with without_privileges(), pytest.raises(UnusablePlace, match="Permission denied"):
        try_place(open_place / out)
    open_place.chmod(0o755)


def test_a_mounted_disk_is_not_replaced(broker: Broker, sound: Path) -> None:
    said = broker("allocate", sound, "--out", "/proc", "--force", "--time-limit", "1000")
    assert (said.code, said.out) == (2, "")
    assert said.err == "/proc is where a disk is mounted. Name a folder inside it.\n"


def test_an_output_that_is_no_folder_is_not_said_to_be_empty_or_full(
    broker: Broker, sound: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "loop").symlink_to("loop")
    for name in ("file", "loop"):
        said = broker("allocate", sound, "--out", tmp_path / name, "--force")
        assert said == Said(
            3, "", f"{tmp_path / name} is not a folder, and nothing was written. Name a folder.\n"
        )


def test_a_full_disk_is_exit_3_and_leaves_nothing(sound: Path, tmp_path: Path) -> None:
    before = sorted(tmp_path.iterdir())
    said = with_little_room(64, "allocate", sound, "--out", tmp_path / "out", "--time-limit", "5")
    assert (said.code, said.out) == (3, "")
    assert said.err == (
        f"Nothing was written to {tmp_path / 'out'}: File too large. "
        "Make room on the disk, or name a place on another one.\n"
    )
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        *[(number, StorageFailed) for number in (errno.ENOSPC, errno.EDQUOT, errno.EIO)],
        *[(number, UnusablePlace) for number in (errno.EROFS, errno.EACCES, errno.ENOTDIR)],
    ],
)
def test_a_temporary_name_is_never_shown(number: int, kind: type[Exception]) -> None:
    with (
        pytest.raises(kind, match="Nothing was written to out: ") as caught,
        writing_to(Path("out")),
    ):
        raise OSError(number, os.strerror(number), ".broker-x/new/awards.csv")
    assert ".broker" not in str(caught.value)


# --- databases -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments", [["migrate"], ["round", "list"], ["run", "r"], ["serve"], ["demo", "--no-serve"]]
)
@pytest.mark.parametrize(
    ("place", "why"),
    [
        ("nowhere/broker.db", "there is no folder {}/nowhere"),
        ("file/broker.db", "there is no folder {}/file"),
        ("folder", "it is not a file"),
        ("n" * 300, "File name too long"),
    ],
)
def test_a_place_that_cannot_hold_a_database_is_exit_2(
    broker: Broker, tmp_path: Path, arguments: list[str], place: str, why: str
) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "folder").mkdir()
    said = broker(*arguments, BROKER_DATABASE_URL=f"sqlite:///{tmp_path}/{place}")
    assert said == Said(
        2,
        "",
        f"{tmp_path}/{place} cannot be the database: {why.format(tmp_path)}. "
        "Set BROKER_DATABASE_URL to a file in a folder that is there and that you may write to.\n",
    )


@pytest.mark.parametrize("arguments", [["migrate"], ["round", "list"], ["run", "r"]])
def test_a_file_that_is_no_database_is_exit_2(
    broker: Broker, tmp_path: Path, arguments: list[str]
) -> None:
    (tmp_path / "broker.db").write_text("This is a letter, not a database." * 100)
    said = broker(*arguments)
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith(f"{tmp_path}/broker.db cannot be the database: file is not a")


@pytest.mark.parametrize("command", ["migrate", "demo"])
def test_a_database_in_a_folder_that_takes_none_is_exit_2(broker: Broker, command: str) -> None:
    said = broker(command, BROKER_DATABASE_URL="sqlite:////proc/broker.db")
    assert (said.code, said.out) == (2, "")
    assert said.err.count("\n") == 1
    assert "/proc/broker.db" in said.err
    assert ".new" not in said.err


@pytest.mark.parametrize("folder_mode", [0o777, 0o555])
def test_a_read_only_database_is_exit_3(
    broker: Broker, sound: Path, open_place: Path, folder_mode: int
) -> None:
    url = f"sqlite:///{open_place}/broker.db"
    head = SOUND["round.csv"].replace("sprint-1", "sprint-2")
    other = write_folder(open_place / "other", {**SOUND, "round.csv": head})
    third = write_folder(
        open_place / "third", {**SOUND, "round.csv": head.replace("sprint-2", "sprint-3")}
    )
    for arguments in (["migrate"], ["import", sound], ["import", other, "--open"]):
        assert broker(*arguments, BROKER_DATABASE_URL=url).code == 0
    (open_place / "broker.db").chmod(0o444)
    open_place.chmod(folder_mode)
    for arguments in (["run", "sprint-1"], ["round", "close", "sprint-2"], ["import", third]):
        with without_privileges():
            said = broker(*arguments, BROKER_DATABASE_URL=url)
        assert said == Said(
            3,
            "",
            f"The database {open_place}/broker.db failed: attempt to write a readonly database; "
            "nothing that was under way was stored. "
            "Make the file and its folder writable for you.\n",
        )
    open_place.chmod(0o755)


@pytest.mark.parametrize("command", [["migrate"], ["demo", "--no-serve"]])
def test_a_full_disk_under_the_database_is_exit_3(tmp_path: Path, command: list[str]) -> None:
    url = f"sqlite:///{tmp_path}/broker.db"
    said = with_little_room(20_000, *command, BROKER_DATABASE_URL=url)
    assert said.code == 3
    assert said.err.count("\n") == 1
    assert f"{tmp_path}/broker.db " in said.err
    assert "nothing that was under way was stored" in said.err


# --- addresses -----------------------------------------------------------------------------


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_a_taken_port_is_exit_3_before_a_server_starts_or_a_demo_is_built(
    migrated: Broker, taken_port: int
) -> None:
    for arguments in (["serve"], ["demo"]):
        said = migrated(*arguments, "--port", taken_port)
        assert said == Said(
            3,
            "",
            f"Somebody listens on port {taken_port} of 127.0.0.1 already. "
            "Stop that server, or give another --port.\n",
        )


@pytest.mark.parametrize("host", ["nowhere.invalid", "192.0.2.1", "", "a" * 300, "a:b"])
def test_a_host_that_is_not_this_machine_is_exit_2(migrated: Broker, host: str) -> None:
    said = migrated("serve", "--host", host)
    assert (said.code, said.out) == (2, "")
    assert said.err.endswith(" Give a --host and a --port of this machine.\n")
    assert said.err.count("\n") == 1


def test_an_address_that_is_free_is_left_free(taken_port: int) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        free = other.getsockname()[1]
    for _ in range(2):
        try_address("127.0.0.1", free)
    with pytest.raises(Refused):
        try_address("127.0.0.1", taken_port)
