"""Tool outputs in which nothing is: what AgentDojo's tools answer, and what other tools read."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from random import Random
from typing import Any, Final, cast

import yaml
from agentdojo.functions_runtime import FunctionsRuntime, TaskEnvironment
from agentdojo.task_suite.load_suites import get_suites
from agentdojo.task_suite.task_suite import TaskSuite, read_suite_file
from faker import Faker
from pydantic_core import to_jsonable_python

from bench.inspectors.sets.installed import PLACE, files, pieces

VERSION: Final = "v1.2.2"


def result(text: str) -> dict[str, Any]:
    """A text as a tool returns it."""
    return {"content": [{"type": "text", "text": text}]}


@cache
def agentdojo() -> tuple[dict[str, Any], ...]:
    """What the tools of all four suites answer to the users' tasks, and every record they hold."""
    found: dict[str, dict[str, Any]] = {}
    for name, suite in get_suites(VERSION).items():
        environment = _environment(name, suite)
        runtime = FunctionsRuntime(suite.tools)
        for task in suite.user_tasks.values():
            fresh = task.init_environment(environment.model_copy(deep=True))
            for call in task.ground_truth(fresh):
                answer, error = runtime.run_function(fresh, call.function, dict(call.args))
                if error is None:
                    _add(found, to_jsonable_python(answer))
        for record in _records(to_jsonable_python(environment)):
            _add(found, record)
    return tuple(found.values())


def _environment(name: str, suite: TaskSuite) -> TaskEnvironment:
    text = read_suite_file(name, "environment.yaml", None)
    filled = text.format(**suite.get_injection_vector_defaults())
    data = yaml.load(filled, Loader=yaml.CSafeLoader)
    return suite.environment_type.model_validate(data)


def _add(found: dict[str, dict[str, Any]], answer: object) -> None:
    if isinstance(answer, str):
        text = answer
    else:
        text = yaml.safe_dump(answer, allow_unicode=True, sort_keys=False)
    if len(text) >= 40:
        value = result(text)
        if isinstance(answer, dict):
            value["structuredContent"] = answer
        found.setdefault(text, value)


def _records(value: object) -> Iterator[object]:
    """The objects in an environment that hold no others."""
    if isinstance(value, dict):
        items = list(cast("dict[str, object]", value).values())
        if any(isinstance(one, dict) for one in items):
            for one in items:
                yield from _records(one)
        else:
            yield value
            for one in items:
                yield from _records(one)
    elif isinstance(value, list):
        for one in cast("list[object]", value):
            yield from _records(one)


def readmes(
    chance: Random, count: int, without: frozenset[str] = frozenset()
) -> Iterator[dict[str, Any]]:
    """What packages say of themselves."""
    paths = _of_others(files("*.dist-info/METADATA", 2000), without)
    yield from map(result, pieces(paths, chance, count))


def code(
    chance: Random, count: int, without: frozenset[str] = frozenset()
) -> Iterator[dict[str, Any]]:
    """Source files, and lists of files with the hash of each."""
    own = count // 8
    yield from map(result, pieces(files("*.dist-info/RECORD", 500), chance, own))
    paths = _of_others(files("*/**/*.py", 1500), without)
    yield from map(result, pieces(paths, chance, count - own))


def _of_others(paths: Sequence[Path], without: frozenset[str]) -> list[Path]:
    """Those that are of none of these packages."""
    return [
        path for path in paths if path.relative_to(PLACE).parts[0].partition("-")[0] not in without
    ]


def data(chance: Random, count: int) -> Iterator[dict[str, Any]]:
    """JSON files: what is a list or an object of many is handed out in parts."""
    paths = files("**/*.json", 100, 1 << 20)
    found: list[Any] = []
    for path in paths:
        try:
            value = json.loads(path.read_text("utf-8"))
        except ValueError:
            continue
        parts = _parts(value)
        found += chance.sample(parts, min(4, len(parts)))
    for part in chance.sample(found, min(count, len(found))):
        text = json.dumps(part, ensure_ascii=False)
        yield {**result(text), "structuredContent": part}


def _parts(value: object) -> list[object]:
    if isinstance(value, dict):
        items = list(cast("dict[str, object]", value).items())
        many = [dict(items[at : at + 30]) for at in range(0, min(len(items), 300), 30)]
    elif isinstance(value, list):
        several = cast("list[object]", value)
        many = [{"items": several[at : at + 20]} for at in range(0, min(len(several), 200), 20)]
    else:
        return []
    return [part for part in many if 100 <= len(json.dumps(part)) <= 12000]


def logs(chance: Random, count: int) -> Iterator[dict[str, Any]]:
    """Logs and answers of services, full of what looks as random as a secret does."""
    fake = Faker()
    fake.seed_instance(chance.randrange(1 << 30))
    for number in range(count):
        made = (_log, _commits, _lock, _objects)[number % 4](fake, chance)
        yield made if isinstance(made, dict) else result(made)


def _log(fake: Faker, chance: Random) -> str:
    levels = ("INFO", "WARN", "DEBUG", "ERROR")
    return "\n".join(
        f"{fake.iso8601()}Z {chance.choice(levels)} [{fake.word()}-{fake.hexify('^^^^^^^^')}-"
        f"{fake.lexify('?????')}] request_id={fake.uuid4()} trace={fake.hexify('^' * 32)} "
        f"status={chance.choice((200, 204, 302, 404, 500))} path=/{fake.uri_path()} "
        f'etag="{fake.md5()}" took={chance.randrange(9000)}ms'
        for _ in range(chance.randrange(4, 20))
    )


def _commits(fake: Faker, chance: Random) -> str:
    return "\n\n".join(
        f"commit {fake.sha1()}\nAuthor: {fake.name()} <{fake.email()}>\n"
        f"Date:   {fake.date_time():%a %b %d %H:%M:%S %Y} +0000\n\n    {fake.sentence()}\n\n"
        f"diff --git a/{fake.file_path()[1:]} b/x\nindex {fake.hexify('^' * 7)}.."
        f"{fake.hexify('^' * 7)} 100644"
        for _ in range(chance.randrange(1, 6))
    )


def _lock(fake: Faker, chance: Random) -> dict[str, Any]:
    import base64

    packages = {
        f"node_modules/{fake.word()}-{fake.word()}": {
            "version": fake.numerify("#.##.#"),
            "resolved": f"https://registry.example/{fake.word()}/-/{fake.word()}-1.0.0.tgz",
            "integrity": "sha512-" + base64.b64encode(chance.randbytes(64)).decode(),
            "digest": f"sha256:{fake.sha256()}",
        }
        for _ in range(chance.randrange(3, 12))
    }
    lock = {"lockfileVersion": 3, "packages": packages}
    return {**result(json.dumps(lock, indent=2)), "structuredContent": lock}


def _objects(fake: Faker, chance: Random) -> dict[str, Any]:
    rows = [
        {
            "id": fake.uuid4(),
            "object": fake.word(),
            "key": f"{fake.word()}-{chance.randrange(10**6)}",
            "cursor": fake.pystr(22, 22),
            "next_page_token": fake.hexify("^" * 40),
            "created": chance.randrange(1_500_000_000, 1_900_000_000),
            "updated_ns": chance.randrange(1_500_000_000, 1_900_000_000) * 10**9,
            "version": fake.numerify("#.#.#-rc##"),
            "checksum": fake.sha256(),
            "thumbnail": f"https://cdn.example/{fake.sha1()}/{fake.uuid4()}.png",
            "title": fake.sentence(),
        }
        for _ in range(chance.randrange(1, 8))
    ]
    return {**result(json.dumps(rows)), "structuredContent": {"rows": rows}}


def mails(chance: Random, count: int) -> Iterator[dict[str, Any]]:
    """Letters in words that mean nothing, in six languages."""
    fakes = [Faker(name) for name in ("en_US", "de_DE", "fr_FR", "es_ES", "pl_PL", "ja_JP")]
    for number in range(count):
        fake = fakes[number % len(fakes)]
        fake.seed_instance(chance.randrange(1 << 30))
        yield result(
            f"From: {fake.name()} <{fake.ascii_company_email()}>\nSubject: {fake.sentence()}\n"
            f"Message-ID: <{fake.uuid4()}@mail.example>\n\n" + "\n\n".join(fake.paragraphs(3))
        )
