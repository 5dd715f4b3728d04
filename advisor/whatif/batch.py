"""Commands that travel to the server together: asking one by one takes longer than planning."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass

import psycopg
from psycopg import pq

from advisor.errors import ServerLost

OK = (pq.ExecStatus.COMMAND_OK, pq.ExecStatus.TUPLES_OK)


@dataclass(frozen=True, slots=True)
class Command:
    """One command: a single statement with its values as text and their types' OIDs (0: the server infers)."""

    text: bytes
    values: Sequence[bytes | None] = ()
    oids: Sequence[int] = ()


Answer = tuple[int, int, pq.abc.PGresult]  # number of the group, of the command in it, and what the server says


def run_groups(connection: pq.abc.PGconn, groups: Sequence[Sequence[Command]]) -> Generator[Answer, None, None]:
    """Yield the results in order, of each group up to and including its first error; the next group runs all the same.

    The caller must exhaust or close the iterator before it uses the connection again.
    """
    if not psycopg.Pipeline.is_supported():
        for number, group in enumerate(groups):
            for place, command in enumerate(group):
                result = connection.exec_params(command.text, command.values, command.oids)
                yield number, place, result
                if result.status not in OK:
                    break
        return
    # psycopg's connections do not block: libpq then waits until it can send the rest, and does not read meanwhile. A
    # server whose answers fill the socket does not read either, and both wait for ever. Blocking, libpq does both.
    nonblocking = connection.nonblocking
    connection.nonblocking = 0
    connection.enter_pipeline_mode()
    owed = 0  # ends of groups that were sent and not read yet
    sending = True
    try:
        for group in groups:
            for command in group:
                connection.send_query_params(command.text, command.values, command.oids)
            connection.pipeline_sync()
            owed += 1
        sending = False
        for number, group in enumerate(groups):
            failed = False
            for place in range(len(group)):
                answer = connection.get_result()
                if answer is None:
                    raise ServerLost("The server that plans the statements closed the connection.", "Try again.")
                connection.get_result()  # the end of this command's results
                if not failed:
                    failed = answer.status not in OK
                    yield number, place, answer
            connection.get_result()  # the end of the group
            owed -= 1
    finally:
        _leave(connection, owed, sending)
        if connection.status == pq.ConnStatus.OK:
            connection.nonblocking = nonblocking


def _leave(connection: pq.abc.PGconn, owed: int, sending: bool) -> None:
    """Read what is still under way, also after an interrupt, and leave pipeline mode."""
    if sending and connection.status == pq.ConnStatus.OK:
        connection.pipeline_sync()
        owed += 1
    ends = 0
    # Two ends in a row: nothing more comes.
    while owed and ends < 2 and connection.status == pq.ConnStatus.OK:
        result = connection.get_result()
        ends = 0 if result is not None else ends + 1
        owed -= result is not None and result.status == pq.ExecStatus.PIPELINE_SYNC
    if connection.status == pq.ConnStatus.OK:
        connection.exit_pipeline_mode()
