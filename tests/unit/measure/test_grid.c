/* Blocks, and the chunks in which glitches are looked for, begin where the first sample happens to be: what is found of a
 * pen that is good is the same wherever that is. */
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/measure/check.h"

#include "tests/bench/misfit_trial.h"

#define CUTS_S 0.025 /* of the tare, at most: a cut by more is a cut by less again */
#define KINDS  6
#define SHIFTS 24

static struct recording short_recording(unsigned kind)
{
	struct recording r = kind % 2 ? recording_usual(kind) : recording_nominal(kind);

	r.tare_s = 0.25;
	r.settle_s = 0.3;
	r.window_s = 0.5;
	r.snr_db = 60.0; /* what is small is seen, too */
	if (kind % 2 == 0) {
		r.rate_hz = 90.0 + 30.0 * kind;
		r.depth_mm = 0.6 + 0.4 * kind;
	}
	return r;
}

/* The same samples without the first few of the tare. */
static struct take cut(const struct take *take, uint64_t first)
{
	struct take ret = *take;

	ret.counts += first;
	ret.samples -= first;
	ret.spin_up -= first;
	ret.measure -= first;
	ret.coast -= first;
	ret.rest -= first;
	return ret;
}

static const struct check_result *glitches_of(const struct misfit_results *results)
{
	for (unsigned i = 0; i < results->checks; i++) {
		if (results->check[i].check == CHECK_GLITCHES)
			return &results->check[i];
	}
	abort(); /* every point is asked for them */
}

static unsigned wrong_at(const struct recording *r, const struct take *take, uint64_t first,
			 struct misfit_results *results)
{
	struct take at = cut(take, first);

	misfit_measure(r, &at, results);

	const struct check_result *glitches = glitches_of(results);
	double strokes = misfit_find(results, "strokes", "")->value;
	bool right = glitches->state == CHECK_PASSED && glitches->n == 0 && strokes == (double)take->truth.strokes;

	if (!right)
		print_message("%g Hz, %g mm, from sample %llu: %g of %u strokes, %llu glitches\n", r->rate_hz,
			      r->depth_mm, (unsigned long long)first, strokes, take->truth.strokes,
			      (unsigned long long)glitches->n);
	return !right;
}

static void a_good_pen_is_whole_wherever_blocks_begin(void **state)
{
	struct misfit_results *results = calloc(1, sizeof(*results));
	unsigned wrong = 0;

	(void)state;
	assert_non_null(results);
	for (unsigned kind = 0; kind < KINDS; kind++) {
		struct recording r = short_recording(kind);
		struct take take;

		recording_make(&r, &take);
		for (unsigned i = 0; i < SHIFTS; i++)
			wrong += wrong_at(&r, &take, (uint64_t)(CUTS_S * r.fs_hz * i / SHIFTS), results);
		take_free(&take);
	}
	free(results);
	assert_int_equal(wrong, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_good_pen_is_whole_wherever_blocks_begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
