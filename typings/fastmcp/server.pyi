from fastmcp import Client

class FastMCP:
    async def run_http_async(
        self,
        show_banner: bool = True,
        transport: str = "http",
        host: str | None = None,
        port: int | None = None,
        uvicorn_config: dict[str, object] | None = None,
        json_response: bool | None = None,
    ) -> None: ...

def create_proxy(target: str | Client) -> FastMCP: ...
