"""A child that does not outlive its parent (Linux), so a killed demo or test leaves nothing running.

`python -m streams.childhood COMMAND…` runs a command that way: the request survives the exec.
"""

import ctypes
import os
import signal
import subprocess
import sys

_PR_SET_PDEATHSIG = 1


def die_with(parent_pid: int) -> None:
    """Ask the kernel for SIGTERM when the parent dies; call first thing in the child. Silent where unsupported.

    If the parent is gone already, the child ends at once.
    """
    if sys.platform != "linux":
        return
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent_pid:
        os._exit(0)


def stop(child: "subprocess.Popen[bytes]", patience_s: float) -> None:
    """SIGTERM, and SIGKILL if the child has not ended within `patience_s`; returns when it is gone."""
    child.terminate()
    try:
        child.wait(patience_s)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def main() -> None:
    die_with(os.getppid())
    os.execvp(sys.argv[1], sys.argv[1:])  # noqa: S606  (the caller's own command, no shell)


if __name__ == "__main__":
    main()
