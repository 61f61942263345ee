/* Places and phases of a point, how its samples are cut, and the load cell undone: by hand and from the physics. */
#include <errno.h>
#include <string.h>

#include "tests/unit/measure/check.h"

#include "rig/measure/point/axis.h"
#include "rig/measure/point/cell.h"

static struct grid grid(double fs_hz, double rate_hz)
{
	return grid_of(&(struct point_config){.fs_hz = fs_hz, .rate_set_hz = rate_hz});
}

static void samples_are_cut_by_the_rate(void **state)
{
	(void)state;
	struct grid g = grid(10000.0, 120.0); /* half a second is longer than 36 periods */

	assert_int_equal(g.decimation, 1);
	check_near(g.fs_hz, 10000.0, 0.0);
	check_near(g.period, 83.333333333, 1e-8);
	assert_int_equal(g.bin, 3);
	assert_int_equal(g.block, 5001);

	g = grid(10000.0, 50.0); /* 36 periods are longer */
	assert_int_equal(g.bin, 8);
	assert_int_equal(g.block, 7200);

	g = grid(20000.0, 2.0); /* 10000 samples in a period are averaged by three */
	assert_int_equal(g.decimation, 3);
	check_near(g.fs_hz, 6666.666667, 1e-5);
	check_near(g.period, 3333.333333, 1e-5);
	assert_int_equal(g.bin, 64);
	assert_int_equal(g.block, 1875 * 64);

	assert_int_equal(grid(8192.0, 2.0).decimation, 1);
	assert_int_equal(grid(8194.0, 2.0).decimation, 2);
	assert_int_equal(grid(1000.0, 100.0).bin, 1);
}

static void places_on_both_axes(void **state)
{
	struct axis axis;

	(void)state;
	axis_init(&axis, 3);
	axis.origin = 1000;
	assert_int_equal(axis_absolute(&axis, 0.0), 1000);
	assert_int_equal(axis_absolute(&axis, 2.5), 1007);
	check_near(axis_local(&axis, 1000), 0.0, 0.0);
	check_near(axis_local(&axis, 1007), 7.0 / 3.0, 1e-15);
	check_near(axis_local(&axis, 997), -1.0, 0.0);
	/* A mean of samples 1000, 1001 and 1002 stands for 1001. */
	check_near(axis_instant(&axis, 0.0), 1001.0, 0.0);
	check_near(axis_instant(&axis, 1.5), 1005.5, 0.0);
	axis_init(&axis, 1);
	check_near(axis_instant(&axis, 7.25), 7.25, 0.0);
}

static void phases_in_order(void **state)
{
	struct axis axis;

	(void)state;
	axis_init(&axis, 2);
	axis.origin = 50;
	assert_int_equal(axis_phase_of(&axis, 0), POINT_TARE);
	assert_false(axis_begun(&axis, POINT_TARE));
	assert_int_equal(axis_begin(&axis, POINT_SPIN_UP, 100), 0);
	assert_true(axis_begun(&axis, POINT_SPIN_UP));
	assert_int_equal(axis_begin(&axis, POINT_TARE, 200), -EINVAL);
	assert_int_equal(axis_begin(&axis, POINT_SPIN_UP, 200), -EINVAL);
	assert_int_equal(axis_begin(&axis, POINT_COAST, 99), -EINVAL);
	assert_int_equal(axis_begin(&axis, POINT_PHASES, 300), -EINVAL);
	assert_int_equal(axis_begin(&axis, POINT_COAST, INT64_MAX), -EINVAL);
	assert_false(axis_begun(&axis, POINT_COAST));
	assert_int_equal(axis_begin(&axis, POINT_COAST, 300), 0);

	assert_int_equal(axis_phase_of(&axis, 99), POINT_TARE);
	assert_int_equal(axis_phase_of(&axis, 100), POINT_SPIN_UP);
	assert_int_equal(axis_phase_of(&axis, 299), POINT_SPIN_UP);
	assert_int_equal(axis_phase_of(&axis, 300), POINT_COAST);
	assert_int_equal(axis_phase_at(&axis, 24.9), POINT_TARE); /* 50 + 49 */
	assert_int_equal(axis_phase_at(&axis, 25.0), POINT_SPIN_UP);
}

#define FS_HZ   20000.0
#define STEPS   40
#define SAMPLES 600

static double push_n(double t_s)
{
	return 0.5 + 0.3 * sin(2.0 * M_PI * 300.0 * t_s + 0.4);
}

/* What a cell of 1.5 kHz says of a force, by the equation of its motion in small steps; `kick` sets it ringing. */
static void swing(const struct load_cell *cell, double kick, bool pushed, float *ret)
{
	double y = pushed ? push_n(0.0) : 0.0, v = kick, w = 2.0 * M_PI * cell->hz, h = 1.0 / FS_HZ / STEPS;

	for (unsigned i = 0; i < SAMPLES; i++) {
		ret[i] = (float)y;
		for (unsigned k = 0; k < STEPS; k++) {
			double t = (double)i / FS_HZ + k * h, force = pushed ? push_n(t) : 0.0;

			v += h * (w * w * (force - y) - 2.0 * cell->damping * w * v);
			y += h * v;
		}
	}
}

static void cell_is_undone(void **state)
{
	const struct load_cell cell = {.hz = 1500.0, .damping = 0.03};
	struct cell_inverse inverse;
	float x[SAMPLES], force[SAMPLES];
	double off = 0.0, raw = 0.0;
	float ring = 0.0f; /* as a double it makes gcc 12.2 die on aarch64 */

	(void)state;
	cell_inverse_design(&cell, FS_HZ, &inverse);
	assert_int_equal(inverse.reach, 9); /* 0.7 of 13.3 samples */
	swing(&cell, 2000.0, true, x);
	cell_inverse_run(&inverse, x, SAMPLES, 0, SAMPLES, force);
	for (unsigned i = 20; i < SAMPLES - 20; i++) {
		off = fmax(off, fabs((double)force[i] - push_n(i / FS_HZ)));
		raw = fmax(raw, fabs((double)x[i] - push_n(i / FS_HZ)));
	}
	check_less(0.03, raw); /* the ring, and what is left of the resonance */
	check_less(off, 0.002);
	swing(&cell, 500.0, false, x);
	cell_inverse_run(&inverse, x, SAMPLES, 0, SAMPLES, force);
	for (unsigned i = 20; i < 200; i++)
		ring = fmaxf(ring, fabsf(force[i]));
	check_less((double)ring, 0.001);
}

/* In pieces as in one run, and still beyond the ends. */
static void cell_at_the_ends_and_in_pieces(void **state)
{
	const struct load_cell cell = {.hz = 1500.0, .damping = 0.95};
	struct cell_inverse inverse;
	float x[SAMPLES], whole[SAMPLES], pieces[SAMPLES], flat[100];

	(void)state;
	cell_inverse_design(&cell, FS_HZ, &inverse);
	swing(&cell, 0.0, true, x);
	cell_inverse_run(&inverse, x, SAMPLES, 0, SAMPLES, whole);
	for (long from = 0, end; from < SAMPLES; from = end) {
		end = from + 1 + from % 37;
		end = end < SAMPLES ? end : SAMPLES;
		cell_inverse_run(&inverse, x, SAMPLES, from, end, pieces);
	}
	assert_memory_equal(whole, pieces, sizeof(whole));
	/* As if the first and the last sample went on for ever. */
	float longer[SAMPLES], inner[SAMPLES];
	const unsigned n = 200, more = inverse.reach;

	for (unsigned i = 0; i < n + 2 * more; i++)
		longer[i] = x[i < more ? 30 : i < more + n ? 30 + i - more : 30 + n - 1];
	cell_inverse_run(&inverse, longer, n + 2 * more, more, n + more, inner);
	cell_inverse_run(&inverse, x + 30, n, 0, n, whole);
	assert_memory_equal(whole, inner + more, n * sizeof(float));
	for (unsigned i = 0; i < 100; i++)
		flat[i] = 2.5F;
	cell_inverse_run(&inverse, flat, 100, 0, 100, whole);
	for (unsigned i = 0; i < 100; i++)
		check_near((double)whole[i], 2.5, 1e-5);
}

static void cells_that_are_not_undone(void **state)
{
	struct cell_inverse inverse = {.reach = 7};

	(void)state;
	cell_inverse_design(&(struct load_cell){.hz = 0.0}, FS_HZ, &inverse);
	assert_int_equal(inverse.reach, 0);
	cell_inverse_design(&(struct load_cell){.hz = 0.75 * FS_HZ, .damping = 0.1}, FS_HZ, &inverse);
	assert_int_equal(inverse.reach, 0);
	cell_inverse_design(&(struct load_cell){.hz = 0.74 * FS_HZ, .damping = 0.1}, FS_HZ, &inverse);
	assert_int_equal(inverse.reach, 5);
	cell_inverse_design(&(struct load_cell){.hz = 10.0, .damping = 0.1}, FS_HZ, &inverse);
	assert_int_equal(inverse.reach, CELL_REACH_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(samples_are_cut_by_the_rate),
		cmocka_unit_test(places_on_both_axes),
		cmocka_unit_test(phases_in_order),
		cmocka_unit_test(cell_is_undone),
		cmocka_unit_test(cell_at_the_ends_and_in_pieces),
		cmocka_unit_test(cells_that_are_not_undone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
