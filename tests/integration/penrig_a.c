/* penrig with the same command line, on a virtual clock and with in-process devices, so that hours pass in seconds:
 * penrig-a [--seed N] [--fault SPEC]... [--bench FILE] [--virtual-dut SERIAL] [--truth FILE] [--clamp FILE]
 * [--wait-fails SECONDS[,TIMES]] -- PENRIG-ARGUMENTS...
 * --wait-fails SECONDS[,TIMES]: from then on the loop cannot wait, TIMES times or for ever.
 * --bench and --virtual-dut say what the virtual bench is; penrig's own --bench and --dut stand behind the "--". */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fixtures/virtual/inproc.h"
#include "reports/report.h"
#include "rig/cli/cli.h"

#define WALL_ZERO_NS (1780304400ULL * NS_PER_S) /* 2026-06-01 09:00 UTC: the same day in every test */
#define START_NS     (1000 * NS_PER_S)

static struct world *world;

static int on_loop(struct loop *loop)
{
	inproc_attach(world, loop);
	return 0;
}

static struct {
	uint64_t from_ns;
	unsigned long times;
} wait_fails = {.from_ns = UINT64_MAX, .times = ULONG_MAX};

static int wait_or_fail(void *ctx, struct pollfd *fds, unsigned nfds, uint64_t deadline_ns)
{
	if (virtual_clock_ops.now_ns(ctx) < wait_fails.from_ns || wait_fails.times == 0)
		return virtual_clock_ops.wait(ctx, fds, nfds, deadline_ns);
	wait_fails.times--;
	return -ENOMEM;
}

static bool parse_wait_fails(const char *text)
{
	char *end;
	double seconds = strtod(text, &end);

	if (end == text || !(seconds >= 0))
		return false;
	wait_fails.from_ns = START_NS + (uint64_t)(seconds * 1e9);
	if (*end == ',')
		wait_fails.times = strtoul(end + 1, &end, 10);
	return !*end;
}

static int usage(const char *why)
{
	fprintf(stderr,
		"penrig-a: %s\nusage: penrig-a [--seed N] [--fault SPEC]... [--bench FILE] [--virtual-dut SERIAL] "
		"[--truth FILE] [--clamp FILE] [--wait-fails SECONDS[,TIMES]] -- PENRIG-ARGUMENTS...\n",
		why);
	return EXIT_USAGE;
}

static bool parse_seed(const char *text, uint64_t *ret)
{
	char *end;

	errno = 0;
	*ret = strtoull(text, &end, 10);
	return !errno && end != text && !*end;
}

/* 0, or an exit status with the message printed. *ret_first: index of penrig's first argument. */
static int parse(int argc, char **argv, struct world_config *config, int *ret_first)
{
	static const struct option options[] = {
		{"seed", required_argument, NULL, 's'},       {"fault", required_argument, NULL, 'f'},
		{"bench", required_argument, NULL, 'b'},      {"virtual-dut", required_argument, NULL, 'd'},
		{"truth", required_argument, NULL, 't'},      {"clamp", required_argument, NULL, 'c'},
		{"wait-fails", required_argument, NULL, 'w'}, {NULL, 0, NULL, 0},
	};
	int c;

	while ((c = getopt_long(argc, argv, "+", options, NULL)) != -1) {
		if (c == 's' && !parse_seed(optarg, &config->seed))
			return usage("--seed needs a number");
		if (c == 'f' && config->fault_count == WORLD_FAULTS_MAX)
			return usage("too many faults");
		if (c == 'f')
			config->faults[config->fault_count++] = optarg;
		if (c == 'b')
			config->bench_path = optarg;
		if (c == 'd')
			config->dut = optarg;
		if (c == 't')
			config->truth_path = optarg;
		if (c == 'c')
			config->clamp_path = optarg;
		if (c == 'w' && !parse_wait_fails(optarg))
			return usage("--wait-fails needs seconds");
		if (c == '?')
			return usage("unknown option");
	}
	*ret_first = optind;
	return optind < argc ? 0 : usage("nothing to run");
}

int main(int argc, char **argv)
{
	struct world_config config = {.seed = 1};
	struct virtual_clock clock = {.now_ns = START_NS, .wall_zero_ns = WALL_ZERO_NS - START_NS};
	struct loop_clock failing = virtual_clock_ops;
	const struct cli_tables tables = {
		.links = inproc_link_table,
		.drivers = driver_table,
		.reports = report_table,
		.clock = &failing,
		.clock_ctx = &clock,
		.on_loop = on_loop,
	};
	struct err err;
	int first, status = parse(argc, argv, &config, &first);

	failing.wait = wait_or_fail;
	if (status)
		return status;
	if (world_new(&config, &world, &err)) {
		fprintf(stderr, "penrig-a: %s\n", err.text);
		return EXIT_USAGE;
	}
	/* getopt is about to read a second command line; its argv[0] takes the place of the last argument of ours. */
	argv[first - 1] = (char *)"penrig";
	optind = 0;
	status = cli_main(argc - first + 1, argv + first - 1, &tables);
	world_advance(world, clock.now_ns - START_NS); /* where nothing was to come from a device, it lags behind */
	world_free(world);
	return status;
}
