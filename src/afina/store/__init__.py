"""The one truth: SQLite, one file an aggregate. Every row carries its project."""
