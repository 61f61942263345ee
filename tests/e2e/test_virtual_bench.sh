#!/bin/bash
# The virtual bench, depth B: programs that know nothing of penrig see and use its devices through the real libusb, libudev
# and serial stack. Environment: B (build folder), PYTHON.
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
B=${B:-$root/build/dev} PYTHON=${PYTHON:-/usr/bin/python3}
case $B in /*) ;; *) B=$root/$B ;; esac
here=$root/tests/e2e
passed=0 failed=0 skipped=0
work=$(mktemp -d /tmp/penrig-test.XXXXXX) || exit 1
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
mkdir -m 1777 "$work/tmp"
export TMPDIR=$work/tmp # short, and empty again after every test
V=$B/penrig-virtual
[ -x "$V" ] || { echo "no $V: run make"; exit 1; }

check() { # NAME WANTED GOT: every line of WANTED is a line of GOT
	local line
	while IFS= read -r line; do
		if ! grep -qxF -- "$line" <<<"$3"; then
			printf 'FAIL %s\n  missing: %s\n  got:\n%s\n' "$1" "$line" "$3"
			failed=$((failed + 1))
			return 1
		fi
	done <<<"$2"
	passed=$((passed + 1))
}
check_clean() { # NAME: nothing is left in TMPDIR
	check "$1: its folder is gone" "left:" "left:$(ls -A "$TMPDIR")"
}
skip() {
	echo "SKIP $1"
	skipped=$((skipped + 1))
}

if ! cc -O1 -g "$here/usb_probe.c" $(pkg-config --cflags --libs libusb-1.0) -o "$work/usb_probe" 2>"$work/cc.log"; then
	cat "$work/cc.log"
	exit 1
fi
probe=$work/usb_probe
serial=$root/fixtures/benches/virtual-serial.json
usb=$root/fixtures/benches/virtual-usb.json

# ---- seen and used by strangers
out=$("$V" -- lsusb 2>&1) # names and classes come from the computer's list, where it has one
check "lsusb" "Bus 001 Device 002: ID 1209:0001
Bus 001 Device 003: ID 1209:0002" "$(cut -d' ' -f1-6 <<<"$out")"
out=$("$V" --bench "$serial" -- lsusb -t 2>&1)
check "lsusb -t: cdc_acm sits on the adapters" "4" "$(grep -c 'Driver=cdc_acm' <<<"$out")"
out=$("$V" -- lsusb -v -d 1209:0001 2>/dev/null)
check "lsusb -v opens the pen" "  iSerial                 3 PEN-GOOD-01
      bInterfaceClass       254" "$(grep -oE ' *iSerial .*| *bInterfaceClass +[0-9]+' <<<"$out")"

visa="rate 123.0
error 0,\"No error\"
refused True"
idn="idn penrig,Virtual pen,PEN-GOOD-01,1.0"
out=$("$V" --bench "$usb" -- "$PYTHON" "$here/virtual_visa.py" USB0::0x1209::0x0001::PEN-GOOD-01::0::INSTR 2>&1)
check "pyvisa over USBTMC" "$idn
$visa" "$out"
check "pyvisa over USBTMC: the refused setpoint changed nothing" "2" "$(grep -cx 'rate 123.0' <<<"$out")"
out=$("$V" --bench "$serial" -- "$PYTHON" "$here/virtual_visa.py" ASRL/dev/ttyACM0::INSTR 2>&1)
check "pyvisa over serial" "$idn
$visa" "$out"

# ---- libusb: claims, cancel, unplug, replug
wanted="second-claim=LIBUSB_ERROR_BUSY
cancelled=8 ended=1 again=LIBUSB_ERROR_NOT_FOUND
queued=8
left=1 ended=1 gone=8 other=0
new-address=1"
out=$("$V" --fault unplug:sensor@#150,back=0.5 -- "$probe" 1209:0002 session 2>&1)
check "libusb on the sensor" "$wanted" "$out"
out=$("$V" --fault unplug:pen@#150,back=0.5 -- "$probe" 1209:0001 session 2>&1)
check "libusb on the pen, usbtmc detached first" "$wanted" "$out"
"$V" -- "$probe" 1209:0002 control

mkfifo "$work/fifo"
out=$("$V" --fault unplug:sensor@#300 -- sh -c \
	"'$probe' 1209:0002 watch >'$work/fifo' & exec 3<'$work/fifo'; read -r x <&3; '$probe' 1209:0002 lost; cat <&3; wait" 2>&1)
check "two clients both hear of the unplug" "saw-left=1
left=1 ended=1 gone=8 other=0" "$out"

# ---- either side dies
"$V" -- "$probe" 1209:0002 lost >"$work/fifo" 2>&1 &
virtual=$!
exec 3<"$work/fifo"
read -r line <&3
kill -KILL "$virtual"
wait "$virtual" 2>/dev/null
check "a killed simulator is an unplug" "queued=8
left=1 ended=1 gone=8 other=0" "$line
$(cat <&3)"
exec 3<&-
rm -rf "$TMPDIR"/penrig-*

"$V" -- sh -c "'$probe' 1209:0002 lost >'$work/fifo' & exec 3<'$work/fifo'; read -r x <&3; kill -KILL \$!; kill -KILL \$\$"
check "a killed client: 128 + 9" "137" "$?"
check_clean "a killed client"
out=$("$V" -- sh -c "'$probe' 1209:0002 lost >'$work/fifo' & exec 3<'$work/fifo'; read -r x <&3; kill -KILL \$!
	wait; '$probe' 1209:0002 control" 2>&1)
check "after a killed client the device is free" "control ok" "$(grep -q control_us <<<"$out" && echo control ok || echo "$out")"

# ---- status and signals
status() {
	"$@" >"$work/out" 2>&1
	echo $?
}
check "exit status" "7" "$(status "$V" -- sh -c 'exit 7')"
check "command not found" "127" "$(status "$V" -- no-such-command)"
check "command not runnable" "126" "$(status "$V" -- /etc/passwd)"
check "usage" "2" "$(status "$V")"
check "a wrong fault" "2" "$(status "$V" --fault no-such-fault -- true)"
check "a wrong bench file" "2" "$(status "$V" --bench /nonexistent.json -- true)"
check "version" "penrig-virtual" "$("$V" --version | cut -d' ' -f1)"
if [ ! -e /sys/devices/platform/vhci_hcd.0 ]; then
	check "--vhci where the kernel has no such controller" "1 penrig-virtual: this kernel has no virtual host controller: sudo modprobe vhci-hcd" \
		"$(status "$V" --vhci -- true) $(cut -d'(' -f1 "$work/out" | sed 's/ $//')"
fi
check_clean "failures"
for signal in TERM HUP INT QUIT; do
	"$V" -- "$PYTHON" -c "
import signal, sys
signal.signal(signal.SIG$signal, lambda n, f: sys.exit(40 + n))
print('ready', flush=True)
signal.pause()" >"$work/fifo" 2>&1 &
	virtual=$!
	read -r line <"$work/fifo"
	kill -"$signal" "$virtual"
	wait "$virtual"
	got=$?
	check "SIG$signal reaches the client" "$((40 + $(kill -l "$signal")))" "$got"
done
out=$(timeout 60 "$PYTHON" "$here/virtual_terminal.py" "$V" "$serial" 2>&1)
check "Ctrl-Z and Ctrl-C at a terminal" "stopped True
interrupts 1 True
status 0" "$out"
check_clean "signals"

# ---- serial
out=$("$V" --bench "$serial" -- "$PYTHON" "$here/virtual_serial.py" talk 2>&1)
check "serial by its stable name" "real True
lines True True True
$idn" "$out"
out=$("$V" --bench "$serial" -- "$PYTHON" "$here/virtual_serial.py" wrong_baud 2>&1)
check "a wrong baud rate is garbage, then not" "garbled True
$idn" "$out"
out=$("$V" --bench "$serial" --fault unplug:pen@#30 -- "$PYTHON" "$here/virtual_serial.py" unplug 2>&1)
check "serial unplug" "hup True
reopen: ENOENT
by-id []" "$out"
out=$("$V" --bench "$serial" -- sh -c 'stty -F /dev/ttyACM0 57600; stty -F /dev/ttyACM0 speed' 2>&1)
check "a port keeps its settings" "57600" "$out"

# ---- as nobody, where this runs as root
unprivileged() {
	"$@"
}
if [ "$(id -u)" -eq 0 ]; then
	cp "$V" "$B/libpenrig-shim.so" "$here/virtual_serial.py" "$here/virtual_visa.py" "$work/"
	mkdir "$work/fixtures"
	cp -r "$root/fixtures/benches" "$root/fixtures/phantoms" "$work/fixtures/"
	serial=$work/fixtures/benches/virtual-serial.json
	chmod -R a+rX "$work"
	unprivileged() {
		local program=$1
		shift
		HOME=/ setpriv --reuid=65534 --regid=65534 --clear-groups "$work/$(basename "$program")" "$@"
	}
	py=$work
else
	py=$here
fi
cd /
out=$(unprivileged "$V" --fault unplug:sensor@#150,back=0.5 -- "$probe" 1209:0002 session 2>&1)
check "unprivileged libusb" "$wanted" "$out"
out=$(unprivileged "$V" -- "$PYTHON" "$py/virtual_visa.py" USB0::0x1209::0x0001::PEN-GOOD-01::0::INSTR 2>&1)
check "unprivileged pyvisa" "$idn
$visa" "$out"
out=$(unprivileged "$V" --bench "$serial" -- "$PYTHON" "$py/virtual_serial.py" exclusive 2>&1)
check "TIOCEXCL keeps others out and dies with its holder" "second open: EBUSY
after kill: ok" "$out"
check_clean "unprivileged"

check "-- is no option's value" "penrig-virtual: -- stands where an option's value should" "$("$V" --dut -- true 2>&1)"

# ---- a client under AddressSanitizer
if cc -g -fsanitize=address "$here/usb_probe.c" $(pkg-config --cflags --libs libusb-1.0) -o "$work/usb_probe_asan" 2>/dev/null; then
	out=$("$V" --fault unplug:sensor@#150,back=0.5 -- "$work/usb_probe_asan" 1209:0002 session 2>&1)
	check "a client under AddressSanitizer" "$wanted" "$out"
else
	skip "AddressSanitizer is not here"
fi

# ---- costs nothing when nothing happens: CPU time of bench and client while 8 transfers wait for 3 s
TIMEFORMAT='%U %S'
used=$({ time "$V" -- "$probe" 1209:0002 idle >"$work/out" 2>&1; } 2>&1)
cat "$work/out"
echo "cpu_s=$used"
check "idle: under 0.5 s of CPU in 3 s" "ok" "$(awk '{ print $1 + $2 < 0.5 ? "ok" : $0 }' <<<"$used")"
check_clean "all"

echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
