"""Which kinds of CRM connections there are."""

from enum import StrEnum


class Provider(StrEnum):
    """A CRM that is known by name, any that answers JSON by a mapping, or a file."""

    LEADSQUARED = "leadsquared"
    SALESFORCE = "salesforce"
    HTTP_JSON = "http_json"
    CSV = "csv"
