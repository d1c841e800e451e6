"""The processes of one machine, run by supervisord: its configuration is written into the data folder."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
import xmlrpc.client
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from supervisor.xmlrpc import SupervisorTransport

from streams.childhood import die_with, stop


@dataclass(frozen=True)
class Program:
    """One process. `restart` = started again whenever it ends; a gateway that runs once is not."""

    name: str
    command: Sequence[str]
    environment: dict[str, str] = field(default_factory=dict)
    restart: bool = True
    stop_s: int = 10


class Supervisor:
    """A running supervisord; programs are started one by one, in the order the caller wants."""

    def __init__(self, proxy: Any, process: "subprocess.Popen[bytes]") -> None:
        self._rpc, self._process = proxy.supervisor, process

    def start(self, name: str) -> None:
        self._rpc.startProcess(name, False)

    def stop(self, name: str) -> None:
        if self.state(name) in ("RUNNING", "STARTING", "BACKOFF"):
            self._rpc.stopProcess(name)

    def state(self, name: str) -> str:
        return str(self._rpc.getProcessInfo(name)["statename"])

    def exit_code(self, name: str) -> int:
        return int(self._rpc.getProcessInfo(name)["exitstatus"])

    def failed(self) -> list[str]:
        """Programs that supervisord gave up on."""
        return [info["name"] for info in self._rpc.getAllProcessInfo() if info["statename"] == "FATAL"]

    @property
    def pid(self) -> int:
        return self._process.pid


def python(*arguments: str) -> list[str]:
    """The command line of a module of ours in this interpreter."""
    return [sys.executable, *arguments]


@contextmanager
def supervised(folder: Path, programs: Sequence[Program], environment: dict[str, str]) -> Iterator[Supervisor]:
    """supervisord with `programs`, none started yet; everything is stopped when the block ends."""
    folder.mkdir(parents=True, exist_ok=True)
    sockets = Path(tempfile.mkdtemp(prefix="qingling-"))  # a socket's path must be short; the data folder's may not be
    socket = sockets / "s"
    config = folder / "supervisord.conf"
    config.write_text(_config(folder, socket, programs, environment), "utf-8")
    config.chmod(0o600)
    parent = os.getpid()

    def prepare() -> None:
        os.setsid()  # Ctrl-C is the parent's to handle: it stops the programs in order
        die_with(parent)

    with (folder / "supervisord.out").open("ab") as out:
        process = subprocess.Popen(
            python("-m", "supervisor.supervisord", "-n", "-c", str(config)), stdin=subprocess.DEVNULL, stdout=out,
            stderr=out, preexec_fn=prepare,
        )  # fmt: skip
    try:
        yield Supervisor(_connect(socket, process), process)
    finally:
        stop(process, 30)
        shutil.rmtree(sockets, ignore_errors=True)


def _connect(socket: Path, process: "subprocess.Popen[bytes]") -> Any:
    transport = SupervisorTransport(None, None, serverurl=f"unix://{socket}")
    proxy = xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport)
    deadline = time.monotonic() + 20
    while True:
        try:
            proxy.supervisor.getState()
            return proxy
        except (OSError, xmlrpc.client.Error):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("supervisord did not start; see supervisord.out in the run folder") from None
            transport.connection = None
            time.sleep(0.05)


def _config(folder: Path, socket: Path, programs: Sequence[Program], environment: dict[str, str]) -> str:
    parts = [
        f"[unix_http_server]\nfile={socket}\nchmod=0600\n",
        f"[supervisord]\nlogfile={folder}/supervisord.log\npidfile={folder}/supervisord.pid\nchildlogdir={folder}\n"
        "logfile_maxbytes=5MB\nlogfile_backups=2\n",
        "[rpcinterface:supervisor]\nsupervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface\n",
        f"[supervisorctl]\nserverurl=unix://{socket}\n",
    ]
    for program in programs:
        command = " ".join(_quoted(part) for part in python("-m", "streams.childhood", *program.command))
        variables = ",".join(f'{k}="{_escaped(v)}"' for k, v in {**environment, **program.environment}.items())
        parts.append(
            f"[program:{program.name}]\ncommand={command}\nenvironment={variables}\nautostart=false\n"
            f"autorestart={'true' if program.restart else 'false'}\nstartsecs=1\nstartretries=20\n"
            f"stopwaitsecs={program.stop_s}\nstopasgroup=true\nkillasgroup=true\nredirect_stderr=true\n"
            f"stdout_logfile={folder}/{program.name}.log\nstdout_logfile_maxbytes=10MB\nstdout_logfile_backups=2\n"
        )
    return "\n".join(parts)


def _escaped(text: str) -> str:
    return text.replace("%", "%%")  # supervisord expands %(name)s


def _quoted(part: str) -> str:
    return '"' + _escaped(part).replace('"', '\\"') + '"' if " " in part or '"' in part else _escaped(part)
