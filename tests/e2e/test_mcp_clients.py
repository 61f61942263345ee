"""penrig mcp with clients that nobody here wrote: the protocol's own packages for Node, @modelcontextprotocol/sdk (the handshake) and
@modelcontextprotocol/client (requests that say their version). MCP_CLIENTS names a folder in which "npm install" put them; without
one this is skipped, for make check fetches nothing from npm."""
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import old_runs
import rig

CLIENT = """
import { Client as Sdk } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport as SdkPipe } from "@modelcontextprotocol/sdk/client/stdio.js";
import { Client } from "@modelcontextprotocol/client";
import { StdioClientTransport as Pipe } from "@modelcontextprotocol/client/stdio";
const [program, run, ...args] = process.argv.slice(2);
const told = {};
for (const [name, C, T, options] of [["sdk", Sdk, SdkPipe, {}], ["client", Client, Pipe, { versionNegotiation: { mode: { pin: "2026-07-28" } } }]]) {
  const client = new C({ name: "one of theirs", version: "1" }, options);
  await client.connect(new T({ command: program, args: ["mcp", ...args] }));
  const tools = (await client.listTools()).tools.map(t => t.name);
  const shown = await client.callTool({ name: "show", arguments: { run } });
  const refused = await client.callTool({ name: "show", arguments: { run: "/etc/passwd" } });
  let unknown = 0;
  try { await client.callTool({ name: "purge", arguments: {} }); } catch (error) { unknown = error.code; }
  const many = await Promise.all([1, 2, 3, 4].map(() => client.callTool({ name: "history", arguments: {} })));
  told[name] = { tools, shown: shown.structuredContent, refused: refused.isError, unknown, many: many.length };
  await client.close();
}
console.log(JSON.stringify(told));
"""


def main():
    home = Path(os.environ.get("MCP_CLIENTS", "/nonexistent"))
    if not shutil.which("node") or not (home / "node_modules/@modelcontextprotocol/client").is_dir() or not (home / "node_modules/@modelcontextprotocol/sdk").is_dir():
        print("skipped: MCP_CLIENTS names no folder with @modelcontextprotocol/sdk and /client of npm, or there is no node")
        sys.exit(77)
    check = rig.Checks()
    where = Path(tempfile.mkdtemp(prefix="pr"))
    run = old_runs.unpack(sorted(old_runs.DATA.glob("runs-*"))[-1], "fail-slow", where)
    (where / "client.mjs").write_text(CLIENT)
    (where / "node_modules").symlink_to(home / "node_modules")
    done = subprocess.run(["node", "client.mjs", str(rig.PENRIG), str(run), "--root", str(where), "--state", str(where)], capture_output=True, text=True, timeout=120, cwd=where)
    if check(done.returncode == 0, f"they came through: {done.stderr[-800:]}"):
        own = json.loads(subprocess.run([str(rig.PENRIG), "show", "--json", str(run)], capture_output=True, text=True, check=True).stdout)
        for name, told in json.loads(done.stdout).items():
            check(told["shown"] == {"exit_code": 0, "output": own}, f"{name}: the report as penrig show prints it")
            check(told["refused"] and told["unknown"] == -32602 and told["many"] == 4, f"{name}: {told['refused']} {told['unknown']} {told['many']}")
            check(told["tools"] == ["list", "check", "show", "history", "trend", "compare"], f"{name}: {told['tools']}")
    check.end()


if __name__ == "__main__":
    main()
