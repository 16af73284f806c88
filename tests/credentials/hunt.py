#!/usr/bin/python3
"""Looks for secrets where they must not be, as root on the host (tests/credentials/leak_test.cc).

hunt.py reads a JSON object from stdin and writes one to stdout:
    needles  {name: value}: what is looked for, in every form of forms() and in parts of PART units
    berm     a process: it and all that descend from it are looked through
    trees    directories: the regular files in them, and every name
    since    files that were not changed since (seconds) cannot hold a value that was drawn later
Found are {"name", "form", "length"} and where. `length` counts units: characters of the value or of
its base64, bytes in hexadecimal. No value is ever written.
"""
import base64
import json
import os
import re
import stat
import struct
import sys

PART = 12
BLOCK = PART // 2  # any PART units in a row hold one whole block at a multiple of BLOCK
CHUNK = 8 << 20
OVERLAP = 4096
PAGE = os.sysconf("SC_PAGESIZE")


def base64_forms(value):
    """What every base64 of a text with `value` in it holds, for each place modulo three."""
    for shift in range(3):
        text = base64.b64encode(b"\0" * shift + value)
        first = (0, 2, 3)[shift]  # these are made of what stands before, too
        last = len(text) - (0, 3, 2)[(len(value) + shift) % 3]
        yield f"base64 {shift}", text[first:last]
        yield f"base64url {shift}", text[first:last].translate(bytes.maketrans(b"+/", b"-_"))


def forms(value):
    """(name, text, bytes a unit)"""
    value = value.encode()
    out = {}
    for name, text, unit in (("plain", value, 1), ("reversed", value[::-1], 1),
                             ("lower", value.lower(), 1), ("upper", value.upper(), 1),
                             ("hex", value.hex().encode(), 2), ("HEX", value.hex().upper().encode(), 2),
                             ("utf-16", b"".join(bytes((one, 0)) for one in value), 2),
                             *((name, text, 1) for name, text in base64_forms(value))):
        out.setdefault(text, (name, text, unit))
    return list(out.values())


class Needles:
    def __init__(self, values):
        self.blocks = {}
        for name, value in values.items():
            for form, text, unit in forms(value):
                size = BLOCK * unit
                for at in range(0, len(text) - size + 1, size):
                    self.blocks.setdefault(text[at:at + size], []).append((name, form, text, unit, at))

    def find(self, data):
        """The longest of each name and form: {(name, form): (length, offset)}"""
        found = {}
        for block, places in self.blocks.items():
            at = data.find(block)
            while at >= 0:
                for name, form, text, unit, offset in places:
                    begin, end = at, at + len(block)
                    left, right = offset, offset + len(block)
                    while left > 0 and begin > 0 and data[begin - 1] == text[left - 1]:
                        begin, left = begin - 1, left - 1
                    while right < len(text) and end < len(data) and data[end] == text[right]:
                        end, right = end + 1, right + 1
                    length = (end - begin) // unit
                    if length >= min(PART, len(text) // unit) and length > found.get((name, form), (0, 0))[0]:
                        found[name, form] = (length, begin)
                at = data.find(block, at + 1)
        return found

    def told(self, data, **where):
        return [{"name": name, "form": form, "length": length, **where}
                for (name, form), (length, _) in self.find(data).items()]


def read(path):
    with open(path, "rb") as file:
        return file.read()


def field(text, name):
    found = re.search(rf"^{name}:\s*(.*)$", text, re.M)
    return found.group(1) if found else ""


def descendants(root):
    children = {}
    for one in os.listdir("/proc"):
        if one.isdigit():
            try:
                parent = int(field(read(f"/proc/{one}/status").decode(), "PPid"))
                children.setdefault(parent, []).append(int(one))
            except OSError:
                pass  # gone
    out = [root]
    for pid in out:
        out += children.get(pid, [])
    return out


def mappings(pid):
    """[begin, end, name, flags] of each mapping"""
    out = []
    for line in read(f"/proc/{pid}/smaps").decode(errors="replace").splitlines():
        head = re.match(r"([0-9a-f]+)-([0-9a-f]+) \S+ \S+ \S+ \S+\s*(.*)", line)
        if head:
            out.append([int(head[1], 16), int(head[2], 16), head[3] or "anonymous", ""])
        elif line.startswith("VmFlags:"):
            out[-1][3] = line[8:].strip()
    return out


def present(pagemap, begin, end):
    """What of a mapping is in memory or in the swap: (begin, end) of each stretch (proc(5), pagemap)"""
    at = begin
    while at < end:
        size = min(CHUNK, end - at)
        pagemap.seek(at // PAGE * 8)
        words = pagemap.read(size // PAGE * 8)
        if words.strip(b"\0"):
            first = None
            for index, (word,) in enumerate(struct.iter_unpack("=Q", words)):
                if word >> 62 and first is None:
                    first = index
                if not word >> 62 and first is not None:
                    yield at + first * PAGE, at + index * PAGE
                    first = None
            if first is not None:
                yield at + first * PAGE, at + size
        at += size


def hunt_memory(needles, pid):
    hits, looked_at = [], 0
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory, open(f"/proc/{pid}/pagemap", "rb", buffering=0) as pagemap:
        for begin, end, name, flags in mappings(pid):
            if name in ("[vvar]", "[vvar_vclock]", "[vsyscall]"):
                continue
            found, before, stands_at = {}, b"", 0
            for first, after in present(pagemap, begin, end):
                memory.seek(first)
                data = memory.read(after - first)
                looked_at += len(data)
                # What lies across two stretches that follow on each other is one text.
                text = (before if stands_at == first else b"") + data
                for key, (length, _) in needles.find(text).items():
                    found[key] = max(length, found.get(key, 0))
                before, stands_at = data[-OVERLAP:], after
            hits += [{"name": key[0], "form": key[1], "length": length, "where": "memory", "mapping": name, "flags": flags.split()}
                     for key, length in found.items()]
    return hits, looked_at


def is_inside(pid):
    """Whether it is berm-init, or descends from it: so in every tier, with namespaces or without."""
    while pid > 1:
        status = read(f"/proc/{pid}/status").decode(errors="replace")
        if field(status, "Name") == "berm-init":
            return True
        pid = int(field(status, "PPid"))
    return False


def hunt_process(needles, pid, home):
    status = read(f"/proc/{pid}/status").decode(errors="replace")
    cmdline = read(f"/proc/{pid}/cmdline")
    out = {"pid": pid, "name": field(status, "Name"), "uid": int(field(status, "Uid").split()[1]),
           "command": cmdline.replace(b"\0", b" ").decode(errors="replace").strip()[:200],
           "inside": is_inside(pid),
           "parted": os.readlink(f"/proc/{pid}/ns/pid") != home,
           "locked_kb": int((field(status, "VmLck") or "0").split()[0]),
           # Who owns /proc/PID/environ: root, whoever runs it, if it may not be dumped (proc(5)).
           "owner": os.stat(f"/proc/{pid}/environ").st_uid,
           "core": re.search(r"Max core file size\s+(\S+)", read(f"/proc/{pid}/limits").decode())[1]}
    hits = needles.told(read(f"/proc/{pid}/environ"), where="environ") + needles.told(cmdline, where="cmdline")
    hits += needles.told(read(f"/proc/{pid}/maps"), where="maps")
    memory, out["looked_at"] = hunt_memory(needles, pid)
    out["hits"] = hits + memory
    return out


def hunt_file(needles, path, hits, since):
    state = os.lstat(path)
    if state.st_ctime < since:
        return 0
    hits += needles.told(path.encode(errors="surrogateescape"), where=path, what="name")
    if stat.S_ISLNK(state.st_mode):
        hits += needles.told(os.readlink(path.encode(errors="surrogateescape")), where=path, what="link")
    if not stat.S_ISREG(state.st_mode):
        return 0
    with open(path, "rb") as file:
        before = b""
        while data := file.read(CHUNK):
            hits += needles.told(before + data, where=path, what="content")
            before = data[-OVERLAP:]
    return 1


def hunt_tree(needles, top, since):
    hits, looked_at = [], 0
    for directory, folders, files in os.walk(top):
        if directory == top:
            folders[:] = [name for name in folders if not top.endswith("/root") or name not in ("proc", "sys")]
        for name in files + folders:
            try:
                looked_at += hunt_file(needles, os.path.join(directory, name), hits, since)
            except OSError:
                pass  # gone, or nobody's
    return hits, looked_at


def main():
    wish = json.load(sys.stdin)
    needles = Needles(wish["needles"])
    out = {"processes": [], "files": [], "looked_at": 0}
    trees = list(wish.get("trees", []))
    if "berm" in wish:
        home = os.readlink(f"/proc/{wish['berm']}/ns/pid")
        for pid in descendants(wish["berm"]):
            try:
                out["processes"].append(hunt_process(needles, pid, home))
            except (FileNotFoundError, ProcessLookupError):
                continue  # a short program, gone since the list was made
        # What the run sees is what the last of its processes sees; without a root of its own, the host.
        inside = [one for one in out["processes"] if one["parted"]]
        if inside:
            trees.append(f"/proc/{inside[-1]['pid']}/root")
    for tree in trees:
        hits, looked_at = hunt_tree(needles, tree, wish.get("since", 0))
        out["files"] += hits
        out["looked_at"] += looked_at
    json.dump(out, sys.stdout)


main()
