/* Plans, benches, phantoms and files of limits, whatever they are: no crash, no read beyond, an end, either a result or a
 * message (which rig/cli cleans where it is shown). An input is a plan, a NUL, a bench, a NUL and its phantom. */
#include <glob.h>

#include "rig/config/bench.h"
#include "rig/config/filekind.h"
#include "rig/config/limit.h"
#include "rig/config/plan.h"
#include "tests/fuzz/json_change.h"
#include "tests/fuzz/standalone.h"

#define TEXT_ROOM 20000

static void came_to(int status, bool there, const struct err *err)
{
	FUZZ_CHECK((status == 0) == there && (status == 0 || err->text[0]));
	FUZZ_CHECK(memchr(err->text, '\0', sizeof(err->text)));
}

/* Where both are sound, what the plan comes to on that bench, and how long it takes. */
static void expand(const struct plan *plan, const struct bench *bench)
{
	struct plan_point *points = NULL;
	unsigned count = 0;
	struct err err = {""};
	int status = plan_expand(plan, bench, &points, &count, &err);

	came_to(status, points != NULL, &err);
	if (status == 0) {
		double s = plan_duration_s(plan, bench, points, count);
		FUZZ_CHECK(count > 0 && s > 0 && s < 1e12);
		(void)plan_check_still(plan, bench, &err);
		(void)plan_check_power(plan, bench, &err);
	}
	free(points);
}

static size_t part(const uint8_t **at, size_t *left)
{
	const uint8_t *end = *left ? memchr(*at, 0, *left) : NULL;
	size_t len = end ? (size_t)(end - *at) : *left;

	*at += end ? len + 1 : len;
	*left -= end ? len + 1 : len;
	return len;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct plan *plan = NULL;
	struct bench *bench = NULL;
	struct limits_file *limits = NULL;
	struct phantom phantom = {.doc = NULL};
	const uint8_t *at = data, *text[3];
	size_t len[3];
	struct err err = {""};
	int status;

	for (unsigned i = 0; i < 3; i++) {
		text[i] = at ? at : (const uint8_t *)"";
		len[i] = part(&at, &size);
	}
	status = plan_parse("plan.json", (const char *)text[0], len[0], &plan, &err);
	came_to(status, plan != NULL, &err);
	status = limits_file_parse("limits.json", (const char *)text[0], len[0], &limits, &err);
	came_to(status, limits != NULL, &err);
	const struct bench_text own = {.path = "bench.json", .text = (const char *)text[1], .len = len[1]};
	const struct bench_text phantoms = {.path = "phantom.json", .text = (const char *)text[2], .len = len[2]};
	status = bench_parse(&own, &phantoms, 1, &bench, &err);
	came_to(status, bench != NULL, &err);
	status = phantom_parse(&phantoms, &phantom, &err);
	came_to(status, status == 0, &err);
	phantom_release(&phantom);
	if (plan && limits)
		(void)limits_apply(limits, plan, &err);
	if (plan && bench)
		expand(plan, bench);
	limits_file_free(limits);
	bench_free(bench);
	plan_free(plan);
	return 0;
}

#ifndef PENRIG_LIBFUZZER
static size_t read_text(const char *path, uint8_t *to)
{
	FILE *file = fopen(path, "rb");

	FUZZ_CHECK(file);
	size_t len = fread(to, 1, TEXT_ROOM, file);
	FUZZ_CHECK(len > 0 && len < TEXT_ROOM && fclose(file) == 0);
	return len;
}

/* One part in three is changed, in one to three places: a value in most, bits in some. */
static void changed(const uint8_t *const *text, const size_t *len, uint64_t *state)
{
	static uint8_t input[3 * TEXT_ROOM];
	size_t at = 0, hit = fuzz_random(state) % 3;

	for (size_t i = 0; i < 3; i++) {
		uint8_t *to = input + at;
		size_t n = len[i];
		memcpy(to, text[i], n);
		for (uint64_t k = i == hit ? 1 + fuzz_random(state) % 3 : 0; k; k--) {
			if (fuzz_random(state) % 4)
				n = json_change(to, n, TEXT_ROOM - 1, fuzz_random(state) % 80,
						(unsigned)fuzz_random(state));
			else
				to[fuzz_random(state) % n] ^= (uint8_t)(1 << fuzz_random(state) % 8);
		}
		at += n;
		input[at++] = 0;
	}
	fuzz_run(input, at - 1);
}

int main(int argc, char **argv)
{
	static uint8_t room[3][TEXT_ROOM];
	const uint8_t *const text[3] = {room[0], room[1], room[2]};
	const char *runs = getenv("RUNS");
	unsigned each = runs ? (unsigned)strtoul(runs, NULL, 10) : 6;
	uint64_t state = argc == 1 && getenv("FIRST") ? strtoull(getenv("FIRST"), NULL, 10) : 1;
	glob_t plans, benches;
	size_t len[3];

	for (int i = 1; i < argc; i++)
		fuzz_file(argv[i]);
	if (argc > 1)
		return 0;
	FUZZ_CHECK(glob("fixtures/plans/*.json", 0, NULL, &plans) == 0);
	FUZZ_CHECK(glob("fixtures/benches/*.json", 0, NULL, &benches) == 0 && benches.gl_pathc > 3);
	len[2] = read_text("fixtures/phantoms/SIL-STD-01.json", room[2]);
	for (size_t i = 0; i < plans.gl_pathc; i++)
		for (size_t j = 0; j < benches.gl_pathc; j++) {
			len[0] = read_text(plans.gl_pathv[i], room[0]);
			len[1] = read_text(benches.gl_pathv[j], room[1]);
			for (unsigned k = 0; k < each; k++)
				changed(text, len, &state);
		}
	globfree(&plans);
	globfree(&benches);
	return 0;
}
#endif
