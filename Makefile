# penrig: build, demo, check. `make help` lists the targets. One pattern rule, no recursion; see docs/building.md.

VERSION  := 0.1.0
BUILD_ID ?= $(or $(shell git describe --always --dirty --abbrev=12 2>/dev/null),no-git)
# UTC of the newest commit, in seconds: no clock that is right stands behind it. 0 where there is no git.
MADE_S   ?= $(or $(shell git show -s --format=%ct HEAD 2>/dev/null),0)
prefix   ?= /usr/local
BUILD    ?= build
SANITIZE ?=
CC       ?= cc
PYTHON   ?= /usr/bin/python3
DEPS     ?= install

comma := ,
empty :=
space := $(empty) $(empty)
variant := $(if $(SANITIZE),$(subst $(comma),-,$(SANITIZE)),dev)
B := $(BUILD)/$(variant)

# ---- what is needed -------------------------------------------------------------------------------------------------
NEED_LIBS := libserialport libusb-1.0 libcjson gsl sqlite3 libzstd nettle libsodium libudev expat
# Any of the names of a library that may be there: hdf5 for `penrig export --format hdf5` and recordings in HDF5; Debian has it under its own name.
MAY_LIBS  := hdf5 hdf5-serial
# Another that may be there: for the page of `penrig station`.
WEB_LIBS  := libmicrohttpd
# And another: for a fleet (`penrig agent`, `submit`, ...).
PQ_LIBS   := libpq
# And two more, for what a fleet may have beside: telemetry, and an object store for its files.
MQTT_LIBS := libmosquitto
CURL_LIBS := libcurl
APT_BUILD := gcc make pkg-config libserialport-dev libusb-1.0-0-dev libcjson-dev libgsl-dev libsqlite3-dev \
	libzstd-dev nettle-dev libsodium-dev libudev-dev libexpat1-dev
APT_DEMO  := $(APT_BUILD) umockdev
# For a fleet: the libraries, and a server to try it with, without a cluster (tests/tools/fleet-deps.sh); and what its tests need.
APT_POSTGRESQL := libpq-dev libmosquitto-dev libcurl4-openssl-dev postgresql postgresql-client
APT_SERVER := $(APT_POSTGRESQL) mosquitto mosquitto-clients zstd python3-psycopg2 openssl python3-prometheus-client python3-pytest \
	python3-pip python3-wheel python3-labgrid
APT_CHECK := $(APT_DEMO) libcmocka-dev scdoc python3 python3-jsonschema python3-prometheus-client python3-pyvisa \
	python3-pyvisa-py iiod libiio-utils python3-usb python3-serial python3-numpy python3-h5py libhdf5-dev usbutils clang clang-format \
	universal-ctags strace minisign git libmicrohttpd-dev sigrok-cli mbpoll usbrelay libhidapi-libusb0 python3-junitparser \
	python3-pandas weasyprint poppler-utils $(APT_SERVER)
# For the page of `penrig station`, and for looking at it in a browser (450 MB installed: not part of `make check`).
APT_STATION := $(APT_DEMO) libmicrohttpd-dev
APT_BROWSER := $(APT_STATION) chromium chromium-driver python3-selenium fonts-dejavu-core zbar-tools zint dmtx-utils
# An object store that somebody else wrote (50 MB): not part of `make check`, whose test of one is skipped without it (ALLOWED_SKIPS).
APT_STORE := swift-proxy swift-account swift-container swift-object memcached python3-lxml faketime
APT_FLEET := $(APT_DEMO) python3 python3-jsonschema $(APT_SERVER) $(APT_STORE)
# For a guest with Debian's own kernel, which is fetched and never installed. Not part of `make check`, but of `.ci/run`.
APT_KERNEL := $(APT_DEMO) qemu-system-x86 busybox-static cpio udev python3
# For an ARM processor of 64 bits under an emulator; its libraries are fetched into a folder and never installed.
APT_AARCH64 := gcc-aarch64-linux-gnu qemu-user debootstrap pkg-config make python3 python3-jsonschema
APT_DEB := build-essential $(APT_STATION) libpq-dev libmosquitto-dev libcurl4-openssl-dev debhelper lintian dpkg-dev scdoc
# For `make analyze-source`.
APT_ANALYZE := $(APT_BUILD) libmicrohttpd-dev libpq-dev libmosquitto-dev libcurl4-openssl-dev libhdf5-dev clang clang-tidy cppcheck
APT_BENCH := $(APT_BUILD) python3 python3-numpy python3-scipy python3-pandas python3-serial

# ---- flags ----------------------------------------------------------------------------------------------------------
WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wwrite-strings -Wundef \
	-Wvla -Wformat=2 -Wnull-dereference -Wimplicit-fallthrough
TRY  := -fstack-protector-strong -fstack-clash-protection -fcf-protection -ftrivial-auto-var-init=zero \
	-fstrict-flex-arrays=3 -fzero-call-used-regs=used-gpr -Wlogical-op -Wduplicated-cond
CFLAGS   ?= -O2 -g
ifneq ($(SANITIZE),)
SAN := -fsanitize=$(SANITIZE) -fno-sanitize-recover=all -fno-omit-frame-pointer
else
FORTIFY := -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
endif

STD  := -std=gnu11 -ffile-prefix-map=$(CURDIR)=. -D_GNU_SOURCE -ffp-contract=off -fno-math-errno -fvisibility=hidden -pthread -fPIE
# What decides how an object comes out; when it changes, a library that comes, goes or changes its version included,
# everything is configured and compiled anew.
LIBS_HERE = $(shell for lib in $(NEED_LIBS) $(MAY_LIBS) $(WEB_LIBS) $(PQ_LIBS) $(MQTT_LIBS) $(CURL_LIBS); do echo "$$lib=$$(pkg-config --modversion $$lib 2>/dev/null)"; done)
KEY = $(CC) | $(STD) $(WARN) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) $(SAN) | $(LIBS_HERE) | $(TRY)

# Goals that compile nothing themselves do not ask for a compiler and libraries.
NO_BUILD := help installed-list deb deps-deb deps-analyze clean lint demo station-demo fleet-demo check check-fuzz check-systems check-browser check-fleet check-kernel check-aarch64 deps-aarch64 deps-kernel deps-station deps-browser deps-fleet-demo deps-fleet soak reliability misfits mutants coverage bench deps-demo deps-check deps-bench
ifneq ($(filter-out $(NO_BUILD),$(or $(MAKECMDGOALS),all)),)
KEY := $(KEY)
-include $(B)/flags.mk
ifeq ($(MAKE_RESTARTS),)
ifneq ($(strip $(FLAGS_KEY)),$(strip $(KEY)))
$(B)/flags.mk: FORCE
endif
endif
endif

CPPFLAGS_ALL = -I. -I$(B) $(CPPFLAGS) $(LIB_CFLAGS) -DPENRIG_VERSION='"$(VERSION)"' -MMD -MP
CFLAGS_ALL = $(STD) $(WARN) $(TRIED) $(FORTIFY) $(CFLAGS) $(SAN)
LDFLAGS_ALL = -pie -Wl,-z,relro,-z,now -Wl,--as-needed $(LDFLAGS) $(SAN) -pthread
LDLIBS_ALL = $(LIB_LIBS) $(HTTP_LIBS) -lm -ldl

# ---- what is built --------------------------------------------------------------------------------------------------
src = $(sort $(wildcard $(addsuffix /*.c,$(1))))
obj = $(patsubst %.c,$(B)/%.o,$(1))
lib = $(B)/lib$(1).a
archives = $(foreach a,$(1),$(call lib,$(a)))

include tests/tools/rooms.mk
ROOMS := $(foreach n,0 1 2 3 4 5 6,$(FLOOR_$(n)))
folder = $(or $(FOLDER_$(1)),rig/$(1))
$(foreach r,$(ROOMS),$(eval SRC_$(r) := $(call src,$(call folder,$(r)) $(call folder,$(r))/*)))
SRC_cli     := $(filter-out rig/cli/main.c,$(SRC_cli))
SRC_stopper := $(filter-out rig/stopper/main.c,$(SRC_stopper))
SRC_virtual := $(call src,fixtures/virtual)

# Archives for a test of each room: the room with all that it may know, and what it knows of that.
room_of = $(sort $(foreach e,$(1),$(firstword $(subst /, ,$(e)))))
$(foreach r,$(ROOMS) virtual,$(eval ARCH_$(r) := $(sort $(r) $(foreach m,$(call room_of,$(MAY_$(r))),$(m) $(ARCH_$(m))))))
# Tables of drivers and report formats are handed in by main(): tests hand in theirs.
ARCH_all     := $(sort $(ARCH_cli) $(ARCH_virtual))
PRODUCT      := $(sort $(ARCH_cli) drivers)

# fixtures/virtual/main/: the penrig-virtual program; fixtures/virtual/shim/: the preload library.
SRC_virtual_main := $(call src,fixtures/virtual/main)
SRC_shim         := $(call src,fixtures/virtual/shim)

PROGRAMS := $(B)/penrig $(B)/penrig-stopper $(B)/penrig-virtual $(B)/libpenrig-shim.so
UNIT_SRC := $(sort $(wildcard tests/unit/*/test_*.c))
UNIT     := $(patsubst %.c,$(B)/%,$(UNIT_SRC))
INTEGRATION_SRC := $(sort $(wildcard tests/integration/test_*.c))
INTEGRATION := $(patsubst %.c,$(B)/%,$(INTEGRATION_SRC))
# Fuzz targets; without libFuzzer they run the protocols' vectors with seeded damage, so check runs them too.
FUZZ_SRC := $(sort $(wildcard tests/fuzz/fuzz_*.c))
FUZZ     := $(patsubst %.c,$(B)/%,$(FUZZ_SRC))
E2E := $(sort $(wildcard tests/e2e/test_*.sh tests/e2e/test_*.py))
# penrig on the virtual clock with in-process devices: the same command line, for tests.
PENRIG_A := $(B)/tests/penrig-a

# What fails on purpose, preloaded into tests: allocations and writes.
FAILING := $(B)/libfailing-calls.so

.PHONY: all help study-trials analyze-source deps-analyze deb deps-deb demo station-demo fleet-demo check check-fuzz check-systems check-aarch64 deps-aarch64 check-browser check-fleet deps-station deps-browser deps-fleet-demo deps-fleet soak reliability misfits mutants coverage bench bench-programs lint man install installed-list clean deps-demo deps-check deps-bench tests FORCE
.DELETE_ON_ERROR:
.SECONDARY:
all: $(PROGRAMS)

$(B)/flags.mk: tests/tools/configure.sh
	@mkdir -p $(@D)
	@tests/tools/configure.sh "$(CC)" "$(NEED_LIBS)" "$(MAY_LIBS)" "$(TRY)" "$(APT_BUILD)" "$(KEY)" > $@.tmp || { rm -f $@.tmp; exit 1; }
	@mv $@.tmp $@

# Changes only when the checked-out version does.
$(B)/build-id.h: FORCE
	@mkdir -p $(@D)
	@{ echo '#define PENRIG_BUILD "$(BUILD_ID)"'; echo '#define PENRIG_MADE_S $(MADE_S)ULL'; } > $@.tmp
	@cmp -s $@.tmp $@ && rm $@.tmp || mv $@.tmp $@
$(B)/rig/cli/version.o $(B)/rig/cli/main.o: $(B)/build-id.h
$(B)/rig/cli/version.o: CPPFLAGS_ALL += -DPENRIG_LIBS='"$(LIB_VERSIONS)"'

$(B)/%.o: %.c $(B)/flags.mk
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) -c $< -o $@

# Where the optional libhdf5 is there; the only objects that see its headers. It is loaded when it is asked for.
$(addprefix $(B)/rig/offline/,hdf5_library.o export_hdf5.o import/hdf5.o) $(B)/tests/fuzz/fuzz_import.o: CPPFLAGS_ALL += $(HDF5_CFLAGS)

# Where libmicrohttpd is there; the only object that sees its header.
$(B)/rig/station/http.o: CPPFLAGS_ALL += $(HTTP_CFLAGS)
# Where libpq is there; the only objects that see its header. It is loaded when a fleet is asked for.
$(addprefix $(B)/rig/fleet/,pq_library.o server.o): CPPFLAGS_ALL += $(PQ_CFLAGS)
$(addprefix $(B)/rig/fleet/,mqtt_library.o broker.o telemetry.o): CPPFLAGS_ALL += $(MQTT_CFLAGS)
$(addprefix $(B)/rig/fleet/,curl_library.o s3.o): CPPFLAGS_ALL += $(CURL_CFLAGS)
$(B)/rig/fleet/tables.o: $(wildcard rig/fleet/schema/*)
$(B)/rig/station/page.o: $(wildcard rig/station/page/*)
$(B)/drivers/profile/shipped.o: $(wildcard fixtures/profiles/*)

# Sampling loops: vectorised; -O3 changes no result (no -ffast-math, no contraction).
$(B)/rig/measure/%.o $(B)/rig/runfile/pack.o $(addprefix $(B)/rig/offline/import/,import.o stream.o timeline.o text.o text_rows.o text_number.o): \
	CFLAGS_ALL += -O3

define room_rule
$(call lib,$(1)): $(call obj,$(SRC_$(1)))
	@rm -f $$@
	$(AR) rcs $$@ $$^
endef
$(foreach l,$(ROOMS) virtual,$(eval $(call room_rule,$(l))))

link_with = $(CC) $(LDFLAGS_ALL) $(1) -Wl,--start-group $(call archives,$(2)) -Wl,--end-group $(LDLIBS_ALL) -o $@

$(B)/penrig: $(B)/rig/cli/main.o $(call archives,$(PRODUCT))
	$(call link_with,$<,$(PRODUCT))

$(B)/penrig-stopper: $(B)/rig/stopper/main.o $(call archives,$(sort $(ARCH_stopper) drivers))
	$(call link_with,$<,$(sort $(ARCH_stopper) drivers))

$(B)/penrig-virtual: $(call obj,$(SRC_virtual_main)) $(call archives,$(ARCH_virtual))
	$(call link_with,$(call obj,$(SRC_virtual_main)),$(ARCH_virtual))

# The shim goes into other people's programs: no sanitizer, no PIE, libc alone.
$(B)/libpenrig-shim.so: $(SRC_shim) $(B)/flags.mk
	$(CC) -I. -std=gnu11 -D_GNU_SOURCE $(WARN) -O2 -g -fPIC -shared -fvisibility=hidden -MMD -MP $(SRC_shim) -ldl -o $@

$(FAILING): tests/integration/failing_calls.c $(B)/flags.mk
	$(CC) -I. -std=gnu11 -D_GNU_SOURCE $(WARN) -O2 -g -fPIC -shared -MMD -MP $< -ldl -o $@

PENRIG_A_OBJ := $(B)/tests/integration/penrig_a.o $(B)/tests/integration/transfer_tap.o
$(PENRIG_A): $(PENRIG_A_OBJ) $(call archives,$(ARCH_all))
	@mkdir -p $(@D)
	$(call link_with,$(PENRIG_A_OBJ),$(ARCH_all))

# What tests of a room need beside what it may know: the workload generator that they share with the benchmarks, a host for
# the virtual bench, and devices.
EXTRA_measure  := $(patsubst %,$(B)/tests/bench/%.o,pw1 pw1_frame recording misfits misfit_trial)
EXTRA_estimate := $(patsubst %,$(B)/tests/bench/%.o,pw1 recording misfit_trial settle_trial)
EXTRA_virtual  := $(B)/tests/unit/virtual/host.o
EXTRA_offline  := $(B)/tests/bench/pw1.o
ALSO_session   := virtual drivers
ALSO_cli       := virtual drivers

define unit_rule
$(B)/tests/unit/$(1)/%: $(B)/tests/unit/$(1)/%.o $(EXTRA_$(1)) $(call archives,$(sort $(ARCH_$(1)) $(ALSO_$(1))))
	$$(call link_with,$$< $(EXTRA_$(1)),$(sort $(ARCH_$(1)) $(ALSO_$(1)))) -lcmocka
endef
$(foreach l,$(ROOMS) virtual,$(eval $(call unit_rule,$(l))))

ARCH_fuzz := $(sort $(ARCH_drivers) $(ARCH_offline) $(ARCH_station) $(ARCH_reports))
$(B)/tests/fuzz/%: $(B)/tests/fuzz/%.o $(call archives,$(ARCH_fuzz))
	$(call link_with,$<,$(ARCH_fuzz))

$(B)/tests/integration/%: $(B)/tests/integration/%.o $(call archives,$(ARCH_all))
	$(call link_with,$<,$(ARCH_all)) -lcmocka

# Benchmarks: every .c of tests/bench is a program but for the workloads' own.
BENCH_SHARED := $(patsubst %,$(B)/tests/bench/%.o,pw1 pw1_frame recording misfits misfit_trial misfit_cells settle_trial)
BENCHES := $(filter-out $(BENCH_SHARED:.o=),$(patsubst %.c,$(B)/%,$(call src,tests/bench)))
$(B)/tests/bench/%.o: CFLAGS_ALL += -O3
$(BENCHES): %: %.o $(BENCH_SHARED) $(call archives,$(ARCH_all))
	$(call link_with,$< $(BENCH_SHARED),$(ARCH_all))
$(B)/tests/bench/unchecked_pass: LDFLAGS_ALL += $(addprefix -Wl$(comma)--wrap=,observe_block observe_stroke observe_tallied observe_before model_checks)
bench-programs: $(B)/penrig $(PENRIG_A) $(BENCHES)

# ---- what people do -------------------------------------------------------------------------------------------------
help:
	@echo "make                  build penrig and the virtual bench into $(BUILD)/"
	@echo "make demo [DUT=SN] [BENCH=NAME]  install what is missing, build, run a conformance run on the virtual bench"
	@echo "make check            install what is missing, build, run every test; SANITIZE=address,undefined for a checked build"
	@echo "make station-demo     install what is missing, build, serve the operator's page on the virtual bench"
	@echo "make fleet-demo       install what is missing (PostgreSQL, without a cluster), build, three virtual benches test ten pens"
	@echo "make check-fleet      install what is missing (the same), build, the tests of a fleet alone; FLEET_JOBS=N in the kill test (300)"
	@echo "make check-browser    install what is missing (chromium), build, try the operator's page in a real browser"
	@echo "make check-kernel     install what is missing (QEMU), build, runs against the USB and serial drivers of Debian's kernel, in a guest"
	@echo "make check-aarch64    unit tests and replay as a 64-bit ARM does them, under qemu: root; TEST=words"
	@echo "make check TEST=plan  only the tests with this in their path (several: TEST='plan limit'); LIST=1 names them; NOT='test_x.py' leaves scripts out"
	@echo "make soak             200 kills of penrig at random: the pen stops; 10 000 flipped bits, each found; a batch killed or out of room at each write: it goes on; 5 000 random runs: no pass that the truth contradicts; 10 000 jobs of 50 benches under kills; JOBS=N, KILLS=N, FLIPS=N, RUNS=N, FIRST=SEED"
	@echo "make reliability      every transfer, bit, allocation and write of a run made to fail: hours; writes docs/reliability.md; PARTS=, WORKERS=N"
	@echo "make check-fuzz       libFuzzer for EACH seconds on each parser (60); needs clang; TEST=words: on some"
	@echo "make check-systems    the README's commands on Debian 13, Ubuntu 22.04 and 24.04, made by debootstrap: root; SYSTEMS=, STAGES="
	@echo "make mutants          the code changed in COUNT places, drawn by SEED: those that no unit test notices"
	@echo "make coverage         lines, branches and MC/DC that the unit tests reach, room by room; needs clang 18 or newer, CLANG=19; SHOW=words"
	@echo "make misfits          what the estimators make of signals that they are not made for; writes docs/misfits.md; TRIALS=, GOOD=, ANEW=1"
	@echo "make bench            install what is missing, build, measure, write docs/performance.md, misfits.md; BENCH_SIZE=10M is quick"
	@echo "make analyze-source   gcc -fanalyzer, clang-tidy and cppcheck over the sources; ANALYZERS=, FILES=words: some of either"
	@echo "make lint             format, rooms, function length, no printing outside rig/cli"
	@echo "make man              manual pages into $(B)/man (needs scdoc)"
	@echo "make install          DESTDIR= prefix=$(prefix)"
	@echo "make deb              Debian packages of penrig and of the station's service, checked by lintian, into $(DEBS)"
	@echo "make clean"
	@echo "DEPS=skip             never install anything: what is missing is named"
	@echo "Where a thing goes, and how to find a fault: docs/contributing.md"

deps-demo:
	@DEPS=$(DEPS) PYTHON=$(PYTHON) tests/tools/deps.sh $(APT_DEMO)
deps-check:
	@DEPS=$(DEPS) PYTHON=$(PYTHON) tests/tools/fleet-deps.sh $(APT_CHECK)
deps-station:
	@DEPS=$(DEPS) PYTHON=$(PYTHON) tests/tools/deps.sh $(APT_STATION)
deps-fleet-demo:
	@PYTHON=$(PYTHON) DEPS=$(DEPS) tests/tools/fleet-deps.sh $(APT_DEMO) $(APT_POSTGRESQL)
deps-fleet:
	@PYTHON=$(PYTHON) DEPS=$(DEPS) tests/tools/fleet-deps.sh $(APT_FLEET)
deps-browser:
	@DEPS=$(DEPS) PYTHON=$(PYTHON) tests/tools/deps.sh $(APT_BROWSER)
deps-kernel:
	@DEPS=$(DEPS) PYTHON=$(PYTHON) tests/tools/deps.sh $(APT_KERNEL)
deps-aarch64:
	@DEPS=$(DEPS) PYTHON=$(PYTHON) tests/tools/deps.sh $(APT_AARCH64)
deps-deb:
	@DEPS=$(DEPS) PYTHON=$(PYTHON) tests/tools/deps.sh $(APT_DEB)
deps-bench:
	@DEPS=$(DEPS) PYTHON=$(PYTHON) tests/tools/deps.sh $(APT_BENCH)
deps-analyze:
	@DEPS=$(DEPS) PYTHON=$(PYTHON) tests/tools/deps.sh $(APT_ANALYZE)

DUT ?= PEN-GOOD-01
BENCH ?= virtual-usb
demo: deps-demo
	@tests/tools/build.sh $(MAKE) --no-print-directory all
	@B=$(B) DUT=$(DUT) BENCH=$(BENCH) tests/tools/demo.sh

# The operator's page on the virtual bench, until Ctrl-C.
station-demo: deps-station
	@tests/tools/build.sh $(MAKE) --no-print-directory all
	@mkdir -p out/station
	@$(B)/penrig sheet fixtures/stations/virtual.json --unit PEN-GOOD-01 --unit PEN-DEEP-01 -o out/station/codes.html
	@echo "type PEN-GOOD-01 (or PEN-DEEP-01, a pen that goes too deep) and Enter on the page, and Enter again; codes for a scanner: out/station/codes.html"
	@$(B)/penrig station fixtures/stations/virtual.json

# TEST= keeps the tests that have one of its words in their path. Scripts need the programs, whichever they are.
ALL_TESTS := $(UNIT) $(FUZZ) $(INTEGRATION) $(E2E)
TESTS := $(if $(TEST),$(strip $(foreach t,$(ALL_TESTS),$(if $(strip $(foreach w,$(TEST),$(findstring $(w),$(t:$(B)/%=%)))),$(t)))),$(ALL_TESTS))
# NOT= leaves scripts out, by their names.
TESTS := $(filter-out $(addprefix tests/e2e/,$(NOT)),$(TESTS))
SCRIPTS := $(filter %.sh %.py,$(TESTS))
tests: $(filter-out $(SCRIPTS),$(TESTS)) $(if $(TEST),$(if $(SCRIPTS),$(PROGRAMS) $(PENRIG_A) $(FAILING)),$(PROGRAMS) $(PENRIG_A) $(FAILING))

FLEET_TESTS := test_fleet.py test_fleet_many.py test_fleet_shared.py test_fleet_kills.py test_fleet_ci.py test_fleet_telemetry.py test_fleet_store.py test_fleet_s3.py test_fleet_backup.py test_python.py

check: deps-check
ifneq ($(LIST),)
	@printf '%s\n' $(TESTS:$(B)/%=%)
else
	$(if $(TESTS),,@echo "penrig: no test has '$(TEST)' in its path; make check LIST=1 names them all" >&2; exit 2)
	@$(MAKE) --no-print-directory tests
	@B=$(B) PYTHON=$(PYTHON) SANITIZE=$(SANITIZE) ALLOWED_SKIPS="test_full_disk.py test_mcp_clients.py test_fleet_s3.py" tests/tools/run-tests.sh $(TESTS)
endif

# libFuzzer, of clang, for EACH seconds on each target (TEST=words: on some), from what make check tries of it.
EACH ?= 60
check-fuzz: deps-check
	@$(MAKE) --no-print-directory -s DEPS=skip $(FUZZ)
	@$(MAKE) --no-print-directory -s DEPS=skip BUILD=build/fuzz SANITIZE=address,undefined CC=clang \
		CFLAGS="-O1 -g1 -DPENRIG_LIBFUZZER -fsanitize=fuzzer-no-link" LDFLAGS=-fsanitize=fuzzer $(FUZZ:$(B)/%=build/fuzz/address-undefined/%)
	@PYTHON=$(PYTHON) tests/tools/check-fuzz.sh build/fuzz/address-undefined/tests/fuzz $(B)/tests/fuzz $(EACH) $(TEST)

# The README's commands on other systems, each made by debootstrap: SYSTEMS=, STAGES=, TEST= (tests/tools/check-systems.sh). Root.
check-systems:
	@SYSTEMS="$(SYSTEMS)" STAGES="$(STAGES)" TEST="$(TEST)" tests/tools/check-systems.sh

check-fleet: deps-fleet
	@$(MAKE) --no-print-directory $(PROGRAMS) $(PENRIG_A)
	@B=$(B) PYTHON=$(PYTHON) FLEET_JOBS=$(or $(FLEET_JOBS),300) TEST_TIMEOUT=$(or $(TEST_TIMEOUT),600) tests/tools/run-tests.sh $(FLEET_TESTS:%=tests/e2e/%)

# Three virtual benches, a PostgreSQL in a folder of its own, ten pens; FLEET_DUTS names others.
fleet-demo: deps-fleet-demo
	@tests/tools/build.sh $(MAKE) --no-print-directory $(PROGRAMS)
	@B=$(B) tests/tools/fleet-demo.sh

# The operator's page in a real browser.
check-browser: deps-browser
	@$(MAKE) --no-print-directory all
	@B=$(B) PYTHON=$(PYTHON) tests/tools/run-tests.sh $(sort $(wildcard tests/browser/test_*.py))

# Runs against a kernel's own drivers, in two guests at once; PARTS= names some (tests/kernel/test_kernel.py). A skip: Debian's kernel
# cannot be fetched here.
check-kernel: deps-kernel
	@$(MAKE) --no-print-directory -s $(PROGRAMS)
ifneq ($(PARTS),)
	@B=$(B) PYTHON=$(PYTHON) tests/kernel/guest.sh $(BUILD)/kernel $(PYTHON) tests/kernel/test_kernel.py $(PARTS)
else
	@B=$(B) PYTHON=$(PYTHON) KERNEL=$(abspath $(BUILD)/kernel) TEST_TIMEOUT=$(or $(TEST_TIMEOUT),600) ALLOWED_SKIPS="test_cables.sh test_runs.sh" \
		tests/tools/run-tests.sh tests/kernel/test_cables.sh tests/kernel/test_runs.sh
endif

# Unit tests and replay on another architecture, under an emulator: root, for debootstrap. TEST=words: of the unit tests those alone.
check-aarch64: deps-aarch64
	@PYTHON=$(PYTHON) tests/tools/check-aarch64.sh $(BUILD) $(TEST)

# The runs of tests/e2e/test_no_false_pass.py, of which make check does the first 300; the kills of test_stopper.py, of which it
# does 12; bits flipped in a sealed run file, its report and seals (test_records.py), of which it does 200; and the writes of a
# batch (test_batch_writes.py), of which it does some.
RUNS  ?= 5000
KILLS ?= 200
FIRST ?= 1
FLIPS ?= 10000
JOBS  ?= 10000
soak: deps-check
	@$(MAKE) --no-print-directory -s $(PROGRAMS) $(PENRIG_A) $(FAILING)
	@B=$(B) $(PYTHON) tests/e2e/test_stopper.py --kills $(KILLS) --first $(FIRST)
	@B=$(B) FLIPS=$(FLIPS) FIRST=$(FIRST) $(PYTHON) tests/e2e/test_records.py --flips
	@B=$(B) $(PYTHON) tests/e2e/test_batch_writes.py --all
	@B=$(B) $(PYTHON) tests/e2e/test_fleet_kills.py --jobs $(JOBS) --benches 50 --first $(FIRST)
	@B=$(B) $(PYTHON) tests/e2e/test_fleet_kills.py --mutants --first $(FIRST)
	@B=$(B) $(PYTHON) tests/e2e/test_no_false_pass.py --runs $(RUNS) --first $(FIRST) --table

# Every fault at every point, counted: hours of CPU. PARTS= names some of "transfers bits memory writes"; WORKERS= at once.
reliability: deps-check
	@$(MAKE) --no-print-directory -s $(PROGRAMS) $(PENRIG_A) $(FAILING) $(B)/tests/unit/drivers/test_every_bit
	@B=$(B) $(PYTHON) tests/e2e/reliability.py

# What is wanting of TRIALS of each signal that the model does not fit, and of GOOD that it does; ANEW=1 forgets what is kept.
TRIALS ?= 200
GOOD   ?= 4000
misfits: deps-bench
	@$(MAKE) --no-print-directory -s $(B)/tests/bench/misfit $(B)/tests/bench/sweep_trials
	@$(PYTHON) tests/bench/misfit_table.py $(B) $(TRIALS) $(GOOD) $(if $(ANEW),--anew)

# One thing changed in a module that a verdict, a stop or a record hangs on: does a unit test notice? COUNT=, SEED=.
COUNT ?= 100
SEED  ?= 1
mutants: deps-check
	@CC="$(CC)" $(PYTHON) tests/tools/mutants.py --count $(COUNT) --seed $(SEED)

# What the unit tests reach, with clang 18 or newer (CLANG=): lines, branches, MC/DC. SHOW=words: what of those modules they do not; ALL=1: every
# test, end-to-end as well (an hour), but for what a process that is killed reached; TEST=words as in make check.
CLANG ?= 19
coverage:
	@$(MAKE) --no-print-directory -s DEPS=skip BUILD=build/coverage CC=clang-$(CLANG) LDFLAGS=-fprofile-instr-generate \
		CFLAGS="-O0 -g1 -fprofile-instr-generate -fcoverage-mapping -fcoverage-mcdc" tests
	@$(PYTHON) tests/tools/coverage.py build/coverage/dev --version $(CLANG) $(foreach w,$(SHOW),--show $(w)) \
		$(if $(TEST)$(ALL),$(TESTS:$(B)/%=build/coverage/dev/%),$(UNIT:$(B)/%=build/coverage/dev/%))

bench: deps-bench
	@$(MAKE) --no-print-directory -s bench-programs
	@CC="$(CC)" PYTHON=$(PYTHON) $(PYTHON) tests/bench/run_bench.py $(B)

# How often what the studies say is right, in 10 000 trials each with fixed seeds: many minutes of one core.
study-trials: $(B)/tests/unit/study/test_compare $(B)/tests/bench/study_trials
	@$(B)/tests/unit/study/test_compare
	@$(B)/tests/bench/study_trials

lint:
	@tests/tools/lint.sh

# What gcc -fanalyzer, clang-tidy and cppcheck find, by the rules of tests/tools/rules: minutes. ANALYZERS=, FILES=words.
analyze-source: deps-analyze $(B)/flags.mk
	@ANALYZERS="$(ANALYZERS)" FILES="$(FILES)" tests/tools/analyze-source.sh $(B) '$(LIB_CFLAGS) $(HDF5_CFLAGS) $(HTTP_CFLAGS) $(PQ_CFLAGS) $(MQTT_CFLAGS) $(CURL_CFLAGS)'

# Manual pages: one per command, from the same table as --help.
MAN_COMMANDS := run resume check list doctor bench show report analyze requalify plot export import calibrate profile history dispose trend lot equivalence \
	compare golden grr life batch state station account io label sheet agent submit jobs benches push reserve fleet key sign verify anchor dossier qualify purge mcp version help
MAN := $(B)/man/penrig.1 $(MAN_COMMANDS:%=$(B)/man/penrig-%.1) $(B)/man/penrig-virtual.1
man: $(MAN)
$(B)/man/penrig-virtual.1: docs/man/penrig-virtual.1.scd
	@mkdir -p $(@D)
	scdoc < $< > $@
$(B)/man/penrig.1: $(B)/penrig
	@mkdir -p $(@D)
	$(B)/penrig help --man penrig > $@.scd
	scdoc < $@.scd > $@
$(MAN_COMMANDS:%=$(B)/man/penrig-%.1): $(B)/man/penrig-%.1: $(B)/penrig
	@mkdir -p $(@D)
	$(B)/penrig help --man $* > $@.scd
	scdoc < $@.scd > $@

# What `penrig qualify` needs: recordings whose results are kept, and the list of what was installed.
REFERENCE_FROM := tests/data/runs-method-9
REFERENCE_RUNS := pass-20-khz fail-slow inconclusive-alarm
list_installed = cd $(D) && find bin/penrig bin/penrig-virtual libexec/penrig lib/penrig share/penrig -type f ! -name installed.sha256 | \
	LC_ALL=C sort | xargs sha256sum > share/penrig/qualification/installed.sha256
installed-list:
	$(list_installed)

# Man pages are installed where scdoc is there to make them. The documents keep their places, so that their links lead
# where they do here.
D = $(DESTDIR)$(prefix)
DOC = $(D)/share/doc/penrig
install: all $(if $(shell command -v scdoc),man)
	install -d $(D)/bin $(D)/libexec/penrig $(D)/lib/penrig $(D)/share/penrig/schema $(D)/share/man/man1 \
		$(D)/share/bash-completion/completions $(DOC)/docs/protocols/vectors $(DOC)/docs/pictures \
		$(DOC)/reports $(DOC)/tests/bench $(D)/lib/udev/rules.d $(D)/lib/sysusers.d $(D)/share/penrig/programs $(D)/share/penrig/firmware
	install $(B)/penrig $(B)/penrig-virtual $(D)/bin
	install $(B)/penrig-stopper $(D)/libexec/penrig
	install -m 644 $(B)/libpenrig-shim.so $(D)/lib/penrig
	for kind in benches phantoms plans profiles stations; do install -d $(D)/share/penrig/$$kind; \
		for f in fixtures/$$kind/*.json; do [ ! -e $$f ] || install -m 644 $$f $(D)/share/penrig/$$kind || exit 1; done; done
	install -m 644 fixtures/profiles/*.dialogue $(D)/share/penrig/profiles
	install -d $(D)/share/penrig/qualification
	for run in $(REFERENCE_RUNS); do xz -dc $(REFERENCE_FROM)/$$run.penrig.xz > $(D)/share/penrig/qualification/$$run.penrig || exit 1; done
	for f in reports/schema/*.json; do [ ! -e $$f ] || install -m 644 $$f $(D)/share/penrig/schema || exit 1; done
	install -m 644 docs/70-penrig.rules $(D)/lib/udev/rules.d
	install -m 644 docs/penrig.sysusers.conf $(D)/lib/sysusers.d/penrig.conf
	install fixtures/programs/*.py $(D)/share/penrig/programs
	install -m 644 drivers/load-stream/firmware/*.[ch] $(D)/share/penrig/firmware
	install -m 644 README.md LICENSE $(DOC)
	install -m 644 docs/*.md docs/70-penrig.rules docs/penrig.sysusers.conf $(DOC)/docs
	install -m 644 docs/pictures/*.png $(DOC)/docs/pictures
	install -m 644 docs/protocols/*.md $(DOC)/docs/protocols
	install -m 644 docs/protocols/vectors/*.* $(DOC)/docs/protocols/vectors
	install -m 644 tests/bench/pw1.h $(DOC)/tests/bench
	ln -sfn ../../penrig $(DOC)/fixtures
	ln -sfn ../../../penrig/schema $(DOC)/reports/schema
	$(B)/penrig help --completion > $(D)/share/bash-completion/completions/penrig
	$(if $(shell command -v scdoc),install -m 644 $(MAN) $(D)/share/man/man1,@echo "scdoc is not installed: no manual pages")
	$(list_installed)
	@[ -n "$(DESTDIR)" ] || echo "For a bench on this computer: sudo systemd-sysusers && sudo udevadm control --reload && sudo udevadm trigger && sudo usermod -aG penrig $$(id -un)"

# Debian packages, built in a copy of the project's files, checked by lintian; into $(BUILD)/deb.
DEBS = $(BUILD)/deb
DEB  = $(DEBS)/penrig-$(VERSION)
deb: deps-deb
	rm -rf $(DEBS)
	mkdir -p $(DEB)
	if [ -e .git ]; then git ls-files -z --cached --others --exclude-standard; else find . -name build -prune -o -type f -print0; fi | \
		tar -c --null -T - | tar -x -C $(DEB)
	cp -a packaging/debian $(DEB)/debian
	cd $(DEB) && BUILD_ID=$(BUILD_ID) MADE_S=$(MADE_S) DEB_BUILD_OPTIONS="parallel=2 nocheck $(DEB_OPTIONS)" dpkg-buildpackage -us -uc -b
	lintian --fail-on error,warning $(DEBS)/*.changes
	@ls $(DEBS)/*.deb

clean:
	rm -rf $(BUILD)

-include $(shell find $(B) -name '*.d' 2>/dev/null)
