/* The displacement of one box beside the force of another: where it lands on the force's axis, with what uncertainty,
 * what a gap or a silent box leaves, and that the order of blocks of the same moment changes nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "rig/measure/align.h"

#define FORCE_HZ  20000.0
#define AMPLITUDE 1.5 /* mm */
#define STROKE_HZ 120.0
#define SCALE     1e-6 /* mm per count */
#define RATE(ppm) (1.0 + 1e-6 * (ppm))

/* What truly happens: two boxes whose sample n is taken at start + n / rate; blocks arrive late by a latency and by what
 * a frame adds. */
struct box {
	double true_hz, start_s, latency_s, jitter_s;
	unsigned frames; /* of a block */
	uint32_t seed;
	uint64_t next;
};

struct trial {
	struct align *align;
	struct box force, bar;
	double looks_per_s;          /* how often the host sees what has arrived */
	bool bar_first;              /* of blocks that arrive at the same moment */
	uint64_t drop_from, drop_to; /* bar samples that are lost on the way */
	double bar_silent_from_s;
	uint32_t bar_flags; /* of the block that holds sample flagged_at */
	uint64_t flagged_at, force_flagged;
	uint32_t force_flags;
	/* what came out */
	uint64_t frames, unpaired, first_unpaired, last_unpaired, hash;
	uint64_t expected_index;
	double worst_mm, worst_late_s, scale, from_s;
	int32_t end;
	unsigned ended, gaps;
};

static double bar_mm(double t_s)
{
	return 1.0 - AMPLITUDE * cos(2.0 * M_PI * STROKE_HZ * t_s);
}

static double taken_s(const struct box *box, uint64_t index)
{
	return box->start_s + (double)index / box->true_hz;
}

static double uniform(struct box *box)
{
	box->seed = box->seed * 1664525u + 1013904223u;
	return (double)(box->seed >> 8) / 16777216.0;
}

static void mix(struct trial *t, uint64_t value)
{
	t->hash = (t->hash ^ value) * 0x9E3779B97F4A7C15u;
	t->hash ^= t->hash >> 29;
}

static void on_block(void *ctx, const struct sample_block *block)
{
	struct trial *t = ctx;

	assert_int_equal(block->channels, 2);
	assert_true(block->first_index == t->expected_index);
	t->expected_index += block->frames;
	t->frames += block->frames;
	t->gaps += (block->flags & SAMPLE_GAP) != 0;
	for (uint32_t i = 0; i < block->frames; i++) {
		uint64_t index = block->first_index + i;
		double s = taken_s(&t->force, index);
		assert_int_equal(block->counts[2 * i], (int32_t)(index % 100000));
		mix(t, (uint64_t)block->counts[2 * i + 1] + (block->flags & SAMPLE_UNPAIRED ? 1u << 31 : 0));
		if (block->flags & SAMPLE_UNPAIRED) {
			t->first_unpaired = t->unpaired++ ? t->first_unpaired : index;
			t->last_unpaired = index;
		} else if (block->counts[2 * i + 1] >= t->end) {
			t->ended++;
		} else if (s >= t->from_s) {
			double wrong = t->scale * block->counts[2 * i + 1] - bar_mm(s);
			t->worst_mm = fmax(t->worst_mm, fabs(wrong));
		}
	}
}

/* look_s: what the host adds to both latencies, at most. */
static void make(struct trial *t, double bar_hz, double look_s)
{
	const struct align_config config = {
		.force = {.rate_hz = FORCE_HZ,
			  .latency_lo_s = 200e-6,
			  .latency_hi_s = 400e-6 + look_s,
			  .clock_rel = 60e-6},
		.bar = {.rate_hz = bar_hz, .latency_lo_s = 600e-6, .latency_hi_s = 800e-6 + look_s, .clock_rel = 60e-6},
		.force_position = 1,
		.scale = {.position = 0, .scale = SCALE, .count_lo = -8000000, .count_hi = 8000000},
		.emit = on_block,
		.ctx = t,
	};
	struct channel_scale scale;
	assert_int_equal(align_new(&config, &t->align), 0);
	align_scale(t->align, &scale);
	assert_int_equal(scale.position, 1);
	t->scale = scale.scale;
	t->end = scale.count_hi;
}

static void begin(struct trial *t, double bar_hz, double force_ppm, double bar_ppm)
{
	*t = (struct trial){
		.force = {.true_hz = FORCE_HZ * RATE(force_ppm),
			  .latency_s = 300e-6,
			  .jitter_s = 400e-6,
			  .frames = 100,
			  .seed = 7},
		.bar = {.true_hz = bar_hz * RATE(bar_ppm),
			.start_s = 0.0123,
			.latency_s = 700e-6,
			.jitter_s = 400e-6,
			.frames = bar_hz >= 1000 ? (unsigned)(bar_hz / 200) : 1,
			.seed = 70},
		.looks_per_s = 1000,
		.bar_silent_from_s = INFINITY,
		.flagged_at = UINT64_MAX,
		.force_flagged = UINT64_MAX,
		.from_s = 0.5,
	};
	make(t, bar_hz, 0);
}

static uint64_t arrival_ns(const struct trial *t, struct box *box)
{
	double s = taken_s(box, box->next + box->frames - 1) + box->latency_s + box->jitter_s * uniform(box);

	return 1000000000u + (uint64_t)llround(1e9 / t->looks_per_s * ceil(t->looks_per_s * s));
}

static void feed_force(struct trial *t, uint64_t host_ns)
{
	int32_t counts[2 * 100];
	bool flagged = t->force_flagged >= t->force.next && t->force_flagged < t->force.next + t->force.frames;

	for (unsigned i = 0; i < t->force.frames; i++) {
		counts[2 * i] = -1;
		counts[2 * i + 1] = (int32_t)((t->force.next + i) % 100000);
	}
	align_advance(t->align, host_ns);
	align_force(t->align, &(struct sample_block){.channels = 2,
						     .frames = t->force.frames,
						     .flags = flagged ? t->force_flags : 0,
						     .host_ns = host_ns,
						     .first_index = t->force.next,
						     .counts = counts});
	t->force.next += t->force.frames;
}

static void feed_bar(struct trial *t, uint64_t host_ns)
{
	struct box *b = &t->bar;
	int32_t counts[100];
	bool flagged = t->flagged_at >= b->next && t->flagged_at < b->next + b->frames;

	for (unsigned i = 0; i < b->frames; i++)
		counts[i] = (int32_t)lround(bar_mm(taken_s(b, b->next + i)) / SCALE);
	align_advance(t->align, host_ns);
	if ((b->next < t->drop_from || b->next >= t->drop_to) && taken_s(b, b->next) < t->bar_silent_from_s)
		align_bar(t->align, &(struct sample_block){.channels = 1,
							   .frames = b->frames,
							   .host_ns = host_ns,
							   .flags = flagged ? t->bar_flags : 0,
							   .first_index = b->next,
							   .counts = counts});
	b->next += b->frames;
}

/* The host never sees time go back: a block that would arrive before one already seen arrives with it. */
static void play(struct trial *t, double seconds)
{
	uint64_t force_ns = arrival_ns(t, &t->force), bar_ns = arrival_ns(t, &t->bar), seen_ns = 0;

	while (taken_s(&t->force, t->force.next) < seconds) {
		bool bar = bar_ns < force_ns || (bar_ns == force_ns && t->bar_first);
		uint64_t *due = bar ? &bar_ns : &force_ns;
		seen_ns = *due > seen_ns ? *due : seen_ns;
		(bar ? feed_bar : feed_force)(t, seen_ns);
		*due = arrival_ns(t, bar ? &t->bar : &t->force);
	}
}

static void finish(struct trial *t)
{
	align_flush(t->align);
	assert_true(t->frames == t->force.next); /* no force is lost, none comes twice */
	align_free(t->align);
}

/* How wrong the mapping is shows in the displacement that it gave where the bar is fastest: 1.13 mm per ms. What the host's
 * millisecond adds is a latency of 0 to 1 ms. */
static void lands_where_it_was_taken(void **state)
{
	static const struct {
		double force_ppm, bar_ppm, looks_per_s;
	} cases[] = {{0, 0, 1e9}, {25, -25, 1e9}, {-25, 25, 1e9}, {0, 0, 1e3}, {25, -25, 1e3}, {50, 0, 1e3}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct trial t;
		double look_s = cases[i].looks_per_s < 1e6 ? 1e-3 : 0;
		begin(&t, 10000, cases[i].force_ppm, cases[i].bar_ppm);
		t.looks_per_s = cases[i].looks_per_s;
		t.from_s = 3.5;
		align_free(t.align);
		make(&t, 10000, look_s);
		play(&t, 20);
		double u_s = align_u_s(t.align), late_s = t.worst_mm / (AMPLITUDE * 2.0 * M_PI * STROKE_HZ);
		assert_true(late_s < 2.5 * u_s && late_s < 20e-6 + 1.4 * look_s);
		double latencies_s = hypot(200e-6 + look_s, 200e-6 + look_s) / sqrt(12);
		assert_true(u_s > latencies_s && u_s < latencies_s + 50e-6 + look_s);
		uint64_t unpaired = t.unpaired;
		finish(&t);
		/* before the bar began, and at the end what its block under way would have held */
		assert_true(unpaired < 0.0124 * FORCE_HZ * 1.1 + 30 && t.unpaired - unpaired < 220);
	}
}

/* Before three seconds are over the clocks' specifications stand for what cannot be seen yet. */
static void tells_what_it_does_not_know_yet(void **state)
{
	struct trial t;

	(void)state;
	begin(&t, 10000, 60, -60);
	t.force.jitter_s = t.bar.jitter_s = 0;
	t.looks_per_s = 1e9;
	assert_true(isinf(align_u_s(t.align)));
	play(&t, 2.9);
	double early_s = align_u_s(t.align), late_s = t.worst_mm / (AMPLITUDE * 2.0 * M_PI * STROKE_HZ);
	assert_true(late_s > 150e-6); /* 60 ppm of 2.9 s: of a slow clock the first arrival is the earliest */
	assert_true(late_s < 2.0 * early_s);
	play(&t, 3.2);
	assert_true(align_u_s(t.align) < 0.75 * early_s);
	finish(&t);
}

/* With arrivals that tell the truth, what remains is the interpolation. */
static void interpolates_within_its_bound(void **state)
{
	static const double rates[] = {10000, 5000, 2000, 1200};

	(void)state;
	for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
		struct trial t;
		begin(&t, rates[i], 30, -30);
		t.force.jitter_s = t.bar.jitter_s = 0;
		t.looks_per_s = 1e9;
		t.from_s = 3.1; /* both clocks are fitted */
		play(&t, 8);
		finish(&t);
		double bound = AMPLITUDE * align_interpolation_rel(rates[i], STROKE_HZ);
		double rounding = AMPLITUDE * 2.0 * M_PI * STROKE_HZ * 3e-9 + SCALE;
		assert_true(t.worst_mm < bound + rounding);
		assert_true(t.worst_mm > 0.5 * bound);
	}
	double w = 2 * M_PI * 120 / 1200; /* at the middle between samples of a sine at its crest */
	double at[4] = {cos(-1.5 * w), cos(-0.5 * w), cos(0.5 * w), cos(1.5 * w)};
	double error = 1.0 - (-at[0] + 9 * at[1] + 9 * at[2] - at[3]) / 16.0;
	assert_true(error < align_interpolation_rel(1200, 120) && error > 0.9 * align_interpolation_rel(1200, 120));
}

/* One block of each arrives at the same moment, the one or the other first; with clocks by which almost every arrival is
 * the earliest yet, so that a fit with one of the two blocks alone would show. */
static void play_together(struct trial *t, unsigned blocks)
{
	for (unsigned i = 0; i < blocks; i++) {
		uint64_t force_ns = arrival_ns(t, &t->force), bar_ns = arrival_ns(t, &t->bar);
		uint64_t host_ns = force_ns > bar_ns ? force_ns : bar_ns;
		(t->bar_first ? feed_bar : feed_force)(t, host_ns);
		(t->bar_first ? feed_force : feed_bar)(t, host_ns);
	}
}

static void order_of_one_moment_changes_nothing(void **state)
{
	uint64_t hash[2];

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct trial t;
		begin(&t, 10000, 60, 50);
		t.looks_per_s = 1e9;
		t.bar_first = i;
		t.force.jitter_s = t.bar.jitter_s = 1e-6;
		t.drop_from = 5000;
		t.drop_to = 5200;
		play_together(&t, 1000);
		assert_true(t.unpaired > 300);
		align_advance(t.align, UINT64_MAX);
		hash[i] = t.hash;
		align_free(t.align);
	}
	assert_true(hash[0] == hash[1]);
}

static void a_gap_has_no_value(void **state)
{
	struct trial t;

	(void)state;
	begin(&t, 10000, 0, 0);
	t.drop_from = 20000;
	t.drop_to = 20050;
	play(&t, 4);
	/* 50 samples at 10 kS/s are 100 of force; a tap of the four on either side reaches into them */
	uint64_t lost = t.last_unpaired - (uint64_t)((0.0123 + 2.0) * FORCE_HZ);
	assert_true(lost >= 100 - 20 && lost <= 106 + 20);
	assert_true(t.unpaired >= 246 + 100 && t.unpaired <= 260 + 106 + 20);
	finish(&t);
}

/* Of the force's flags a gap stands before its block's first sample, and nowhere else. */
static void a_gap_of_the_force_is_told_once(void **state)
{
	struct trial t;

	(void)state;
	begin(&t, 10000, 0, 0);
	t.drop_from = 20000;
	t.drop_to = 20050;
	t.force_flags = SAMPLE_GAP;
	t.force_flagged = 2 * 20000 + 300; /* its block is cut where the bar's gap ends */
	play(&t, 4);
	finish(&t);
	assert_int_equal(t.gaps, 1);
}

/* A gap of which nobody knows how long it was stands before the flagged block's first sample. */
static void flags_of_the_bar_count(void **state)
{
	struct trial t;

	(void)state;
	begin(&t, 10000, 0, 0);
	t.flagged_at = 20000;
	t.bar_flags = SAMPLE_GAP;
	play(&t, 4);
	assert_true(t.last_unpaired > 2.0 * FORCE_HZ);
	finish(&t);
	begin(&t, 10000, 0, 0);
	t.flagged_at = 20000;
	t.bar_flags = SAMPLE_OVER_RANGE;
	play(&t, 4);
	assert_true(t.ended >= 100 && t.ended <= 106); /* 50 samples of the block, and the taps */
	finish(&t);
}

static void a_silent_bar_holds_no_force_back(void **state)
{
	struct trial t;

	(void)state;
	begin(&t, 10000, 0, 0);
	t.bar_silent_from_s = 2;
	play(&t, 4);
	assert_true(t.frames > 3.7 * FORCE_HZ && t.first_unpaired == 0);
	assert_true(t.unpaired > 1.7 * FORCE_HZ && t.unpaired < 2.02 * FORCE_HZ);
	finish(&t);
	begin(&t, 10000, 0, 0);
	t.bar_silent_from_s = 0;
	play(&t, 2);
	assert_true(isinf(align_u_s(t.align)));
	finish(&t);
	assert_true(t.unpaired == t.frames);
}

/* 10 S/s: six of its samples are waited for, and all is paired. */
static void a_slow_box_is_waited_for(void **state)
{
	struct trial t;

	(void)state;
	begin(&t, 10, 0, 0);
	t.from_s = INFINITY;
	play(&t, 5);
	assert_true(t.unpaired <= 0.12 * FORCE_HZ + 20 + 0.11 * FORCE_HZ);
	assert_true(t.frames > 4.5 * FORCE_HZ);
	finish(&t);
}

static void refuses_what_cannot_be(void **state)
{
	struct align *align = (struct align *)&align;
	struct align_config config = {.force = {.rate_hz = 1}, .bar = {.rate_hz = 1}, .emit = on_block};

	(void)state;
	config.scale.position = -1;
	assert_int_equal(align_new(&config, &align), -EINVAL);
	config.scale.position = 0;
	config.bar.rate_hz = 0;
	assert_int_equal(align_new(&config, &align), -EINVAL);
	config.bar.rate_hz = 1;
	config.bar.latency_lo_s = 1;
	assert_int_equal(align_new(&config, &align), -EINVAL);
	assert_ptr_equal(align, &align);
	align_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lands_where_it_was_taken),
		cmocka_unit_test(tells_what_it_does_not_know_yet),
		cmocka_unit_test(interpolates_within_its_bound),
		cmocka_unit_test(order_of_one_moment_changes_nothing),
		cmocka_unit_test(a_gap_has_no_value),
		cmocka_unit_test(a_gap_of_the_force_is_told_once),
		cmocka_unit_test(flags_of_the_bar_count),
		cmocka_unit_test(a_silent_bar_holds_no_force_back),
		cmocka_unit_test(a_slow_box_is_waited_for),
		cmocka_unit_test(refuses_what_cannot_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
