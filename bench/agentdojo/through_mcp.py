"""Sampled runs through a gateway as it is deployed: a process of its own, spoken to over HTTP, in
front of an MCP server that has the suite's functions. Every verdict has to be the one in process.
"""

import asyncio
import http.client
import random
import shutil
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any, Final

import orjson
from ruamel.yaml import YAML

from bench import stub
from bench.agentdojo.agent import SCHEDULES, Call, Schedule, Take, Turn, World
from bench.agentdojo.operators import Tools, operator, scratch
from bench.agentdojo.results import Job, Setting
from bench.agentdojo.runs import Runner
from bench.agentdojo.suites import Suite, suite
from bench.processes import free_port, running
from bench.subjects import message
from safeconduct.config import load
from safeconduct.config.schema import Config
from safeconduct.core.calls import MODERN
from safeconduct.core.canonical import digest
from safeconduct.identity.client import StartedTask, proof, start_task
from safeconduct.ports import JSON
from safeconduct.simulation import Step
from safeconduct.upstreams.callables import CallableUpstream, Run

Verdicts = list[tuple[str, str | None]]

REFUSAL: Final = "dev.safeconduct/refusal"
CALL_S: Final = 30.0


class Server(stub.Stub):
    """The suite's functions over MCP, as an upstream of callables answers them."""

    def __init__(self, upstream: CallableUpstream, definitions: Sequence[JSON]) -> None:
        super().__init__()
        self._upstream = upstream
        self._definitions = definitions
        self._answering: asyncio.Task[None] | None = None

    def asked(self, message: JSON) -> None:
        self._answering = asyncio.create_task(self._answered(message))

    async def _answered(self, message: JSON) -> None:
        method: str = message["method"]
        if method not in {"tools/list", "tools/call"}:
            self.told(stub.answer(message))
            return
        result: JSON = {**stub.CACHEABLE, "tools": self._definitions}
        if method == "tools/call":
            call = self._upstream.request(
                method, message["params"], owner="", credential=None, timeout_s=CALL_S
            )
            result = {**stub.MODERN, **await call}
        self.told({"jsonrpc": "2.0", "id": message["id"], "result": result})


def written(source: Path, directory: Path, upstream: int, definitions: Sequence[JSON]) -> Config:
    """The operator's configuration as it is deployed here: its ports, and its tools reviewed."""
    shutil.copytree(source, directory)
    main = directory / "safeconduct.yaml"
    yaml = YAML()
    root = yaml.load(main)
    address = f"127.0.0.1:{free_port()}"
    root["gateway"] |= {
        "issuer": f"http://{address}",
        "listen": address,
        "unsafe_dev_identity": True,
    }
    (block,) = root["upstreams"].values()
    block |= {"mcp": f"http://127.0.0.1:{upstream}/mcp", "credential": {"kind": "none"}}
    yaml.dump(root, main)
    manifest = directory / block["manifests"]
    said = yaml.load(manifest)
    for definition in definitions:
        if definition["name"] in said["tools"]:
            said["tools"][definition["name"]]["pin"] = digest(definition)
    yaml.dump(said, manifest)
    return load(directory)


@asynccontextmanager
async def deployed(
    source: Path, one: Suite, purpose: str, profile: str, world: World
) -> AsyncGenerator[Take]:
    """A gateway that runs, with a task, as what stands between the agent and the world."""
    found, tools, definitions = operator(source), Tools(world), one.definitions()
    where = found.upstream
    behind = {f"{where}.{tool['name']}": tools.behind(tool["name"]) for tool in definitions}
    upstream = CallableUpstream(where, found.config.manifests[where], behind)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Server(upstream, definitions), "127.0.0.1", 0)
    with scratch() as directory, closing(server):
        port: int = server.sockets[0].getsockname()[1]
        config = written(source, directory / "gateway", port, definitions)
        async with running("-m", "safeconduct", "serve", "--config", config.directory):
            task = await asyncio.to_thread(started, config, purpose, profile)

            async def take(call: Call, run: Run) -> Step:
                with tools.running(call.tool, run):
                    name = f"{where}__{call.tool}"
                    return step(await asyncio.to_thread(asked, config, task, name, call.arguments))

            yield take


def started(config: Config, purpose: str, profile: str) -> StartedTask:
    agent = next(iter(config.root.assignments))
    user = min(config.agents[agent].delegation.users)
    return start_task(
        config, agent=agent, user=user, profile=profile, purpose=purpose, source="app"
    )


def asked(config: Config, task: StartedTask, tool: str, arguments: Mapping[str, Any]) -> JSON:
    """Calls a tool as agents do. Blocks."""
    url = f"{config.root.gateway.issuer}/mcp"
    headers = {
        "Content-Type": "application/json",
        "Accept": "application/json, text/event-stream",
        "MCP-Protocol-Version": MODERN,
        "Mcp-Method": "tools/call",
        "Mcp-Name": tool,
        "Authorization": f"DPoP {task.token}",
        "DPoP": proof(task.key, "POST", url, task.token),
    }
    connection = http.client.HTTPConnection(config.root.gateway.listen, timeout=CALL_S)
    with closing(connection):
        connection.request("POST", "/mcp", message(tool, dict(arguments)), headers)
        answer: JSON = orjson.loads(connection.getresponse().read())
    return answer


def step(answer: JSON) -> Step:
    """What an answer says of the call: a tool that the task may not know of is unknown."""
    if "error" in answer:
        told: JSON = answer["error"].get("data") or {"reason": "tool-unknown"}
    else:
        told = answer["result"].get("_meta", {}).get(REFUSAL, {})
    if told:
        return Step(verdict="refused", decision="", reason=told["reason"])
    return Step(verdict="done", decision="", value=answer["result"].get("structuredContent"))


def verdicts(turns: Sequence[Turn]) -> Verdicts:
    return [(turn.call.tool, turn.step.reason) for turn in turns]


def both(setting: Setting, name: str, user: str, injection: str, schedule: Schedule) -> bool:
    """Whether one run comes to the same in process and through MCP; a difference is printed."""
    assert setting.operators is not None
    runner = Runner(Job(setting, name, user))
    one, source = runner.suite, setting.operators / name
    inside = verdicts(runner.play(injection, schedule, "none").turns)
    agent = runner.agent(one.environment(user, injection), injection)
    profile = operator(source).profile(user, setting.scopes)

    async def through() -> Verdicts:
        async with deployed(source, one, one.prompt(user), profile, agent.world) as take:
            return verdicts(await agent.play(schedule, take))

    outside = asyncio.run(through())
    equal = inside == outside
    print(f"{'equal' if equal else 'DIFFERENT'}  {name} {user} {injection} {schedule}", flush=True)
    if not equal:
        print(f"  in process:  {inside}\n  through MCP: {outside}")
    return equal


def sampled(setting: Setting, suites: Sequence[str], count: int) -> JSON:
    """Runs as many sampled pairs, the same ones each time."""
    pairs = [
        (name, user, injection)
        for name in suites
        for user in suite(name, setting.version).user_tasks
        for injection in suite(name, setting.version).injection_tasks
    ]
    chance = random.Random(0)  # noqa: S311  nothing is kept secret by it
    chosen = chance.sample(pairs, min(count, len(pairs)))
    equal = sum(both(setting, *pair, chance.choice(SCHEDULES)) for pair in chosen)
    return {"pairs": len(chosen), "equal": equal}
