"""Fakes and conformance suites that any backend can subclass; pytest is imported only in the suites."""
