#!/usr/bin/env python3
"""Types into `quipu chat` on a terminal and waits for what it answers.

Usage: chat-on-a-terminal.py MODEL STATE_FOLDER. Ctrl-C ends an answer and not
the program; lines typed before come back, also in the next conversation.
"""

import os
import pty
import signal
import sys

# What never comes is an error, and no test that never ends.
signal.signal(signal.SIGALRM, lambda *_: sys.exit("waited for 5 minutes"))
signal.alarm(300)

model, state = sys.argv[1:]


class Chat:
    def __init__(self):
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            environment = dict(os.environ, TERM="xterm", XDG_STATE_HOME=state)
            command = ["quipu", "chat", model, "--seed", "1", "-c", "4096"]
            os.execvpe(command[0], command, environment)
        self.seen = ""

    def expect(self, text):
        """Waits for `text`, and returns what came before it."""
        while text not in self.seen:
            try:
                read = os.read(self.terminal, 4096)
            except OSError:  # the other side is closed
                read = b""
            if not read:
                sys.exit(f"expected {text!r}, found the end after {self.seen!r}")
            self.seen += read.decode(errors="replace")
        before, self.seen = self.seen.split(text, 1)
        return before

    def expect_more(self, count):
        """Waits until `count` more characters have come."""
        while len(self.seen) < count:
            self.seen += os.read(self.terminal, 4096).decode(errors="replace")

    def type(self, text):
        os.write(self.terminal, text.encode())

    def status(self):
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def check(condition, message):
    if not condition:
        sys.exit(message)


chat = Chat()
chat.expect("/help lists the commands")
chat.expect("> ")
chat.type("Write a long story about a fox who counts to a thousand.\r")
chat.expect("thousand.\r\n")
chat.expect_more(40)  # the answer has begun
chat.type("\x03")
chat.expect("\r\n> ")
chat.type("/info\r")
chat.expect("(")
used = int(chat.expect(" of 4096 tokens)"))
check(0 < used < 1000, f"expected an answer cut short, found {used} tokens")
chat.expect("> ")
chat.type("half a line\x03")  # forgets the line and not the program
chat.expect("Ctrl-D leaves")
chat.expect("> ")
chat.type("\x1b[A")
chat.expect("/info")
chat.type("\r")
chat.expect("of 4096 tokens)")
chat.expect("> ")
chat.type("\x04")
check(chat.status() == 0, "expected status 0 after Ctrl-D")

chat = Chat()
chat.expect("> ")
chat.type("\x1b[A\x1b[A\x1b[A")
chat.expect("counts to a thousand")
chat.type("\x03")
chat.expect("> ")
chat.type("/exit\r")
check(chat.status() == 0, "expected status 0 after /exit")

# A terminal that goes away ends a program that SIGHUP does not, also where the
# prompt is still to be written.
signal.signal(signal.SIGHUP, signal.SIG_IGN)  # the program inherits it
for last in ["> ", "/help lists"]:
    chat = Chat()
    chat.expect(last)
    os.close(chat.terminal)
    status = chat.status()
    check(status == 0, f"expected status 0, found {status}: closed after {last!r}")
