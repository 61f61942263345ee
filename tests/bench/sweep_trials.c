/* Coverage of linearity and hysteresis: sweeps of 3, 6 and 15 setpoints, up and down again, on one bench whose certificates
 * are wrong by what they state; the pen's own deviations and hysteresis are known.
 * sweep_trials [TRIALS [PROCESSES [FIRST]]]: 200 of each kind, 1, 0; FIRST is the number of the first. A line with the
 * method's version, and one for each kind: what, setpoints, SNR in dB, sd of the deviations, hysteresis, trials, untrusted,
 * covered, sums of error and U, lengths in um. Not a test: it prints and judges nothing. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rig/measure/method.h"
#include "rig/measure/sweep.h"
#include "tests/bench/misfit_trial.h"
#include "tests/bench/pw1.h"

#define SETPOINTS_MAX 15
#define POINTS_MAX    (2 * SETPOINTS_MAX)
#define PROCESSES_MAX 64
#define FIRST_MM      0.4
#define LAST_MM       2.0

struct kind {
	unsigned setpoints;
	double snr_db;
	double deviation_mm, hysteresis_mm; /* sd of a setpoint's own; the same at all */
};

static const struct kind kinds[] = {
	{3, 40.0, 0.0, 0.0},    {6, 40.0, 0.0, 0.0},    {15, 40.0, 0.0, 0.0},
	{3, 40.0, 0.005, 0.01}, {6, 40.0, 0.005, 0.01}, {15, 40.0, 0.005, 0.01},
	{3, 25.0, 0.005, 0.01}, {6, 25.0, 0.005, 0.01}, {15, 25.0, 0.005, 0.01},
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

struct sweep {
	unsigned points;
	double setpoint_mm[POINTS_MAX], true_mm[POINTS_MAX];
	bool upward[POINTS_MAX];
	struct result depth[POINTS_MAX];
};

struct outcome {
	bool trusted[2];
	double value[2], expanded_u[2], truth[2]; /* linearity, hysteresis */
};

static void measure(const struct recording *r, struct sweep *s)
{
	static struct misfit_results results;
	struct take take;

	recording_make(r, &take);
	misfit_measure(r, &take, &results);
	s->true_mm[s->points] = take.truth.depth_mm;
	s->depth[s->points++] = *misfit_find(&results, "depth_mm", "force_equivalent");
	take_free(&take);
}

static void run_sweep(const struct kind *kind, uint64_t seed, struct sweep *s)
{
	struct pw1_random random = pw1_seeded(seed);
	struct recording base = recording_nominal(seed);
	double deviation[SETPOINTS_MAX];
	unsigned n = kind->setpoints;

	base.snr_db = kind->snr_db;
	base.window_s = 1.0;
	base.gain_error_rel = hypot(base.gain_rel, base.curve_rel) * pw1_normal(&random);
	base.depth_error_mm = base.depth_cal_mm * pw1_normal(&random);
	for (unsigned i = 0; i < n; i++)
		deviation[i] = kind->deviation_mm * pw1_normal(&random);
	s->points = 0;
	for (unsigned i = 0; i < 2 * n; i++) {
		unsigned at = i < n ? i : 2 * n - 1 - i;
		struct recording r = base;

		s->setpoint_mm[i] = FIRST_MM + (LAST_MM - FIRST_MM) * at / (n - 1.0);
		s->upward[i] = i < n;
		r.depth_mm = s->setpoint_mm[i] + deviation[at] + (i < n ? 0.5 : -0.5) * kind->hysteresis_mm;
		r.seed = seed * POINTS_MAX + i;
		measure(&r, s);
	}
}

static double true_linearity(const struct sweep *s)
{
	double n = s->points, x0 = 0.0, y0 = 0.0, sxx = 0.0, sxy = 0.0, most = 0.0;

	for (unsigned i = 0; i < s->points; i++) {
		x0 += s->setpoint_mm[i] / n;
		y0 += s->true_mm[i] / n;
	}
	for (unsigned i = 0; i < s->points; i++) {
		sxx += pow(s->setpoint_mm[i] - x0, 2.0);
		sxy += (s->setpoint_mm[i] - x0) * (s->true_mm[i] - y0);
	}
	for (unsigned i = 0; i < s->points; i++)
		most = fmax(most, fabs(s->true_mm[i] - y0 - sxy / sxx * (s->setpoint_mm[i] - x0)));
	return most;
}

static double true_hysteresis(const struct sweep *s)
{
	double most = 0.0;

	for (unsigned i = 0; i < s->points / 2; i++)
		most = fmax(most, fabs(s->true_mm[i] - s->true_mm[s->points - 1 - i]));
	return most;
}

static struct outcome judge(const struct sweep *s)
{
	struct sweep_point points[POINTS_MAX];
	struct result results[2];
	struct outcome o = {.truth = {true_linearity(s), true_hysteresis(s)}};

	for (unsigned i = 0; i < s->points; i++)
		points[i] = (struct sweep_point){
			.setpoint_mm = s->setpoint_mm[i], .depth = &s->depth[i], .upward = s->upward[i]};
	sweep_results(points, s->points, results);
	for (unsigned i = 0; i < 2; i++) {
		o.trusted[i] = results[i].valid && results[i].trusted;
		o.value[i] = results[i].value;
		o.expanded_u[i] = results[i].expanded_u;
	}
	return o;
}

/* ---- in processes of their own */

static int run_apart(const struct kind *kind, unsigned first, unsigned end, unsigned step)
{
	static struct sweep sweep;
	int ends[2];

	fflush(stdout);
	if (pipe(ends) != 0)
		abort();
	pid_t child = fork();

	if (child < 0)
		abort();
	if (child > 0) {
		close(ends[1]);
		return ends[0];
	}
	for (unsigned k = first; k < end; k += step) {
		struct outcome o;

		run_sweep(kind, 1000000u * (uint64_t)(kind - kinds + 1) + k, &sweep);
		o = judge(&sweep);
		if (write(ends[1], &o, sizeof(o)) != sizeof(o))
			_exit(1);
	}
	_exit(0);
}

struct sum {
	unsigned n, untrusted, covered;
	double error, u;
};

static void print(const struct kind *kind, const char *name, const struct sum *s)
{
	printf("%s\t%u\t%g\t%g\t%g\t%u\t%u\t%u\t%.6g\t%.6g\n", name, kind->setpoints, kind->snr_db,
	       1000.0 * kind->deviation_mm, 1000.0 * kind->hysteresis_mm, s->n, s->untrusted, s->covered,
	       1000.0 * s->error, 1000.0 * s->u);
	fflush(stdout);
}

static void run_kind(const struct kind *kind, unsigned first, unsigned trials, unsigned processes)
{
	struct sum sums[2] = {{0}};
	int from[PROCESSES_MAX];

	for (unsigned i = 0; i < processes; i++)
		from[i] = run_apart(kind, first + i, first + trials, processes);
	for (unsigned k = 0; k < trials; k++) {
		struct outcome o;

		if (read(from[k % processes], &o, sizeof(o)) != sizeof(o))
			abort();
		for (unsigned i = 0; i < 2; i++) {
			double error = o.value[i] - o.truth[i];

			sums[i].n++;
			sums[i].untrusted += !o.trusted[i];
			if (!o.trusted[i])
				continue;
			sums[i].covered += fabs(error) <= o.expanded_u[i];
			sums[i].error += error;
			sums[i].u += o.expanded_u[i];
		}
	}
	for (unsigned i = 0; i < processes; i++)
		close(from[i]);
	while (wait(NULL) > 0)
		;
	print(kind, "linearity", &sums[0]);
	print(kind, "hysteresis", &sums[1]);
}

int main(int argc, char **argv)
{
	unsigned trials = argc > 1 ? (unsigned)atoi(argv[1]) : 200, processes = argc > 2 ? (unsigned)atoi(argv[2]) : 1;
	unsigned first = argc > 3 ? (unsigned)atoi(argv[3]) : 0;

	processes = processes < 1 ? 1 : processes > PROCESSES_MAX ? PROCESSES_MAX : processes;
	printf("method\t%u\n", METHOD_VERSION);
	for (unsigned i = 0; i < KINDS; i++)
		run_kind(&kinds[i], first, trials, processes);
	return 0;
}
