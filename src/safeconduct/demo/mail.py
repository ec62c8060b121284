"""The mail tool of the story: a real MCP server on stdio that delivers by SMTP."""

import argparse
import dataclasses
import smtplib
from email.message import EmailMessage

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError

SENDER = "support@crm.example"
_TIMEOUT_S = 5


@dataclasses.dataclass(frozen=True)
class Receipt:
    """What the mail relay accepted."""

    to: str
    accepted: bool


def compose(to: str, subject: str, body: str) -> EmailMessage:
    """Compose a plain-text mail. Raises ValueError for a header with a line break."""
    message = EmailMessage()
    message["From"] = SENDER
    message["To"] = to
    message["Subject"] = subject
    message.set_content(body)
    return message


def build(host: str, port: int) -> MCPServer:
    """Build the MCP server in front of an SMTP relay."""
    server = MCPServer("mail", log_level="WARNING")

    def send(to: str, subject: str, body: str) -> Receipt:
        """Send a plain-text e-mail to one address."""
        try:
            message = compose(to, subject, body)
            # A fixed name: asking the resolver for ours would need a network.
            with smtplib.SMTP(host, port, "mail-tool.crm.example", _TIMEOUT_S) as relay:
                relay.send_message(message, SENDER, [to])
        except (ValueError, OSError, smtplib.SMTPException) as error:
            raise ToolError("the mail was not accepted") from error
        return Receipt(to=to, accepted=True)

    server.add_tool(send)
    return server


def main() -> None:
    """Serve on stdin and stdout until stdin closes."""
    parser = argparse.ArgumentParser(prog="python -m safeconduct.demo.mail")
    parser.add_argument("--smtp", required=True, metavar="HOST:PORT")
    host, _, port = parser.parse_args().smtp.rpartition(":")
    build(host, int(port)).run("stdio")


if __name__ == "__main__":
    main()
