# What tests use of slack-bolt, whose own types leave parts unknown.
from collections.abc import Callable, Mapping

from slack_bolt.authorization import AuthorizeResult
from slack_bolt.middleware import RequestVerification

class Ack:
    def __call__(self) -> BoltResponse: ...

class BoltRequest:
    def __init__(self, *, body: str, headers: Mapping[str, str]) -> None: ...

class BoltResponse:
    status: int

class App:
    def __init__(
        self,
        *,
        authorize: Callable[[], AuthorizeResult],
        request_verification_enabled: bool,
        process_before_response: bool,
    ) -> None: ...
    def use(self, middleware: RequestVerification, /) -> None: ...
    def action(self, constraints: str) -> Callable[[Callable[..., None]], object]: ...
    def dispatch(self, req: BoltRequest) -> BoltResponse: ...
