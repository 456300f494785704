"""The house of the calls themselves: what pages show is what lists show."""

from tests.products.calls.records.conftest import house as house
