"""The gateway's configuration for a company of the story: the shipped one, with its real ports."""

import json
import shutil
import sys
from importlib import resources
from pathlib import Path

from safeconduct.demo.serving import HOST
from safeconduct.demo.world import World

_GATEWAY, _CRM, _WAREHOUSE, _SMTP = (f"{HOST}:{port}" for port in (8700, 9101, 9102, 2525))
_CONSOLE, _PAGES = (f"{host}:8702" for host in (HOST, "localhost"))


def install(world: World, gateway_port: int, console_port: int) -> Path:
    """Copy the configuration into the world's directory and return where it now lies.

    The shipped files are a complete configuration with fixed ports; those are replaced.
    """
    directory = world.directory / "gateway"
    shipped = resources.files("safeconduct.demo") / "config"
    with resources.as_file(shipped) as source:
        shutil.copytree(source, directory)
    main = directory / "safeconduct.yaml"
    text = main.read_text(encoding="utf-8")
    for fixed, real in (
        (_GATEWAY, f"{HOST}:{gateway_port}"),
        (_CONSOLE, f"{HOST}:{console_port}"),
        (_PAGES, f"localhost:{console_port}"),
        (_CRM, f"{HOST}:{world.crm_port}"),
        (_WAREHOUSE, f"{HOST}:{world.warehouse_port}"),
        (_SMTP, f"{HOST}:{world.smtp_port}"),
        # The interpreter that runs us has the demo's packages; a search path may find another.
        ("[python, ", f"[{json.dumps(sys.executable)}, "),
    ):
        text = text.replace(fixed, real)
    main.write_text(text, encoding="utf-8")
    token = directory / "crm.token"
    token.touch(mode=0o600)
    token.write_text(world.crm_token, encoding="utf-8")
    return directory
