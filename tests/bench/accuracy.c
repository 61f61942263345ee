/* Accuracy on PW1 and its variants as ratios to the bounds of measurement theory: per-stroke depth, then the rate by
 * many short windows. accuracy [SAMPLES [TRIALS [SEED]]]: 10 000 000, 300, 1 by default. Not a test: it prints and
 * judges nothing. */
#include <stdio.h>

#include "tests/unit/measure/pw1_trial.h"

#define WINDOW_SAMPLES 100000
#define EDGE_SAMPLES   10000 /* before and after the window, so that its first and last stroke are whole */
#define JITTER         0.005

static struct pw1_config variant(unsigned i, double snr_db, uint64_t seed, const char **ret_name)
{
	static const char *const names[] = {"PW1",      "30 Hz",    "90 Hz",       "300 Hz",    "duty 0.25",
					    "duty 0.5", "duty 0.9", "hum wanders", "width 3 %", "cell 1.5 kHz"};
	struct pw1_config c = pw1_default(snr_db);

	c.seed = seed;
	c.rate_hz = i == 1 ? 30.0 : i == 2 ? 90.0 : i == 3 ? 300.0 : c.rate_hz;
	c.duty = i == 4 ? 0.25 : i == 5 ? 0.5 : i == 6 ? 0.9 : c.duty;
	c.hum_hz = i == 7 ? 50.07 : c.hum_hz;
	c.hum_wander_hz = i == 7 ? 0.05 : 0.0;
	c.width_sd = i == 8 ? 0.03 : 0.0;
	c.cell_hz = i == 9 ? 1500.0 : 0.0;
	c.cell_damping = 0.03;
	*ret_name = i < 10 ? names[i] : NULL;
	return c;
}

static void depth(const struct pw1_config *pw1, const char *name, size_t samples)
{
	struct curve *curve = trial_curve();
	struct point_config config = trial_config(pw1, curve);
	struct trial t;

	trial_run(&t, pw1, &config, samples);

	double bound = trial_depth_bound(pw1), n = (double)t.matched;

	printf("%-13s %2.0f dB: %zu strokes, %zu missed, %zu invented, depth RMSE / bound %.3f, bias / bound %+.3f\n",
	       name, pw1->snr_db, t.matched, t.missed, t.invented, sqrt(t.sum_square / n) / bound,
	       t.sum_error / n / bound);
	trial_end(&t);
	curve_free(curve);
}

struct rate_score {
	double nominal, realised, nominal_u, realised_u; /* sums of squares of error / bound, error / u */
};

static void rate_once(const struct pw1_config *pw1, struct rate_score *score)
{
	static int32_t counts[WINDOW_SAMPLES];
	struct sample_block block = {.channels = 1, .frames = WINDOW_SAMPLES, .counts = counts};
	struct point_config config = trial_config(pw1, NULL);
	struct trial t = {.truth = calloc(TRIAL_STROKES_MAX, sizeof(struct pw1_stroke)),
			  .found = calloc(TRIAL_STROKES_MAX, sizeof(struct stroke))};
	struct point *point = NULL;
	struct pw1 generator;
	size_t first = 0, k = 0;

	config.u.clock_rel = 0.0;
	if (t.truth == NULL || t.found == NULL || point_new(&config, &point) != 0)
		abort();
	pw1_init(&generator, pw1, trial_truth, &t);
	pw1_fill(&generator, counts, WINDOW_SAMPLES);
	point_on_stroke(point, trial_found, &t);
	point_phase(point, POINT_SPIN_UP, 0, NAN);
	point_phase(point, POINT_MEASURE, EDGE_SAMPLES, NAN);
	point_phase(point, POINT_COAST, WINDOW_SAMPLES - EDGE_SAMPLES, NAN);
	point_feed(point, &block);
	t.result_count = point_finish(point, t.results, RESULTS_PER_POINT_MAX);
	point_free(point);
	while (first < t.founds && t.found[first].phase != POINT_MEASURE)
		first++;
	while (k < t.truths && t.truth[k].start_s + t.truth[k].width_s < t.found[first].instant / PW1_FS_HZ)
		k++;

	const struct result *nominal = trial_result(t.results, t.result_count, "stroke_rate_hz", "nominal");
	const struct result *realised = trial_result(t.results, t.result_count, "stroke_rate_hz", "realised");
	double n = (double)realised->n, period = 1.0 / pw1->rate_hz, width = PW1_FS_HZ * pw1->duty * period;
	double instant = pow(10.0, -pw1->snr_db / 20.0) / sqrt(M_PI * M_PI / (2.0 * width)) / PW1_FS_HZ;
	double scatter = hypot(instant, pw1->jitter_independent * period);
	double bound =
		pw1->jitter > 0.0 ? pw1->jitter / sqrt(n - 1.0) : sqrt(12.0 / (n * (n * n - 1.0))) * scatter / period;
	double span = t.truth[k + (size_t)n - 1].start_s - t.truth[k].start_s;
	double off = nominal->value - pw1->rate_hz, off_realised = realised->value - (n - 1.0) / span;

	score->nominal += pow(off / (bound * pw1->rate_hz), 2.0);
	score->realised += pow(off_realised / (M_SQRT2 * instant / ((n - 1.0) * period) * pw1->rate_hz), 2.0);
	score->nominal_u += pow(off / nominal->u, 2.0);
	score->realised_u += pow(off_realised / realised->u, 2.0);
	trial_end(&t);
}

static void rates(unsigned trials, uint64_t seed)
{
	static const char *const names[] = {"no jitter", "independent", "random walk"};

	for (unsigned kind = 0; kind < 3; kind++) {
		struct rate_score s = {.nominal = 0.0};

		for (unsigned i = 0; i < trials; i++) {
			struct pw1_config pw1 = pw1_default(40.0);

			pw1.seed = pw1_seeded(seed + i).state;
			pw1.jitter = kind == 2 ? JITTER : 0.0;
			pw1.jitter_independent = kind == 1 ? JITTER : 0.0;
			rate_once(&pw1, &s);
		}
		printf("rate, %-12s 40 dB: %u windows of %.1f s, nominal RMSE / bound %.3f (rms error / u %.3f), "
		       "realised %.3f "
		       "(%.3f)\n",
		       names[kind], trials, (WINDOW_SAMPLES - 2 * EDGE_SAMPLES) / PW1_FS_HZ, sqrt(s.nominal / trials),
		       sqrt(s.nominal_u / trials), sqrt(s.realised / trials), sqrt(s.realised_u / trials));
	}
}

int main(int argc, char **argv)
{
	size_t samples = argc > 1 ? (size_t)atof(argv[1]) : 10000000;
	unsigned trials = argc > 2 ? (unsigned)atoi(argv[2]) : 300;
	uint64_t seed = argc > 3 ? (uint64_t)atoll(argv[3]) : 1;
	const char *name;

	for (unsigned i = 0;; i++) {
		for (int snr = 20; snr <= 60; snr += 20) {
			struct pw1_config pw1 = variant(i, snr, seed, &name);

			if (name != NULL && samples > 0)
				depth(&pw1, name, samples);
		}
		if (name == NULL)
			break;
	}
	rates(trials, seed);
	return 0;
}
