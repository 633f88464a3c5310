"""What holds for every test."""

import signal

# A shell lets its background jobs ignore Ctrl-C, and children inherit that; tests of Ctrl-C need it to work.
signal.signal(signal.SIGINT, signal.default_int_handler)
