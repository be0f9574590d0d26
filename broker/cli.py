"""The `broker` command: its sub-commands by name, and one way out for every error.

A command's module is imported when the command runs, so that help is at once there. The table of
commands is a contract; what each does stands in commands/, the exit codes in commands/exits.py.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Mapping
from importlib import import_module
from typing import Any

import click

COMMANDS: Mapping[str, tuple[str, str]] = {
    "migrate": ("storage:migrate", "Create or upgrade the database."),
    "import": ("storage:import_", "Bring a round folder into the market."),
    "round": ("rounds:round_", "List, show, announce, open, close and cancel rounds."),
    "run": ("runs:run", "Allocate a round and publish it, exactly once."),
    "capacity": ("capacities:capacity", "Report what is lost of a pool during a sprint."),
    "tick": ("ticking:tick_", "Do everything that is due now, every minute from cron."),
    "policy": ("policy:policy", "Show, check and adopt the policy."),
    "explain": ("explanations:explain", "Compute what would have won for the declined bids."),
    "allocate": ("folders:allocate", "Allocate a round folder into an output folder."),
    "check": ("folders:check", "Judge an output folder without the solver."),
    "export": ("exports:export", "Write awards, credits, events or the bundle of a round."),
    "verify": ("checkpoints:verify", "Check the log, the ledger and every round."),
    "checkpoint": ("checkpoints:checkpoint", "Print a signed checkpoint of the audit log."),
    "ledger": ("ledger:ledger", "Export every credit that moved."),
    "period": ("periods:period", "Close the books of a period, and take its archive out."),
    "user": ("users:user", "Add people, give them roles and passwords."),
    "token": ("tokens:token", "Issue, list and revoke the tokens of programs."),
    "notices": ("notices:notices", "Send people the mails of the day."),
    "webhook": ("webhooks:webhook", "Tell other programs what becomes of rounds."),
    "demo": ("service:demo", "Build a fictional company, run its round, serve it."),
    "doctor": ("upkeep:doctor", "Say whether this installation is safe to run."),
    "backup": ("upkeep:backup", "Write the whole market into one file."),
    "restore": ("upkeep:restore", "Make a market from such a file."),
    "worker": ("explanations:worker", "Do what happens by itself, every minute."),
    "serve": ("service:serve", "Serve the screens."),
}
"""Where each command stands, and what it does in a line."""
NEW_OBJECTS = 50_000
"""How many between two walks of the garbage collector."""


class Commands(click.Group):
    """The commands of the table, each imported when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name every command, in the order in which they are first needed."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command; None if there is no such."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        module, name = COMMANDS[cmd_name][0].split(":")
        command: click.Command = getattr(import_module(f"broker.commands.{module}"), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing any of them."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="capacity-broker", prog_name="broker")
def broker() -> None:
    """Hand out scarce capacity, sprint by sprint, by value.

    Settings come from the environment with the prefix BROKER_. Exit codes: 0 done, 1 a check found
    violations, 2 usage, invalid input or an unusable place, 3 refused, or the disk or the database
    failed, 4 no outcome, 5 the outcome failed its check, 6 the audit log was rolled back or forked,
    7 a check could not be made, 78 the database has another version's schema.
    """


def run(arguments: list[str], environment: Mapping[str, str]) -> int:
    """Run one command and return its exit code; whatever goes wrong is said in a sentence."""
    try:
        code: Any = broker.main(arguments, "broker", standalone_mode=False, obj=environment)
    except click.exceptions.Exit as ended:
        return ended.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (Exception, KeyboardInterrupt, click.Abort) as error:  # noqa: BLE001  # the last way out
        explain: Any = import_module("broker.commands.exits").explain
        code = explain(error, arguments)
    return code if isinstance(code, int) else 0


def main() -> None:
    """Run the command that the shell was given.

    Rounds are made of many objects that stay, so the garbage collector walks them rarely.
    """
    gc.set_threshold(NEW_OBJECTS)
    configure: Any = import_module("broker.logs").configure_for_command
    configure(sys.argv[1:])
    sys.exit(run(sys.argv[1:], os.environ))
