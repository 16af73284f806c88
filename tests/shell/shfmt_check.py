#!/usr/bin/python3
"""Compares berm's parser of shell commands with shfmt's (mvdan/sh, language bash).

    shfmt_check.py PROGRAM FIXTURES [COUNT] [SEED]

PROGRAM is shell-words; FIXTURES the folder with the evasion corpus. COUNT texts are made up on top.
Where berm calls a text clear, both must find the same commands, word for word where all is literal.
Texts that shfmt refuses and bash takes (it is stricter with export and let) are counted only.
"""
import collections
import json
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

UNKNOWN = "\x1a"
# shfmt 3.6 takes a '#' right behind a quote or an expansion for a comment: "echo ''#; ls".
COMMENT_DEFECT = re.compile(r"""(['"`)}]|\$[#?!@*$-]|\$\w+)#""")
# What berm says of the reading itself; the rest is about what commands do.
MISREAD = {"unparsable", "too_long", "too_deep", "control_characters"}


def fixtures(folder):
    """The commands of the corpus, see shell_corpus_test.cc for the format."""
    for path in sorted(pathlib.Path(folder).rglob("*.txt")):
        command = None
        for line in path.read_text().splitlines():
            if line.startswith(("$ ", "$e ")):
                if command is not None:
                    yield command
                command = line.split(" ", 1)[1]
                escaped = line.startswith("$e ")
                if escaped:
                    command = command.encode("latin-1", "backslashreplace").decode("unicode_escape")
            elif line.startswith(("> ", ">")) and command is not None:
                command += "\n" + line[2:]
        if command is not None:
            yield command


class Maker:
    """Texts that use most of bash's grammar, valid before they are damaged."""

    def __init__(self, rng):
        self.rng = rng
        self.depth = 0

    def pick(self, *choices):
        return self.rng.choice(choices)

    def name(self):
        return self.pick("ls", "rm", "echo", "cat", "git", "./x", "/bin/rm", "a-b", "true", "grep", "make", "x1", "if1", "done2")

    def word(self):
        r = self.rng.random()
        if r < 0.45:
            return self.pick("a", "-rf", "/", "--x=y", "a/b.c", "*.c", "a#b", "1", "=", "a=b", "-", "--", "~/x", "@", "%", "x:y", "{}", "{", "}", "then", "do",
                             "fi", "!", "[", "]", "in", "a,b", "x[1]", "^a", "+x", "?", "case", "time", "function", "esac", "a{b", "c}", "==", "=~", "2", "a!b")
        if r < 0.6:
            return self.pick("'a b'", '"a b"', "''", '""', "'a;b'", '"a|b"', "\\;", "\\ ", "a\\\nb", "$'a\\nb'", "$'it\\'s'", '"a\\"b"', "'#'", '"`"'[:0] + '"\\`"', '$"t"',
                             "'$(x)'", '"\\$(x)"', "a\\#b", '"\'"', "'\"'", '"a\nb"', "'a\nb'", "\\\\", "'\\'", '"$"', "$", '"#"', "\\'", '"$\'"', "\\$x", "a\\|b", "'a'\\''b'")
        if r < 0.75:
            return self.pick("$x", "${x}", '"$x"', "${x:-d}", "$?", "$#", "$1", "$@", '"$@"', "${#x}", "${x%.c}", "${x//a/b}", "$((1+2))", "$((x*(2+3)))", "${x[0]}", "${x[@]}",
                             '"${x:-a b}"', "${x:+y}", "$x$y", "a$x", '"a${x}b"', "${x#*/}", "$$", "$!", "$-", "${x^^}", "${x:1:2}", "${!x}", '"${x%%:*}"', "$((x<<2))", "$(( (1) ))", "${x:-'a'}")
        if r < 0.85 and self.depth < 3:
            return self.nested()
        if r < 0.95:
            return self.word() + self.word()
        return self.pick("{a,b}", "{1..3}", "x{a,b}y", "'a'{b,c}", "a'b'\"c\"$d")

    def nested(self):
        self.depth += 1
        inner = self.list()
        self.depth -= 1
        return self.pick("$(%s)", '"$(%s)"', "<(%s)", "$( %s )", "a$(%s)b", '"a $(%s) b"', "`%s`" if "`" not in inner and "\\" not in inner else "$(%s)", "${x:-$(%s)}", '"${x:-$(%s)}"') % inner

    def redirect(self):
        return self.pick("> f", ">f", "2>&1", ">> f", "< f", "2>/dev/null", "&> f", "&>> f", ">| f", "<<< word", '<<< "a b"', "2> f", ">&2", "< /dev/null", "> $x", "<&0", ">&-", "<> f", "> \"a b\"",
                         "3< f", ">f a", "10>f")

    def simple(self):
        parts = []
        while self.rng.random() < 0.12:
            parts.append(self.pick("A=1", "B=", 'C="x y"', "D=$x", "E+=2", "F='a b'", "G=a=b", "H=$(x)", "I=~/x"))
        if self.rng.random() < 0.05:
            parts.append(self.redirect())
        if self.rng.random() < 0.06 and parts:
            return " ".join(parts)
        parts.append(self.name() if self.rng.random() < 0.92 else self.pick("export A=1", "declare -a x=(a b)", "local y=2", "readonly Z=1", "unset x", "r''m", '"rm"', "\\rm", "r\\m", "$'rm'", "e\"c\"ho", "[ -n x ]", "time ls", "typeset -i n=1", "unset -f g", "export A B=2"))
        for _ in range(self.rng.randint(0, 3)):
            parts.append(self.word())
            if self.rng.random() < 0.12:
                parts.append(self.redirect())
        return self.pick(" ", " ", " ", "  ", " \\\n ", "\t").join(parts)

    def here_document(self):
        quoted = self.rng.random() < 0.5
        body = self.rng.choice(["text\n", "a $x b\n", "$(ls x)\n", "it's \"x\n", "\n", "", "EOF2\n EOF\n", "`ls`\n", "\\$x \\`a\\`\n", "a\\\nb\n", "# x\n", "a ' b\nc\n", "${x}\n", "<<A\n", "\tx\n", "$\n", "$((1+1))\n", "a)b\n"])
        tabs = self.rng.random() < 0.2
        return "%s <<%s%s%s\n%s%sEOF\n" % (self.name(), "-" if tabs else "", self.pick("'EOF'", '"EOF"', "\\EOF") if quoted else "EOF", self.pick("", "", " | %s" % self.simple_line(), " > f", " && %s" % self.simple_line(), " 2>&1"), body, "\t" if tabs else "")

    def simple_line(self):
        return self.name() + " a"

    def command(self):
        if self.depth >= 3 or self.rng.random() < 0.7:
            return self.simple()
        self.depth += 1
        try:
            l = self.list
            w = self.word
            return self.pick(
                lambda: "(%s)" % l(), lambda: "{ %s; }" % l(), lambda: "if %s; then %s; fi" % (l(), l()), lambda: "if %s; then %s; elif %s; then %s; else %s; fi" % (l(), l(), l(), l(), l()),
                lambda: "for i in %s %s; do %s; done" % (w(), w(), l()), lambda: "while %s; do %s; done" % (l(), l()), lambda: "until %s\ndo\n%s\ndone" % (l(), l()),
                lambda: "case %s in a|b) %s;; *) %s ;; esac" % (w(), l(), l()), lambda: "f() { %s; }" % l(), lambda: "function g { %s; }" % l(), lambda: "[[ -f %s && %s == a* ]]" % (w(), '"$x"'),
                lambda: "(( x %s 1 ))" % self.pick("+", "=", "+=", "<", "=="), lambda: "for ((i=0; i<3; i++)); do %s; done" % l(), lambda: "! %s" % self.simple(), lambda: "( %s ) > f" % l(), lambda: "{ %s; } 2>&1" % l(),
                lambda: "for i in a b\ndo %s\ndone" % l(), lambda: "case $x in\n(a) %s ;;\n\"b c\") %s;;\nesac" % (l(), l()), lambda: "if [ %s = a ]; then\n%s\nfi" % (self.pick("$x", '"$x"', "a"), l()),
                lambda: "select i in a b; do %s; done" % l(), lambda: "while read -r l; do %s; done < f" % l(), lambda: "f() ( %s )" % l(), lambda: "time %s" % self.simple(), lambda: "{\n%s\n}" % l(), lambda: "[[ %s =~ ^a.b$ ]]" % self.pick("$x", "a"))()
        finally:
            self.depth -= 1

    def list(self):
        out = self.command()
        while self.rng.random() < 0.3:
            out += self.pick(" | ", " && ", " || ", "; ", "\n", " |& ", "|", "&&", ";", " & ", " # note\n", " |\n", " &&\n", "\n\n") + self.command()
        return out

    def text(self):
        if self.rng.random() < 0.15:
            out = self.here_document() + self.list()
        else:
            out = self.list()
        if self.rng.random() < 0.05:
            out = "# first\n" + out
        damage = self.rng.random()
        if damage < 0.35:
            for _ in range(self.rng.randint(1, 2)):
                at = self.rng.randint(0, len(out))
                if self.rng.random() < 0.4:
                    out = out[:at] + out[at + 1:]
                else:
                    out = out[:at] + self.rng.choice(list("\\'\"`$(){}[]<>|&;#!*?~= \n\t-a1") + ["$(", "<<E\n", "))", "((", "[[", "]]", "do ", "{ ", "; }", "\\\n", "$'", '$"', "<(", ">|", "fi", ";;", "in ", "=(", "|&", "${", "&>"]) + out[at:]
        return out


def flatten(parts):
    """A word of shfmt's as text, UNKNOWN for what it expands; and whether braces or a split may make it several."""
    text, loose = "", False
    for part in parts:
        kind = part["Type"]
        if kind == "Lit":
            value = part.get("Value", "")
            out, i = "", 0
            while i < len(value):
                if value[i] == "\\" and i + 1 < len(value):
                    if value[i + 1] != "\n":
                        out += value[i + 1]
                    i += 2
                else:
                    loose = loose or value[i] in "{}"
                    out += value[i]
                    i += 1
            text += out
        elif kind == "SglQuoted":
            if part.get("Dollar"):
                loose = True
                text += UNKNOWN
            else:
                text += part.get("Value", "")
        elif kind == "DblQuoted":
            for inner in part.get("Parts") or []:
                if inner["Type"] == "Lit":
                    value, i = inner.get("Value", ""), 0
                    while i < len(value):
                        if value[i] == "\\" and i + 1 < len(value) and value[i + 1] in '$`"\\\n':
                            if value[i + 1] != "\n":
                                text += value[i + 1]
                            i += 2
                        else:
                            text += value[i]
                            i += 1
                else:
                    text += UNKNOWN
                    loose = True
        else:
            text += UNKNOWN
            loose = True
    return text, loose


def calls(node, out):
    """Every command of shfmt's tree: (words, loose)."""
    if isinstance(node, list):
        for child in node:
            calls(child, out)
        return
    if not isinstance(node, dict):
        return
    kind = node.get("Type")
    if kind == "CallExpr" and node.get("Args"):
        words = [flatten(word.get("Parts") or []) for word in node["Args"]]
        out.append(([text for text, _ in words], any(loose for _, loose in words)))
    elif kind == "DeclClause":
        out.append(([node["Variant"]["Value"]], True))
    elif kind == "LetClause":
        out.append((["let"], True))
    elif kind == "TimeClause":
        # A word of the first command for us; a compound or an empty one we call unclear.
        at = len(out)
        calls(node.get("Stmt"), out)
        first = (node.get("Stmt") or {}).get("Cmd") or {}
        while first.get("Type") == "BinaryCmd":
            first = first["X"].get("Cmd") or {}
        if at == len(out) or first.get("Type") == "CallExpr" and not first.get("Args"):
            out.insert(at, (["time"], True))
        else:
            out[at] = (["time"] + out[at][0], True)
        return
    elif kind == "CoprocClause":
        out.append((["coproc"], True))
    for key, child in node.items():
        if key not in ("Pos", "End"):
            calls(child, out)


def shfmt(text):
    done = subprocess.run(["shfmt", "-tojson", "-ln", "bash"], input=text.encode("utf-8", "surrogateescape"), capture_output=True, timeout=60)
    if done.returncode != 0:
        return None
    found = []
    calls(json.loads(done.stdout), found)
    return found


def bash_accepts(text):
    return subprocess.run(["bash", "-n"], input=text.encode("utf-8", "surrogateescape"), capture_output=True, timeout=60).returncode == 0


def matches(theirs, ours):
    """The same commands in any order. A loose one needs the same name only, if that is literal."""
    rest = [list(words) for words in ours]
    any_name = lambda words: UNKNOWN in words[0] or "{" in words[0]
    for words, loose in sorted(theirs, key=lambda call: (call[1], any_name(call[0]))):
        for candidate in rest:
            same = candidate == words if not loose else (any_name(words) or candidate[0] == words[0])
            if same:
                rest.remove(candidate)
                break
        else:
            return "berm does not find %r" % (words,)
    return "shfmt does not find %r" % (rest,) if rest else None


def judge(text, ours):
    if MISREAD & set(ours["unclear"]):
        return "unclear", None
    theirs = shfmt(text)
    if theirs is None:
        if bash_accepts(text):
            return "shfmt refuses what bash takes", None
        return "invalid", None
    problem = matches(theirs, ours["commands"])
    if problem and COMMENT_DEFECT.search(text):
        return "shfmt's comments", None
    return ("different", problem) if problem else ("same", None)


def main():
    program, folder = sys.argv[1], sys.argv[2]
    count = int(sys.argv[3]) if len(sys.argv) > 3 else 1500
    seed = int(sys.argv[4]) if len(sys.argv) > 4 else 1
    if shutil.which("shfmt") is None:
        print("shfmt is not installed")
        return 1 if os.environ.get("BERM_MUST_WORK") == "1" else 77
    rng = random.Random(seed)
    corpus = [text for text in fixtures(folder) if "\0" not in text]
    texts = corpus + [Maker(rng).text() for _ in range(count)]
    texts = [text for text in texts if text]
    done = subprocess.run([program], input="\0".join(texts).encode("utf-8", "surrogateescape"), capture_output=True, timeout=600, check=True)
    answers = [json.loads(line) for line in done.stdout.decode().splitlines()]
    assert len(answers) == len(texts), (len(answers), len(texts))
    totals = collections.Counter()
    with ThreadPoolExecutor(2) as pool:
        for text, ours, (verdict, problem) in zip(texts, answers, pool.map(judge, texts, answers)):
            totals[verdict] += 1
            if problem or (verdict.startswith("shfmt") and "-v" in sys.argv):
                print("%s: %s\n    %r\n    berm: %r" % (verdict, problem, text, ours["commands"]))
    print(dict(totals), "of", len(texts), "texts,", len(corpus), "from the corpus")
    enough = totals["same"] >= len(texts) // 3
    if not enough:
        print("too few texts were compared")
    return 1 if totals["different"] or not enough else 0


if __name__ == "__main__":
    sys.exit(main())
