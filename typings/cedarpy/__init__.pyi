"""The part of cedarpy that is used, without the types that its own hints leave open."""

import enum
from typing import Any

from cedarpy import pst as pst

class Decision(enum.Enum):
    Allow = "Allow"
    Deny = "Deny"
    NoDecision = "NoDecision"

class Diagnostics:
    @property
    def errors(self) -> list[str]: ...
    @property
    def reasons(self) -> list[str]: ...

class AuthzResult:
    @property
    def decision(self) -> Decision: ...
    @property
    def diagnostics(self) -> Diagnostics: ...

class PolicySet:
    @staticmethod
    def from_str(s: str) -> PolicySet: ...
    @staticmethod
    def from_json_str(s: str) -> PolicySet: ...
    @staticmethod
    def from_pst(node: pst.PolicySet) -> PolicySet: ...
    def to_pst(self) -> pst.PolicySet: ...

class Schema:
    @staticmethod
    def from_str(s: str) -> Schema: ...
    @staticmethod
    def from_json_str(s: str) -> Schema: ...

class Entities:
    @staticmethod
    def from_json_str(s: str, schema: Schema | None = None) -> Entities: ...

class ValidationError:
    @property
    def policy_id(self) -> str: ...
    @property
    def error(self) -> str: ...

class ValidationResult:
    @property
    def errors(self) -> list[ValidationError]: ...

def is_authorized(
    request: dict[str, Any],
    policies: PolicySet,
    entities: Entities,
    schema: Schema | None = None,
) -> AuthzResult: ...
def validate_policies(policies: str, schema: str | Schema) -> ValidationResult: ...
