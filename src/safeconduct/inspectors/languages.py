"""How lines of source code begin, by family of languages: what hardly any other text has."""

from __future__ import annotations

from typing import Final

RULES: Final = {
    "python": (
        r"def \w+\(|class \w+.*:$|from [\w.]+ import |c?import [\w.]+(?: as \w+)?$"
        r"|@\w[\w.]*(?:\(.*\))?$|cdef |cpdef |ctypedef |(?:if|elif|while|for|with"
        r"|except)\b[^;{]*:$|(?:try|else|finally):$|self\.\w+|raise \w+|yield "
        r"|return\b(?: \w[\w.]*(?:\(.*)?)?$|async def |[\w.]+ = [\w.]+\([^;]*\)?$|print\("
        r"|assert [\w(]|(?:if|elif) .* in .*:$|__\w+__ = |if __name__"
    ),
    "javascript": (
        r"(?:export )?(?:default )?(?:async )?function\b.*\("
        r"""|(?:export )?(?:declare )?(?:const|let|var) [\w{\[].*[=:]|import .* from ['\"]"""
        r"|export (?:default|declare|class|interface|type|enum|\{|\*)|module\.exports"
        r"""|exports\.\w+ =|.*=>\s*[({]|['\"]use strict['\"]|console\.\w+\(|.*\brequire\(['\"]"""
        r"|(?:this|document|window)\.\w+.*[;(]|await .*;$|return .*;$|\}\)[;,]$"
        r"|\},? function ?\(|.*[=:(,] function ?\(.*\{$|(?:declare )?(?:interface|type"
        r"""|namespace|module) [\w'\"]+.*(?:\{$|=)|(?:readonly )?\w+\??: [\w.<>\[\]| ]+;$"""
        r"|if \(.*===? .*\) |(?:describe|it|test)\("
    ),
    "java": (
        r"(?:public|private|protected|internal) .*[{;(]|package [\w.]+;"
        r"|import (?:static )?[\w.*]+;|using [\w.]+;|namespace [\w.]+$|@Override|(?:final"
        r"|static) \w+.*[{;]|throw new |return .*;$|(?:String|int|boolean|long|double|var"
        r"|List<\w+>) \w+ = .*;$|System\.\w+|new \w+.*\(.*;$|(?:override |suspend "
        r"|private )*fun \w+\(|va[lr] \w+(?:: \w+\??)? = "
    ),
    "c": (
        r"#\s?(?:include|define|ifdef|ifndef|endif|pragma|undef|if defined|if !?defined)\b"
        r"|.*\w->\w+.*[;{)]$|template\s?<|using namespace |namespace \w+ ?\{?$|extern \"C\""
        r"|(?:static |const |unsigned |signed |extern |inline |virtual |constexpr |friend "
        r"|volatile |register )*(?:int|void|char|float|double|size_t|ssize_t|bool|long|short"
        r"|unsigned|auto|(?:struct|enum|union|class) \w+|u?int\d+_t|std::\w+(?:<.*>)?|\w+_t"
        r"|[A-Z]\w+)(?: const)?\s*[*&]*\s+[*&]*\w+\s*(?:[(;=\[][^.]*|\w* : \d+;.*)[;,{)(\\]$"
        r"|(?:static |inline )+\w+|typedef |std::|(?:printf|malloc|free|memcpy|sizeof)\("
        r"|return .*;$|(?:struct|enum|union"
        r"|class) \w+(?: final)?(?: ?: ?public \w+.*)?(?: ?\{|;)?$|(?:public|private"
        r"|protected):$|case [\w:]+:|(?:if|while|for|switch) ?\(.*[;{)]$|[A-Z_]{3,}\(.*\);?$"
        r"|\w+\([\w\s*&,]*\);$|[a-z]\w*(?:\[\w+\])? [+|&-]?= .*;$|(?:break|continue|default:"
        r"|goto \w+);?$"
    ),
    "go": (
        r"package \w+$|func (?:\(\w+ \*?[\w\[\]]+\) )?\w+(?:\[.*\])?\(|import \($"
        r"|[\w.]+(?:, \w+)* := |if err != nil|defer |//go:\w+|type \w+ (?:struct|interface"
        r"|func)|go func|fmt\.\w+\(|return\b[^;:]*[\w)}\"]$|(?:if|for|switch"
        r"|select)\b[^();]*(?:\(.*\))?[^();]* \{$|case .*:$|\} else \{$|import \"[\w./-]+\"$"
        r"|[A-Z]\w* +(?:\*|\[\])*(?:string|bool|byte|error|u?int\d*|float\d+|\w+\.\w+)\b"
        r"|t\.(?:Error|Fatal)f?\("
    ),
    "rust": (
        r"(?:pub(?:\(crate\))? )?(?:unsafe |async |const )*(?:fn|struct|enum|trait|mod"
        r"|impl)\b.*[{;(]|(?:pub )?use [\w:{]+.*;|let (?:mut )?\w+.* = .*;$|#!?\[\w+"
        r"|match .*\{$|.*=> .*,$|println!\(|[\w.]+::<?\w+.*;$"
    ),
    "php": (
        r"<\?php|(?:return |echo )?\$\w+(?:->\w+|::\w+|\[.*\])*(?: ?[.+]?=|\().*[;({]$"
        r"|\$this->|echo .*;$|use [\w\\]+;|namespace [\w\\]+;|(?:if|foreach|while"
        r"|elseif) ?\(.*\$\w+.*[{:)]$|(?:(?:abstract|final|static|public|private"
        r"|protected) )*function &?\w+\(.*|\?>$|'\w+' => .*,$"
    ),
    "perl": (
        r"#!.*perl|use (?:strict|warnings|vars|base|parent|constant|lib|utf8|v?5[\d.]*)\b"
        r"|use [A-Z]\w*(?:::\w+)*.*;$|package [\w:]+;$|sub \w+(?:\s*\(.*\))?\s*\{?$|(?:my"
        r"|our|local) [($@%].*|[$@%]\{?\w+.*[;{,(]$|return\b.*[$@%].*;$|1;$|__END__$|(?:if"
        r"|unless|while|for(?:each)?|elsif)\b.*[$@%].*[{;)]$|.*=~ |.*->\w+\(.*;$"
        r"|\} else(?:if)? \{$"
    ),
    "ruby": (
        r"""def (?:self\.)?\w+[?!]?(?:\(.*\))?$|end$|require(?:_relative)? ['\"]|class \w+ < """
        r"|module \w+$|.* do(?: \|.*\|)?$|attr_\w+ :|puts "
    ),
    "lua": (
        r"local (?:function )?\w+.*|function [\w.:]+\(|(?:if|elseif|for|while) .* (?:then"
        r"|do)$|end\)?$|return\b[^;]*$"
    ),
    "tcl": (
        r"proc [\w:]+ \{|set [\w:(]+ \S|(?:if|while|foreach|for|switch) .*\{$"
        r"|namespace (?:eval|import|export)|package (?:require|provide|ifneeded) |puts "
        r"|return \S*\]?$|\} else(?:if .*)? \{$|variable \w+|(?:global|upvar|incr|lappend"
        r"|append|array|string|list|uplevel) [\w$:]"
    ),
    "sql": (
        r"(?i)select\b|from \w[\w.\"]*(?: (?:as )?\w+)?[;,]?$|where .*[=<>]|(?:left |inner "
        r"|right )?join .* on |insert (?:or \w+ )?into |values\s*\(|update \w+ set "
        r"|create (?:(?:or replace|temp|temporary|unique|virtual) )*(?:table|view|index"
        r"|function|trigger|schema|extension|type|role)\b|(?:group|order) by |(?:alter|drop"
        r"|grant|revoke|comment on) \w+|delete from |and \w[\w.]* ?[=<>]|\w+ (?:int|integer"
        r"|bigint|varchar|text|timestamp|boolean|numeric|real|blob)\b.*[,;)]?$|language \w+"
        r"|returns \w+|begin;$|commit;$|end;$|.*\bas \$\w*\$$|primary key"
    ),
    "shell": (
        r"#!/.*sh\b|(?:sudo|apt-get|cd|echo|export|mkdir|rm|cp|mv|curl|grep|sed|awk|chmod"
        r"|source|git|docker|kubectl|pip|npm|make|printf|test|exit|shift|local|eval"
        r"""|exec) [\w./$\"'{-]|if \[|fi$|done$|esac$|then$|else$|for \w+ in .*(?:do)?$"""
        r"|set -\w|while .*; ?do$|(?:if|elif) .*; ?then$|case .* in$|.*\);?;;$|;;$|\w+=(?:\$"
        r"""|\"|'|`)|\w+ ?\(\) ?\{?$|.*\| (?:grep|sed|awk|xargs|sort|head)\b|\[\[? .* \]\]?"""
        r"|.*&& \\?$|.*\|\| \\?$"
    ),
    "html": (
        r"(?i)<(?:!doctype html|html|head|script|style|link|meta|nav|form|input|button"
        r"|select|option|label|main|template|svg|iframe|textarea|body)\b|</(?:script|style"
        r"|head|body|html|nav|form|select|main|template|svg)>|<[a-z][a-z0-9]* [^<>]*(?:class"
        r"|id|onclick|aria-\w+|data-\w+)=|\{%-? ?\w+|<%|<xsl:|</xsl:|</(?:div|ul|li|dl|table"
        r"|section)>|</?t:\w+|.*\{\{.*\}\}"
    ),
    "css": (
        r"(?:color|background|margin|padding|border|font|display|position|width|height|min"
        r"|max|top|left|right|bottom|text|line|overflow|z|float|clear|cursor|opacity|content"
        r"|flex|align|justify|grid|transition|transform|animation|box|list|vertical|white"
        r"|visibility|outline|gap)(?:-[a-z-]+)?\s?:[^;{}()]*(?:\(.*\).*)?;$|--[\w-]+: .*;$"
        r"|@(?:media|import|charset|font-face|keyframes|include|mixin)\b"
    ),
}
"""By family of languages, the patterns (RE2 over ASCII) of which one begins a line of it."""
