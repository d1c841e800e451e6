"""A child that does not outlive its parent (Linux), so a killed demo or test leaves nothing running."""

import ctypes
import os
import signal

_PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    """Ask the kernel for SIGTERM when the parent thread dies. Call first thing in the child; silent where unsupported.

    The parent may have died before the call: then leave at once.
    """
    if hasattr(ctypes, "CDLL") and os.name == "posix":
        libc = ctypes.CDLL(None, use_errno=True)
        if hasattr(libc, "prctl"):
            libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() == 1 and os.environ.get("QINGLING_ORPHAN_OK") != "1":
        os._exit(0)
