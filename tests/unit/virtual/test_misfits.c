/* Each fault of the physics shows its signature in the sample stream, the truth file keeps what the needles did, and the same
 * seed gives the same bytes. A fault draws from a stream of its own, so the same run without it has the same noise: their
 * difference, sample by sample, is the fault. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "fixtures/virtual/phantom.h"
#include "tests/unit/virtual/host.h"

#define COUNT_N     (10.0 / 8388608)
#define COUNT_MM    (8.0 / 8388608)
#define FS          20000.0
#define STROKES_MAX 1000
#define RUN_S       2.5
#define SEED        6

struct stroke {
	double index, depth_mm, t_s, force_n;
	double peak_n, impulse_n_s, square_n2_s; /* that its needles pushed; 0: not told */
};

/* A pen at 1 mm, started at 0.5 s, and what is recorded of it until 2.5 s. */
struct recorded {
	struct host host;
	struct stroke strokes[STROKES_MAX];
	unsigned count;   /* of strokes inside the recording */
	double hits;      /* that the truth file states */
	uint64_t lines;   /* digest of the truth's stroke lines */
	bool fault_noted; /* in the truth file, with its keys */
};

static double field(const char *line, const char *key)
{
	const char *at = strstr(line, key);

	return at ? strtod(at + strlen(key), NULL) : NAN;
}

static void read_line(struct recorded *r, const char *line, const char *fault)
{
	char name[64];

	snprintf(name, sizeof(name), "\"name\":\"%.*s\"", fault ? (int)strcspn(fault, "@,") : 0, fault ? fault : "");
	if (strstr(line, "\"event\":\"hit\""))
		r->hits += field(line, "\"count\":");
	if (strstr(line, "\"event\":\"fault\"") && strstr(line, name))
		r->fault_noted = true;
	if (strstr(line, "\"event\":\"push\"") && !strstr(line, "\"of\":null")) {
		unsigned of = (unsigned)field(line, "\"of\":");

		assert_true(of < r->count);
		r->strokes[of].peak_n = field(line, "\"peak_n\":");
		r->strokes[of].impulse_n_s = field(line, "\"impulse_n_s\":");
		r->strokes[of].square_n2_s = field(line, "\"square_n2_s\":");
	}
	if (strncmp(line, "{\"stroke\"", 9) != 0)
		return;
	for (const char *c = line; *c; c++)
		r->lines = (r->lines ^ (uint8_t)*c) * 0x100000001B3ULL;
	if (r->count < STROKES_MAX)
		r->strokes[r->count++] = (struct stroke){.index = field(line, "\"index\":"),
							 .depth_mm = field(line, "\"depth_mm\":"),
							 .t_s = field(line, "\"t_ns\":") * 1e-9,
							 .force_n = field(line, "\"force_n\":")};
}

static void read_truth(struct recorded *r, const char *path, const char *fault)
{
	char line[2048];
	FILE *f = fopen(path, "re");

	assert_non_null(f);
	while (fgets(line, sizeof(line), f))
		read_line(r, line, fault);
	fclose(f);
	unlink(path);
}

static void record_at(struct recorded *r, const char *fault, double rate_hz, double depth_mm)
{
	struct world_config config = {.seed = SEED, .faults = {fault}, .fault_count = fault != NULL};
	char path[64];

	memset(r, 0, sizeof(*r));
	snprintf(path, sizeof(path), "/tmp/penrig-misfit-%d.jsonl", (int)getpid());
	config.truth_path = path;
	host_open(&r->host, &config);
	host_start_sensor(&r->host, FS);
	host_until(&r->host, 0.5, false);
	host_run_pen(&r->host, rate_hz, depth_mm);
	host_until(&r->host, RUN_S, true);
	world_free(r->host.world);
	read_truth(r, path, fault);
	if (fault)
		assert_true(r->fault_noted);
}

static void record(struct recorded *r, const char *fault)
{
	record_at(r, fault, 120, 1);
}

static void forget(struct recorded *r)
{
	free(r->host.force);
	free(r->host.displacement);
}

static double force(const struct recorded *r, double index)
{
	return r->host.force[(uint64_t)llround(index)] * COUNT_N;
}

static double bar_mm(const struct recorded *r, double index)
{
	return r->host.displacement[(uint64_t)llround(index)] * COUNT_MM;
}

static double added(const struct recorded *r, const struct recorded *without, double index)
{
	return force(r, index) - force(without, index);
}

/* Of the standard phantom; at rest as at one stroke per second. */
static double curve_at(double depth_mm, double rate_hz)
{
	struct phantom_truth phantom;

	phantom_from_serial("SIL-STD-01", &phantom);
	return phantom_force(&phantom, depth_mm, rate_hz);
}

static double curve(double depth_mm)
{
	return curve_at(depth_mm, 120);
}

/* Strokes well inside the recording, the motor long at speed. */
static unsigned first_steady(const struct recorded *r)
{
	unsigned k = 0;

	while (r->strokes[k].t_s < 1)
		k++;
	return k;
}

static unsigned last_steady(const struct recorded *r)
{
	return r->count - 3;
}

/* Amplitude and phase (rad, of a cosine) of `x` at hz between two samples. */
static double line(const double *x, unsigned n, double hz, double *ret_phase)
{
	double re = 0, im = 0;

	for (unsigned i = 0; i < n; i++) {
		double w = 1 - cos(2 * M_PI * (i + 0.5) / n);

		re += w * x[i] * cos(2 * M_PI * hz * i / FS);
		im -= w * x[i] * sin(2 * M_PI * hz * i / FS);
	}
	if (ret_phase)
		*ret_phase = atan2(im, re);
	return 2 * hypot(re, im) / n;
}

static double *differences(const struct recorded *r, const struct recorded *without, unsigned from, unsigned to)
{
	double *x = calloc(to - from, sizeof(*x));

	for (unsigned i = from; i < to; i++)
		x[i - from] = added(r, without, i);
	return x;
}

static struct recorded clean, faulty;

static int record_clean(void **state)
{
	(void)state;
	record(&clean, NULL);
	return 0;
}

static int forget_clean(void **state)
{
	(void)state;
	forget(&clean);
	return 0;
}

static int forget_faulty(void **state)
{
	(void)state;
	forget(&faulty);
	return 0;
}

/* ---- phantom, clamp and what stands around ----------------------------------------------------------------------------
 */

/* Least and greatest addition between two instants after each stroke, s. */
static void extremes(double from_s, double to_s, double *ret_least, double *ret_most)
{
	*ret_least = INFINITY;
	*ret_most = -INFINITY;
	for (unsigned k = first_steady(&faulty); k < last_steady(&faulty); k++) {
		double least = INFINITY, most = -INFINITY;

		for (double i = from_s * FS; i < to_s * FS; i++) {
			double n = added(&faulty, &clean, faulty.strokes[k].index + i);

			least = fmin(least, n);
			most = fmax(most, n);
		}
		*ret_least = fmin(*ret_least, least);
		*ret_most = fmax(*ret_most, most);
	}
}

/* At 1 mm and 120 Hz the needles are out from 1.6 ms after the deepest point and highest at 4.2 ms. */
static void test_adhesion_pulls_after_the_stroke_only(void **state)
{
	double least, most;

	(void)state;
	record(&faulty, "adhesion@0,share=0.05");
	extremes(1.5e-3, 4e-3, &least, &most);
	assert_true(fabs(least + 0.05 * curve(1)) < 0.15 * 0.05 * curve(1));
	extremes(-2e-3, 1.4e-3, &least, &most);
	assert_true(fabs(least) < 1e-4 && fabs(most) < 1e-4);
}

static void test_bounce_taps_once_more(void **state)
{
	double least, most;

	(void)state;
	record(&faulty, "bounce@0,share=0.2,after=1,ms=1");
	extremes(2.4e-3, 4e-3, &least, &most);
	assert_true(fabs(most - 0.2 * curve(1)) < 0.1 * 0.2 * curve(1));
	extremes(-2e-3, 2.4e-3, &least, &most);
	assert_true(fabs(least) < 2e-4 && fabs(most) < 2e-4);
}

static double inertia_n(double rate_hz, const char *fault, double *ret_phase)
{
	struct recorded without;
	unsigned k, from;
	double true_hz, amplitude, *x;

	record_at(&without, NULL, rate_hz, 1);
	record_at(&faulty, fault, rate_hz, 1);
	k = first_steady(&faulty);
	from = (unsigned)llround(faulty.strokes[k].index);
	true_hz = 80 / (faulty.strokes[k + 80].t_s - faulty.strokes[k].t_s);
	x = differences(&faulty, &without, from, (unsigned)llround(faulty.strokes[k + 80].index));
	amplitude = line(x, (unsigned)llround(80 / true_hz * FS), true_hz, ret_phase);
	free(x);
	forget(&without);
	return amplitude / (true_hz / rate_hz) / (true_hz / rate_hz);
}

static void test_inertia_goes_with_the_square_of_the_rate(void **state)
{
	double phase;

	(void)state;
	assert_true(fabs(inertia_n(120, "inertia@0,force=0.02,phase=40", &phase) / 0.02 - 1) < 0.02);
	assert_true(fabs(phase - 40 * M_PI / 180) < 0.1);
	forget(&faulty);
	assert_true(fabs(inertia_n(240, "inertia@0,force=0.02", &phase) / 0.08 - 1) < 0.02);
}

/* Above the seating force, mean over the strokes. */
static void highest_n(const struct recorded *r, double *ret)
{
	unsigned n = 0;

	*ret = 0;
	for (unsigned k = first_steady(r); k < last_steady(r); k++, n++) {
		double most = 0;

		for (double i = -20; i < 20; i++)
			most = fmax(most, force(r, r->strokes[k].index + i));
		*ret += most - 0.3;
	}
	*ret /= n;
}

static void test_relaxation_leaves_an_exponential_tail(void **state)
{
	double early = 0, late = 0, with, without;

	(void)state;
	record(&faulty, "relaxation@0,share=0.3,tau=1");
	for (unsigned k = first_steady(&faulty); k < last_steady(&faulty); k++) {
		early += added(&faulty, &clean, faulty.strokes[k].index + 2.2e-3 * FS);
		late += added(&faulty, &clean, faulty.strokes[k].index + 3.2e-3 * FS);
	}
	assert_true(early / (last_steady(&faulty) - first_steady(&faulty)) > 0.02);
	assert_true(fabs(late / early / exp(-1) - 1) < 0.03);
	highest_n(&faulty, &with);
	highest_n(&clean, &without);
	assert_true(fabs(with / without - 1) < 0.01);
	forget(&faulty);
	record(&faulty, "relaxation@0,share=0.3,tau=1,known=0");
	highest_n(&faulty, &with);
	assert_true(with < 0.97 * without);
}

static void test_tremor_is_slow_and_may_move_the_needles(void **state)
{
	double *x, sd = 0, n = 0;

	(void)state;
	record(&faulty, "tremor@0,force=0.02,rate=3");
	x = differences(&faulty, &clean, 5000, 45000);
	assert_true(fabs(line(x, 40000, 3, NULL) / 0.02 - 1) < 0.02);
	free(x);
	forget(&faulty);
	record(&faulty, "tremor@0,force=0,rate=3,depth=0.05");
	for (unsigned k = first_steady(&faulty); k < last_steady(&faulty); k++, n++)
		sd += pow(faulty.strokes[k].depth_mm - clean.strokes[k].depth_mm, 2);
	assert_true(fabs(sqrt(sd / n) / (0.05 / sqrt(2)) - 1) < 0.1);
}

static void test_knock_is_half_a_sine(void **state)
{
	(void)state;
	record(&faulty, "knock@0.2,force=0.05,ms=20");
	assert_true(fabs(added(&faulty, &clean, clean.strokes[0].index - (clean.strokes[0].t_s - 0.21) * FS) - 0.05) <
		    0.001);
	for (unsigned i = 6000; i < faulty.host.samples; i++)
		assert_true(fabs(added(&faulty, &clean, i)) < 1e-4);
}

/* ---- load cell and front end -----------------------------------------------------------------------------------------
 */

/* After contact the cell rings at its own frequency, folded over the strokes. */
static double ringing_hz(const struct recorded *r)
{
	double y[40] = {0}, best = 0, at = 0;

	for (unsigned k = first_steady(r); k < last_steady(r); k++)
		for (unsigned i = 0; i < 40; i++)
			y[i] += force(r, r->strokes[k].index + 1.9e-3 * FS + i);
	for (unsigned i = 39; i > 0; i--)
		y[i] -= y[i - 1];
	y[0] = 0;
	for (double hz = 600; hz < 4000; hz += 20) {
		double a = line(y, 40, hz, NULL);

		at = a > best ? hz : at;
		best = fmax(best, a);
	}
	return at;
}

static void test_cell_rings_where_it_is_told(void **state)
{
	double seen, ringing, critical;

	(void)state;
	record(&faulty, "cell@0,frequency=1500,damping=0.03");
	seen = ringing_hz(&faulty);
	if (fabs(seen - 1500) > 100)
		fail_msg("rings at %g Hz", seen);
	ringing = fabs(added(&faulty, &clean, faulty.strokes[100].index));
	forget(&faulty);
	/* without a ring, slow: what the needles did comes late and smaller */
	record(&faulty, "cell@0,frequency=1500,damping=1");
	critical = added(&faulty, &clean, faulty.strokes[100].index);
	assert_true(critical < -ringing / 2);
	forget(&faulty);
	record(&faulty, "cell@0,frequency=1500,damping=2");
	assert_true(added(&faulty, &clean, faulty.strokes[100].index) < 2 * critical);
}

static void test_cell_creep_comes_with_its_time_constant(void **state)
{
	double at[3] = {0};

	(void)state;
	record(&faulty, "cell-creep@0.1,share=0.02,tau=0.2");
	for (unsigned i = 0; i < 200; i++) {
		at[0] += added(&faulty, &clean, 2000 + i) / 200;
		at[1] += added(&faulty, &clean, 9000 + i) / 200;
	}
	/* at rest it has crept already; under strokes it follows their mean */
	assert_true(fabs(at[0] / (0.02 * 0.3) - 1) < 0.1);
	assert_true(fabs(at[1] / at[0] - 1) < 0.02);
	for (unsigned i = 44000; i < 48000; i++)
		at[2] += added(&faulty, &clean, i) / 4000;
	assert_true(at[2] > at[0] + 0.5 * 0.02 * curve(1) / 4);
}

static void test_clip_makes_flat_tops(void **state)
{
	unsigned at_top = 0;
	double most = 0, sum = 0, squares = 0;

	(void)state;
	record(&faulty, "clip@0,at=0.8");
	for (uint64_t i = 0; i < faulty.host.samples; i++) {
		at_top += fabs(force(&faulty, (double)i) - 0.8) < 2 * COUNT_N;
		most = fmax(most, force(&faulty, (double)i));
	}
	assert_true(most < 0.8 + 2 * COUNT_N);
	assert_true(at_top > 1000);
	forget(&faulty);
	record(&faulty, "clip@0,at=0.8,soft=0.1");
	for (uint64_t i = 0; i < faulty.host.samples; i++)
		assert_true(force(&faulty, (double)i) < 0.8);
	forget(&faulty);
	record(&faulty, "clip@0,at=0.8,behind=1");
	for (unsigned k = first_steady(&faulty); k < last_steady(&faulty); k++) {
		double n = force(&faulty, faulty.strokes[k].index) - 0.8;

		sum += n;
		squares += n * n;
	}
	sum /= last_steady(&faulty) - first_steady(&faulty);
	squares /= last_steady(&faulty) - first_steady(&faulty);
	assert_true(fabs(sum) < 0.0005);
	assert_true(fabs(sqrt(squares - sum * sum) / 0.0015 - 1) < 0.2);
}

/* From one sample to the next, at most, N. */
static double fastest(const struct recorded *r)
{
	double most = 0;

	for (uint64_t i = 1; i < r->host.samples; i++)
		most = fmax(most, fabs(force(r, (double)i) - force(r, (double)i - 1)));
	return most;
}

static void test_slew_ends_how_fast_it_moves(void **state)
{
	const double step = 300 / 20000.0;

	(void)state;
	assert_true(fastest(&clean) > 1.3 * step);
	record(&faulty, "slew@0,rate=300");
	assert_true(fastest(&faulty) > step - 2 * COUNT_N && fastest(&faulty) < step + 2 * COUNT_N);
}

static unsigned spoiled(double *ret_most)
{
	unsigned n = 0;

	*ret_most = 0;
	for (uint64_t i = 0; i < faulty.host.samples; i++) {
		double by = fabs(added(&faulty, &clean, (double)i));

		n += by != 0;
		*ret_most = fmax(*ret_most, by);
	}
	return n;
}

static void test_glitches_are_counted(void **state)
{
	double most;

	(void)state;
	record(&faulty, "glitch@1,size=0.5");
	assert_int_equal(spoiled(&most), 1);
	assert_true(fabs(most - 0.5) < 2 * COUNT_N);
	assert_true(faulty.hits == 1);
	forget(&faulty);
	record(&faulty, "glitch@1,size=0.5,samples=200");
	assert_int_equal(spoiled(&most), 200);
	assert_true(most > 0.4 && most < 0.5);
	forget(&faulty);
	record(&faulty, "glitch@1,size=-0.5,rate=30");
	assert_in_range(spoiled(&most), 25, 70);
	assert_true(fabs(faulty.hits - spoiled(&most)) <= 2); /* the last frame is still on its way */
	assert_true(faulty.hits > 20);
}

static unsigned longest_run(const struct recorded *r)
{
	unsigned run = 1, longest = 1;

	for (uint64_t i = 1; i < r->host.samples; i++) {
		run = r->host.force[i] == r->host.force[i - 1] ? run + 1 : 1;
		longest = run > longest ? run : longest;
	}
	return longest;
}

static void test_frozen_converter_repeats_its_count(void **state)
{
	double most;

	(void)state;
	record(&faulty, "frozen@1,ms=30");
	assert_int_equal(longest_run(&faulty), 601);
	assert_in_range(spoiled(&most), 590, 600);
	forget(&faulty);
	record(&faulty, "frozen@1,ms=5,every=0.5");
	assert_int_equal(longest_run(&faulty), 101);
	assert_true(faulty.hits == 300); /* at 1, 1.5, 2 s */
}

/* Mean square in the octave above hz, over its width. */
static double density(const double *x, unsigned n, double hz)
{
	double sum = 0;

	for (unsigned i = 0; i < 40; i++)
		sum += pow(line(x, n, hz * (1 + i / 40.0), NULL), 2) / 40;
	return sum;
}

static void test_coloured_noise_has_its_spectrum(void **state)
{
	double *x, squares = 0, lagged = 0, slope;

	(void)state;
	record(&faulty, "coloured@0,rms=0.01,corner=100");
	x = differences(&faulty, &clean, 2000, 48000);
	for (unsigned i = 0; i + 1 < 46000; i++) {
		squares += x[i] * x[i] / 46000;
		lagged += x[i] * x[i + 1] / 46000;
	}
	free(x);
	assert_true(fabs(sqrt(squares) / 0.01 - 1) < 0.1);
	assert_true(fabs(lagged / squares / exp(-2 * M_PI * 100 / FS) - 1) < 0.005);
	forget(&faulty);
	record(&faulty, "coloured@0,rms=0.01");
	x = differences(&faulty, &clean, 2000, 48000);
	slope = log10(density(x, 46000, 10) / density(x, 46000, 1000)) / 2;
	free(x);
	if (fabs(slope - 1) > 0.2)
		fail_msg("falls with the power %g of frequency", slope);
	forget(&faulty);
	record(&faulty, "coloured@0,rms=0,corner=100,white=0");
	squares = 0;
	for (double i = 2; i < 9000; i++)
		squares += pow(force(&faulty, i) - 2 * force(&faulty, i - 1) + force(&faulty, i - 2), 2) / 9000;
	assert_true(sqrt(squares) < 0.01 * 0.0015);
}

static void test_mains_of_another_frequency(void **state)
{
	double x[9000];

	(void)state;
	record(&faulty, "mains@0,frequency=60,force=0.01");
	for (unsigned i = 0; i < 9000; i++)
		x[i] = force(&faulty, i) - 0.3;
	assert_true(fabs(line(x, 9000, 60, NULL) / 0.01 - 1) < 0.05);
	assert_true(line(x, 9000, 50, NULL) < 0.002);
}

/* ---- the pen -------------------------------------------------------------------------------------------------------
 */

static void test_bottoming_is_the_needles_true_depth(void **state)
{
	double flat = 0;

	(void)state;
	record(&faulty, "bottoming@0,depth=0.9");
	for (unsigned k = first_steady(&faulty); k < last_steady(&faulty); k++) {
		const struct stroke *s = &faulty.strokes[k];

		assert_true(fabs(s->depth_mm - 0.9) < 1e-6);
		for (int i = -6; i <= 6; i++)
			flat = fmax(flat, fabs(bar_mm(&faulty, s->index + i) - 0.9));
	}
	assert_true(flat < 0.006); /* noise of the channel, where the free path goes by 10 um */
	forget(&faulty);
	record(&faulty, "bottoming@0,depth=0.9,give=0.5");
	for (unsigned k = first_steady(&faulty); k < last_steady(&faulty); k++)
		assert_true(fabs(faulty.strokes[k].depth_mm - (0.9 + clean.strokes[k].depth_mm) / 2) < 1e-5);
}

static double least_bar_mm(const struct recorded *r, double from_s, double to_s)
{
	double least = INFINITY;

	for (double i = from_s * FS; i < to_s * FS; i++)
		least = fmin(least, bar_mm(r, i));
	return least;
}

static void check_rest(const char *fault, double parked_mm, double running_mm)
{
	double least, run;

	forget(&faulty);
	record(&faulty, fault);
	least = least_bar_mm(&faulty, 0.2, 0.4);
	run = least_bar_mm(&faulty, 1, 2);
	if (fabs(least - parked_mm) > 0.02 || fabs(run - running_mm) > 0.02)
		fail_msg("%s: rests at %g mm, and running at %g mm", fault, least, run);
	for (unsigned k = first_steady(&faulty); k < last_steady(&faulty); k++)
		assert_true(fabs(faulty.strokes[k].depth_mm - clean.strokes[k].depth_mm) < 1e-6);
}

static void test_needles_that_rest_in_the_phantom(void **state)
{
	double away_mm = least_bar_mm(&clean, 0.2, 0.4), back_mm = least_bar_mm(&clean, 1, 2), dwell = 0;

	(void)state;
	record(&faulty, NULL);
	check_rest("never-leaves@0,depth=0.1", 0.1, 0.1);
	assert_true(fabs(force(&faulty, 6000) - force(&clean, 6000) - curve_at(0.1, 0)) < 0.001);
	for (double i = 1 * FS; i < 2 * FS; i++)
		dwell += fabs(bar_mm(&faulty, i) - 0.1) < 0.01;
	assert_true(dwell / FS < 0.2);
	check_rest("never-leaves@0,depth=0.1,tare=0", away_mm, 0.1);
	check_rest("never-leaves@0,depth=0.1,dwell=1", 0.1, 0.1);
	for (double i = 1 * FS; i < 2 * FS; i++)
		dwell += fabs(bar_mm(&faulty, i) - 0.1) < 0.01;
	assert_true(dwell / FS > 0.5);
	check_rest("tare-contact@0,depth=0.05", 0.05, back_mm);
}

static void test_double_bump_has_two_tops_a_turn(void **state)
{
	(void)state;
	record(&faulty, "double-bump@0,share=0.8,after=0.3");
	for (unsigned k = first_steady(&faulty); k < last_steady(&faulty); k++) {
		const struct stroke *s = &faulty.strokes[k];
		double turn = s[1].index - s->index;

		assert_true(fabs(bar_mm(&faulty, s->index + 0.3 * turn) - 0.8 * s->depth_mm) < 0.03);
		assert_true(bar_mm(&faulty, s->index + 0.2 * turn) < 0.1);
		assert_true(fabs(FS / turn / 120 - 1) < 0.02); /* a turn is one stroke */
	}
}

static void test_asymmetry_makes_the_way_back_longer(void **state)
{
	unsigned in = 0, out = 0;

	(void)state;
	record(&faulty, "asymmetry@0,skew=0.3");
	for (unsigned k = first_steady(&faulty); k < last_steady(&faulty); k++) {
		double at = faulty.strokes[k].index;

		for (double i = 0; i < 80 && bar_mm(&faulty, at - i) > 0; i++)
			in++;
		for (double i = 0; i < 80 && bar_mm(&faulty, at + i) > 0; i++)
			out++;
		assert_true(bar_mm(&faulty, at) > faulty.strokes[k].depth_mm - 0.006);
	}
	assert_true(out > 1.1 * in && out < 1.6 * in);
}

static void test_travelling_depth_is_in_the_truth(void **state)
{
	(void)state;
	record(&faulty, "travel@0,by=-0.2,tau=0.3");
	for (unsigned k = 1; k < faulty.count; k++) {
		double t = faulty.strokes[k].t_s - 0.5, delta = faulty.strokes[k].depth_mm - clean.strokes[k].depth_mm;

		assert_true(fabs(delta + 0.2 * exp(-t / 0.3)) < 0.015);
	}
	forget(&faulty);
	record(&faulty, "offset@0,by=0.08");
	for (unsigned k = 1; k < faulty.count; k++)
		assert_true(fabs(faulty.strokes[k].depth_mm - clean.strokes[k].depth_mm - 0.08) < 1e-5);
}

static bool moving(const struct host *h)
{
	struct world_truth truth;

	world_truth(h->world, &truth);
	return truth.moving;
}

static void stop_with(struct host *h, const char *fault, double until_s)
{
	const struct world_config config = {.seed = SEED, .faults = {fault}, .fault_count = 1};
	char answer[64];

	host_open(h, &config);
	host_run_pen(h, 120, 1);
	host_until(h, 1, true);
	assert_true(host_ask(h, "OUTP OFF;:OUTP?\n", answer, sizeof(answer)) > 0);
	assert_string_equal(answer, "0\n");
	host_until(h, until_s, false);
}

static void test_runs_on_after_it_said_off(void **state)
{
	struct host h;

	(void)state;
	stop_with(&h, "runs-on@0", 1.4);
	assert_true(moving(&h));
	host_until(&h, 2.2, false); /* its dead-man, 0.5 s without a heartbeat, cuts it off */
	assert_false(moving(&h));
	host_close(&h);
	stop_with(&h, "runs-on@0,dead-man=0", 3);
	assert_true(moving(&h));
	host_close(&h);
	stop_with(&h, "uptime-grain@0,ms=100", 1.5);
	assert_false(moving(&h));
	host_close(&h);
}

static void test_deadman_that_trips_late(void **state)
{
	const struct world_config config = {.seed = SEED, .faults = {"dead-man-late@0,ms=300"}, .fault_count = 1};
	struct world_truth truth = {.motor_on = true};
	struct host h;
	uint64_t fed_ns;

	(void)state;
	host_open(&h, &config);
	host_run_pen(&h, 120, 1);
	host_until(&h, 1, true);
	fed_ns = h.now_ns;
	while (truth.motor_on && h.now_ns < fed_ns + 2000000000) {
		world_advance(h.world, h.now_ns += 250000);
		world_truth(h.world, &truth);
	}
	assert_in_range(h.now_ns - fed_ns, 800000000, 820000000);
	host_close(&h);
}

/* Of a pen that must be told no: for as long as it was said. */
static void test_it_accepts_any_depth(void **state)
{
	static const char ask[] = "*CLS;:SOUR:DEPT 9;:SYST:ERR?\n";
	struct host h;
	char answer[64];

	(void)state;
	stop_with(&h, "accepts@1.7,for=0.5", 1.6);
	assert_true(host_ask(&h, ask, answer, sizeof(answer)) > 0);
	assert_true(strncmp(answer, "-222", 4) == 0);
	host_until(&h, 1.8, false);
	assert_true(host_ask(&h, ask, answer, sizeof(answer)) > 0);
	assert_true(strncmp(answer, "0", 1) == 0);
	host_until(&h, 2.3, false);
	assert_true(host_ask(&h, ask, answer, sizeof(answer)) > 0);
	assert_true(strncmp(answer, "-222", 4) == 0);
	host_close(&h);
}

static void test_uptime_has_a_grain(void **state)
{
	struct host h;
	char answer[64];

	(void)state;
	stop_with(&h, "uptime-grain@0,ms=250", 1.6);
	assert_true(host_ask(&h, "SYST:UPT?\n", answer, sizeof(answer)) > 0);
	assert_string_equal(answer, "1500\n");
	host_close(&h);
}

/* ---- all of them -----------------------------------------------------------------------------------------------------
 */

static const char *const of_the_pen[] = {
	"offset",       "travel",  "bottoming", "double-bump",   "asymmetry",    "never-leaves",
	"tare-contact", "runs-on", "bounce",    "dead-man-late", "uptime-grain", NULL,
};

static const char *const of_the_sensor[] = {
	"adhesion", "inertia", "relaxation", "tremor", "knock",    "cell",  "cell-creep",
	"clip",     "slew",    "glitch",     "frozen", "coloured", "mains", NULL,
};

/* What the sensor shows does not change what the needles do. */
static void test_truth_keeps_the_true_depth(void **state)
{
	char spec[64];

	(void)state;
	for (const char *const *name = of_the_sensor; *name; name++) {
		snprintf(spec, sizeof(spec), "%s@0.2", *name);
		record(&faulty, spec);
		if (faulty.lines != clean.lines)
			fail_msg("%s: other strokes", *name);
		if (memcmp(faulty.host.force, clean.host.force, sizeof(int32_t) * 50000) == 0)
			fail_msg("%s: nothing to be seen", *name);
		assert_memory_equal(faulty.host.displacement, clean.host.displacement, sizeof(int32_t) * 50000);
		forget(&faulty);
	}
	record(&faulty, NULL);
}

/* The recorded force above its lowest tenth, of the periods of these strokes; and its square, less that of the noise. */
static void seen_of(const struct recorded *r, double *ret_impulse, double *ret_square)
{
	unsigned from = first_steady(r), to = last_steady(r) - 1;
	long lo = lround(0.5 * (r->strokes[from - 1].index + r->strokes[from].index));
	long hi = lround(0.5 * (r->strokes[to - 1].index + r->strokes[to].index));
	double level = 0, strokes = to - from;

	for (unsigned k = from; k < to; k++)
		level += force(r, 0.5 * (r->strokes[k - 1].index + r->strokes[k].index)) / strokes;
	*ret_impulse = *ret_square = 0;
	for (long i = lo; i < hi; i++) {
		double n = force(r, (double)i) - level;

		*ret_impulse += n / FS / strokes;
		*ret_square += (n * n - 1.5e-3 * 1.5e-3) / FS / strokes;
	}
}

/* What the truth file says that the needles push is what the cell sees, and is theirs alone. */
static void test_pushes_are_the_needles_own(void **state)
{
	double impulse, square, of_truth[2] = {0, 0};
	unsigned from = first_steady(&clean), to = last_steady(&clean) - 1;

	(void)state;
	seen_of(&clean, &impulse, &square);
	for (unsigned k = from; k < to; k++) {
		const struct stroke *s = &clean.strokes[k];

		assert_true(fabs(s->peak_n / s->force_n - 1) < 1e-4);
		of_truth[0] += s->impulse_n_s / (to - from);
		of_truth[1] += s->square_n2_s / (to - from);
	}
	assert_true(fabs(impulse / of_truth[0] - 1) < 0.03);
	assert_true(fabs(square / of_truth[1] - 1) < 0.03);
	for (const char *const *spec =
		     (const char *const[]){"inertia@0.2", "tremor@0.2", "adhesion@0.2", "bounce@0.2", NULL};
	     *spec; spec++) {
		record(&faulty, *spec);
		for (unsigned k = from; k < to; k++)
			assert_true(fabs(faulty.strokes[k].impulse_n_s / clean.strokes[k].impulse_n_s - 1) < 1e-6);
		forget(&faulty);
	}
	record(&faulty, "relaxation@0,share=0.3,tau=1,known=0"); /* and that is the phantom's force on them */
	for (unsigned k = first_steady(&faulty); k < last_steady(&faulty) - 1; k++)
		assert_true(faulty.strokes[k].peak_n < 0.97 * faulty.strokes[k].force_n);
}

static uint64_t digest_of(const char *name, const char *when, uint64_t seed, uint64_t slice_ns)
{
	char spec[64], answer[64];
	const struct world_config config = {.seed = seed, .faults = {spec}, .fault_count = name != NULL};
	struct host h;

	snprintf(spec, sizeof(spec), "%s%s", name ? name : "", when);
	host_open(&h, &config);
	host_start_sensor(&h, FS);
	host_until(&h, 0.1, false);
	h.slice_ns = slice_ns;
	host_ask(&h, "SYST:DEAD 1000;:SOUR:DEPT 1.2;:OUTP ON\n", answer, sizeof(answer));
	host_until(&h, 0.6, false);
	host_close(&h);
	return h.digest;
}

static void check_alike(const char *const *names)
{
	for (; *names; names++) {
		uint64_t digest = digest_of(*names, "@0.05", SEED, 1000000);

		if (digest_of(*names, "@0.05", SEED, 333333) != digest)
			fail_msg("%s depends on how time was cut", *names);
		if (digest_of(*names, "@0.05", SEED + 1, 1000000) == digest)
			fail_msg("%s does not depend on the seed", *names);
		if (digest_of(*names, "@1000", SEED, 1000000) != digest_of(NULL, "", SEED, 1000000))
			fail_msg("%s shows before it strikes", *names);
	}
}

static void test_the_same_seed_gives_the_same_bytes(void **state)
{
	(void)state;
	check_alike(of_the_pen);
	check_alike(of_the_sensor);
}

#define TEST(name)  cmocka_unit_test_setup_teardown(name, NULL, NULL)
#define SIGNS(name) cmocka_unit_test_setup_teardown(name, NULL, forget_faulty)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SIGNS(test_adhesion_pulls_after_the_stroke_only),
		SIGNS(test_bounce_taps_once_more),
		SIGNS(test_inertia_goes_with_the_square_of_the_rate),
		SIGNS(test_relaxation_leaves_an_exponential_tail),
		SIGNS(test_tremor_is_slow_and_may_move_the_needles),
		SIGNS(test_knock_is_half_a_sine),
		SIGNS(test_cell_rings_where_it_is_told),
		SIGNS(test_cell_creep_comes_with_its_time_constant),
		SIGNS(test_clip_makes_flat_tops),
		SIGNS(test_slew_ends_how_fast_it_moves),
		SIGNS(test_glitches_are_counted),
		SIGNS(test_frozen_converter_repeats_its_count),
		SIGNS(test_coloured_noise_has_its_spectrum),
		SIGNS(test_mains_of_another_frequency),
		SIGNS(test_bottoming_is_the_needles_true_depth),
		SIGNS(test_needles_that_rest_in_the_phantom),
		SIGNS(test_double_bump_has_two_tops_a_turn),
		SIGNS(test_asymmetry_makes_the_way_back_longer),
		SIGNS(test_travelling_depth_is_in_the_truth),
		TEST(test_runs_on_after_it_said_off),
		TEST(test_deadman_that_trips_late),
		TEST(test_uptime_has_a_grain),
		TEST(test_it_accepts_any_depth),
		SIGNS(test_truth_keeps_the_true_depth),
		SIGNS(test_pushes_are_the_needles_own),
		TEST(test_the_same_seed_gives_the_same_bytes),
	};

	return cmocka_run_group_tests(tests, record_clean, forget_clean);
}
