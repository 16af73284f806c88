#!/usr/bin/env python3
"""at_terminal.py KEYS COMMAND…: runs COMMAND at a terminal of its own and answers each question with the next of KEYS.
A key T is none: the terminal itself types what it answers to "which colour is the text" (OSC 10), in 8 bits.
Prints what the terminal showed, escapes made visible, then "asked N" and "exit CODE"."""
import os
import pty
import sys
import time

keys, command = sys.argv[1].encode(), sys.argv[2:]
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(command[0], command)
shown = b""
answered = 0
typed = 0
while True:
    try:
        piece = os.read(terminal, 65536)
    except OSError:  # EIO: the last one hung up
        break
    if not piece:
        break
    shown += piece
    while shown.count(b"[d]eny") > answered:
        time.sleep(0.8)  # a key that comes with the question is not a person's
        if keys.startswith(b"T"):
            keys = keys[1:]
            os.write(terminal, b"\x9d10;rgb:dddd/dddd/dddd\x9c")
            typed += 1
            continue
        os.write(terminal, keys[answered:answered + 1] or b"d")
        answered += 1
status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
print(shown.decode(errors="replace").replace("\x1b", "^["))
if typed:
    print("typed by the terminal")
print(f"asked {answered}")
print(f"exit {status}")
