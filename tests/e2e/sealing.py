"""A run file's chain and digests computed anew, from docs/run-file.md alone: what somebody does who may write the file and wants
`penrig show --verify` to find nothing."""
import ctypes
import ctypes.util
import hashlib
import json
import re
import sqlite3

ZSTD = ctypes.CDLL(ctypes.util.find_library("zstd"))
ZSTD.ZSTD_decompress.restype = ZSTD.ZSTD_getFrameContentSize.restype = ctypes.c_size_t
ZSTD.ZSTD_getFrameContentSize.argtypes = [ctypes.c_char_p, ctypes.c_size_t]
ZSTD.ZSTD_decompress.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t]


def number(x):
    return (int(x) % 2**64).to_bytes(8, "little")


def sized(x):
    x = x.encode() if isinstance(x, str) else x
    return number(len(x)) + x


def unsqueezed(data):
    size = ZSTD.ZSTD_getFrameContentSize(data, len(data))
    if size > 1 << 24:
        return data
    room = ctypes.create_string_buffer(size or 1)
    n = ZSTD.ZSTD_decompress(room, size, data, len(data))
    return room.raw[:n] if n <= size else data


def integer(x):
    return x if isinstance(x, int) else 0


def bytes_of(x):
    return x if isinstance(x, bytes) else str(x).encode("utf-8", "surrogateescape") if x is not None else b""


def seal(path):
    """Digests of items and blocks, the entries that name them, the chain, and the head that record and report name."""
    db = sqlite3.connect(path)
    db.text_factory = bytes
    items = {r[0]: r[1:] for r in db.execute("SELECT seq, kind, key, state, count, data FROM item")}
    blocks = {}
    for seq, *numbers, zstd, arrivals, samples in db.execute(
            "SELECT seq, device, stream, first_index, frames, channels, width, zstd, arrivals, samples FROM block"):
        raw = unsqueezed(bytes_of(samples)) if zstd else bytes_of(samples)
        blocks[seq] = hashlib.sha256(b"".join(number(integer(n)) for n in numbers) + sized(bytes_of(arrivals)) + sized(raw)).digest()
        db.execute("UPDATE block SET digest=? WHERE seq=?", (blocks[seq], seq))
    heads, head = {}, bytes(32)
    for seq, host_ns, kind, text, stored in db.execute("SELECT seq, host_ns, kind, json, hash FROM journal ORDER BY seq").fetchall():
        text = bytes_of(text)
        said = json.loads(text) if bytes_of(kind) in (b"item", b"blocks") and text[:1] == b"{" else {}
        at = int(said.get("item", 0))
        if at in items:
            item_kind, key, state, count, data = items[at]
            data = bytes_of(data)
            if bytes_of(item_kind) in (b"record", b"report"):
                data = re.sub(rb"[0-9a-f]{64}", lambda m: heads.get(m[0], m[0]), data)
            digest = hashlib.sha256(number(at) + sized(bytes_of(item_kind)) + number(integer(key)) + sized(bytes_of(state)) +
                                    number(integer(count)) + sized(data)).digest()
            db.execute("UPDATE item SET data=?, digest=? WHERE seq=?", (data, digest, at))
            text = text.replace(said["sha256"].encode(), digest.hex().encode())
        elif "first" in said:
            covered = b"".join(blocks.get(i, b"") for i in range(int(said["first"]), int(said["last"]) + 1))
            text = text.replace(said["sha256"].encode(), hashlib.sha256(covered).hexdigest().encode())
        head = hashlib.sha256(head + number(seq) + number(integer(host_ns)) + sized(bytes_of(kind)) + sized(text)).digest()
        heads[bytes_of(stored).hex().encode()] = head.hex().encode()
        db.execute("UPDATE journal SET json=CAST(? AS TEXT), hash=? WHERE seq=?", (text, head, seq))
    db.commit()
    db.close()
