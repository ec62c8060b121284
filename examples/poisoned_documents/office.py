"""Files and mail of one person, as two MCP servers on stdio: python office.py SERVER DIRECTORY

The servers know nothing of who may call them. What they did stands in DIRECTORY/done.jsonl. While
there is a file DIRECTORY/poisoned, they hold what an attacker wrote or changed.
"""

import base64
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mcp.server.mcpserver import MCPServer
from pydantic import BaseModel

sys.path.insert(0, str(Path(__file__).parents[2]))

from examples.poisoned_documents.papers import BOMBS, FILES, MAILS, THREADS, Paper

SAM = "sam@harbour.example"


class File(BaseModel):
    name: str
    content: str


class Message(BaseModel):
    author: str
    text: str


class Thread(BaseModel):
    id: str
    messages: list[Message]


class Contact(BaseModel):
    name: str
    email: str


class Contacts(BaseModel):
    contacts: list[Contact]


class Done(BaseModel):
    done: bool


class Office:
    """What the tools do."""

    def __init__(self, directory: Path) -> None:
        self._done = directory / "done.jsonl"
        self._poisoned = directory / "poisoned"

    def _of(self, papers: Mapping[str, Paper], name: str) -> bytes:
        paper = papers[name]
        return paper.poisoned if self._poisoned.exists() else paper.honest

    def _do(self, tool: str, **what: object) -> Done:
        with self._done.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"tool": tool, **what}) + "\n")
        return Done(done=True)

    def done(self) -> list[dict[str, Any]]:
        """Everything that was done, the first first."""
        if not self._done.exists():
            return []
        return [json.loads(line) for line in self._done.read_text(encoding="utf-8").splitlines()]

    def read_file(self, name: str) -> File:
        """A file, in base64."""
        data = BOMBS[name]() if name in BOMBS else self._of(FILES, name)
        return File(name=name, content=base64.b64encode(data).decode())

    def write_note(self, text: str) -> Done:
        """Note something for later."""
        return self._do("write_note", text=text)

    def read_mail(self, id: str) -> str:  # noqa: A002  the tool's argument
        """One mail as it came in (RFC 5322)."""
        return self._of(MAILS, id).decode()

    def read_thread(self, id: str) -> Thread:  # noqa: A002 so the tool's argument is called
        """One thread of the support desk."""
        return Thread.model_validate_json(self._of(THREADS, id))

    def find_contact(self, name: str) -> Contacts:
        """Look somebody up in the company's directory."""
        known = [Contact(name="Sam Ito", email=SAM)]
        return Contacts(contacts=[one for one in known if one.name == name])

    def send_mail(self, to: str, body: str) -> Done:
        """Send a mail."""
        return self._do("send_mail", to=to, body=body)


def server(name: str, directory: Path) -> MCPServer:
    """One of the two servers."""
    office, made = Office(directory), MCPServer(name, log_level="WARNING")
    if name == "files":
        made.tool()(office.read_file)
        made.tool()(office.write_note)
    else:
        made.tool(structured_output=False)(office.read_mail)
        for tool in (office.read_thread, office.find_contact, office.send_mail):
            made.tool()(tool)
    return made


if __name__ == "__main__":
    server(sys.argv[1], Path(sys.argv[2])).run("stdio")
