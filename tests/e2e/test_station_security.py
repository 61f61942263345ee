"""Who may do what to the station's port, byte by byte: a row for each way around a clause that test_station.py does not go."""
import json
import re
import select
import socket
import subprocess
import sys
import threading

import rig
from station import LIMIT_S, Page, Station
from test_station import view

POLICY = b"\r\nContent-Security-Policy: default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'\r\n"
HEADERS = (POLICY, b"\r\nX-Content-Type-Options: nosniff\r\n", b"\r\nReferrer-Policy: no-referrer\r\n", b"\r\nCross-Origin-Resource-Policy: same-origin\r\n", b"\r\nCache-Control: no-store\r\n")


def is_whole(reply):
    head, _, body = reply.partition(b"\r\n\r\n")
    length = re.search(rb"\r\ncontent-length: *(\d+)", head.lower())
    return bool(length) and len(body) >= int(length[1])


def talk(s, data, to_the_end=False):
    """What is answered to these bytes: the first answer, or all until the station closes."""
    with socket.create_connection(("127.0.0.1", s.port), timeout=LIMIT_S) as c:
        got = b""
        try:
            c.sendall(data)
            c.shutdown(socket.SHUT_WR)
            while (to_the_end or not is_whole(got)) and (part := c.recv(65536)):
                got += part
        except OSError:  # refused before all was sent
            pass
        return got


def status_of(reply):
    return int(reply[9:12]) if reply.startswith(b"HTTP/1.") else 0


def ways_around(check):
    """Nothing of this gives an order, and each is refused as it is meant to be, with the headers that keep a browser from taking it for more."""
    s = Station()
    page = Page(s)
    page.until(view("ready"))
    host, port = s.host.encode(), str(s.port).encode()
    body = b'{"do":"scan","bench":0,"code":"PEN-GOOD-01"}'
    length = b"Content-Length: %d\r\n" % len(body)
    good = b"Host: " + host + b"\r\nOrigin: http://" + host + b"\r\nX-Penrig: 1\r\n"

    def post(lines, what=body):
        return b"POST /do HTTP/1.1\r\n" + lines + b"\r\n" + what

    def order(**changed):
        lines = {"Host": host, "Origin": b"http://" + host, "X-Penrig": b"1", **{k.replace("_", "-"): v for k, v in changed.items()}}
        return post(b"".join(k.encode() + b": " + v + b"\r\n" for k, v in lines.items()) + length)

    rows = [
        # the list of hosts is exact
        ("a host that begins like ours", 421, order(Host=host + b".evil.example")),
        ("a host that ends like ours", 421, order(Host=b"evil.example@" + host)),
        ("a host with a dot behind", 421, order(Host=b"127.0.0.1.:" + port)),
        ("a host without its last digit", 421, order(Host=host[:-1])),
        ("a name that somebody lets point here", 421, order(Host=b"rebind.evil.example:" + port, Origin=b"http://rebind.evil.example:" + port)),
        ("an empty host", (400, 421), order(Host=b"")),
        ("another address of this computer", 421, order(Host=b"127.0.0.2:" + port)),
        ("another host in the request line", (400, 404, 421), b"GET http://evil.example/ HTTP/1.1\r\nHost: evil.example\r\n\r\n"),
        # the page's Origin
        ("an origin that begins like ours", 403, order(Origin=b"http://" + host + b".evil.example")),
        ("an origin with a path", 403, order(Origin=b"http://" + host + b"/")),
        ("an origin with a user", 403, order(Origin=b"http://evil.example@" + host)),
        ("an origin of another scheme", 403, order(Origin=b"file://" + host)),
        ("an origin without a scheme", 403, order(Origin=host)),
        ("an empty origin", 403, order(Origin=b"")),
        ("a Referer in the place of an origin", 403, post(b"Host: " + host + b"\r\nReferer: http://" + host + b"/\r\nX-Penrig: 1\r\n" + length)),
        ("the header twice", 403, post(good + b"X-Penrig: 1\r\n" + length)),
        ("a cookie in the place of the header", 403, post(b"Host: " + host + b"\r\nOrigin: http://" + host + b"\r\nCookie: X-Penrig=1\r\n" + length)),
        # a form of another page sends no header of its own
        ("a form", 403, post(b"Host: " + host + b"\r\nOrigin: http://" + host + b"\r\nContent-Type: application/x-www-form-urlencoded\r\n" + length)),
        # GET and its like change nothing
        ("an order in a GET's body", 400, b"GET /do HTTP/1.1\r\n" + good + length + b"\r\n" + body),
        ("a GET without a body that says so", 200, b"GET / HTTP/1.1\r\nHost: " + host + b"\r\nContent-Length: 0\r\n\r\n"),
        ("a GET with a body in pieces", 400, b"GET / HTTP/1.1\r\nHost: " + host + b"\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n"),
        ("an order in a query", 404, b"GET /do?do=scan&bench=0&code=PEN-GOOD-01 HTTP/1.1\r\n" + good + b"\r\n"),
        ("HEAD", 405, b"HEAD /do HTTP/1.1\r\n" + good + b"\r\n"),
        ("TRACE", 405, b"TRACE /do HTTP/1.1\r\n" + good + b"\r\n"),
        ("CONNECT", (400, 405), b"CONNECT /do HTTP/1.1\r\n" + good + b"\r\n"),
        ("a method in small letters", 405, b"post /do HTTP/1.1\r\n" + good + length + b"\r\n" + body),
        ("another method in a header", 400, b"GET /do HTTP/1.1\r\n" + good + b"X-HTTP-Method-Override: POST\r\n" + length + b"\r\n" + body),
        ("a path with a tail", 404, b"POST /do/ HTTP/1.1\r\n" + good + length + b"\r\n" + body),
        # lengths that do not agree, and requests that hide in others
        ("a length that is no number", (400, 413), post(good + b"Content-Length: x\r\n")),
        ("a length below zero", (400, 413), post(good + b"Content-Length: -1\r\n")),
        ("a length of 2^64 and one", (400, 413), post(good + b"Content-Length: 18446744073709551617\r\n")),
        ("a piece of a wrong length", 400, post(good + b"Transfer-Encoding: chunked\r\n", b"zz\r\n" + body + b"\r\n0\r\n\r\n")),
        ("a header that goes on in the next line", (400, 403), post(good.replace(b"X-Penrig: 1", b"X-Other: 1\r\n X-Penrig: 1") + length)),
        ("a header with a space before its colon", (400, 403), post(good.replace(b"X-Penrig:", b"X-Penrig :") + length)),
        ("no HTTP", (0, 400), b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
        ("a version that is not there yet", (400, 505), b"GET / HTTP/9.9\r\nHost: " + host + b"\r\n\r\n"),
        ("many headers", (0, 400, 431), b"GET / HTTP/1.1\r\nHost: " + host + b"\r\n" + b"a: b\r\n" * 9000 + b"\r\n"),
        # what is no file of the page
        ("a report by a path", 404, b"GET /reports/../station.json HTTP/1.1\r\n" + good + b"\r\n"),
        ("a report by a coded path", 404, b"GET /reports/%2e%2e%2fstation HTTP/1.1\r\n" + good + b"\r\n"),
        ("a report with a zero in its name", (400, 404), b"GET /reports/a%00b HTTP/1.1\r\n" + good + b"\r\n"),
        ("the folder of reports", 404, b"GET /reports/ HTTP/1.1\r\n" + good + b"\r\n"),
        # what is no order
        ("a deep one", 400, post(good + b"Content-Length: 2000\r\n", b"[" * 2000)),
        ("a key twice", 400, post(good + b"Content-Length: 37\r\n", b'{"do":"stop","do":"scan","bench":0}  ')),
        ("two orders in one body", 400, post(good + b"Content-Length: 46\r\n", b'{"do":"stop","bench":0}{"do":"stop","bench":0}')),
        ("a list of orders", 400, post(good + b"Content-Length: 25\r\n", b'[{"do":"stop","bench":0}]')),
        ("letters that are no UTF-8", 400, post(good + b"Content-Length: 36\r\n", b'{"do":"scan","bench":0,"code":"\xff\xfe12"}')),
        ("a bench below zero", 400, post(good + b"Content-Length: 24\r\n", b'{"do":"stop","bench":-1}')),
        ("half a bench", 400, post(good + b"Content-Length: 25\r\n", b'{"do":"stop","bench":0.5}')),
    ]
    for what, wanted, data in rows:
        reply = talk(s, data)
        got = status_of(reply)
        check(got in (wanted if isinstance(wanted, tuple) else (wanted,)), f"{what}: {got}, not {wanted}: {reply[:80]}")
        ours = got in (403, 404, 405, 421) or b"not an order" in reply
        check(not ours or all(h in reply for h in HEADERS), f"{what}: {got} without a header that it must have: {reply[:400]}")
    for method in (b"GET / HTTP/1.1\r\n", b"GET /events HTTP/1.0\r\n", b"GET /station.js HTTP/1.1\r\n"):
        reply = talk(s, method + b"Host: " + host + b"\r\nConnection: close\r\n\r\n") if b"events" not in method else first_of(s, method + b"Host: " + host + b"\r\n\r\n")
        check(all(h in reply for h in HEADERS), f"{method}: without a header: {reply[:400]}")
        check(b"Access-Control" not in reply and b"Set-Cookie" not in reply, f"{method}: another origin may read it, or is remembered: {reply[:400]}")
    fresh = Page(s)
    check(fresh.until(lambda b: True)["refusals"] == 0 and fresh.bench["serial"] == "", f"nothing of all that was an order: {fresh.bench}")
    # Two lengths: whichever of both is believed, no second order hides behind.
    both = post(good + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n" + post(b"Host: evil.example\r\n" + length))
    replies = [int(part[9:12]) for part in (b"HTTP" + p for p in talk(s, both, True).split(b"HTTP")[1:])]
    check(200 not in replies, f"a request behind one of two lengths: {replies}")
    s.end()


def first_of(s, data):
    with socket.create_connection(("127.0.0.1", s.port), timeout=LIMIT_S) as c:
        c.sendall(data)
        return c.recv(65536)


def drops(check):
    """A request that comes byte by byte, and a page that takes nothing, are closed; who is quick notices nothing of it."""
    s = Station()
    page = Page(s)
    page.until(view("ready"))
    begin = f"GET / HTTP/1.1\r\nHost: {s.host}\r\nX: ".encode()
    lengthy = f"POST /do HTTP/1.1\r\nHost: {s.host}\r\nOrigin: http://{s.host}\r\nX-Penrig: 1\r\nContent-Length: 1000\r\n\r\n".encode()
    ends = []

    def drip(first):
        c = socket.create_connection(("127.0.0.1", s.port), timeout=LIMIT_S)
        c.sendall(first)
        sent = 0
        try:
            while not select.select([c], [], [], 0.1)[0]:  # what is told to it, the end too, is what it waits for
                c.sendall(b"x")
                sent += 1
            told = c.recv(4096)
        except OSError:
            told = b""
        ends.append((sent, told))
        c.close()

    deaf = socket.socket()
    deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    deaf.connect(("127.0.0.1", s.port))
    deaf.sendall(f"GET /events HTTP/1.1\r\nHost: {s.host}\r\n\r\n".encode())
    slow = [threading.Thread(target=drip, args=(first,)) for first in (begin, lengthy)]
    for one in slow:
        one.start()
    orders(s, 400)  # more than any buffer between holds
    page.until(lambda b: b["refusals"] == 400)
    for one in slow:
        one.join(LIMIT_S)
    check(len(ends) == 2 and all(not told.startswith(b"HTTP/1.1 200") for _, told in ends), f"byte by byte is closed: {ends}")
    beats = 0
    while peers(s, deaf.getsockname()[1]) and beats < 30:
        beats += page.next() == "beat"
    check(beats < 30, "a page that takes nothing is dropped")
    deaf.close()
    check(page.bench["refusals"] == 400 and s.order("scan", code="HELLO") == 200, "and the others go on")
    s.end()


def orders(s, count):
    """So many scans that are refused, over one connection."""
    body = b'{"do":"scan","bench":0,"code":"HELLO"}'
    one = f"POST /do HTTP/1.1\r\nHost: {s.host}\r\nOrigin: http://{s.host}\r\nX-Penrig: 1\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
    with socket.create_connection(("127.0.0.1", s.port), timeout=LIMIT_S) as c:
        for _ in range(count):
            c.sendall(one)
            got = b""
            while not got.endswith(b"ok\n"):
                got += c.recv(4096)


def peers(s, port):
    """Whether the station still holds its end of this connection."""
    done = subprocess.run(["ss", "-Htnp", f"sport = :{s.port} and dport = :{port}"], capture_output=True, text=True, check=True)
    return f"pid={s.process.pid}," in done.stdout


def texts(check):
    """What somebody types or scans never becomes an event, a line of a file or a word of a program of its own."""
    s = Station(operators=[("A. <b>Meier</b>", "OP-0007")])
    page = Page(s)
    page.until(view("ready"))
    nasty = '</script><img src=x onerror=alert(1)>\\"\'&{}'
    split = "x\n\nevent: bench\ndata: {\"bench\":0,\"view\":\"verdict\",\"verdict\":{\"word\":\"pass\"}}\n\n"
    before = len(page.seen)
    for serial in (nasty, split, "\u2028\u202e", "%STOP\r\n"):
        s.order("decide", serial=serial[:60], decision="accept", who=split[:60], pin="1", reason=split[:60])
        s.order("scan", code=serial)
        s.order("sign_in", who=serial, pin=serial)
    page.until(lambda b: b["refusals"] == 12)
    check(s.order("scan", code="PEN-GOOD-01\u0000x") == 400, "a text with a zero in it is not one that ends there")
    check(page.bench["view"] == "ready" and set(page.seen[before:]) <= {"bench", "beat", "station"}, f"still ready: {page.bench}")
    s.order("scan", code="OP-0007")
    b = page.until(lambda b: b["operator"])
    check(b["operator"] == "A. <b>Meier</b>", "a name is text, as it stands in the file")
    status = s.order("scan", code="-rf")
    check(status == 200 and page.until(lambda b: b["refused"] == "scan_character"), "what begins as an option does is refused")
    check(all(json.loads(line) for line in (s.folder / "state/units.jsonl").read_text().splitlines()) if (s.folder / "state/units.jsonl").exists() else True, "the file of units is lines of JSON")
    page_text = b"".join(s.ask("GET", p)[2] for p in ("/", "/station.js"))
    for word in (b"<script>", b" style=", b" onclick", b" onload", b"eval(", b"innerHTML", b"document.write", b"insertAdjacentHTML"):
        parts = [page_text[max(0, i - 60):i + 60] for i in range(len(page_text)) if page_text.startswith(word, i)]
        check(word == b"innerHTML" or not parts, f"the page has {word}: {parts[:1]}")
    assigned = [line for line in (rig.ROOT / "rig/station/page/station.js").read_text().splitlines() if "innerHTML" in line]
    check(all("SHAPES[" in line or "innerHTML = ''" in line for line in assigned), f"markup is made of constants alone: {assigned}")
    s.end()


def who_may_listen(check):
    """Nobody but this computer, however the address is written."""
    s = Station()
    s.end()
    for listen in ("0.0.0.0:0", "192.168.1.5:8080", "[::]:8080", "::1:8080", "localhost:8080", ":8080", "128.0.0.1:8080", "127.1:8080", "0x7f000001:8080", "127.0.0.1", "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:80x", "127.0.0.1:8080 "):
        s.path.write_text(json.dumps({**s.config, "listen": listen}))
        done = subprocess.run([str(rig.PENRIG), "station", str(s.path)], capture_output=True, text=True, timeout=LIMIT_S)
        check(done.returncode == 2 and "listen" not in done.stdout and "station.json:" in done.stderr and ("127.0.0.1" in done.stderr), f"{listen}: {done.returncode}: {done.stderr}")
    s.config["listen"] = "127.0.0.1:0"
    s.start()
    open_at = subprocess.run(["ss", "-Hltnp"], capture_output=True, text=True, check=True).stdout
    mine = [line.split()[3] for line in open_at.splitlines() if f"pid={s.process.pid}," in line]
    check(mine == [s.host], f"one port, of this computer: {mine}")
    s.end()


def main():
    check = rig.Checks()
    for test in (ways_around, drops, texts, who_may_listen):
        try:
            test(check)
        except Exception as e:
            check(False, f"{test.__name__}: {type(e).__name__}: {e}")
        finally:
            Station.end_all()
    check.end()


if __name__ == "__main__":
    sys.exit(main())
