/* A pen made of parts in a bench file: what is read of it, and which of its keys cannot stand together. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "rig/config/bench.h"
#include "rig/config/plan.h"

#define PHANTOM "tests/e2e/bad/phantom-good.json"

static const char before[] =
	"{\"kind\": \"penrig/bench/1\", \"name\": \"b\", \"mains_hz\": 50, \"ambient_c\": [18, 28],\n"
	"\"pen\": {\"driver\": \"powered\", \"link\": \"serial:1209:0008:S\", \"rate_hz\": [60, 120],\n"
	"\"depth_mm\": [0.2, 3], ";
static const char after[] =
	"},\n\"sensor\": {\"driver\": \"load-stream\", \"link\": \"usb:1209:0002:LC-1\", \"calibration\": "
	"{\"certificate\": \"C\", \"laboratory\": \"L\", \"date\": \"2026-01-01\", \"due\": \"2099-12-31\"}, "
	"\"sample_rate_hz\": 20000, \"force\": {\"u_rel\": 0.001, \"range_n\": [-10, 10]}, \"preload_n\": [0.1, 0.6], "
	"\"clock_ppm\": 10},\n\"phantoms\": [{\"file\": \"" PHANTOM "\", \"position\": \"A1\", \"strokes_used\": 0}]";

static int read_with(const char *keys, const char *rest, struct bench **ret, struct err *err)
{
	char text[2000];
	struct bench_text given = {.path = "bench.json", .text = text};

	given.len = (size_t)snprintf(text, sizeof(text), "%s%s%s%s}", before, keys, after, rest);
	FILE *f = fopen(PHANTOM, "re");
	char phantom[4000];
	assert_non_null(f);
	const struct bench_text phantoms = {
		.path = PHANTOM, .text = phantom, .len = fread(phantom, 1, sizeof(phantom), f)};
	fclose(f);
	return bench_parse(&given, &phantoms, 1, ret, err);
}

#define VOLTS "\"power\": {\"driver\": \"scpi-power\", \"current_max_a\": 1.5, \"output\": 2, \"volts\": 5}"
#define PROOF(serial)                                                                                                  \
	"\"power\": {\"driver\": \"scpi-power\", " serial "\"current_max_a\": 1, \"volts\": 5, \"timer_proof_h\": 24}"
#define TABLE "\"power\": {\"driver\": \"scpi-power\", \"current_max_a\": 1, \"rate_by_volts\": [[2, 50], [4.8, 120]]}"

static void reads_what_is_said(void **state)
{
	struct bench *b = NULL;
	struct err err = {""};

	(void)state;
	if (read_with("\"dead_man\": \"device\", \"dead_man_ms\": 700, " TABLE, "", &b, &err))
		fail_msg("%s", err.text);
	assert_int_equal(b->pen.dead_man, DEADMAN_DEVICE);
	assert_int_equal(b->pen.deadman_ms, 700);
	assert_int_equal(b->pen.power.points, 2);
	assert_true(b->pen.power.volts_v[1] == 4.8 && b->pen.power.rate_hz[0] == 50);
	assert_int_equal(b->pen.power.output, 1);
	assert_false(b->pen.carries_serial);
	assert_string_equal(bench_rate_by(b), "volts");
	assert_string_equal(bench_depth_by(b), "asked");
	bench_free(b);
	if (read_with("\"dead_man\": \"none\", " VOLTS, ", \"stopper\": {\"required\": false}", &b, &err))
		fail_msg("%s", err.text);
	assert_int_equal(b->pen.deadman_ms, 0); /* it has no time */
	assert_int_equal(b->pen.power.output, 2);
	assert_string_equal(bench_rate_by(b), "own");
	bench_free(b);
}

static void refused(const char *keys, const char *rest, const char *why)
{
	struct bench *b = NULL;
	struct err err = {""};

	assert_int_equal(read_with(keys, rest, &b, &err), -EINVAL);
	if (!strstr(err.text, why) || strncmp(err.text, "bench.json:", 11) != 0)
		fail_msg("%s", err.text);
}

static void a_proof_is_one_supplys(void **state)
{
	static const struct plan tests_it = {.test_deadman = true}, does_not;
	struct bench *b = NULL;
	struct err err = {""};

	(void)state;
	if (read_with("\"dead_man\": \"device\", " PROOF("\"serial\": \"9200001\", "), "", &b, &err))
		fail_msg("%s", err.text);
	assert_true(plan_proof_h(&does_not, b) == 24 && plan_lacks_proof(&does_not, b));
	assert_true(plan_proof_h(&tests_it, b) == 0 && !plan_lacks_proof(&tests_it, b));
	b->pen.dead_man = DEADMAN_HOST; /* attended: it stands on no timer */
	assert_true(!plan_lacks_proof(&does_not, b));
	bench_free(b);
	refused("\"dead_man\": \"device\", " PROOF(""), "", "\"serial\" beside it");
	refused("\"dead_man\": \"host\", " PROOF("\"serial\": \"S\", "), "", "no timer to prove");
}

static void refuses_what_cannot_be(void **state)
{
	(void)state;
	refused(VOLTS, "", "no dead-man of its own");
	refused("\"dead_man\": \"pen\", " VOLTS, "", "no dead-man of its own");
	refused("\"dead_man\": \"host\"", "", "leave \"dead_man\" out");
	refused("\"dead_man\": \"host\", " VOLTS, ", \"stopper\": {\"required\": false}", "is the stopper");
	refused("\"dead_man\": \"host\", \"dead_man_ms\": 500, " VOLTS, "", "has no time");
	refused("\"dead_man\": \"device\", \"dead_man_ms\": 200, " VOLTS, "", "three heartbeats");
	refused("\"dead_man\": \"none\", \"power\": {\"driver\": \"x\", \"volts\": 5, \"rate_by_volts\": [[2, 60], [4, "
		"120]]}",
		"", "one of two");
	refused("\"dead_man\": \"none\", \"power\": {\"driver\": \"x\", \"address\": 248}", "", "allowed is");
	refused("\"dead_man\": \"none\", \"power\": {\"driver\": \"x\", \"current_max_a\": 1, \"rate_by_volts\": [[2, "
		"60]]}",
		"", "2 to 16");
	refused("\"dead_man\": \"none\", \"power\": {\"driver\": \"x\", \"current_max_a\": 1, \"rate_by_volts\": [[2, "
		"60], [1, 120]]}",
		"", "rises");
	refused("\"dead_man\": \"none\", \"power\": {\"driver\": \"x\", \"current_max_a\": 1, \"rate_by_volts\": [[2, "
		"61], [4, 120]]}",
		"", "knows 61 to 120");
	refused("\"dead_man\": \"none\", \"power\": {\"driver\": \"x\", \"current_max_a\": 1, \"rate_by_volts\": [[2], "
		"[4, 120]]}",
		"", "[V, Hz]");
	refused("\"dead_man\": \"none\", \"power\": {\"driver\": \"x\", \"current_max_a\": 11, \"volts\": 5}", "",
		"allowed is");
}

static void no_set(struct device *device, double volts_v, double current_a, device_done_fn done, void *ctx)
{
	(void)device;
	(void)volts_v;
	(void)current_a;
	(void)done;
	(void)ctx;
}

static void no_timer(struct device *device, uint32_t timeout_ms, device_done_fn done, void *ctx)
{
	(void)device;
	(void)timeout_ms;
	(void)done;
	(void)ctx;
}

/* What the driver of what gives the pen its power can do, against what the bench says: "" where they go together. */
static void goes_with(const struct power_verbs *verbs, const char *dead_man, const char *keys, const char *why)
{
	const struct driver driver = {.name = "x", .roles = ROLE_BIT(ROLE_POWER), .power = verbs};
	const struct driver *const table[] = {&driver, NULL};
	struct bench *b = NULL;
	struct power_setup setup;
	struct err err = {""};
	char text[200];

	snprintf(text, sizeof(text), "\"dead_man\": \"%s\", \"power\": {\"driver\": \"x\"%s}", dead_man, keys);
	assert_int_equal(read_with(text, "", &b, &err), 0);
	int status = bench_power_setup(b, table, &setup, &err);
	bench_free(b);
	assert_int_equal(status, why[0] ? -EINVAL : 0);
	if (!strstr(err.text, why))
		fail_msg("%s", err.text);
	assert_true(status || setup.driver == &driver);
}

static void what_goes_with_a_driver(void **state)
{
	static const struct power_verbs supply = {.set = no_set, .timer = no_timer}, relay = {.timer = no_timer},
					mute = {.set = NULL}, plain = {.set = no_set};
	const char *volts = ", \"volts\": 5, \"current_max_a\": 1";

	(void)state;
	goes_with(&supply, "device", volts, "");
	goes_with(&plain, "host", volts, "");
	goes_with(&relay, "device", ", \"address\": 3", "");
	goes_with(&mute, "none", "", "");
	goes_with(&supply, "device", "", "one of two");
	goes_with(&supply, "device", ", \"volts\": 5", "\"current_max_a\" is missing");
	goes_with(&relay, "device", volts, "only switches");
	goes_with(&mute, "none", ", \"current_max_a\": 1", "only switches");
	goes_with(&mute, "device", "", "has a timer");
	goes_with(&plain, "device", volts, "has a timer");
}

static void each_class_says_what_it_is(void **state)
{
	(void)state;
	for (unsigned i = 0; i < DEADMAN_CLASSES; i++) {
		const struct deadman_row *row = deadman_row((enum deadman_class)i);
		assert_ptr_equal(deadman_find(row->name), row);
		assert_string_equal(deadman_words[i], row->name);
		assert_int_equal(row->timed, !row->attended); /* what no timer stops, a person does */
	}
	assert_null(deadman_words[DEADMAN_CLASSES]);
	assert_null(deadman_find(""));
	assert_true(deadman_row(DEADMAN_HOST)->needs_stopper && !deadman_row(DEADMAN_PEN)->of_parts);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_what_is_said),         cmocka_unit_test(a_proof_is_one_supplys),
		cmocka_unit_test(refuses_what_cannot_be),     cmocka_unit_test(what_goes_with_a_driver),
		cmocka_unit_test(each_class_says_what_it_is),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
