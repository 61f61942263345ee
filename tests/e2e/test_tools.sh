#!/bin/bash
# The tools that guard the rest must themselves be able to fail: lint on a tree with one mistake each, the test runner on tests that
# pass, fail, skip, hang and crash, the installer of packages with an apt that only writes down what it is told.
set -u
tools=$ROOT/tests/tools
passed=0 failed=0
check() { # TEXT CONDITION...
	if "${@:2}"; then passed=$((passed + 1)); else failed=$((failed + 1)); echo "FAILED: $1"; cat out; fi
}
says() { grep -qF -- "$1" out; }

# ---- lint
mkdir -p tree && cd tree || exit 1
mkdir -p rig/{base,link,driver,measure,config,record,judge,runfile,session,cli,attic} drivers/x reports fixtures/virtual tests/tools docs packaging clients
cp "$ROOT/.clang-format" .
cp "$tools/rooms.mk" tests/tools
touch Makefile LICENSE
echo '[rooms](docs/architecture.md)' >README.md
find rig drivers reports -mindepth 1 -type d -printf '`%p/`\n' >docs/architecture.md
lint() { env -u CI "$tools/lint.sh" >out 2>&1; }
mistake() { # FILE WHAT TEXT
	printf '%b' "$3" >"$1"
	lint
	check "lint passes: $2" test $? -ne 0
	check "lint does not name $1: $2" says "$1:"
	rm "$1"
}
lint
check "lint does not pass a clean tree" test $? -eq 0
mistake rig/base/a.c "layout" 'int  a;\n'
mistake rig/base/a.c "base includes config" '#include "rig/config/plan.h"\n'
mistake rig/measure/a.c "measure includes the loop" '#include "rig/base/loop.h"\n'
mistake rig/session/a.c "the session includes a driver" '#include "drivers/x/wire.h"\n'
mistake drivers/x/a.c "a driver includes config" '#include "rig/config/plan.h"\n'
mistake fixtures/virtual/a.c "the virtual bench uses a driver's parser" '#include "drivers/x/device.h"\n'
mistake rig/session/a.c "SQLite outside its file" '#include <sqlite3.h>\n'
mistake rig/link/a.c "cJSON outside its file" '#include <cJSON.h>\n'
mistake rig/session/a.c "the product knows of virtual devices" 'int is_virtual;\n'
mistake rig/session/a.c "printing" '#include <stdio.h>\nvoid a(void)\n{\n        printf("a");\n}\n'
mistake drivers/x/a.c "exiting" '#include <stdlib.h>\nvoid a(void)\n{\n        exit(1);\n}\n'
mistake rig/base/a.c "a long function" "void a(void)\n{\n$(printf '        ;\\n%.0s' {1..70})}\n"
mistake rig/runfile/a.c "along a floor" '#include "rig/judge/verdict.h"\n'
mistake rig/record/a.c "up" '#include "rig/session/session.h"\n'
mistake rig/driver/a.c "a header that the line does not name" '#include "rig/link/name.h"\n'
mistake drivers/x/a.c "a driver includes another" '#include "drivers/y/wire.h"\n'
mistake rig/attic/a.c "a room that the table does not know" 'int a;\n'
mistake notes.txt "a stray file at the top" 'x'
mistake docs/a.md "a link to nowhere" 'See [b](b.md).\n'
mistake docs/b.md "a page that no other reaches" 'Text.\n'
mkdir rig/base/nowhere
lint
check "lint passes: a folder that the table of rooms has not" test $? -ne 0
check "lint does not name it" says "rig/base/nowhere/"
rmdir rig/base/nowhere
mistake rig/base/a.c "unfinished work" "/* TO""DO */\n"
table() { # WHAT SED-SCRIPT: a table with this mistake
	sed -i "$2" tests/tools/rooms.mk
	lint
	check "lint passes a table that $1" says "tests/tools/rooms.mk:"
	cp "$tools/rooms.mk" tests/tools
}
table "climbs" 's/^MAY_base .*/MAY_base := session/'
table "goes along a floor" 's/^MAY_judge .*/MAY_judge := base runfile/'
table "closes a circle" 's/^MAY_config .*/MAY_config := base record/'
table "names no room" 's/^MAY_judge .*/MAY_judge := base cellar/'
table "forgets a room" '/^MAY_judge /d'
cd ..

# ---- the runner
echo 'exit 0' >pass.sh
echo 'exit 1' >fail.sh
echo 'echo no device; exit 77' >skip.sh
echo 'exec sleep 60' >hang.sh
echo 'kill -SEGV $$' >crash.sh
echo 'echo "5 passed, 0 failed, 0 skipped"' >count.sh
echo 'echo "5 passed, 1 failed, 0 skipped"' >liar.sh
cp "$(type -P true)" silent
run() { TEST_TIMEOUT=1 "$tools/run-tests.sh" "$@" >out 2>&1; }
run "$PWD/pass.sh" "$PWD/count.sh"
check "the runner adds up" says "6 passed, 0 failed, 0 skipped"
for bad in fail skip hang crash nothere; do
	run "$PWD/pass.sh" "$PWD/$bad.sh"
	check "the runner passes over $bad.sh" test $? -ne 0
	check "the runner does not count $bad.sh" says "1 passed, 1 failed, 0 skipped"
done
run "$PWD/liar.sh"
check "a test that counts a failure and exits with 0 passes" test $? -ne 0
check "its failure is not counted" says "5 passed, 1 failed, 0 skipped"
run "$PWD/silent"
check "a test program that runs no test passes" test $? -ne 0
ALLOWED_SKIPS=skip.sh run "$PWD/pass.sh" "$PWD/skip.sh"
check "an allowed skip fails" test $? -eq 0
check "an allowed skip is not counted" says "1 passed, 0 failed, 1 skipped"
run
check "no tests at all pass" test $? -ne 0

# ---- packages
unset DEPS # CI sets it
mkdir bin
cat >bin/dpkg-query <<'END'
#!/bin/sh
for last; do :; done
[ "$last" = here ] && echo installed || exit 1
END
cat >bin/apt-get <<'END'
#!/bin/sh
echo "$*" >>apt.log
[ -e apt-fails ] && exit 100
exit 0
END
printf '#!/bin/sh\necho "sudo $1 $2" >>apt.log; exec "$@"\n' >bin/sudo
chmod +x bin/*
deps() { rm -f apt.log; PATH=$PWD/bin:$PATH "$tools/deps.sh" "$@" >out 2>&1; }
deps here
check "nothing is missing, yet apt is called" test $? -eq 0 -a ! -e apt.log
deps here absent
check "a missing package is not installed" eval '[ $? -eq 0 ] && grep -q "install .*absent" apt.log'
check "the line is not printed" says "apt-get install -y --no-install-recommends absent"
check "what is there is installed again" eval '! grep -q "install.* here" apt.log'
touch apt-fails
deps absent
check "a failed installation is success" test $? -ne 0
check "a failed installation does not try again with new lists" grep -q update apt.log
DEPS=skip deps absent
check "DEPS=skip with something missing is success" test $? -ne 0
check "DEPS=skip calls apt" test ! -e apt.log
check "DEPS=skip does not print the line to copy" says "sudo apt-get install -y --no-install-recommends absent"
DEPS=skip deps gcc libnosuch-dev python3-nosuch universal-ctags
check "DEPS=skip names what is there, or not what is missing" says "recommends libnosuch-dev python3-nosuch"
DEPS=skip deps gcc make
check "what is there without a package is missing" test $? -eq 0 -a ! -s out
DEPS=skip deps here
check "a package without a program of its name is missing where dpkg has it" test $? -eq 0 -a ! -s out
PATH=/usr/bin:/bin DEPS=skip deps ldconfig
check "what is in /sbin is missing, for a user who does not look there" test $? -eq 0 -a ! -s out

# Of a service that comes with a package, and of no other. Without the server's programs the script would make a setting of the real ones.
postgres=$(ls /usr/lib/postgresql/*/bin/postgres 2>/dev/null)
cat >bin/dpkg <<'END'
#!/bin/sh
[ "$1" = -L ] && [ -e apt.log -o "$2" = memcached ] && printf '%s\n' "/lib/systemd/system/$2.service" "/lib/systemd/system/$2@.service"
END
for tool in systemctl invoke-rc.d update-rc.d; do printf '#!/bin/sh\necho "$*" >>services.log\n[ ! -e service-fails ]\n' >bin/$tool; done
chmod +x bin/*
rm -f apt-fails services.log apt.log
if [ -n "$postgres" ]; then
	PATH=$PWD/bin:$PATH "$tools/fleet-deps.sh" absent mosquitto memcached >out 2>&1
	check "an installation with a service fails" test $? -eq 0 -a -e apt.log
	check "one that was there before is stopped" eval '! grep -q memcached services.log'
fi
if [ -n "$postgres" ] && { [ -d /run/systemd/system ] || [ -x /etc/init.d/mosquitto ]; }; then
	check "the service that came is left running" grep -q mosquitto services.log
	rm apt.log services.log && touch service-fails
	PATH=$PWD/bin:$PATH "$tools/fleet-deps.sh" mosquitto >out 2>&1
	check "a service that cannot be stopped is a failure, or is not told of" eval '[ $? -eq 0 ] && says "service mosquitto"'
fi
rm -f apt.log
DEPS=skip PATH=$PWD/bin:$PATH "$tools/fleet-deps.sh" gcc memcached >out 2>&1
check "DEPS=skip touches a service" eval '! grep -q memcached services.log'

# ---- a library that comes, goes or changes its version renews the configuration
mkdir tests && cp -r "$tools" tests && cp "$ROOT/Makefile" .
cat >bin/pkg-config <<'END'
#!/bin/sh
# hdf5 is there in the version that a file says; everything else as it is
case "$*" in
*hdf5*) [ -e hdf5-version ] || exit 1 ;;
*) exec "$REAL" "$@" ;;
esac
case "$1" in --modversion) cat hdf5-version ;; *) echo ;; esac
END
chmod +x bin/pkg-config
REAL=$(command -v pkg-config)
export REAL
configured() { PATH=$PWD/bin:$PATH env -u MAKEFLAGS -u MFLAGS -u MAKEOVERRIDES -u BUILD -u SANITIZE make -s build/dev/flags.mk 2>/dev/null; stat -c %i build/dev/flags.mk; }
first=$(configured)
check "a configuration that nothing changed is renewed" test "$first" = "$(configured)"
echo 1.10.8 >hdf5-version
came=$(configured)
check "a library that comes does not renew the configuration" test "$came" != "$first"
echo 1.14.0 >hdf5-version
other=$(configured)
check "another version does not renew the configuration" test "$other" != "$came"
rm hdf5-version
check "a library that goes does not renew the configuration" test "$(configured)" != "$other"

# ---- the demo's operator
printf '%s\n' '{"event":"begin","pid":7}' '{"event":"prompt","id":1,"question":"scan_pen","point":0,"text":"Scan \"it\""}' \
	'{"event":"prompt","id":2,"question":"set_dial","point":0,"depth_mm":0.7,"text":"Set"}' |
	"$tools/demo_operator.sh" SN-1 dial >out 2>/dev/null
check "the operator reads the pen" says "answer 1 is SN-1"
check "and says when the dial is set" says "answer 2 done"
check "which it is" test "$(cat dial)" = 0.7
echo '{"event":"prompt","id":3,"question":"switch_off","point":0,"text":"x"}' | "$tools/demo_operator.sh" SN-1 dial >out 2>/dev/null
check "and pulls the plug" test "$(cat dial)" = off

echo "$passed passed, $failed failed, 0 skipped"
[ $failed -eq 0 ]
