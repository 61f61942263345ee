/* Coverage of the stated 95 % intervals and false accepts at r = 1, by trials that redraw the truth within the
 * certificates and within what the model checks cannot exclude. trials [TRIALS [FIRST_SEED [PROCESSES]]]: 10 000 per regime, 1, 1 by default; the seeds and so the
 * counts do not depend on the number of processes. Not a test: it prints and judges nothing. */
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/bench/heat_trial.h"
#include "tests/bench/pen_trial.h"

#define PROCESSES_MAX 64

struct scores {
	struct pen_score pens[PEN_REGIMES];
	struct heat_score heats[HEAT_REGIMES];
};

/* "*": no interval is right there, and the figure is shown for what it is. */
static void print(const struct pen_regime *regime, const struct pen_score *s)
{
	static const char *const names[] = {"depth realised", "depth process", "rate realised", "rate nominal"};

	printf("%-18s %u trials, %u depths untrusted, %u with another stroke count\n", regime->name, s->trials,
	       s->trials - s->claimed[PEN_DEPTH], s->wrong_count);
	for (unsigned i = 0; i < PEN_CLAIMS; i++) {
		double n = s->claimed[i];

		printf("  %-14s%c  coverage %6.2f %%  false accepts %5.2f %%  rms error / u %.3f\n", names[i],
		       regime->walk_hidden && i == PEN_RATE_NOMINAL ? '*' : ' ', 100.0 * s->covered[i] / n,
		       100.0 * s->false_accepts[i] / n, sqrt(s->squares[i] / n));
	}
}

static void print_heat(const struct heat_regime *regime, const struct heat_score *s)
{
	double n = s->trials - s->refused;

	printf("%-18s %u trials, %u refused\n", regime->name, s->trials, s->refused);
	printf("  %-16s coverage %6.2f %%  false accepts %5.2f %%  rms error / u %.3f\n", "steady temperature",
	       100.0 * s->covered / n, 100.0 * s->false_accepts / n, sqrt(s->squares / n));
}

/* Regimes share no draws: their figures are independent. */
static uint64_t seed_of(uint64_t seed, unsigned regime, unsigned trial)
{
	return seed + 1000000u * (uint64_t)regime + trial;
}

/* Every `step`-th trial of each regime. */
static void run(struct scores *scores, uint64_t seed, unsigned first, unsigned trials, unsigned step)
{
	static struct pen_trial trial;

	for (unsigned k = first; k < trials; k += step) {
		for (unsigned g = 0; g < PEN_REGIMES; g++) {
			pen_run(&trial, &pen_regimes[g], seed_of(seed, g, k));
			pen_add(&scores->pens[g], &trial);
		}
		for (unsigned g = 0; g < HEAT_REGIMES; g++)
			heat_run(&heat_regimes[g], seed_of(seed, PEN_REGIMES + g, k), &scores->heats[g]);
	}
}

static void add(struct scores *sum, const struct scores *part)
{
	for (unsigned g = 0; g < PEN_REGIMES; g++)
		pen_join(&sum->pens[g], &part->pens[g]);
	for (unsigned g = 0; g < HEAT_REGIMES; g++)
		heat_join(&sum->heats[g], &part->heats[g]);
}

/* In a process of its own; its scores come through the pipe. */
static int run_apart(uint64_t seed, unsigned first, unsigned trials, unsigned step)
{
	struct scores scores = {.pens = {{.trials = 0}}};
	int ends[2];

	if (pipe(ends) != 0)
		abort();
	pid_t child = fork();

	if (child < 0)
		abort();
	if (child > 0) {
		close(ends[1]);
		return ends[0];
	}
	run(&scores, seed, first, trials, step);
	_exit(write(ends[1], &scores, sizeof(scores)) == sizeof(scores) ? 0 : 1);
}

int main(int argc, char **argv)
{
	unsigned trials = argc > 1 ? (unsigned)atoi(argv[1]) : 10000,
		 processes = argc > 3 ? (unsigned)atoi(argv[3]) : 1;
	uint64_t seed = argc > 2 ? (uint64_t)atoll(argv[2]) : 1;
	struct scores sum = {.pens = {{.trials = 0}}}, part;
	int from[PROCESSES_MAX];

	processes = processes < 1 ? 1 : processes > PROCESSES_MAX ? PROCESSES_MAX : processes;
	for (unsigned i = 0; i < processes; i++)
		from[i] = run_apart(seed, i, trials, processes);
	for (unsigned i = 0; i < processes; i++) {
		if (read(from[i], &part, sizeof(part)) != sizeof(part))
			abort();
		add(&sum, &part);
		close(from[i]);
	}
	while (wait(NULL) > 0)
		;
	for (unsigned g = 0; g < PEN_REGIMES; g++)
		print(&pen_regimes[g], &sum.pens[g]);
	for (unsigned g = 0; g < HEAT_REGIMES; g++)
		print_heat(&heat_regimes[g], &sum.heats[g]);
	return 0;
}
