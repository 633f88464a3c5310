"""The sections of known_orderings.py, and what they share."""
