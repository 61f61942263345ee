"""Object stores that nobody here wrote, each as a child of the test, in a folder of its own: OpenStack's swift with its S3 interface
(Debian), or s3rver (npm) where S3RVER names its program. And a client of a few lines, to look into them and to damage what is there."""
import datetime
import getpass
import hashlib
import hmac
import http.client
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import fleet

BUCKET = "pens"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def listens(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


class Client:
    """One signed request (AWS Signature Version 4) each; status and body."""

    def __init__(self, port, key, secret):
        self.port, self.key, self.secret = port, key, secret

    def ask(self, method, path, body=b""):
        now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
        digest, scope, host = hashlib.sha256(body).hexdigest(), f"{now[:8]}/us-east-1/s3/aws4_request", f"127.0.0.1:{self.port}"
        names = "host;x-amz-content-sha256;x-amz-date"
        canonical = f"{method}\n{path}\n\nhost:{host}\nx-amz-content-sha256:{digest}\nx-amz-date:{now}\n\n{names}\n{digest}"
        sign = f"AWS4-HMAC-SHA256\n{now}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        key = ("AWS4" + self.secret).encode()
        for word in scope.split("/"):
            key = hmac.new(key, word.encode(), hashlib.sha256).digest()
        signature = hmac.new(key, sign.encode(), hashlib.sha256).hexdigest()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=fleet.LIMIT_S)
        connection.request(method, path, body, {"Host": host, "x-amz-date": now, "x-amz-content-sha256": digest,
                                                "Authorization": f"AWS4-HMAC-SHA256 Credential={self.key}/{scope}, SignedHeaders={names}, Signature={signature}"})
        answer = connection.getresponse()
        return answer.status, answer.read()


class Swift:
    """Proxy, account, container and object server, one device, one copy."""
    KEY, SECRET = "test:tester", "sesame-opens-s3"
    PARTS = ("account", "container", "object")

    @staticmethod
    def missing():
        there = all(shutil.which(f"swift-{part}-server") for part in (*Swift.PARTS, "proxy")) and shutil.which("memcached")
        module = subprocess.run([sys.executable, "-c", "import swift.common.middleware.s3api.s3api"], capture_output=True, check=False).returncode == 0
        return None if there and module else "no swift is installed (packages swift-proxy, swift-account, swift-container, swift-object, memcached, python3-lxml)"

    def __init__(self, folder):
        self.folder, self.children = Path(folder), []
        self.ports = {part: free_port() for part in (*self.PARTS, "proxy")}
        self.port, self.memory = self.ports["proxy"], free_port()
        (self.folder / "srv/sda").mkdir(parents=True)
        for part in self.PARTS:
            self.write(part, f"[pipeline:main]\npipeline = {part}-server\n[app:{part}-server]\nuse = egg:swift#{part}\n")
        self.pipeline = ("[pipeline:main]\npipeline = catch_errors cache listing_formats s3api tempauth bulk slo dlo proxy-server\n[app:proxy-server]\nuse = egg:swift#proxy\n"
                   f"account_autocreate = true\nallow_account_management = true\n[filter:s3api]\nuse = egg:swift#s3api\nlocation = us-east-1\n[filter:cache]\nuse = egg:swift#memcache\nmemcache_servers = 127.0.0.1:{self.memory}\n[filter:tempauth]\nuse = egg:swift#tempauth\n"
                   f"user_test_tester = {self.SECRET} .admin\n" + "".join(f"[filter:{f}]\nuse = egg:swift#{f}\n" for f in ("catch_errors", "listing_formats", "bulk", "slo", "dlo")))
        self.write("proxy", self.pipeline)
        self.rings()
        self.start()

    def rings(self):
        """In one process: its libraries take seconds to load."""
        words = [sys.executable, "-c", "import sys\nfrom swift.common.ring import RingBuilder\nfor word in sys.argv[1:]:\n    part, port = word.split('=')\n    b = RingBuilder(2, 1, 0)\n"
                 "    b.add_dev({'region': 1, 'zone': 1, 'ip': '127.0.0.1', 'port': int(port), 'device': 'sda', 'weight': 1, 'meta': '', 'replication_ip': '127.0.0.1', 'replication_port': int(port)})\n"
                 "    b.rebalance()\n    b.get_ring().save(part + '.ring.gz')\n", *(f"{part}={self.ports[part]}" for part in self.PARTS)]
        subprocess.run(words, cwd=self.folder, check=True, capture_output=True)

    def write(self, part, text, port=None, more=""):
        (self.folder / f"{part}.conf").write_text(f"[DEFAULT]\nbind_ip = 127.0.0.1\nbind_port = {port or self.ports[part]}\n{more}workers = 0\nuser = {getpass.getuser()}\nswift_dir = {self.folder}\n"
                                                  f"devices = {self.folder}/srv\nmount_check = false\ndisable_fallocate = true\nfallocate_reserve = 0\nlog_address = {self.folder}/none\n{text}")

    def serve(self, part, conf):
        self.children.append(subprocess.Popen([f"swift-{part}-server", self.folder / f"{conf}.conf"], cwd=self.folder, stdin=subprocess.DEVNULL, stdout=(self.folder / "log").open("a"),
                                              stderr=subprocess.STDOUT, preexec_fn=fleet.dies_with_us))

    def over_tls(self, folder):
        """Its proxy once more, with server.pem and server.key; the port."""
        port = free_port()
        self.write("tls", self.pipeline, port, f"cert_file = {folder}/server.pem\nkey_file = {folder}/server.key\n")
        self.serve("proxy", "tls")
        fleet.until("swift over TLS", lambda: listens(port))
        return port

    def start(self):
        self.children = [subprocess.Popen(["memcached", "-u", getpass.getuser(), "-l", "127.0.0.1", "-p", str(self.memory), "-U", "0", "-m", "16", "-t", "1"], preexec_fn=fleet.dies_with_us)]
        for part in self.ports:
            self.serve(part, part)
        for part, port in self.ports.items():
            fleet.until(f"swift's {part}", lambda p=port: listens(p))
        self.client = Client(self.port, self.KEY, self.SECRET)
        status, body = self.client.ask("PUT", f"/{BUCKET}")
        if status not in (200, 409):
            raise RuntimeError(f"no bucket: {status} {body} {(self.folder / 'log').read_text()[-2000:]}")

    def stop(self):
        for child in self.children:
            child.kill()
            child.wait()
        self.children = []


class S3rver:
    KEY, SECRET = "S3RVER", "S3RVER"

    @staticmethod
    def missing():
        return None if os.environ.get("S3RVER") and shutil.which("node") else "S3RVER names no program"

    def __init__(self, folder):
        self.folder, self.port, self.children = Path(folder), free_port(), []
        self.folder.mkdir()
        self.start()

    def start(self):
        self.children = [subprocess.Popen(["node", os.environ["S3RVER"], "-d", self.folder / "data", "-a", "127.0.0.1", "-p", str(self.port), "--no-vhost-buckets", "--configure-bucket", BUCKET],
                                          stdin=subprocess.DEVNULL, stdout=(self.folder / "log").open("a"), stderr=subprocess.STDOUT, preexec_fn=fleet.dies_with_us)]
        fleet.until("s3rver", lambda: listens(self.port))
        self.client = Client(self.port, self.KEY, self.SECRET)

    stop = Swift.stop


def kind():
    return S3rver if os.environ.get("S3RVER") else Swift


def why_none():
    """None: there is one."""
    return kind().missing()


def any_server(folder):
    return kind()(folder)
