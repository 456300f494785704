"""The stub is what Amazon's own client takes it for."""

import io
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from tests.stubs import s3 as wire
from tests.stubs.s3 import ACCESS_KEY, BUCKET, REGION, SECRET_KEY, S3Stub
from tests.stubs.vendor import served


@pytest.fixture
def stub() -> Iterator[S3Stub]:
    with served(S3Stub()) as stub:
        yield stub


def client_of(stub: S3Stub, secret: str = SECRET_KEY) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=stub.url,
        region_name=REGION,
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=secret,
        config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}),
    )


@pytest.fixture
def client(stub: S3Stub) -> Iterator[Any]:
    client = client_of(stub)
    yield client
    client.close()


def test_what_is_put_is_got_whole_or_in_part_and_deleted(client: Any) -> None:
    client.put_object(Bucket=BUCKET, Key="a b/é.wav", Body=b"0123456789")
    whole = client.get_object(Bucket=BUCKET, Key="a b/é.wav")
    part = client.get_object(Bucket=BUCKET, Key="a b/é.wav", Range="bytes=2-4")
    head = client.head_object(Bucket=BUCKET, Key="a b/é.wav")
    client.delete_object(Bucket=BUCKET, Key="a b/é.wav")

    assert whole["Body"].read() == b"0123456789"
    assert (part["Body"].read(), part["ContentRange"]) == (b"234", "bytes 2-4/10")
    assert (head["ContentLength"], head["ETag"]) == (10, whole["ETag"])
    with pytest.raises(client.exceptions.NoSuchKey):
        client.get_object(Bucket=BUCKET, Key="a b/é.wav")


def test_keys_come_in_pages(stub: S3Stub, client: Any) -> None:
    stub.page = 2
    for number in range(5):
        client.put_object(Bucket=BUCKET, Key=f"calls/{number}&", Body=b"x")
    client.put_object(Bucket=BUCKET, Key="other", Body=b"x")

    pages = list(client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix="calls/"))

    assert [[one["Key"] for one in page["Contents"]] for page in pages] == [
        ["calls/0&", "calls/1&"],
        ["calls/2&", "calls/3&"],
        ["calls/4&"],
    ]


def test_parts_become_an_object_when_they_are_told_to(stub: S3Stub, client: Any) -> None:
    content = bytes(range(256)) * 48 * 1024  # 12 MB
    client.upload_fileobj(io.BytesIO(content), BUCKET, "long")
    begun = client.create_multipart_upload(Bucket=BUCKET, Key="never")
    client.abort_multipart_upload(Bucket=BUCKET, Key="never", UploadId=begun["UploadId"])

    assert stub.objects["long"] == content
    assert [r.query["partNumber"] for r in stub.asked("PUT", "/long")]
    assert (sorted(stub.objects), stub.uploads) == (["long"], {})


def test_another_secret_or_bucket_is_refused(stub: S3Stub, client: Any) -> None:
    stranger = client_of(stub, secret="guessed")
    with pytest.raises(ClientError, match="SignatureDoesNotMatch"):
        stranger.put_object(Bucket=BUCKET, Key="k", Body=b"x")
    stranger.close()
    with pytest.raises(client.exceptions.NoSuchBucket):
        client.list_objects_v2(Bucket="elsewhere")

    assert stub.objects == {}


def test_trouble_is_told_in_the_vendors_words(stub: S3Stub, client: Any) -> None:
    stub.fail("/k", wire.SLOW_DOWN)

    with pytest.raises(ClientError, match="SlowDown"):
        client.put_object(Bucket=BUCKET, Key="k", Body=b"x")

    assert stub.objects == {}
