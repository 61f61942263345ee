/* What a point would say if it ended now: the same as a point that does end there, to the last bit; and a point that was
 * asked says in the end what one says that never was. */
#include <stdio.h>

#include "tests/unit/measure/check.h"

#include "tests/bench/pen_trial.h"

#define PIECE 137 /* samples: how a point is fed must not matter */

struct told {
	struct result results[RESULTS_PER_POINT_MAX];
	struct check_result check[MODEL_CHECKS];
	unsigned n, checks;
};

static struct pen_trial trial;

static struct point *begin(const struct pen_regime *g, const struct curve *curve, bool so_far, bool second_thread)
{
	struct point_config config = pen_config(&trial, g, curve);
	struct point *point;

	config.so_far = so_far;
	config.second_thread = second_thread;
	assert_int_equal(point_new(&config, &point), 0);
	point_phase(point, POINT_TARE, 0, NAN);
	point_phase(point, POINT_SPIN_UP, (uint64_t)ceil(PEN_START_S * trial.true_fs_hz), NAN);
	point_phase(point, POINT_MEASURE, (uint64_t)ceil(trial.measure_s * trial.true_fs_hz), NAN);
	return point;
}

static void feed(struct point *point, uint64_t from, uint64_t to)
{
	while (from < to) {
		uint32_t n = to - from < PIECE ? (uint32_t)(to - from) : PIECE;
		const struct sample_block block = {
			.channels = 1, .frames = n, .first_index = from, .counts = trial.counts + from};

		point_feed(point, &block);
		from += n;
	}
}

static void ask(struct point *point, struct told *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->n = point_so_far(point, ret->results, RESULTS_PER_POINT_MAX, ret->check, &ret->checks);
}

static void finish(struct point *point, struct told *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->n = point_finish(point, ret->results, RESULTS_PER_POINT_MAX);
	ret->checks = point_checks(point, ret->check);
}

static void same_real(double a, double b)
{
	assert_true(memcmp(&a, &b, sizeof(a)) == 0 || (isnan(a) && isnan(b)));
}

static void same(const struct told *a, const struct told *b, bool rough)
{
	assert_int_equal(a->n, b->n);
	for (unsigned i = 0; i < a->n; i++) {
		const struct result *x = &a->results[i], *y = &b->results[i];

		assert_int_equal(x->id, y->id);
		assert_true(x->valid == y->valid && x->trusted == y->trusted);
		if (rough && strstr(x->name, "tolerance")) /* as point.h says */
			continue;
		same_real(x->value, y->value);
		same_real(x->u, y->u);
		same_real(x->expanded_u, y->expanded_u);
		assert_int_equal(x->n, y->n);
		assert_string_equal(x->method, y->method);
		assert_string_equal(x->reason, y->reason);
	}
	assert_int_equal(a->checks, b->checks);
	for (unsigned i = 0; i < a->checks; i++) {
		assert_int_equal(a->check[i].check, b->check[i].check);
		assert_int_equal(a->check[i].state, b->check[i].state);
		same_real(a->check[i].statistic, b->check[i].statistic);
		same_real(a->check[i].u_mm, b->check[i].u_mm);
	}
}

/* Asked in the middle of strokes, before the window, and at block ends as well as between them. */
static void case_of(const struct pen_regime *g, bool second_thread)
{
	static const double at_s[] = {0.1, 0.35, 0.62, 0.9, 1.0, 1.123, 1.31};
	static struct told now, ended, then;
	struct curve *curve = pen_curve(trial.rate_hz);
	struct point *asked = begin(g, curve, true, second_thread), *never = begin(g, curve, false, false);
	uint64_t fed = 0, end = trial.samples;

	for (unsigned i = 0; i < sizeof(at_s) / sizeof(at_s[0]); i++) {
		uint64_t to = (uint64_t)(at_s[i] * g->fs_hz);
		struct point *here = begin(g, curve, false, false);

		feed(asked, fed, to);
		feed(here, 0, to);
		fed = to;
		ask(asked, &now);
		finish(here, &ended);
		same(&now, &ended, true);
		ask(asked, &then);
		same(&now, &then, false);
		point_free(here);
	}
	assert_true(now.n > 10);
	feed(asked, fed, end);
	feed(never, 0, end);
	finish(asked, &now);
	finish(never, &ended);
	same(&now, &ended, false);
	point_free(asked);
	point_free(never);
	curve_free(curve);
}

static void as_if_it_ended_here(void **state)
{
	(void)state;
	for (unsigned g = 0; g < PEN_REGIMES; g++) {
		pen_draw(&trial, &pen_regimes[g], 77 + g);
		case_of(&pen_regimes[g], false);
	}
}

static void with_a_second_thread(void **state)
{
	(void)state;
	pen_draw(&trial, &pen_regimes[5], 3);
	case_of(&pen_regimes[5], true);
}

static void only_where_it_was_configured(void **state)
{
	static struct told told;

	(void)state;
	pen_draw(&trial, &pen_regimes[0], 5);
	struct curve *curve = pen_curve(trial.rate_hz);
	struct point *point = begin(&pen_regimes[0], curve, false, false);

	ask(point, &told);
	assert_int_equal(told.n, 0);
	assert_int_equal(told.checks, 0);
	point_free(point);
	curve_free(curve);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(as_if_it_ended_here),
		cmocka_unit_test(with_a_second_thread),
		cmocka_unit_test(only_where_it_was_configured),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
