"""A question from a person, asked in a process of its own: whatever it does, it ends, and nobody else is hurt.

DuckDB's memory limit does not count one huge text (`repeat('x', 2000000000)` takes 4 GB and cannot be interrupted), so
the child has a limit of address space from the system and is killed when its time is over. Rows come back as an Arrow
stream, batch by batch, so a large answer can be written to a file without being held.
"""

import os
import resource
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa

_GRACE_S = 3.0  # DuckDB stops by itself if it can; then the child has so long to say so
_SLACK = 1500 << 20  # address space of Python, Arrow and DuckDB themselves
_BATCH = 20_000
_UNITS = {"kb": 10**3, "mb": 10**6, "gb": 10**9, "kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30}


class Failed(RuntimeError):
    """The question got no answer. `kind`: question (not allowed), query (does not parse or bind), time, memory,
    published (there is no warehouse), other."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


@dataclass(frozen=True)
class Answer:
    """`schema` of the rows and their batches; iterate once. Iterating raises Failed if the question fails midway."""

    schema: pa.Schema
    batches: Iterator[pa.RecordBatch]


@contextmanager
def ask(
    query: str, data: Path | None = None, memory: str = "2GB", seconds: float = 60.0
) -> Iterator[Answer]:  # fmt: skip
    """The answer to one question about the published warehouse; its process is gone when the block ends.

    Raises Failed.
    """
    asked = {"query": query, "memory": memory, "seconds": seconds}
    limit = _bytes(memory) + _SLACK
    child = subprocess.Popen(
        [sys.executable, "-m", "warehouse.questions"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, cwd=Path(__file__).parent.parent, env={**os.environ, **_place(data)},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)),
    )  # fmt: skip
    late = threading.Event()

    def end() -> None:
        late.set()
        child.kill()

    timer = threading.Timer(seconds + _GRACE_S, end)
    timer.daemon = True
    timer.start()
    try:
        assert child.stdin and child.stdout  # noqa: S101 - both are pipes
        child.stdin.write(orjson.dumps(asked))
        child.stdin.close()
        try:
            reader = pa.ipc.open_stream(child.stdout)
        except (pa.ArrowInvalid, OSError):
            raise _failure(child, late, seconds) from None
        yield Answer(reader.schema, _batches(reader, child, late, seconds))
    finally:
        timer.cancel()
        child.kill()
        child.wait()
        for pipe in (child.stdout, child.stderr):
            if pipe:
                pipe.close()


def _place(data: Path | None) -> dict[str, str]:
    """The data folder as an absolute path: the child runs in another folder."""
    folder = data or Path(os.environ.get("QINGLING_DATA", "data"))
    return {"QINGLING_DATA": str(folder.absolute())}


def _batches(
    reader: Any, child: "subprocess.Popen[bytes]", late: threading.Event, seconds: float
) -> Iterator[pa.RecordBatch]:  # fmt: skip
    try:
        yield from reader
    except (pa.ArrowInvalid, OSError):
        raise _failure(child, late, seconds) from None
    if child.wait() != 0:
        raise _failure(child, late, seconds)


def _failure(child: "subprocess.Popen[bytes]", late: threading.Event, seconds: float) -> Failed:
    said = child.stderr.read() if child.stderr else b""
    code = child.wait()
    if late.is_set():
        return Failed("time", f"stopped after {seconds:g} s")
    for line in reversed(said.splitlines()):
        try:
            told = orjson.loads(line)
        except orjson.JSONDecodeError:
            continue
        return Failed(told["kind"], told["message"])
    tail = said.decode("utf-8", "replace").strip().splitlines()
    # an allocation that fails deep inside a library ends the process without a word of ours
    return Failed("memory", tail[-1] if tail else f"the question ended its process ({code}): out of memory")


def _bytes(text: str) -> int:
    digits = text.strip().lower().rstrip("kmgib ")
    unit = text.strip().lower()[len(digits) :].strip()
    try:
        return int(float(digits) * _UNITS[unit])
    except (ValueError, KeyError):
        raise Failed("question", f"memory {text!r} is not like 500MB or 2GB") from None


def answer(asked: dict[str, Any]) -> int:
    """The child: the rows as an Arrow stream on standard output, or one JSON line on standard error and code 3."""
    import duckdb

    from warehouse.guard import NotAQuestion, check_question, guarded, interrupted_after
    from warehouse.publish import NotPublished

    kinds: tuple[tuple[type[BaseException], str], ...] = (
        (NotAQuestion, "question"), (NotPublished, "published"), (duckdb.InterruptException, "time"),
        (duckdb.OutOfMemoryException, "memory"), (MemoryError, "memory"), (pa.ArrowMemoryError, "memory"),
        (duckdb.Error, "query"), (Exception, "other"),
    )  # fmt: skip
    try:
        con = guarded(None, asked["memory"])
        check_question(con, asked["query"])
        with interrupted_after(con, asked["seconds"]):
            reader = con.sql(asked["query"]).to_arrow_reader(_BATCH)
            with pa.ipc.new_stream(sys.stdout.buffer, reader.schema) as out:
                for batch in reader:
                    out.write_batch(batch)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        return 1
    except BaseException as error:
        kind = next((kind for known, kind in kinds if isinstance(error, known)), "other")
        if kind == "other":  # raised by DuckDB below a batch, it arrives as an error of Arrow's
            kind = "time" if "INTERRUPT" in str(error) else "memory" if "Out of Memory" in str(error) else kind
        message = f"stopped after {asked['seconds']:g} s" if kind == "time" else str(error)
        sys.stderr.buffer.write(orjson.dumps({"kind": kind, "message": message}) + b"\n")
        return 3
    return 0


if __name__ == "__main__":
    code = answer(orjson.loads(sys.stdin.buffer.read()))
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # nothing is left to be written; taking DuckDB apart may take long
