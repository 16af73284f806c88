#!/usr/bin/env python3
"""Checks a record of berm's with nothing of berm's: verify-record.py RECORD [LASTING-PUBLIC-KEY.pem]"""
import base64, hashlib, json, re, subprocess, sys, tempfile

def sha(data): return hashlib.sha256(data).digest()

def root(leaves):  # RFC 9162, 2.1.1
    if len(leaves) == 1: return leaves[0]
    half = 1 << ((len(leaves) - 1).bit_length() - 1)
    return sha(b"\x01" + root(leaves[:half]) + root(leaves[half:]))

def signed(note, pem):  # https://c2sp.org/signed-note
    text, signature = note.rsplit("\n\n\u2014 ", 1)
    with tempfile.NamedTemporaryFile() as key, tempfile.NamedTemporaryFile() as body, tempfile.NamedTemporaryFile() as sig:
        for file, data in ((key, pem), (body, (text + "\n").encode()), (sig, base64.b64decode(signature.split()[1])[4:])):
            file.write(data), file.flush()
        subprocess.run(["openssl", "pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", key.name, "-in", body.name,
                        "-sigfile", sig.name], check=True, stdout=subprocess.DEVNULL)
    return text.split("\n")

previous, leaves, pem, covered, last = "0" * 64, [], None, 0, ""
for number, line in enumerate(open(sys.argv[1], "rb").read().decode().split("\n")[:-1]):
    head, stated, tail = re.fullmatch(r'(.*),"hash":"([0-9a-f]{64})"(,"mono":.*)', line).groups()
    event, last = json.loads(line), json.loads(line)["type"]
    assert sha((head + tail).encode()).hex() == stated, f"event {number}: edited"
    assert event["seq"] == number and event["prev"] == previous, f"event {number}: dropped, reordered or forked"
    if event["type"] == "record.key":
        raw = base64.b64decode(event["data"]["public"])
        der = bytes.fromhex("302a300506032b6570032100") + raw  # RFC 8410
        pem = b"-----BEGIN PUBLIC KEY-----\n" + base64.b64encode(der) + b"\n-----END PUBLIC KEY-----\n"
        if len(sys.argv) > 2:
            claim = signed(event["data"]["certificate"], open(sys.argv[2], "rb").read())
            assert claim[:3] == ["berm run key v1", event["run"], event["data"]["public"]], "the key is another run's"
    if event["type"] == "checkpoint":
        text = signed(event["data"]["note"], pem)
        assert text[0] == "berm/" + event["run"] and int(text[1]) == number, "the checkpoint is of another history"
        assert base64.b64decode(text[2]) == root(leaves) and text[3] == "head " + previous, "wrong root"
        covered = number
    previous = stated
    leaves.append(sha(b"\x00" + bytes.fromhex(stated)))
assert last == "checkpoint" and covered == len(leaves) - 1, "no signed end: cut off, or still running"
print(f"intact: {len(leaves)} events, {covered} of them signed")
