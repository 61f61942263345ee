/* What stopping does to the stated intervals: windows that end at the first look at which one measurand's expanded
 * uncertainty is small enough, by trials that redraw the truth within the certificates. Every pen is looked at as
 * rig/estimate/until.c does, at all looks; each rule then takes the one at which it would have stopped.
 * until_trials [TRIALS [FIRST_SEED [PROCESSES]]]: 10 000 per regime, 1, 1 by default. Not a test: it prints and judges
 * nothing. */
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rig/estimate/until.h"
#include "tests/bench/pen_trial.h"

#define MIN_S   0.5
#define MAX_S   2.5
#define LOOKS   9 /* at MIN_S and each UNTIL_EVERY_S up to MAX_S */
#define AFTER_S 0.2
#define PILOT   60
#define RULES   8

enum claim { DEPTH, DEPTH_PROCESS, DEPTH_SD, RATE, RATE_NOMINAL, JITTER, CLAIMS };

static const struct {
	const char *measurand, *method, *shown;
} claims[CLAIMS] = {
	[DEPTH] = {"depth_mm", "force_equivalent", "depth realised"},
	[DEPTH_PROCESS] = {"depth_mm", "force_equivalent_process", "depth process"},
	[DEPTH_SD] = {"depth_sd_mm", "force_equivalent", "depth sd"},
	[RATE] = {"stroke_rate_hz", "realised", "rate realised"},
	[RATE_NOMINAL] = {"stroke_rate_hz", "nominal", "rate nominal"},
	[JITTER] = {"period_jitter_pct", NULL, "jitter"},
};

struct said { /* of one claim at one look */
	float error, u, expanded_u;
	bool trusted, accepted; /* accepted: by an upper limit that is the truth */
};

/* Which uncertainty ends the window, and by when half of all pens know it. */
static const struct rule {
	enum claim claim;
	unsigned look;
} rules[RULES] = {{DEPTH, 1},        {DEPTH, 4},        {RATE, 1},     {RATE, 4},
		  {RATE_NOMINAL, 1}, {RATE_NOMINAL, 4}, {DEPTH_SD, 4}, {JITTER, 4}};

struct pen_seen {
	float u[LOOKS][CLAIMS]; /* expanded, where it may be judged; else infinite */
	unsigned stopped[RULES];
	struct said said[RULES][CLAIMS];
};

struct rule_score {
	unsigned stopped_early, untrusted, covered[CLAIMS], accepted[CLAIMS], claimed[CLAIMS];
	double seconds;
};

static const struct result *claimed(const struct result *results, unsigned n, enum claim claim)
{
	for (unsigned i = 0; i < n; i++)
		if (strcmp(results[i].name, claims[claim].measurand) == 0 &&
		    (!claims[claim].method || strcmp(results[i].method, claims[claim].method) == 0))
			return &results[i];
	abort(); /* a result of that name is part of the contract */
}

/* Of the strokes up to end_s, and of the pen. */
static double truth_of(const struct pen_trial *t, const struct pen_regime *g, enum claim claim, double end_s)
{
	double sum = 0.0, first = NAN, last = NAN;
	unsigned n = 0;

	for (unsigned i = 0; i < t->strokes; i++) {
		if (t->instant_s[i] < t->measure_s || t->instant_s[i] >= end_s)
			continue;
		first = n++ ? first : t->instant_s[i];
		last = t->instant_s[i];
		sum += t->depth[i];
	}
	switch (claim) {
	case DEPTH: return sum / n;
	case DEPTH_PROCESS: return t->depth_mm;
	case DEPTH_SD: return g->depth_sd_mm;
	case RATE: return (n - 1) / (last - first);
	case RATE_NOMINAL: return t->rate_hz;
	default: return 100.0 * hypot(g->walk, M_SQRT2 * g->scatter);
	}
}

static void say(const struct pen_trial *t, const struct pen_regime *g, const struct result *results, unsigned n,
		double end_s, struct said ret[CLAIMS])
{
	for (unsigned c = 0; c < CLAIMS; c++) {
		const struct result *r = claimed(results, n, (enum claim)c);
		double truth = truth_of(t, g, (enum claim)c, end_s) - pen_unseen(t, r);
		struct limit limit = {.id = r->id, .has_upper = true, .upper = truth, .guard_r = 1.0};
		struct judgement j;

		snprintf(limit.measurand, sizeof(limit.measurand), "%s", r->name);
		snprintf(limit.unit, sizeof(limit.unit), "%s", r->unit);
		decide(r, &limit, &j);
		ret[c] = (struct said){.error = (float)(r->value - truth),
				       .u = (float)r->u,
				       .expanded_u = (float)r->expanded_u,
				       .trusted = r->trusted,
				       .accepted = j.outcome == OUTCOME_PASS};
	}
}

static uint64_t window_from(const struct pen_trial *t)
{
	return (uint64_t)ceil(t->measure_s * t->true_fs_hz);
}

static uint64_t look_at(const struct pen_trial *t, const struct pen_regime *g, unsigned k)
{
	return window_from(t) + (uint64_t)llround((MIN_S + k * UNTIL_EVERY_S) * g->fs_hz);
}

static void feed(const struct pen_trial *t, struct point *point, uint64_t from, uint64_t to)
{
	const struct sample_block block = {
		.channels = 1, .frames = (uint32_t)(to - from), .first_index = from, .counts = t->counts + from};

	point_feed(point, &block);
}

static struct point *begin(const struct pen_trial *t, const struct pen_regime *g, const struct curve *curve,
			   bool so_far)
{
	struct point_config config = pen_config(t, g, curve);
	struct point *point;

	config.so_far = so_far;
	if (!curve || point_new(&config, &point) != 0)
		abort();
	point_phase(point, POINT_TARE, 0, NAN);
	point_phase(point, POINT_SPIN_UP, (uint64_t)ceil(PEN_START_S * t->true_fs_hz), NAN);
	point_phase(point, POINT_MEASURE, window_from(t), NAN);
	return point;
}

/* What is known at each look. */
static void look(const struct pen_trial *t, const struct pen_regime *g, const struct curve *curve, struct pen_seen *ret)
{
	static struct result results[RESULTS_PER_POINT_MAX];
	struct check_result check[MODEL_CHECKS];
	struct point *point = begin(t, g, curve, true);
	unsigned checks;

	for (unsigned k = 0; k < LOOKS; k++) {
		feed(t, point, k ? look_at(t, g, k - 1) : 0, look_at(t, g, k));
		unsigned n = point_so_far(point, results, RESULTS_PER_POINT_MAX, check, &checks);
		for (unsigned c = 0; c < CLAIMS; c++) {
			const struct result *r = claimed(results, n, (enum claim)c);
			ret->u[k][c] = r->trusted ? (float)r->expanded_u : INFINITY;
		}
	}
	point_free(point);
}

/* The window ends at this look, and the pen is stopped as a run would. */
static void end_at(const struct pen_trial *t, const struct pen_regime *g, const struct curve *curve, unsigned k,
		   struct said ret[CLAIMS])
{
	static struct result results[RESULTS_PER_POINT_MAX];
	struct point *point = begin(t, g, curve, false);
	uint64_t end = look_at(t, g, k);

	point_phase(point, POINT_COAST, end, NAN);
	feed(t, point, 0, end + (uint64_t)(AFTER_S * g->fs_hz));
	unsigned n = point_finish(point, results, RESULTS_PER_POINT_MAX);
	say(t, g, results, n, (double)end / t->true_fs_hz, ret);
	point_free(point);
}

/* The first look at which this is known, or the last one. */
static unsigned stop_at(const struct pen_seen *seen, enum claim claim, double target)
{
	unsigned k = 0;

	while (k < LOOKS - 1 && !((double)seen->u[k][claim] <= target))
		k++;
	return k;
}

static void end_by_rules(const struct pen_trial *t, const struct pen_regime *g, const struct curve *curve,
			 const double targets[RULES], struct pen_seen *seen)
{
	struct said at[LOOKS][CLAIMS];
	bool known[LOOKS] = {false};

	for (unsigned i = 0; i < RULES; i++) {
		unsigned k = stop_at(seen, rules[i].claim, targets[i]);

		if (!known[k])
			end_at(t, g, curve, k, at[k]);
		known[k] = true;
		seen->stopped[i] = k;
		memcpy(seen->said[i], at[k], sizeof(at[k]));
	}
}

/* targets NULL: of the pilot, only looked at. */
static void run_pen(struct pen_trial *t, const struct pen_regime *g, uint64_t seed, const double *targets,
		    struct pen_seen *ret)
{
	struct pen_regime longer = *g;

	longer.measure_s = MAX_S + AFTER_S + 0.1;
	pen_draw(t, &longer, seed);
	struct curve *curve = pen_curve(t->rate_hz);
	look(t, &longer, curve, ret);
	if (targets)
		end_by_rules(t, &longer, curve, targets, ret);
	curve_free(curve);
}

static void add_to(struct rule_score *score, const struct pen_seen *seen, unsigned rule)
{
	bool trusted = true;

	score->seconds += MIN_S + seen->stopped[rule] * UNTIL_EVERY_S;
	score->stopped_early += seen->stopped[rule] < LOOKS - 1;
	for (unsigned c = 0; c < CLAIMS; c++) {
		const struct said *s = &seen->said[rule][c];

		trusted &= s->trusted;
		if (!s->trusted)
			continue;
		score->claimed[c]++;
		score->covered[c] += fabsf(s->error) <= s->expanded_u;
		score->accepted[c] += s->accepted;
	}
	score->untrusted += !trusted;
}

static int by_size(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;

	return (x > y) - (x < y);
}

/* Half of the pilot's pens know it by this look. */
static double target_for(const struct pen_seen *pilot, const struct rule *rule)
{
	float u[PILOT];

	for (unsigned i = 0; i < PILOT; i++)
		u[i] = pilot[i].u[rule->look][rule->claim];
	qsort(u, PILOT, sizeof(u[0]), by_size);
	return (double)u[PILOT / 2];
}

static void print_rule(const struct pen_regime *regime, const struct rule_score *s, unsigned trials, unsigned rule,
		       double target)
{
	printf("%s, until %s is known to %.3g: %u trials, mean window %.2f s, %.0f %% before the last look, %u "
	       "untrusted\n",
	       regime->name, claims[rules[rule].claim].shown, target, trials, s->seconds / trials,
	       100.0 * s->stopped_early / trials, s->untrusted);
	for (unsigned c = 0; c < CLAIMS; c++)
		printf("  %-14s%c  coverage %6.2f %%  false accepts %5.2f %%\n", claims[c].shown,
		       regime->walk_hidden && c == RATE_NOMINAL ? '*' : ' ', 100.0 * s->covered[c] / s->claimed[c],
		       100.0 * s->accepted[c] / s->claimed[c]);
}

static void run_share(const struct pen_regime *g, struct pen_seen *seen, unsigned trials, uint64_t seed,
		      const double *targets, unsigned first, unsigned step)
{
	static struct pen_trial trial;

	for (unsigned k = first; k < trials; k += step)
		run_pen(&trial, g, seed + k, targets, &seen[k]);
}

static void run_all(const struct pen_regime *g, struct pen_seen *seen, unsigned trials, uint64_t seed,
		    const double *targets, unsigned processes)
{
	for (unsigned i = 1; i < processes; i++) {
		if (fork() == 0) {
			run_share(g, seen, trials, seed, targets, i, processes);
			_exit(0);
		}
	}
	run_share(g, seen, trials, seed, targets, 0, processes);
	for (int status = 0; wait(&status) > 0;)
		if (status != 0)
			abort();
}

int main(int argc, char **argv)
{
	unsigned trials = argc > 1 ? (unsigned)atoi(argv[1]) : 10000;
	uint64_t seed = argc > 2 ? (uint64_t)atoll(argv[2]) : 1;
	unsigned processes = argc > 3 ? (unsigned)atoi(argv[3]) : 1, room = trials > PILOT ? trials : PILOT;
	struct pen_seen *seen =
		mmap(NULL, room * sizeof(*seen), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (seen == MAP_FAILED)
		abort();
	for (unsigned g = 0; g < PEN_REGIMES; g++) {
		double targets[RULES];

		run_all(&pen_regimes[g], seen, PILOT, seed + 500000000u, NULL, processes);
		for (unsigned i = 0; i < RULES; i++)
			targets[i] = target_for(seen, &rules[i]);
		run_all(&pen_regimes[g], seen, trials, seed + 1000000u * g, targets, processes);
		for (unsigned i = 0; i < RULES; i++) {
			struct rule_score score = {.seconds = 0.0};

			for (unsigned k = 0; k < trials; k++)
				add_to(&score, &seen[k], i);
			print_rule(&pen_regimes[g], &score, trials, i, targets[i]);
		}
		fflush(stdout);
	}
	return 0;
}
