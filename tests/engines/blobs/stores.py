"""A store in the bucket of a stub."""

from pathlib import Path
from typing import Any

from pydantic import SecretStr
from tests.stubs.s3 import ACCESS_KEY, BUCKET, REGION, SECRET_KEY, S3Stub

from locutory.engines.blobs import BlobStore, get_blobs
from locutory.kernel.settings import BlobSettings, Settings

PREFIX = "house/one"


def stub_settings(stub: S3Stub, **rest: Any) -> BlobSettings:
    """What reaches the stub's bucket; `rest` says otherwise."""
    told = {
        "url": f"s3://{BUCKET}/{PREFIX}",
        "endpoint": stub.url,
        "region": REGION,
        "access_key": ACCESS_KEY,
        "secret_key": SecretStr(SECRET_KEY),
        "timeout_s": 20.0,
    }
    return BlobSettings(**{**told, **rest})


def bucket_of(settings: BlobSettings, folder: Path) -> BlobStore:
    """The store of a server whose data directory is `folder`."""
    return get_blobs(Settings(data_dir=folder, blobs=settings))
