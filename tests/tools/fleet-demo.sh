#!/bin/bash
# The fleet's demo: a PostgreSQL server in a folder of its own (no port, no installed cluster touched), three virtual benches with
# an agent each, a plan for ten pens. Everything is gone at the end but the runs of the benches, in out/.
# usage: B=build/dev [FLEET_DUTS="SERIAL ..."] [OUT=out] fleet-demo.sh
set -eu
duts=${FLEET_DUTS:-PEN-GOOD-01 PEN-GOOD-02 PEN-DEEP-01 PEN-GOOD-03 PEN-SLOW-01 PEN-GOOD-04 PEN-GOOD-05 PEN-SHALLOW-01 PEN-GOOD-06 PEN-GOOD-07}
plan=fixtures/plans/ci-smoke.json
out=$PWD/${OUT:-out}/fleet-$(date -u +%Y%m%dT%H%M%SZ)
bin=$(ls -d /usr/lib/postgresql/*/bin | sort -t/ -k5 -n | tail -n 1)
dir=$(mktemp -d /tmp/penrig-fleet.XXXXXX) # a socket's path has to be short
own=()
pids=()
end() {
	trap - EXIT
	[ ${#pids[@]} -eq 0 ] || kill -INT "${pids[@]}" 2>/dev/null || true
	wait
	rm -rf "$dir"
}
trap end EXIT
trap 'exit 130' INT TERM

say() { printf '\n== %s\n' "$*"; }
# PostgreSQL insists on not being root.
if [ "$(id -u)" -eq 0 ]; then
	chown nobody "$dir"
	own=(setpriv --reuid=nobody "--regid=$(id -g nobody)" --clear-groups env -i "HOME=$dir" PATH=/usr/bin:/bin LC_ALL=C.UTF-8 TZ=UTC)
fi
as_server() { (cd "$dir" && exec "${own[@]}" "$@"); }

say "a server in $dir"
as_server "$bin/initdb" -D "$dir/data" -U admin -A trust -E UTF8 --locale=C.UTF-8 --no-sync --no-instructions >/dev/null
(cd "$dir" && exec "${own[@]}" "$bin/postgres" -D "$dir/data" -c listen_addresses= -c "unix_socket_directories=$dir" >"$dir/log" 2>&1) &
pids+=($!)
for _ in $(seq 100); do
	"$bin/psql" -qAt -h "$dir" -U admin -c 'SELECT 1' postgres >/dev/null 2>&1 && break
	sleep 0.1
done
"$bin/psql" -q -h "$dir" -U admin -c 'CREATE DATABASE penrig' -c 'CREATE ROLE line LOGIN' -c 'CREATE ROLE ci LOGIN' postgres
admin="host=$dir dbname=penrig user=admin" ci="host=$dir dbname=penrig user=ci"
"$B/penrig" fleet init --db "$admin"
"$B/penrig" fleet admit ci --as submitter --site A --db "$admin"

say "three benches, an agent each"
for n in 1 2 3; do
	"$B/penrig" fleet admit line --as agent --site A --bench "bench-$n" --db "$admin"
	mkdir -p "$out/bench-$n"
	sed -e "s|\"name\": \"[^\"]*\"|\"name\": \"bench-$n\"|;s|\.\./phantoms|$PWD/fixtures/phantoms|" fixtures/benches/virtual-usb.json >"$out/bench-$n/bench.json"
	world=("$B/penrig-virtual" --bench "$out/bench-$n/bench.json" --seed "$n" --dut "{dut}" -- "$B/penrig")
	setsid "$B/penrig" agent "$out/bench-$n/bench.json" --db "host=$dir dbname=penrig user=line" --label model=demo --state "$out/bench-$n" \
		"${world[@]/#/--command=}" >"$out/bench-$n/agent.log" 2>&1 &
	pids+=($!)
done

say "a plan for ten pens"
for dut in $duts; do
	echo "penrig submit $plan --dut $dut --where model=demo: job $("$B/penrig" submit $plan --dut "$dut" --where model=demo --db "$ci")"
done

while "$B/penrig" jobs --db "$ci" | grep -qE '^[0-9]+ +(waiting|running)'; do
	say "$(date -u +%H:%M:%S)"
	"$B/penrig" jobs --db "$ci" | cut -c1-100
	"$B/penrig" benches --db "$ci" | cut -c1-100
	sleep 4
done

say "penrig jobs"
"$B/penrig" jobs --db "$ci" | cut -c1-160
say "penrig fleet units"
"$B/penrig" fleet units --db "$ci" | cut -c1-160
say "one query over all results: what did each bench find of the depth?"
"$bin/psql" -h "$dir" -U ci penrig <<'SQL'
SELECT bench, count(DISTINCT run) AS runs, count(*) AS results, round(avg(value)::numeric, 4) AS mean_mm, round(min(value)::numeric, 4) AS min_mm,
       round(max(value)::numeric, 4) AS max_mm, string_agg(DISTINCT dut, ' ') FILTER (WHERE outcome = 'fail') AS failed
  FROM penrig.device_result WHERE measurand = 'depth_error_mm' AND role LIKE '%pen%' AND recorded_at > now() - interval '1 day' GROUP BY bench ORDER BY bench;
SQL
echo "the benches' own runs and histories: $out"
! "$B/penrig" jobs --db "$ci" | grep -qE '^[0-9]+ +(failed|expired|cancelled)'
