#!/bin/bash
# The command line from outside: exit codes, messages with their remedy, output that does not arrive, --json, show, signals.
# Runs on the virtual clock (penrig-a) where a bench is needed. B and ROOT come from run-tests.sh.
set -u
penrig=$B/penrig
a=$B/tests/penrig-a
demo=$ROOT/fixtures/plans/demo.json
passed=0 failed=0
# a copy: a bench is locked while a run is on it, and other tests use the shipped one
bench=$PWD/bench.json
sed "s|\.\./phantoms|$ROOT/fixtures/phantoms|" "$ROOT/fixtures/benches/virtual-usb.json" >"$bench"
unset PENRIG_BENCH NO_COLOR
export LC_ALL=C.UTF-8

ok() { passed=$((passed + 1)); }
bad() {
	failed=$((failed + 1))
	echo "FAILED: $*"
	sed 's/^/    out: /' out | head -n 15
	sed 's/^/    err: /' err | head -n 15
}
# expect CODE TEXT COMMAND...: exit code, and TEXT (a fixed string) somewhere in what it printed
expect() {
	local code=$1 text=$2 got
	shift 2
	"$@" >out 2>err </dev/null
	got=$?
	if [ $got -ne "$code" ]; then
		bad "exit $got instead of $code: $*"
	elif ! grep -qF -- "$text" out err; then
		bad "does not say \"$text\": $*"
	else
		ok
	fi
}
truth() { if "${@:2}"; then ok; else bad "$1"; fi; }

# ---- usage
expect 2 "usage: penrig COMMAND" "$penrig"
expect 0 "usage: penrig COMMAND" "$penrig" --help
truth "the list of commands fits 80 columns" test -z "$("$penrig" help | awk 'length > 80')"
expect 0 "penrig 0" "$penrig" --version
expect 2 'did you mean "list"?' "$penrig" lsit
expect 2 'did you mean "--bench"?' "$penrig" run --bnech x plan.json
expect 2 "PLAN is missing" "$penrig" run
expect 2 "--bench is missing" "$penrig" run "$demo" --dut X
expect 2 "--dut is missing" "$penrig" run "$demo" --bench "$bench"
expect 2 "no such format" "$penrig" run "$demo" --bench "$bench" --dut X --report pdf
expect 2 "must be KEY=VALUE" "$penrig" run "$demo" --bench "$bench" --dut X --attr novalue
expect 2 "without control characters" "$penrig" run "$demo" --bench "$bench" --dut X --lot $'a\033b'
expect 2 "--progress-fd 77: not open" "$penrig" run "$demo" --bench "$bench" --dut X --progress-fd 77
expect 2 "must be the number of an open descriptor" "$penrig" run "$demo" --bench "$bench" --dut X --progress-fd three
expect 2 "nosuch.json" "$penrig" run nosuch.json --bench "$bench" --dut X
expect 2 "nosuch.json" "$penrig" check "$demo" --bench nosuch.json
expect 2 "nosuch.penrig" "$penrig" show nosuch.penrig
expect 2 "RUNFILE... is missing" "$penrig" report
for command in run check list show report analyze plot export import calibrate version help; do
	expect 0 "usage: penrig $command" "$penrig" "$command" --help
	expect 0 "usage: penrig $command" "$penrig" help "$command"
	"$penrig" help --man "$command" >page.scd
	truth "the manual page of $command is not what scdoc takes" eval 'scdoc <page.scd >page.1 2>err && [ -s page.1 ]'
done
expect 0 "depth_hysteresis_mm       mm    sweep        force" "$penrig" help measurands
expect 0 "strokes per second; judged: realised or nominal, as the plan says" "$penrig" help measurands
expect 0 "highest temperature over the room's; of handle and tip; judged on a thermal basis" "$penrig" help measurands
expect 2 "help measurands" "$penrig" help run --json
"$penrig" help --man penrig >page.scd
truth "penrig(1) is not what scdoc takes" eval 'scdoc <page.scd >page.1 2>err && [ -s page.1 ]'
"$penrig" help --completion >completion
truth "the completion is not a bash script" bash -n completion
truth "the completion offers help's topic" bash -c '. ./completion; COMP_WORDS=(penrig help meas); COMP_CWORD=2; _penrig; [ "${COMPREPLY[*]}" = measurands ]'
completes() { # WORDS... OFFERED: what stands behind the last word of the line
	WORDS="${*:1:$#-1}" OFFERED=${*: -1} bash -c '. ./completion; COMP_WORDS=($WORDS ""); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _penrig; [ "${COMPREPLY[*]}" = "$OFFERED" ]'
}
truth "the completion offers the formats of a report" completes penrig report --format "json junit text html csv strokes tap prom jsonl dfq wsjf atml openhtf dcc pdf"
truth "the completion offers the formats of an export" completes penrig export --format "csv npy hdf5 wav"
truth "the completion offers the formats of a recording" completes penrig import -f "auto wav npy hdf5 csv i16 i32"
truth "the completion offers run's options" bash -c '. ./completion; COMP_WORDS=(penrig run --du); COMP_CWORD=2; _penrig; [ "${COMPREPLY[*]}" = --dut ]'

# ---- output that does not arrive is no success
if [ -e /dev/full ]; then
	expect 6 "cannot write to standard output" bash -c '"$0" version >/dev/full' "$penrig"
fi
expect 6 "cannot write to standard output" bash -c '"$0" version >&-' "$penrig"

# ---- check
expect 0 "duration   about" "$penrig" check "$demo" --bench "$bench"
expect 0 " <= 0, guard band" "$penrig" check "$demo" --bench "$bench"
expect 0 "clock      taken at its specification of +-10 ppm; a run of this length shows one that is more than about" "$penrig" check "$demo" --bench "$bench"
cat >lax.json <<'END'
{ "kind": "penrig/plan/1", "name": "lax", "steps": [
  { "depth_mm": 1, "rate_hz": 120, "measure_s": 1, "limits": [{ "measurand": "missed_strokes", "unit": "1", "upper": 0 }] },
  { "name": "look", "depth_mm": 1, "rate_hz": 120, "measure_s": 1, "limits": [{ "measurand": "peak_force_n", "unit": "N", "upper": 4, "required": false }] }] }
END
expect 0 "WARNING: no limit is required in this step" bash -c '"$0" check lax.json | grep -A 3 "step 2: look"' "$penrig"
sed 's/, "required": false//' lax.json >strict.json
expect 0 "0 warnings" bash -c 'echo $("$0" check strict.json | grep -c WARNING) warnings' "$penrig"
expect 0 "run file   about" env PENRIG_BENCH="$bench" "$penrig" check "$demo"
sed 's/"depth_mm"/"dpeth_mm"/' "$demo" >wrong.json
expect 2 'did you mean "depth_mm"' "$penrig" check wrong.json --bench "$bench"
truth "the message names line and column" grep -qE 'wrong\.json:[0-9]+:[0-9]+: ' err
sed 's/2026-01-15/2020-01-15/; s/2099-12-31/2020-12-31/' "$bench" >overdue.json
expect 8 "overdue.json:" "$penrig" check "$demo" --bench overdue.json

# ---- run, on the virtual clock
run_a() { # world options, then --, then options of run
	local world=()
	while [ "$1" != -- ]; do world+=("$1"); shift; done
	shift
	"$a" --bench "$bench" "${world[@]}" -- run "$demo" --bench "$bench" --no-input "$@"
}
expect 0 "verdict: PASS" run_a -- --dut PEN-GOOD-01 --output-dir good --name good --operator "J. Doe" --lot L7 --attr shift=late --report junit
truth "the files stand where they were said to be" test -s good/good.penrig -a -s good/good.report.json -a -s good/good.junit.xml
truth "no journal file is left" test ! -e good/good.penrig-wal -a ! -e good/good.penrig-shm
truth "who and what entered the report" "$PYTHON" -c '
import json
text = open("good/good.report.json").read()
assert json.loads(text)["dut_verdict"] == "pass"
for word in ("J. Doe", "L7", "shift", "late", "PEN-GOOD-01"):
    assert word in text, word'
expect 2 "choose another name" run_a -- --dut PEN-GOOD-01 --output-dir good --name good
expect 1 "verdict: FAIL, depth" run_a --virtual-dut PEN-DEEP-01 -- --dut PEN-DEEP-01 --output-dir deep
truth "the report says fail" grep -q '"dut_verdict": "fail"' deep/*.report.json
run_a --virtual-dut PEN-DEEP-01 -- --dut PEN-DEEP-01 --output-dir quiet --quiet >out 2>err
truth "--quiet names each failure" test "$(grep -cE '(^  fail:|FAIL,) depth_error_mm at point [1-6] \(' out)" -eq 6
truth "and says no reason twice" test -z "$(sed 's/^verdict: [A-Z]*, /  fail: /; s/ (and [0-9]* more)$//' out | grep '^  fail:' | sort | uniq -d)"
"$penrig" show deep/*.penrig >out 2>err
truth "the verdict stands at the end of what show prints" test "$(tail -3 out | grep -c '^verdict: FAIL')" -eq 1
truth "and above it what failed, not the journal" test "$(tail -16 out | grep -c 'depth_error_mm (.*): fail')" -ge 1 -a "$(tail -16 out | grep -c '^ *[0-9.]*  item ')" -eq 0
expect 2 "plots are SVG" "$penrig" plot good/good.penrig --output x.pdf
truth "and no file is made" test ! -e x.pdf
"$penrig" export good/good.penrig --output "new folder/deep/x" >out 2>err
truth "export makes the folder that it is told" test -s "new folder/deep/x.strokes.csv"
truth "points of the journal count from 1" eval '"$penrig" show --journal good/good.penrig >out && grep -q "\"point\":1[,}]" out && grep -q "\"point\":6[,}]" out && ! grep -q "\"point\":0[,}]" out'
mkdir own-history
expect 8 "which is not there, and" run_a -- --dut PEN-OTHER --output-dir other --name other --report html --report csv --history own-history/h.db
truth "a mistyped serial number leaves nothing behind" test -z "$(ls -A other)"
truth "nor a run in the history" eval '! "$penrig" history --history own-history/h.db --json 2>/dev/null | grep -q PEN-OTHER'
expect 0 "verdict: PASS" run_a -- --dut PEN-GOOD-01 --output-dir other --name other --history own-history/h.db
truth "its name is free for the run that was meant" test -s other/other.penrig
sed 's/LC-2001/LC-2002/' "$bench" >nosensor.json
expect 4 "is not there" "$a" --bench "$bench" -- run "$demo" --bench nosensor.json --no-input --dut PEN-GOOD-01 --output-dir nosensor
truth "why a run ended is said once" eval '[ "$("$a" --bench "$bench" -- run "$demo" --bench nosensor.json --no-input --dut PEN-GOOD-01 --output-dir nosensr -q 2>/dev/null | grep -c "is not there")" -eq 1 ]'
sed 's/usb:1209:0001:{dut}/usb:port=1-1/' "$bench" >port.json
expect 8 "no pen was tested, so no run file and no report are left" "$a" --bench "$bench" -- run "$demo" --bench port.json --no-input --dut PEN-OTHER --output-dir port
truth "nor does one that the pen contradicts" test -z "$(ls -A port)"
expect 8 "overdue.json:" "$a" --bench "$bench" -- run "$demo" --bench overdue.json --no-input --dut PEN-GOOD-01 --output-dir overdue
truth "a refused run has a report too" grep -q '"run_status": "refused"' overdue/*.report.json
expect 6 "cannot make the output folder" run_a -- --dut PEN-GOOD-01 --output-dir /proc/nowhere

# ---- runs that begin in the same second: each has a name of its own, one that finds the bench in use too
for i in 1 2 3; do
	sed 's/"name": "[^"]*"/"name": "bench '$i'"/' "$bench" >"crowd$i.json"
	"$a" --bench "crowd$i.json" -- run "$demo" --bench "crowd$i.json" --no-input --dut PEN-GOOD-01 --output-dir crowd >"crowd$i.out" 2>&1 &
done
"$a" --bench crowd1.json -- run "$demo" --bench crowd1.json --no-input --dut PEN-GOOD-01 --output-dir crowd >crowd4.out 2>&1
wait
truth "no run wrote another's files" "$PYTHON" -c '
import glob, json, os, subprocess
reports = sorted(glob.glob("crowd/*.report.json"))
assert len(reports) == 4, reports
for path in reports:
    stem = path[: -len(".report.json")]
    report = json.load(open(path))
    assert report["name"] == os.path.basename(stem), path
    stored = subprocess.run([os.environ["B"] + "/penrig", "show", "--json", stem + ".penrig"], capture_output=True, text=True)
    if report["run_status"] != "refused":
        assert json.loads(stored.stdout) == report, path
    else:
        assert not os.path.exists(stem + ".penrig"), path
said = sorted(line.split()[1] for i in "1234" for line in open("crowd%s.out" % i) if line.startswith("report: "))
assert said == reports, said'

run_a -- --dut PEN-GOOD-01 --output-dir json --json >out 2>err
truth "--json prints the report and nothing else" "$PYTHON" -c 'import json; assert json.load(open("out"))["dut_verdict"] == "pass"'
truth "--json prints what is in the file" "$PYTHON" -c '
import glob, json
assert json.load(open("out")) == json.load(open(glob.glob("json/*.report.json")[0]))'
if [ -e /dev/full ]; then
	run_a -- --dut PEN-GOOD-01 --output-dir full --json >/dev/full 2>err
	truth "--json to a full device is no success" test $? -eq 6
fi

run_a -- --dut PEN-GOOD-01 --output-dir events --quiet --progress-fd 3 >out 2>err 3>events.jsonl
truth "events are JSON lines that end in the end" "$PYTHON" -c '
import json
events = [json.loads(line) for line in open("events.jsonl")]
assert events[-1]["event"] == "end" and events[-1]["exit_code"] == 0 and not events[-1]["stop_unverified"], events[-1]
points = [e for e in events if e["event"] == "point"]
assert points and len(points) == points[0]["points"] and all(e["outcome"] == "pass" for e in points)'
truth "--quiet leaves the verdict and the files" eval 'grep -q "^verdict: PASS" out && ! grep -q "^step" out && grep -q "^run file: events/" out'
truth "no escape sequences in a log" eval '! grep -q $'"'"'\033'"'"' out err'

# ---- show
expect 0 "verdict: PASS" "$penrig" show good/good.penrig
expect 0 "verified" "$penrig" show --verify good/good.penrig
expect 0 "begin" "$penrig" show --journal good/good.penrig
"$penrig" show --json good/good.penrig >out 2>err
truth "show --json gives the report as it was saved" "$PYTHON" -c '
import json
assert json.load(open("out")) == json.load(open("good/good.report.json"))'
echo "not a run file" >text.penrig
expect 6 "not a run file" "$penrig" show text.penrig
mkdir locked && cp good/good.penrig locked/ && chmod 555 locked
expect 0 "verdict: PASS" "$penrig" show locked/good.penrig
chmod 755 locked
truth "show leaves nothing behind" eval '[ "$(ls locked)" = good.penrig ]'

echo "$passed passed, $failed failed, 0 skipped"
[ $failed -eq 0 ]
