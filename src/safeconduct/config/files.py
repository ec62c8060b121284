"""Finding and reading the files of a configuration, without leaving its directory."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from safeconduct.config.literals import literals
from safeconduct.config.problem import Report, YamlFile
from safeconduct.kit import yaml
from safeconduct.kit.yaml import Place


def read(path: Path, report: Report) -> YamlFile | None:
    """Read one YAML file; None, and a problem, when that is not possible.

    Literal secrets are looked for here, where the text of every file passes.
    """
    name = str(path)
    try:
        if not path.is_file():
            report.add(name, 1, "there is no such file", "create it, or correct its name")
            return None
        with path.open("rb") as stream:
            data = stream.read(yaml.MAX_BYTES + 1)
    except OSError as error:
        report.add(name, 1, f"cannot be read: {error.strerror}", "make it readable")
        return None
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        report.add(name, line, "this line is not UTF-8", "save the file as UTF-8")
        return None
    literals(name, text, report)
    try:
        return YamlFile(name, text, yaml.load(text, name))
    except yaml.YamlError as error:
        report.add(name, error.line, error.sentence, error.fix)
        return None


def find(
    directory: Path, pattern: str, report: Report, *, file: YamlFile, place: Place
) -> tuple[Path, ...]:
    """The files that a pattern of `file` names, sorted; none, and a problem, if it names none.

    Only files inside the directory count: a pattern must be relative and without `..`, and a
    symbolic link may not lead out.
    """
    parts = PurePosixPath(pattern).parts
    if not parts or pattern.startswith(("/", "~")) or ".." in parts or "\0" in pattern:
        report.error(
            file,
            place,
            f"`{pattern}` does not stay inside the configuration directory",
            "name a path below it, without `..`",
        )
        return ()
    try:
        found = tuple(sorted(directory.glob(pattern)))
    except ValueError:
        report.error(file, place, f"`{pattern}` is not a pattern", "use `*` for any part of a name")
        return ()
    if not found:
        report.error(file, place, f"`{pattern}` matches no file", "create one, or correct the path")
    home = directory.resolve()
    for path in found:
        if not path.resolve().is_relative_to(home):
            report.error(
                file,
                place,
                f"`{path.relative_to(directory)}` is a link out of the configuration directory",
                "copy the file into it",
            )
    return tuple(path for path in found if path.resolve().is_relative_to(home))
