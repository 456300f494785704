"""Databases of others, from which rows are read and to which nothing is written."""

from locutory.engines.databases.base import (
    Column,
    Condition,
    Database,
    DatabaseFault,
    Fault,
    Index,
    Moment,
    Op,
    Place,
    Query,
    Rows,
    Tls,
    Value,
)
from locutory.engines.databases.registry import KINDS, get_database

__all__ = [
    "KINDS",
    "Column",
    "Condition",
    "Database",
    "DatabaseFault",
    "Fault",
    "Index",
    "Moment",
    "Op",
    "Place",
    "Query",
    "Rows",
    "Tls",
    "Value",
    "get_database",
]
