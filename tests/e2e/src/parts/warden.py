"""Runs a command until it ends, or until stdin closes.

Whoever started this holds the other end of stdin. However that program ends, killed or not, the
command ends with it, and so does what it has started: faketime, for one, waits for its program.
"""

import os
import signal
import subprocess
import sys
import threading

PATIENCE_SECONDS = 10

command = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL, start_new_session=True)


def signal_all(number):
    try:
        os.killpg(command.pid, number)
    except ProcessLookupError:
        pass


def end_with_stdin():
    # Not `sys.stdin`, whose lock this thread would still hold when the interpreter ends.
    os.read(0, 1)
    signal_all(signal.SIGTERM)
    try:
        command.wait(PATIENCE_SECONDS)
    except subprocess.TimeoutExpired:
        signal_all(signal.SIGKILL)


threading.Thread(target=end_with_stdin, daemon=True).start()
sys.exit(command.wait())
