"""Source code is known by its lines, and prose, data and configuration are none."""

from __future__ import annotations

from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safeconduct.core.model import KEY, Finding
from safeconduct.inspectors.code import CodeInspector, language

PROGRAMS = {
    "code.python": (
        "import os\n\ndef main(path: str) -> None:\n    for name in os.listdir(path):\n"
        "        if name.startswith('x'):\n            print(name)\n    return None\n"
    ),
    "code.javascript": (
        "const fs = require('fs');\nexport function read(path) {\n  const text = fs.read(path);\n"
        "  console.log(text);\n  return text;\n}\n"
    ),
    "code.java": (
        "package com.example;\nimport java.util.List;\npublic class Main {\n"
        "  private final int count = 1;\n  public int count() {\n    return count;\n  }\n}\n"
    ),
    "code.c": (
        "#include <stdio.h>\n#define MAX 10\nint main(void)\n{\n  char *name = malloc(MAX);\n"
        '  printf("%s", name);\n  return 0;\n}\n'
    ),
    "code.go": (
        'package main\nimport "fmt"\nfunc main() {\n  x, err := read()\n  if err != nil {\n'
        "    fmt.Println(err)\n  }\n}\n"
    ),
    "code.sql": (
        "SELECT a.id, b.name\nFROM accounts a\nJOIN people b ON a.person_id = b.id\n"
        "WHERE a.total > 100\nORDER BY a.id;\n"
    ),
    "code.shell": (
        '#!/bin/sh\nset -eu\nDIR="$HOME/x"\nmkdir -p "$DIR"\nfor f in *.txt; do\n'
        '  cp "$f" "$DIR"\ndone\n'
    ),
}
INSPECTOR = CodeInspector()


@pytest.mark.parametrize(("kind", "text"), PROGRAMS.items())
def test_a_program_is_code_as_a_whole(kind: str, text: str) -> None:
    assert INSPECTOR.inspect({"a": [text]}) == (Finding(kind, ("a", 0), 0, len(text)),)


@pytest.mark.parametrize(("kind", "text"), PROGRAMS.items())
def test_between_fences_only_what_stands_there_is_code(kind: str, text: str) -> None:
    page = f"# How to\nDo it like this.\n\n```\n{text}```\nThat is all."
    start = page.index(text)
    assert INSPECTOR.inspect(page) == (Finding(kind, (), start, start + len(text)),)


@pytest.mark.parametrize(
    "text",
    [
        "import os\nprint(os.name)\nfor x in y:\n    print(x)",  # four lines
        "Dear Anna,\nthe import is late.\nIf it comes (we hope so):\ncall.\nFor now,\nreturn it.",
        '{\n  "a": 1,\n  "b": [\n    {"c": null},\n    {"d": "x"}\n  ],\n  "e": {}\n}',
        "server:\n  port: 80\n  name: x\nusers:\n  - a\n  - b\nlimits:\n  memory: 1",
        "id,name\n1,a\n2,b\n3,c\n4,d\n5,e",
        "12:00 INFO started\n12:01 INFO request id=1 path=/a\n12:02 slow\n12:03 INFO x\n12:04 y",
        "<p>\n<b>Hello</b>\n</p>\n<p>\nWorld\n</p>\n<hr>",
    ],
)
def test_other_texts_are_not(text: str) -> None:
    assert INSPECTOR.inspect({"a": text}) == ()


def test_a_value_without_json_is_looked_at_all_the_same() -> None:
    assert INSPECTOR.inspect(["\ud800", PROGRAMS["code.python"]])


@given(st.text(alphabet="{}();=\n\t ab`~#:.$|-", max_size=200))
def test_what_is_found_lies_in_the_text(text: str) -> None:
    for one in INSPECTOR.inspect([text]):
        assert 0 <= one.start < one.end <= len(text)


LINES = st.sampled_from(
    [line for text in PROGRAMS.values() for line in text.split("\n")]
    + [
        "the import is late  ",
        "# a remark",
        "}",
        "",
        "\t",
        "end \r",
        "if it is so:",
        "x" * 199 + "end",
    ]
)


@given(st.lists(LINES, max_size=14).map("\n".join))
def test_a_look_at_all_lines_at_once_hides_no_language(text: str) -> None:
    with patch("safeconduct.inspectors.code._ANYWHERE", lambda _: True):
        slow = language(text)
    assert language(text) == slow


@given(st.lists(LINES, max_size=14).map("\n".join), st.sampled_from(sorted(PROGRAMS)))
def test_wherever_a_text_stands_it_is_looked_at(text: str, kind: str) -> None:
    program = PROGRAMS[kind]
    value = {"a": ["x", text, {program: text}], text: 1}
    expected = [
        Finding(one.kind, where, one.start, one.end)
        for where, said in [
            (("a", 1), text),
            (("a", 2, program, KEY), program),
            (("a", 2, program), text),
            ((text, KEY), text),
        ]
        for one in INSPECTOR.inspect(said)
    ]
    assert list(INSPECTOR.inspect(value)) == expected
