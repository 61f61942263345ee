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
	refused("\"dead_man\": \"none\", \"power\": {\"driver\": \"x\", \"current_max_a\": 1}", "", "one of two");
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
		cmocka_unit_test(reads_what_is_said),
		cmocka_unit_test(a_proof_is_one_supplys),
		cmocka_unit_test(refuses_what_cannot_be),
		cmocka_unit_test(each_class_says_what_it_is),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
