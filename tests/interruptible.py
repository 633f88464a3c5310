"""A plugin for every test run: Ctrl-C works in it and in its children."""

import signal

# A shell lets its background jobs ignore Ctrl-C, and children inherit that; tests of Ctrl-C need it to work.
signal.signal(signal.SIGINT, signal.default_int_handler)
