"""LeadSquared's REST calls of version 2, as its public documents describe them."""

from datetime import UTC, datetime
from typing import Any

from tests.stubs.crm import Book, Person
from tests.stubs.vendor import Answer, Request, VendorStub

ACCESS, SECRET = "u$r-access-key-0123456789", "secret-key-0123456789abcdef"
KEYS = {"accessKey": [ACCESS], "secretKey": [SECRET]}


def failure(kind: str, message: str = "it failed", status: int = 500) -> Answer:
    return Answer(
        status,
        {"Status": "Error", "ExceptionType": kind, "ExceptionMessage": message},
    )


LIMIT = failure("MXAPIRateLimitExceededException", "API calls exceeded the limit", 429)
LIMIT_AS_500 = failure("MXAPIRateLimitExceededException", "API calls exceeded the limit")
WRONG_KEYS_AS_500 = failure("MXInvalidAccessKeyException", f"Invalid key {ACCESS}")
WRONG_INPUT_AS_200 = failure("MXInvalidInputException", "Invalid LookupName", 200)
BROKEN = failure("MXUnhandledException", "Object reference not set")


class LeadSquaredStub(VendorStub):
    """`flat` answers changed leads as plain objects, as other calls do."""

    def __init__(self) -> None:
        super().__init__()
        self.book = Book()
        self.flat = False
        self.counts = True
        self.logged: list[dict[str, Any]] = []

    def handle(self, request: Request) -> Answer:
        keys = {name: request.query.get(name) for name in KEYS}
        if keys != KEYS:
            return failure("MXInvalidAccessKeyException", f"Invalid keys {keys}", 401)
        service, _, name = request.path.removeprefix("/v2/").partition("/")
        known = {
            "LeadManagement.svc/Leads.Get": self._get,
            "LeadManagement.svc/Leads.RecentlyModified": self._modified,
            "LeadManagement.svc/RetrieveLeadByPhoneNumber": self._by_phone,
            "ProspectActivity.svc/Retrieve": self._activities,
            "ProspectActivity.svc/Create": self._create,
            "Telephony.svc/LogCall": self._log,
        }
        answer = known.get(f"{service}/{name}")
        if answer is None:
            return Answer(404, {"Status": "Error", "ExceptionType": "MXNoSuchApi"})
        return answer(request)

    def _get(self, request: Request) -> Answer:
        asked = request.json()
        assert asked["Parameter"]["SqlOperator"] in ("=", "LIKE", ">", "<", ">=", "<=", "<>")
        columns = asked["Columns"]["Include_CSV"].split(",")
        size = asked["Paging"]["PageSize"]
        return Answer(200, [flat(p, columns) for p in self.book.people.values()][:size])

    def _modified(self, request: Request) -> Answer:
        asked = request.json()
        since, until = (_moment(asked["Parameter"][name]) for name in ("FromDate", "ToDate"))
        found = self.book.changed(since, until)
        columns = asked["Columns"]["Include_CSV"].split(",")
        size, number = asked["Paging"]["PageSize"], asked["Paging"]["PageIndex"]
        assert size <= 5000
        page = found[(number - 1) * size : number * size]
        if self.flat:
            return Answer(200, [flat(person, columns) for person in page])
        leads = [
            {
                "LeadPropertyList": [
                    {"Attribute": name, "Value": value}
                    for name, value in flat(person, columns).items()
                ]
            }
            for person in page
        ]
        total = len(found) if self.counts else len(page)
        return Answer(200, {"RecordCount": total, "Leads": leads})

    def _by_phone(self, request: Request) -> Answer:
        found = self.book.with_phone(request.query["phone"][0])
        columns = ["ProspectID", "FirstName", "LastName", "Phone", "Mobile", "ProspectStage"]
        return Answer(200, [flat(person, columns) for person in found])

    def _activities(self, request: Request) -> Answer:
        asked = request.json()
        person = self.book.people[request.query["leadId"][0]]
        wanted = asked.get("Parameter", {}).get("ActivityEvent")
        events = sorted(person.events, key=lambda e: e["at"], reverse=True)
        if wanted is not None:
            events = [e for e in events if e.get("code", 201) == wanted]
        begin = int(asked["Paging"]["Offset"])
        page = events[begin : begin + int(asked["Paging"]["RowCount"])]
        rows = [
            {
                "Id": e["id"],
                "EventCode": e.get("code", 201),
                "EventName": e["name"],
                "ActivityScore": 1,
                "CreatedOn": e["at"].strftime("%Y-%m-%d %H:%M:%S"),
                "ActivityType": 2,
                "Type": "Custom",
                "SessionId": e.get("tag"),
                "Data": [{"Key": "NotableEventDescription", "Value": e["text"]}],
            }
            for e in page
        ]
        return Answer(200, {"RecordCount": len(events), "ProspectActivities": rows})

    def _create(self, request: Request) -> Answer:
        asked = request.json()
        id_ = self.book.note(
            asked["RelatedProspectId"],
            asked["ActivityNote"],
            code=asked["ActivityEvent"],
            fields=asked["Fields"],
        )
        return Answer(200, {"Status": "Success", "Message": {"Id": id_}})

    def _log(self, request: Request) -> Answer:
        asked = request.json()
        self.logged.append(asked)
        text = f"{asked['CallNotes']}"
        id_ = self.book.note(asked["LeadId"], text, code=21, tag=asked["Tag"])
        return Answer(200, {"Status": "Success", "Message": {"Id": id_}})


def flat(person: Person, columns: list[str]) -> dict[str, Any]:
    values = {
        "ProspectID": person.lead_id,
        "FirstName": person.first,
        "LastName": person.last,
        "EmailAddress": person.email,
        "Phone": person.phone or None,
        "Mobile": person.mobile or None,
        "ProspectStage": person.stage,
        "OwnerIdName": person.owner,
        "Source": person.source,
        "ModifiedOn": person.modified_at.strftime("%Y-%m-%d %H:%M:%S.000"),
        "mx_Budget": person.budget,
    }
    return {name: values[name] for name in columns}


def _moment(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
