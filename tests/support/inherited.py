# SPDX-License-Identifier: MIT
"""tests/support/inherited.py - what a program inherits, the same for all tests however they are started.

`nohup`, and `&` of a shell without job control, leave signals ignored; exec keeps that. A program
that is to die of SIGINT would then live on, with and without the library. Likewise the mask of
signals, the umask, the limit of core files (which appear beside the reports), and closed descriptors
whose numbers the test's own files would take.
"""
import os
import resource
import signal


def _default_signals():
    """A signal that is handled here is at its default in every program that is executed, and the
    test itself survives a hangup as well as before."""
    for number in signal.valid_signals():
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, lambda *_: None)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def _open_descriptors():
    for fd in range(3):
        try:
            os.fstat(fd)
        except OSError:
            os.set_inheritable(os.open("/dev/null", os.O_RDWR), True)  # the lowest: this one


def reset():
    """Once, before the first file is opened. A test that wants otherwise says so to its program."""
    _open_descriptors()
    _default_signals()
    os.umask(0o022)
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
