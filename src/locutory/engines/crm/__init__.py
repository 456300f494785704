"""CRMs: leads are read there, notes on calls are written there."""

from locutory.engines.crm.base import (
    Activity,
    Checked,
    CrmClient,
    CrmRejected,
    CrmUnsupported,
    Lead,
    LeadFault,
    LeadPage,
    Note,
    NoteKind,
    Window,
    closed_with,
)
from locutory.engines.crm.csv_file import CsvFile, OpenFile
from locutory.engines.crm.http_json import HttpJson
from locutory.engines.crm.leadsquared import LeadSquared
from locutory.engines.crm.mapping import HttpJsonMapping
from locutory.engines.crm.pace import Line, Lines
from locutory.engines.crm.registry import Provider
from locutory.engines.crm.rows import MOST_ROWS, LeadFileInvalid, leads_in
from locutory.engines.crm.salesforce import Salesforce

__all__ = [
    "MOST_ROWS",
    "Activity",
    "Checked",
    "CrmClient",
    "CrmRejected",
    "CrmUnsupported",
    "CsvFile",
    "HttpJson",
    "HttpJsonMapping",
    "Lead",
    "LeadFault",
    "LeadFileInvalid",
    "LeadPage",
    "LeadSquared",
    "Line",
    "Lines",
    "Note",
    "NoteKind",
    "OpenFile",
    "Provider",
    "Salesforce",
    "Window",
    "closed_with",
    "leads_in",
]
