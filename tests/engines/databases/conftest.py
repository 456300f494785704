"""The fixtures of source databases."""

from tests.source_databases import mysql_source, postgresql_source, source

__all__ = ["mysql_source", "postgresql_source", "source"]
