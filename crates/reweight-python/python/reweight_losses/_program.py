"""The command ``reweight`` that an installation brings: the Rust program, out of the native module."""

from __future__ import annotations

import signal
import sys

from . import _native


def main() -> int:
    """Runs this process's command line and returns the exit code."""
    # Python's own handler waits for its interpreter, which is busy until the program ends.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    return _native.run_program(["reweight", *sys.argv[1:]], sys.stdout is None)
