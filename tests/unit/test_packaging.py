"""Laws on the repository itself: what it needs is declared, explained and pinned."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from math import ceil
from pathlib import Path
from typing import Any

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import safeconduct

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "safeconduct"
LOCKS = (
    *("build", "runtime", "archive", "cedar-schema", "console", "demo", "documents", "ocr"),
    *("postgres", "s3"),
    *("dev", "fuzz", "bench", "agentdojo", "inspectors"),
)
SERVERS = ("servers", "servers-old", "issuers")  # started by `make e2e`: not ours, so not declared
PYTHONS = ("3.11", "3.12", "3.13")
PLATFORMS = [
    ("linux", "Linux", "x86_64"),
    ("linux", "Linux", "aarch64"),
    ("darwin", "Darwin", "arm64"),
]
# Where the name to import is not the name to install.
IMPORT_NAMES = {
    "backports.zstd": {"backports"},
    "boto3": {"boto3", "botocore"},
    "cedar-policy-mcp-schema-generator": {"cedar_mcp_schema_generator"},
    "google-re2": {"re2"},
    "gordon-to-regorus": {"regorus"},
    "jinja2": {"jinja2", "markupsafe"},
    "mcp": {"mcp", "mcp_types"},
    "pillow": {"PIL"},
    "phonenumberslite": {"phonenumbers"},
    "ruamel.yaml": {"ruamel"},
}


def _declared() -> dict[str, list[Requirement]]:
    document: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
    groups: dict[str, list[str]] = {
        "build": document["build-system"]["requires"],
        "runtime": document["project"]["dependencies"],
        **document["project"]["optional-dependencies"],
    }
    return {group: [Requirement(line) for line in lines] for group, lines in groups.items()}


def _locked(name: str) -> dict[str, str]:
    """Package name to its pin, without comments and hashes."""
    text = (ROOT / "requirements" / f"{name}.txt").read_text()
    pins = re.findall(r"^([a-z0-9-]+)==([^ ]+)", text, re.MULTILINE)
    return dict(pins)


DECLARED = _declared()
DIRECT = [
    pytest.param(group, requirement, id=f"{group}-{requirement.name}")
    for group, requirements in DECLARED.items()
    for requirement in requirements
]


def test_the_groups_are_those_that_are_locked() -> None:
    assert set(DECLARED) == set(LOCKS)


@pytest.mark.parametrize(("group", "requirement"), DIRECT)
def test_every_direct_dependency_has_a_lower_bound_that_the_lock_meets(
    group: str, requirement: Requirement
) -> None:
    pin = _locked(group)[canonicalize_name(requirement.name)]
    assert any(specifier.operator == ">=" for specifier in requirement.specifier)
    assert requirement.specifier.contains(pin)
    assert requirement.url is None


def test_every_direct_dependency_has_its_row_and_no_row_is_left_over() -> None:
    page = (ROOT / "docs" / "design" / "dependencies.md").read_text()
    rows = [row for row in re.findall(r"^\| ([\w.-]+) \|", page, re.MULTILINE) if row != "package"]
    names = [requirement.name for group in DECLARED.values() for requirement in group]
    assert sorted(rows) == sorted(names)


@pytest.mark.parametrize("name", [*LOCKS, *SERVERS, "oracle", "inspectors-data"])
def test_every_pin_is_exact_and_hashed_and_no_line_names_a_place(name: str) -> None:
    text = (ROOT / "requirements" / f"{name}.txt").read_text()
    for line in text.replace("\\\n", "").splitlines():
        if line.strip() and not line.lstrip().startswith("#"):
            assert re.fullmatch(
                r"[a-z0-9-]+==[\w.]+ (; [\w.<>=!'\" ]+? )?( +--hash=sha256:[0-9a-f]{64})+ *", line
            )
    assert not re.search(r"://|@|\s/", text)


def test_each_lock_holds_all_of_the_one_before() -> None:
    assert _locked("runtime").items() <= _locked("demo").items() <= _locked("dev").items()
    assert _locked("runtime").items() <= _locked("cedar-schema").items() <= _locked("dev").items()
    assert _locked("dev").items() <= _locked("fuzz").items()
    assert _locked("runtime").items() <= _locked("bench").items()
    assert _locked("runtime").items() <= _locked("agentdojo").items()
    assert _locked("documents").items() <= _locked("inspectors").items()
    assert _locked("runtime").items() <= _locked("ocr").items() <= _locked("dev").items()


def _closure(requirements: list[Requirement], environment: dict[str, str]) -> set[str]:
    """Names of all that these pull in there, by the metadata of what is installed here."""
    seen: set[tuple[str, str]] = set()
    todo = [(requirement, "") for requirement in requirements]
    while todo:
        requirement, extra = todo.pop()
        if requirement.marker and not requirement.marker.evaluate(environment | {"extra": extra}):
            continue
        for wanted in ("", *requirement.extras):
            name = canonicalize_name(requirement.name)
            if (name, wanted) not in seen:
                seen.add((name, wanted))
                todo += [(Requirement(line), wanted) for line in _needs(name)]
    return {name for name, _ in seen}


def _needs(name: str) -> list[str]:
    try:
        return distribution(name).requires or []
    except PackageNotFoundError:  # only on another platform
        return []


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize(("platform", "system", "machine"), PLATFORMS)
def test_the_locks_are_complete_on_every_supported_platform(
    python: str, platform: str, system: str, machine: str
) -> None:
    environment = {name: str(value) for name, value in default_environment().items()} | {
        "python_version": python,
        "python_full_version": f"{python}.0",
        "sys_platform": platform,
        "platform_system": system,
        "platform_machine": machine,
    }
    runtime, demo, dev = (DECLARED[group] for group in ("runtime", "demo", "dev"))
    assert _closure(runtime, environment) <= set(_locked("runtime"))
    assert _closure(runtime + demo, environment) <= set(_locked("demo"))
    assert _closure(runtime + demo + dev, environment) <= set(_locked("dev"))


def test_the_runtime_stays_at_or_under_75_mb_with_byte_code() -> None:
    blocks = 0
    for name in _locked("runtime"):
        found: Distribution = distribution(name)
        files = [Path(str(found.locate_file(file))) for file in found.files or []]
        blocks += sum(ceil(file.stat().st_size / 4096) for file in files if file.exists())
    assert blocks * 4096 <= 75 * 1024 * 1024


def _imports(module: Path) -> set[str]:
    """First parts of all absolute imports in a module, at its top and inside functions."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(module.read_bytes())):
        match node:
            case ast.Import(names=names):
                found |= {alias.name.partition(".")[0] for alias in names}
            case ast.ImportFrom(module=str(name), level=0):
                found.add(name.partition(".")[0])
            case _:
                pass
    return found


def test_every_import_is_a_declared_dependency_and_only_the_demo_uses_its_extra() -> None:
    def names(group: str) -> set[str]:
        declared = [requirement.name for requirement in DECLARED[group]]
        return {i for name in declared for i in IMPORT_NAMES.get(name, {name})}

    common = {"safeconduct"} | sys.stdlib_module_names | names("runtime")
    # What work on policies uses where it is installed; a gateway that runs needs none of it.
    policy = common | names("cedar-schema") | {"opa_bindings"}
    # What keeps evidence elsewhere than in files, where it is configured.
    audit = common | names("archive") | names("postgres") | names("s3")
    # What reads documents, in a process of its own, where they are looked into.
    inspectors = common | names("documents") | names("ocr")
    extras = {
        "audit": audit,
        "console": common | names("console"),
        "demo": common | names("demo"),
        "inspectors": inspectors,
        "policy": policy,
    }
    for module in PACKAGE.rglob("*.py"):
        allowed = extras.get(module.relative_to(PACKAGE).parts[0], common)
        assert _imports(module) <= allowed, module


def test_importing_the_package_loads_nothing_else() -> None:
    code = "import sys; b = set(sys.modules); import safeconduct; print(*(set(sys.modules) - b))"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30
    )
    assert result.stdout.split() == ["safeconduct"]


def test_the_installed_version_is_the_one_in_the_source() -> None:
    assert distribution("safeconduct").version == safeconduct.__version__


# Directories of a machine on which somebody worked, and hosts of package registries.
PLACES = re.compile(
    rb"(?<![\w.~/-])/(?:work|root|Users|opt/(?:wheels|pypi))/[\w.]"
    rb"|\bpypi\.org|pythonhosted\.org|npmjs\.(?:org|com)|deb\.debian\.org|proxy\.golang\.org"
)


def test_no_tracked_file_names_a_machine_or_a_registry(
    require_program: Callable[[str], Path],
) -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("not a checkout")
    git = [str(require_program("git")), "-c", "safe.directory=*", "-C", str(ROOT)]
    listing = subprocess.run([*git, "ls-files", "-z"], capture_output=True, check=True, timeout=30)
    files = [ROOT / name.decode() for name in listing.stdout.split(b"\0") if name]
    assert files
    named = {
        str(file.relative_to(ROOT)): PLACES.findall(file.read_bytes())
        for file in files
        if file.is_file()
    }
    assert {name: found for name, found in named.items() if found} == {}
