"""A stub of S3: objects, ranges, lists in pages, uploads in parts; signatures are checked.

Botocore's own signer says what a request's signature must be.
"""

import hashlib
import re
from dataclasses import dataclass, field
from email.utils import formatdate
from urllib.parse import quote, unquote
from uuid import uuid4
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from tests.stubs.vendor import Answer, Request, VendorStub

BUCKET, REGION = "recordings", "eu-central-1"
ACCESS_KEY, SECRET_KEY = "AKIDEXAMPLE", "wJalrXUtnFEMI-K7MDENG-bPxRfiCYEXAMPLEKEY"
LEAST_PART = 5 * 1024 * 1024
XML = {"Content-Type": "application/xml"}
WHOLE = formatdate(1_770_000_000, usegmt=True)
_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([^/]+)/[^,]+, ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]+)"
)
_RANGE = re.compile(r"bytes=(\d+)-(\d*)")


def refused(status: int, code: str, message: str) -> Answer:
    """A failure as S3 words it."""
    body = f"<Error><Code>{code}</Code><Message>{escape(message)}</Message></Error>"
    return Answer(status, b'<?xml version="1.0" encoding="UTF-8"?>' + body.encode(), XML)


SLOW_DOWN = refused(503, "SlowDown", "Please reduce your request rate.")
DENIED = refused(403, "AccessDenied", "Access Denied")


@dataclass(slots=True)
class Upload:
    """Parts that are no object yet."""

    key: str
    parts: dict[int, bytes] = field(default_factory=dict)


class S3Stub(VendorStub):
    """One bucket, `BUCKET`. `page` is how many keys a list holds at most."""

    def __init__(self) -> None:
        super().__init__()
        self.objects: dict[str, bytes] = {}
        self.uploads: dict[str, Upload] = {}
        self.page = 1000

    def handle(self, request: Request) -> Answer:
        wrong = unsigned(request)
        if wrong is not None:
            return wrong
        bucket, _, key = unquote(request.path).lstrip("/").partition("/")
        if bucket != BUCKET:
            return refused(404, "NoSuchBucket", "The specified bucket does not exist")
        if not key:
            return self._list(request)
        if "uploads" in request.query or "uploadId" in request.query:
            return self._upload(request, key)
        if request.method == "PUT":
            self.objects[key] = request.body
            return Answer(200, b"", {"ETag": tag(request.body)})
        if request.method == "DELETE":
            self.objects.pop(key, None)
            return Answer(204, b"")
        if key not in self.objects:
            return refused(404, "NoSuchKey", "The specified key does not exist.")
        return self._get(request, self.objects[key])

    def _get(self, request: Request, content: bytes) -> Answer:
        headers = {
            "ETag": tag(content),
            "Last-Modified": WHOLE,
            "Content-Type": "binary/octet-stream",
            "Accept-Ranges": "bytes",
        }
        if request.method == "HEAD":
            return Answer(200, b"", {**headers, "Content-Length": str(len(content))})
        if request.headers.get("if-match", tag(content)) != tag(content):
            return refused(412, "PreconditionFailed", "At least one of the pre-conditions failed")
        match = _RANGE.fullmatch(request.headers.get("range", ""))
        if match is None:
            return Answer(200, content, headers)
        first = int(match[1])
        end = min(len(content), int(match[2] or len(content)) + 1)
        if first >= len(content):
            return refused(416, "InvalidRange", "The requested range is not satisfiable")
        headers["Content-Range"] = f"bytes {first}-{end - 1}/{len(content)}"
        return Answer(206, content[first:end], headers)

    def _list(self, request: Request) -> Answer:
        if request.method != "GET" or request.query.get("list-type") != ["2"]:
            return refused(501, "NotImplemented", "the stub does not know this")
        told = {name: values[0] for name, values in request.query.items()}
        prefix, after = told.get("prefix", ""), told.get("continuation-token", "")
        found = sorted(k for k in self.objects if k.startswith(prefix) and k > after)
        page = found[: min(self.page, int(told.get("max-keys", self.page)))]
        more = len(page) < len(found)
        encoded = told.get("encoding-type") == "url"
        entries = "".join(
            f"<Contents><Key>{quote(key) if encoded else escape(key)}</Key>"
            f"<LastModified>2026-02-02T02:40:00.000Z</LastModified>"
            f"<ETag>{escape(tag(self.objects[key]))}</ETag>"
            f"<Size>{len(self.objects[key])}</Size><StorageClass>STANDARD</StorageClass></Contents>"
            for key in page
        )
        token = f"<NextContinuationToken>{escape(page[-1])}</NextContinuationToken>" if more else ""
        body = (
            '<?xml version="1.0" encoding="UTF-8"?>'
            '<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
            f"<Name>{BUCKET}</Name><Prefix>{escape(prefix)}</Prefix><KeyCount>{len(page)}</KeyCount>"
            f"<MaxKeys>{self.page}</MaxKeys>"
            + ("<EncodingType>url</EncodingType>" if encoded else "")
            + f"<IsTruncated>{str(more).lower()}</IsTruncated>{token}{entries}</ListBucketResult>"
        )
        return Answer(200, body.encode(), XML)

    def _upload(self, request: Request, key: str) -> Answer:
        if "uploads" in request.query:
            id_ = uuid4().hex
            self.uploads[id_] = Upload(key)
            body = f"<Bucket>{BUCKET}</Bucket><Key>{escape(key)}</Key><UploadId>{id_}</UploadId>"
            return _result("InitiateMultipartUploadResult", body)
        id_ = request.query["uploadId"][0]
        upload = self.uploads.get(id_)
        if upload is None or upload.key != key:
            return refused(404, "NoSuchUpload", "The specified upload does not exist.")
        if request.method == "PUT":
            upload.parts[int(request.query["partNumber"][0])] = request.body
            return Answer(200, b"", {"ETag": tag(request.body)})
        del self.uploads[id_]
        if request.method == "DELETE":
            return Answer(204, b"")
        parts = [upload.parts[number] for number in _numbers(request.body)]
        if any(len(part) < LEAST_PART for part in parts[:-1]):
            return refused(400, "EntityTooSmall", "A part is smaller than is allowed.")
        self.objects[key] = b"".join(parts)
        body = f"<Key>{escape(key)}</Key><ETag>{escape(tag(self.objects[key]))}</ETag>"
        return _result("CompleteMultipartUploadResult", body)


def tag(content: bytes) -> str:
    return f'"{hashlib.md5(content, usedforsecurity=False).hexdigest()}"'


def _result(name: str, body: str) -> Answer:
    space = "http://s3.amazonaws.com/doc/2006-03-01/"
    head = '<?xml version="1.0" encoding="UTF-8"?>'
    return Answer(200, f'{head}<{name} xmlns="{space}">{body}</{name}>'.encode(), XML)


def _numbers(body: bytes) -> list[int]:
    found = ElementTree.fromstring(body).iter()
    return [int(one.text or "") for one in found if one.tag.endswith("PartNumber")]


def unsigned(request: Request) -> Answer | None:
    """What S3 answers to a request that is not signed as it must be; None to one that is."""
    match = _AUTHORIZATION.fullmatch(request.headers.get("authorization", ""))
    if match is None:
        return DENIED
    if match[1] != ACCESS_KEY:
        words = "The AWS Access Key Id you provided does not exist in our records."
        return refused(403, "InvalidAccessKeyId", words)
    told = request.headers["x-amz-content-sha256"]
    if told != "UNSIGNED-PAYLOAD" and told != hashlib.sha256(request.body).hexdigest():
        return refused(400, "XAmzContentSHA256Mismatch", "The body is another one.")
    signed = AWSRequest(
        method=request.method,
        url=f"http://{request.headers['host']}{request.path}",
        params={name: values[0] for name, values in request.query.items()},
        headers={name: request.headers[name] for name in match[2].split(";")},
    )
    signed.context["timestamp"] = request.headers["x-amz-date"]
    signer = S3SigV4Auth(Credentials(ACCESS_KEY, SECRET_KEY), "s3", REGION)
    wanted = signer.signature(
        signer.string_to_sign(signed, signer.canonical_request(signed)), signed
    )
    if wanted != match[3]:
        words = "The request signature we calculated does not match the signature you provided."
        return refused(403, "SignatureDoesNotMatch", words)
    return None
