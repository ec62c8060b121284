"""An upstream is one thing, with what it is started with."""

import pytest

from tests.support.configs import Gateway

ROOT = "safeconduct.yaml"
URL = "mcp: http://127.0.0.1:9101/mcp"
COMMAND = "command: [mail-server, --stdio]"


def test_it_is_not_both(gateway: Gateway) -> None:
    gateway.change(ROOT, URL, f"{URL} # here\n    command: [x]")
    gateway.expect("has both `mcp` and `command`")


def test_it_is_not_neither(gateway: Gateway) -> None:
    gateway.change(ROOT, "\n  crm:\n", "\n  crm: # here\n")
    gateway.change(ROOT, f"    {URL}\n", "")
    gateway.expect("has neither `mcp` nor `command`")


@pytest.mark.parametrize(
    "url", ["stdio://x", "127.0.0.1", "https://user@x.example", "https://x.example?a"]
)
def test_its_url_is_http(gateway: Gateway, url: str) -> None:
    gateway.change(ROOT, URL, f"mcp: {url} # here")
    gateway.expect("is not http(s)")


def test_a_credential_over_plain_http_is_a_warning(gateway: Gateway) -> None:
    gateway.change(ROOT, URL, "mcp: http://crm.example/mcp # here")
    gateway.expect("crosses the network in plain text", warning=True)


def test_a_url_needs_no_sandbox(gateway: Gateway) -> None:
    gateway.change(ROOT, URL, f"{URL}\n    unsafe_no_sandbox: true # here")
    gateway.expect("no sandbox to be without")


def test_a_url_has_no_environment(gateway: Gateway) -> None:
    gateway.change(ROOT, URL, f"{URL}\n    env: {{A: b}} # here")
    gateway.expect("gets no environment")


@pytest.mark.parametrize("command", ["[]", "['']"])
def test_a_command_names_a_program(gateway: Gateway, command: str) -> None:
    gateway.change(ROOT, COMMAND, f"command: {command} # here")
    gateway.expect("is empty")


@pytest.mark.parametrize("switch", ["", "    unsafe_no_sandbox: false\n"])
def test_a_command_without_a_sandbox_says_so(gateway: Gateway, switch: str) -> None:
    gateway.change(ROOT, "    unsafe_no_sandbox: true\n", switch)
    gateway.change(ROOT, COMMAND, f"{COMMAND} # here")
    assert "unsafe_no_sandbox: true" in gateway.expect("without a sandbox").fix


@pytest.mark.parametrize("name", ["MAIL_TOKEN", "password", "API_KEY", "AWS_SECRET", "apikey"])
def test_a_commands_secrets_are_not_written_out(gateway: Gateway, name: str) -> None:
    gateway.change(ROOT, "{MAIL_HOST: 127.0.0.1}", f"{{{name}: hunter2}} # here")
    problem = gateway.expect("a secret that is written out")
    assert "hunter2" not in str(problem)


def test_a_commands_secrets_are_files(gateway: Gateway) -> None:
    gateway.change(ROOT, "{MAIL_HOST: 127.0.0.1}", "{MAIL_TOKEN_FILE: state/token}")
    gateway.change(ROOT, COMMAND, "command: [mail-server, --token-file, state/token, --token]")
    assert gateway.problems == []


@pytest.mark.parametrize(
    "words", ["--token, hunter2", "--api-key=hunter2", "-x, --mail-password, h"]
)
def test_a_secret_on_a_command_line_is_refused(gateway: Gateway, words: str) -> None:
    gateway.change(ROOT, COMMAND, f"command: [mail-server, {words}] # here")
    problem = gateway.expect("which every process here can see")
    assert "hunter2" not in str(problem)


@pytest.mark.parametrize(
    "origin",
    ["login.example", "http://login.example", "https://login.example/", "https://LOGIN.example"],
)
def test_an_origin_is_spelt_in_one_way(gateway: Gateway, origin: str) -> None:
    gateway.change(ROOT, URL, f'{URL}\n    asks: {{url_origins: ["{origin}"]}} # here')
    gateway.expect("is no origin")


def test_no_upstream_sends_people_to_the_console(gateway: Gateway) -> None:
    ours = "http://localhost:8790"
    gateway.change(ROOT, URL, f'{URL}\n    asks: {{url_origins: ["{ours}"]}} # here')
    gateway.change(
        ROOT, "upstreams:", f"console: {{listen: '127.0.0.1:8790', url: '{ours}/'}}\nupstreams:"
    )
    gateway.expect("could send people to the console")
