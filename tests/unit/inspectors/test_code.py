"""Source code is known by its lines, and prose, data and configuration are none."""

from __future__ import annotations

from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safeconduct.core.model import KEY, Finding
from safeconduct.inspectors.code import LANGUAGES, CodeInspector, language

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
    "code.rust": (
        "use std::fs;\n#[derive(Debug)]\npub struct Case {\n    id: u32,\n}\nimpl Case {\n"
        "    pub fn read() -> Self {\n        let text = fs::read();\n    }\n}\n"
    ),
    "code.php": (
        "<?php\nnamespace App;\nuse App\\Cases;\n\nclass Reader\n{\n"
        "    public function read($id)\n    {\n        $case = $this->cases->get($id);\n"
        "        return $case;\n    }\n}\n"
    ),
    "code.ruby": (
        "require 'json'\n\nmodule Cases\n  def self.read(path)\n    items.each do |item|\n"
        "      puts item\n    end\n  end\nend\n"
    ),
    "code.perl": (
        "package Cases;\nuse strict;\nuse warnings;\n\nsub read {\n    my ($path) = @_;\n"
        "    return unless $path =~ /x/;\n}\n1;\n"
    ),
    "code.lua": (
        "local cases = {}\nfunction cases.read(path)\n  if path == nil then\n    return nil\n"
        "  end\n  local text = open(path)\n  return text\nend\n"
    ),
    "code.tcl": (
        "package require http\nproc fetch {url} {\n    set token [http::geturl $url]\n"
        "    foreach line $token {\n        puts $line\n    }\n    return $token\n}\n"
    ),
    "code.html": (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<link rel="stylesheet" href="a.css">\n</head>\n<body>\n<div class="x">\n'
        "Text\n</div>\n</body>\n</html>\n"
    ),
    "code.css": (
        ".case {\n  color: #333;\n  margin-top: 1em;\n}\n@media print {\n  .case {\n"
        "    display: none;\n  }\n}\n"
    ),
}
INSPECTOR = CodeInspector()


def test_there_is_a_program_in_every_language() -> None:
    assert PROGRAMS.keys() == {f"code.{name}" for name in LANGUAGES}


def test_a_line_is_known_by_its_end_too() -> None:
    text = "try:\nf[1](x)\nelse:\ng[2](y)\nfinally:\nimport os\n"
    assert [one.kind for one in INSPECTOR.inspect(text)] == ["code.python"]


@pytest.mark.parametrize("many", [1, 9, 200])
def test_a_longer_program_is_of_the_same_language(many: int) -> None:
    program = PROGRAMS["code.c"]
    assert language("A few words before.\n" + program * many) == "c"


def test_a_program_behind_many_other_lines_is_still_seen() -> None:
    words = "And then it went on.\n" * 30
    assert language(words + PROGRAMS["code.python"] * 5) == "python"
    assert language(words * 6 + PROGRAMS["code.python"]) is None


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
        (
            "<div>\n<p>Dear Anna,</p>\n<p>the list is below.</p>\n<table>\n<tr>\n<td>1</td>\n</tr>"
            '\n</table>\n<p style="color:red">Bye</p>\n</div>'
        ),
        (
            "From: a@b.io\nTo: c@d.io\nSubject: end\n\nHello,\nreturn it by Friday;\nfrom there\n"
            "let us see (soon).\nFor now: wait.\nEnd"
        ),
        "-rw-r--r-- 1 root root 12 Nov 3 10:00 a.py\n" * 9,
        (
            "NAME   READY   STATUS    AGE\nweb-1  1/1     Running   3d\n"
            "web-2  0/1     Pending   1d\n"
            "db-0   1/1     Running   9d\njob-x  0/1     Completed 2h\n"
        ),
        "BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:1@b.io\nSUMMARY:Review\nEND:VEVENT\nEND:VCALENDAR",
        "[server]\nport = 80\nname = x\n[users]\nadmin = a\n[limits]\nmemory = 1\n",
        "2025-01-01 ERROR [main] a.b.C: no such file (os error 2); return code 1\n" * 8,
        "1. Do this;\n2. then that;\n3. while it runs, wait;\n4. else stop;\n5. done;\n6. end.",
        "| a | b |\n|---|---|\n| 1 | 2 |\n| 3 | 4 |\n| 5 | 6 |\n| 7 | 8 |",
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
