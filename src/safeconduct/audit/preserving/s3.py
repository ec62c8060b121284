"""A bucket with S3 Object Lock: until its date nobody deletes or replaces a version, the owner of
the account included (mode COMPLIANCE).

That a store keeps this promise is for its operator to show; here it is only asked whether the
bucket has the lock, and each object the mode and date that were asked for.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, cast

from safeconduct.audit.preserving import NotPreserved

_MODE: Final = "COMPLIANCE"
_TAKEN: Final = frozenset({"PreconditionFailed", "ConditionalRequestConflict"})
_SLACK: Final = timedelta(minutes=1)


class Bucket:
    """Implements `Store`. Credentials are found as boto3 finds them."""

    def __init__(self, bucket: str, prefix: str, *, days: int, endpoint: str | None = None) -> None:
        """`days` is how long each object is locked.

        Raises:
            NotPreserved: the extra `s3` is missing, or the bucket has no Object Lock.
        """
        self._bucket = bucket
        self._prefix = prefix.strip("/") + "/" if prefix.strip("/") else ""
        self._days = days
        try:
            import boto3  # noqa: PLC0415 - of an extra
            from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 the extra may not be installed
        except ImportError:
            raise NotPreserved("S3 needs boto3 (fix: pip install 'safeconduct[s3]')") from None
        self._faults: tuple[type[Exception], ...] = (BotoCoreError, ClientError)
        self._client: Any = boto3.client("s3", endpoint_url=endpoint)
        told = self._ask("get_object_lock_configuration")
        if told.get("ObjectLockConfiguration", {}).get("ObjectLockEnabled") != "Enabled":
            raise NotPreserved(f"the bucket {bucket} has no Object Lock")

    def names(self) -> frozenset[str]:
        found: set[str] = set()
        more: dict[str, str] = {}
        while True:
            told = self._ask("list_objects_v2", Prefix=self._prefix, **more)
            found |= {one["Key"].removeprefix(self._prefix) for one in told.get("Contents", ())}
            if not told.get("IsTruncated"):
                return frozenset(found)
            more = {"ContinuationToken": told["NextContinuationToken"]}

    def put(self, name: str, data: bytes) -> None:
        self._put(name, data, IfNoneMatch="*")

    def point(self, name: str, data: bytes) -> None:
        # One more version: those before it stay, as each is locked.
        self._put(name, data)

    def read(self, name: str) -> bytes:
        body: bytes = self._ask("get_object", Key=self._prefix + name)["Body"].read()
        return body

    def _put(self, name: str, data: bytes, **only: str) -> None:
        until = datetime.now(UTC) + timedelta(days=self._days)
        key = self._prefix + name
        self._ask(
            "put_object",
            Key=key,
            Body=data,
            ChecksumAlgorithm="SHA256",
            ChecksumSHA256=base64.b64encode(hashlib.sha256(data).digest()).decode(),
            ObjectLockMode=_MODE,
            ObjectLockRetainUntilDate=until,
            **only,
        )
        stored = self._ask("head_object", Key=key)
        lasts = stored.get("ObjectLockRetainUntilDate")
        if stored.get("ObjectLockMode") != _MODE or lasts is None or lasts < until - _SLACK:
            raise NotPreserved(f"{key} was stored, and is not locked as it was asked for")

    def _ask(self, what: str, **said: object) -> Mapping[str, Any]:
        try:
            answer = getattr(self._client, what)(Bucket=self._bucket, **said)
        except self._faults as error:
            code = getattr(error, "response", {}).get("Error", {}).get("Code")
            if code in _TAKEN:
                raise NotPreserved(f"{said.get('Key')} is there already") from None
            raise NotPreserved(f"s3://{self._bucket}: {what}: {code or error}") from None
        return cast("Mapping[str, Any]", answer)
