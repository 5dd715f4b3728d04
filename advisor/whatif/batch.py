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
    place: int = -1  # of the question it answers; -1 for what prepares the ground


def run_together(
    connection: pq.abc.PGconn, commands: Sequence[Command]
) -> Generator[tuple[Command, pq.abc.PGresult], None, None]:
    """Yield each command with its result, in order, up to and including the first error.

    The caller must exhaust or close the iterator before it uses the connection again.
    """
    if not psycopg.Pipeline.is_supported():
        for command in commands:
            result = connection.exec_params(command.text, command.values, command.oids)
            yield command, result
            if result.status not in OK:
                return
        return
    connection.enter_pipeline_mode()
    synced = False
    try:
        for command in commands:
            connection.send_query_params(command.text, command.values, command.oids)
        connection.pipeline_sync()
        synced = True
        for command in commands:
            answer = connection.get_result()
            if answer is None:
                raise ServerLost("The server that plans the statements closed the connection.", "Try again.")
            yield command, answer
            if answer.status not in OK:
                return
            connection.get_result()  # the end of this command's results
    finally:
        _leave(connection, synced)


def _leave(connection: pq.abc.PGconn, synced: bool) -> None:
    """Read what is still under way, also after an interrupt, and leave pipeline mode."""
    ends = 0
    if connection.status == pq.ConnStatus.OK and not synced:
        connection.pipeline_sync()
    # Two ends in a row: nothing more comes.
    while connection.status == pq.ConnStatus.OK and ends < 2:
        result = connection.get_result()
        ends = 0 if result is not None else ends + 1
        if result is not None and result.status == pq.ExecStatus.PIPELINE_SYNC:
            break
    if connection.status == pq.ConnStatus.OK:
        connection.exit_pipeline_mode()
