"""Runs a command until it ends, or until stdin closes.

Whoever started this holds the other end of stdin. However that program ends, killed or not, the
command ends with it.
"""

import os
import subprocess
import sys
import threading

PATIENCE_SECONDS = 10

command = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL)


def end_with_stdin():
    # Not `sys.stdin`, whose lock this thread would still hold when the interpreter ends.
    os.read(0, 1)
    command.terminate()
    try:
        command.wait(PATIENCE_SECONDS)
    except subprocess.TimeoutExpired:
        command.kill()


threading.Thread(target=end_with_stdin, daemon=True).start()
sys.exit(command.wait())
