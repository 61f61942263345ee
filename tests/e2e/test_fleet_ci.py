"""The script of docs/ci.md as it stands there, over TLS that has to be verified, with a password that no list of processes shows; and what TLS must refuse."""
import os
import re
import shutil
import signal
import socket
import subprocess
import sys

import fleet
import rig
from fleet import Fleet

PASSWORD = "sesame-opens-7"


def openssl(folder, *args):
    subprocess.run(["openssl", *args], cwd=folder, check=True, capture_output=True)


def certificates(folder):
    """Two authorities of its own; a certificate for the name localhost by the first."""
    for name in ("ca", "other"):
        openssl(folder, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", f"/CN={name}", "-keyout", f"{name}.key",
                "-out", f"{name}.pem", "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=keyCertSign,cRLSign")
    openssl(folder, "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=db", "-keyout", "server.key", "-out", "server.csr")
    (folder / "ext").write_text("subjectAltName=DNS:localhost\nextendedKeyUsage=serverAuth\n")
    openssl(folder, "x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "ext", "-out", "server.pem")


def with_tls(f, folder):
    """The server again, on a port of its own, for TLS and passwords alone."""
    certificates(folder)
    data = f.server.folder / "data"
    for name in ("server.key", "server.pem"):
        shutil.copy(folder / name, data / name)
        if f.server.user:
            os.chown(data / name, f.server.user.pw_uid, f.server.user.pw_gid)
        os.chmod(data / name, 0o600)
    (data / "pg_hba.conf").write_text("local all all trust\nhostssl all all 127.0.0.1/32 scram-sha-256\n")
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    with (data / "postgresql.auto.conf").open("a") as settings:
        settings.write("ssl = on\nssl_cert_file = 'server.pem'\nssl_key_file = 'server.key'\nlog_statement = 'all'\n")
    f.server.sql(f"ALTER ROLE ci PASSWORD '{PASSWORD}'")
    f.server.stop()
    f.server.more = ["-c", "listen_addresses=127.0.0.1", "-c", f"port={port}"]
    f.server.port = port
    f.server.start()
    return port


def refused(check, f, folder, port):
    good = {"host": "localhost", "port": port, "dbname": "penrig", "user": "ci", "sslmode": "verify-full", "sslrootcert": folder / "ca.pem"}
    passfile = folder / "pass"
    passfile.write_text(f"localhost:{port}:penrig:ci:{PASSWORD}\n")
    wrong = folder / "wrong"
    wrong.write_text(f"localhost:{port}:penrig:ci:guess\n")
    for path in (passfile, wrong):
        path.chmod(0o600)
    rows = (({}, passfile, 0, ""), ({"sslrootcert": folder / "other.pem"}, passfile, 6, "certificate verify failed"), ({"sslrootcert": folder / "none.pem"}, passfile, 6, "does not exist"),
            ({"host": "127.0.0.1"}, passfile, 6, "does not match"), ({"sslmode": "require"}, passfile, 2, "verify-full"), ({"sslmode": "disable"}, passfile, 2, "verify-full"),
            ({}, wrong, 6, "authentication failed"), ({}, folder / "no-such", 6, "no password supplied"))
    for change, secret, code, why in rows:
        db = " ".join(f"{k}={v}" for k, v in {**good, **change}.items())
        done = subprocess.run([str(rig.PENRIG), "jobs", "--db", db], capture_output=True, text=True, env={**os.environ, "PGPASSFILE": str(secret)}, timeout=fleet.LIMIT_S)
        check(done.returncode == code and why in done.stderr and PASSWORD not in done.stdout + done.stderr, f"{change} {secret.name}: {done.returncode} {done.stderr}")
    return " ".join(f"{k}={v}" for k, v in good.items())


def the_script(folder):
    text = (rig.ROOT / "docs/ci.md").read_text()
    script = re.search(r"test_fleet_ci\.py -->\n```sh\n(.*?)```", text, re.S).group(1)
    path = folder / "bench-test.sh"
    path.write_text(script)
    path.chmod(0o755)
    return path


def begin(script, folder, db, port, dut):
    folder.mkdir()
    environment = {**os.environ, "PENRIG_DB": db, "PENRIG_PASSWORD_LINE": f"localhost:{port}:penrig:ci:{PASSWORD}", "PLAN": str(fleet.SMOKE), "WHERE": "site=A",
                   "PATH": f"{rig.B}:{os.environ['PATH']}", "TMPDIR": str(folder)}
    return subprocess.Popen([str(script), dut], cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, preexec_fn=fleet.dies_with_us)


def command_lines():
    found = ""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            found += open(f"/proc/{pid}/cmdline", errors="replace").read()
        except OSError:
            pass
    return found


def ci_jobs(check, f, folder, db, port):
    script, agent = the_script(folder), f.agents[0]
    agent.start()
    for dut, code in (("PEN-GOOD-01", 0), ("PEN-DEEP-01", 1)):
        process = begin(script, folder / dut, db, port, dut)
        said, _ = process.communicate(timeout=fleet.LIMIT_S)
        files = sorted(p.name.split(".", 1)[1] for p in (folder / dut / "bench-out").iterdir())
        check(process.returncode == code and "junit.xml" in files and "penrig" in files, f"{dut}: {process.returncode} {files} {said}")
        check(PASSWORD not in said and not any(PASSWORD.encode() in p.read_bytes() for p in (folder / dut).rglob("*") if p.is_file()), f"{dut}: no password is left behind")
    agent.end()
    process = begin(script, folder / "cancelled", db, port, "PEN-GOOD-01")
    job = fleet.until("the job", lambda: max((j for j, row in f.jobs().items() if row["state"] == "waiting"), default=0))
    check(PASSWORD not in command_lines(), "no list of processes shows the password")
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=fleet.LIMIT_S)
    check(process.returncode == 143 and f.jobs()[job]["state"] == "cancelled", f"SIGTERM: {process.returncode} {f.jobs()[job]}")
    check(PASSWORD not in agent.said() and PASSWORD not in (f.server.folder / "log").read_text().split("ssl_key_file", 1)[-1], "nor does any log")


def main():
    fleet.skip_without_postgres()
    check = rig.Checks()
    f = Fleet(1)
    try:
        port = with_tls(f, f.folder)
        db = refused(check, f, f.folder, port)
        ci_jobs(check, f, f.folder, db, port)
    except Exception as e:
        check(False, f"{type(e).__name__}: {e}")
    finally:
        f.end()
    check.end()


if __name__ == "__main__":
    sys.exit(main())
