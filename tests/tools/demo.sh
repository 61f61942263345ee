#!/bin/sh
# The demo: a conformance run on the virtual bench, through real libusb and libserialport, in real time.
# usage: B=build/dev [DUT=SERIAL] [OUT=out] demo.sh; exits as the run does
out=${OUT:-out}
dut=${DUT:-PEN-GOOD-01}
bench=fixtures/benches/virtual-usb.json
name=demo-$dut-$(date -u +%Y%m%dT%H%M%SZ)
mkdir -p "$out" || exit 6
"$B/penrig-virtual" --bench $bench --dut "$dut" --truth "$out/$name.truth.jsonl" -- \
	"$B/penrig" run fixtures/plans/demo.json --bench $bench --dut "$dut" --output-dir "$out" --name "$name"
status=$?
if [ -s "$out/$name.penrig" ]; then
	echo
	echo "look again:      $B/penrig show $out/$name.penrig"
	echo "as a page:       $B/penrig report $out/$name.penrig --format html"
	echo "what was true:   $out/$name.truth.jsonl"
fi
echo "exit code $status"
exit $status
