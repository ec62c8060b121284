"""The company's CRM as an MCP server: python -m examples.support_case_pii.crm CASES

CASES is a JSON file of what is known of each customer's case, read anew for each request.
"""

import json
import sys
from pathlib import Path
from typing import TypedDict

from mcp.server.mcpserver import MCPServer

from safeconduct.demo.serving import serve

CASES = Path(sys.argv[1])


class Customer(TypedDict):
    customer_id: str
    name: str
    phone: str


class Case(TypedDict):
    status: str
    analyst: str


server = MCPServer("crm", log_level="WARNING")


@server.tool()
def get_customer(customer_id: str) -> Customer:
    """Read a customer's name and phone number."""
    return Customer(customer_id=customer_id, name="Dana Quay", phone="+49 30 5550100")


@server.tool()
def get_open_case(customer_id: str) -> Case:
    """The support case of a customer, and its analyst."""
    cases: dict[str, Case] = json.loads(CASES.read_text(encoding="utf-8"))
    return cases.get(customer_id, Case(status="none", analyst=""))


if __name__ == "__main__":
    serve(server, port=0)
