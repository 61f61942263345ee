#!/bin/sh
# The demo: a conformance run on the virtual bench, through real libusb and libserialport, in real time. On a bench whose pen has no plug of
# its own a script plays the operator.
# usage: B=build/dev [DUT=SERIAL] [BENCH=bought-supply] [OUT=out] demo.sh; exits as the run does
out=${OUT:-out}
dut=${DUT:-PEN-GOOD-01}
bench=fixtures/benches/${BENCH:-virtual-usb}.json
name=demo-$dut-$(date -u +%Y%m%dT%H%M%SZ)

run() { # the world's options, --, penrig's
	"$B/penrig-virtual" --bench "$bench" --dut "$dut" --truth "$out/$name.truth.jsonl" "$@" --bench "$bench" --dut "$dut" \
		--output-dir "$out" --name "$name"
}

attended() {
	desk=$(mktemp -d) || exit 6
	plan=bought
	grep -q '"dead_man": "device"' "$bench" || plan=bought-attended
	mkfifo "$desk/asked" "$desk/answers"
	echo 1 >"$desk/dial"
	tests/tools/demo_operator.sh "$dut" "$desk/dial" <"$desk/asked" >"$desk/answers" &
	run --dial "$desk/dial" -- "$B/penrig" run "fixtures/plans/$plan.json" --operator "A. Meier" --progress-fd 3 --answer-fd 4 \
		3>"$desk/asked" 4<"$desk/answers"
	status=$?
	wait
	rm -r "$desk"
}

[ -f "$bench" ] || {
	echo "BENCH=$BENCH: there is no $bench; for example BENCH=bought-supply" >&2
	exit 2
}
mkdir -p "$out" || exit 6
if grep -q '"power": {' "$bench"; then
	attended
else
	run -- "$B/penrig" run fixtures/plans/demo.json
	status=$?
fi
if [ -s "$out/$name.penrig" ]; then
	echo
	echo "look again:      $B/penrig show $out/$name.penrig"
	echo "as a page:       $B/penrig report $out/$name.penrig --format html"
	echo "what was true:   $out/$name.truth.jsonl"
fi
echo "exit code $status"
exit $status
