"""Which kinds of CRM connections there are."""

from typing import Final

from locutory.engines.crm import csv_file, http_json, leadsquared, salesforce

PROVIDERS: Final = (leadsquared.NAME, salesforce.NAME, http_json.NAME, csv_file.NAME)
