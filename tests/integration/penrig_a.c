/* penrig with the same command line, on a virtual clock and with in-process devices, so that hours pass in seconds:
 * penrig-a [--seed N] [--fault SPEC]... [--bench FILE] [--virtual-dut SERIAL] [--truth FILE] [--clamp FILE]
 * [--wait-fails SECONDS[,TIMES]] [--held-up SECONDS,LONG]
 * [--clock SECONDS] [--clock-step SECONDS,BY] [--hands SECONDS,LONG] [--transfer N,FAULT] [--transfers FILE] -- PENRIG-ARGUMENTS...
 * --transfer N,FAULT: the Nth transfer of all devices is spoilt; --transfers FILE: a line for each (transfer_tap.h).
 * --wait-fails SECONDS[,TIMES]: from then on the loop cannot wait, TIMES times or for ever.
 * --clock SECONDS: UTC begins so much later, or earlier, than it does else, and is held against the last run as in the
 * product. --clock-step SECONDS,BY: then UTC is set by so many seconds.
 * --held-up SECONDS,LONG: then the program does not run for LONG seconds, and the bench does; up to four times.
 * --hands SECONDS,LONG: from then on an operator takes so long for what is asked.
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
#include "tests/integration/transfer_tap.h"

#define WALL_ZERO_NS (1780304400ULL * NS_PER_S) /* 2026-06-01 09:00 UTC: the same day in every test */
#define START_NS     (1000 * NS_PER_S)

static struct world *world;
static bool tapped; /* the wire is listened to */
static FILE *transfers;

static int on_loop(struct loop *loop)
{
	inproc_attach(world, loop);
	return 0;
}

static struct virtual_clock virtual_clock;

static void on_question(int fd)
{
	virtual_clock.person_fd = fd < 0 ? 0 : fd;
}

static struct {
	uint64_t from_ns;
	unsigned long times;
} wait_fails = {.from_ns = UINT64_MAX, .times = ULONG_MAX};

#define HELD_UP_MAX 4

static struct {
	uint64_t at_ns, long_ns;
} held_up[HELD_UP_MAX];
static unsigned held_ups, held_ups_over;

static struct {
	uint64_t from_ns, long_ns;
} hands = {.from_ns = UINT64_MAX};

static struct {
	uint64_t at_ns;
	int64_t by_ns;
} clock_step = {.at_ns = UINT64_MAX};

/* As a process that is stopped: the wait ends late, and nothing of it was seen meanwhile. */
static int wait_or_be_held_up(void *ctx, struct pollfd *fds, unsigned nfds, uint64_t deadline_ns)
{
	struct virtual_clock *clock = ctx;
	int n = virtual_clock_ops.wait(ctx, fds, nfds, deadline_ns);

	if (clock->now_ns >= hands.from_ns)
		clock->hands_ns = hands.long_ns;
	if (clock->now_ns >= clock_step.at_ns) {
		clock->wall_zero_ns += (uint64_t)clock_step.by_ns;
		clock_step.at_ns = UINT64_MAX;
	}
	if (held_ups_over < held_ups && clock->now_ns >= held_up[held_ups_over].at_ns)
		clock->now_ns += held_up[held_ups_over++].long_ns;
	return n;
}

static int wait_or_fail(void *ctx, struct pollfd *fds, unsigned nfds, uint64_t deadline_ns)
{
	if (virtual_clock_ops.now_ns(ctx) < wait_fails.from_ns || wait_fails.times == 0)
		return wait_or_be_held_up(ctx, fds, nfds, deadline_ns);
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

static bool parse_held_up(const char *text)
{
	double at_s, long_s;
	int used = 0;

	if (held_ups == HELD_UP_MAX || sscanf(text, "%lf,%lf%n", &at_s, &long_s, &used) != 2 || text[used] ||
	    !(at_s >= 0) || !(long_s >= 0))
		return false;
	held_up[held_ups].at_ns = START_NS + (uint64_t)(at_s * 1e9);
	held_up[held_ups++].long_ns = (uint64_t)(long_s * 1e9);
	return true;
}

static bool parse_hands(const char *text)
{
	double from_s, long_s;
	int used = 0;

	if (sscanf(text, "%lf,%lf%n", &from_s, &long_s, &used) != 2 || text[used] || !(from_s >= 0) || !(long_s >= 0))
		return false;
	hands.from_ns = START_NS + (uint64_t)(from_s * 1e9);
	hands.long_ns = (uint64_t)(long_s * 1e9);
	return true;
}

static bool parse_clock_step(const char *text)
{
	double at_s, by_s;
	int used = 0;

	if (sscanf(text, "%lf,%lf%n", &at_s, &by_s, &used) != 2 || text[used] || !(at_s >= 0))
		return false;
	clock_step.at_ns = START_NS + (uint64_t)(at_s * 1e9);
	clock_step.by_ns = (int64_t)(by_s * 1e9);
	return true;
}

static struct {
	bool given;
	int64_t by_ns;
} clock_from;

static bool parse_clock(const char *text)
{
	char *end;

	clock_from.by_ns = (int64_t)(strtod(text, &end) * 1e9);
	clock_from.given = end != text && !*end;
	return clock_from.given;
}

static int usage(const char *why)
{
	fprintf(stderr,
		"penrig-a: %s\nusage: penrig-a [--seed N] [--fault SPEC]... [--bench FILE] [--virtual-dut SERIAL] "
		"[--truth FILE] [--clamp FILE] [--dial FILE] [--contacts FILE] [--stage FILE] [--weights FILE] "
		"[--wait-fails "
		"SECONDS[,TIMES]] "
		"[--held-up "
		"SECONDS,LONG]... "
		"[--clock SECONDS] [--clock-step SECONDS,BY] [--hands SECONDS,LONG] [--transfer N,FAULT] "
		"[--transfers FILE] -- "
		"PENRIG-ARGUMENTS...\n",
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
		{"dial", required_argument, NULL, 'D'},       {"contacts", required_argument, NULL, 'C'},
		{"wait-fails", required_argument, NULL, 'w'}, {"held-up", required_argument, NULL, 'h'},
		{"clock", required_argument, NULL, 'k'},      {"clock-step", required_argument, NULL, 'j'},
		{"transfer", required_argument, NULL, 'x'},   {"transfers", required_argument, NULL, 'X'},
		{"hands", required_argument, NULL, 'H'},      {"stage", required_argument, NULL, 'S'},
		{"weights", required_argument, NULL, 'W'},    {NULL, 0, NULL, 0},
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
		if (c == 'D')
			config->dial_path = optarg;
		if (c == 'C')
			config->contacts_path = optarg;
		if (c == 'S')
			config->stage_path = optarg;
		if (c == 'W')
			config->weights_path = optarg;
		if (c == 'w' && !parse_wait_fails(optarg))
			return usage("--wait-fails needs seconds");
		if (c == 'h' && !parse_held_up(optarg))
			return usage("--held-up needs seconds and how long, up to four times");
		if (c == 'H' && !parse_hands(optarg))
			return usage("--hands needs seconds and how long they take from then on");
		if (c == 'j' && !parse_clock_step(optarg))
			return usage("--clock-step needs seconds and by how many");
		if (c == 'k' && !parse_clock(optarg))
			return usage("--clock needs seconds");
		if (c == 'x' && !transfer_tap_spoil(optarg, config->seed))
			return usage("--transfer needs a number and one of " TRANSFER_FAULTS);
		if (c == 'X' && !(transfers = fopen(optarg, "w")))
			return usage("--transfers needs a file that can be written");
		tapped |= c == 'x' || c == 'X';
		if (c == '?')
			return usage("unknown option");
	}
	*ret_first = optind;
	return optind < argc ? 0 : usage("nothing to run");
}

int main(int argc, char **argv)
{
	struct world_config config = {.seed = 1};
	struct loop_clock failing = virtual_clock_ops;
	struct cli_tables tables = {
		.drivers = driver_table,
		.reports = report_table,
		.clock = &failing,
		.clock_ctx = &virtual_clock,
		.on_loop = on_loop,
		.on_question = on_question,
	};
	struct err err;
	int first = 0, status = parse(argc, argv, &config, &first);

	failing.wait = wait_or_fail;
	transfer_tap_list(transfers);
	tables.links = tapped ? transfer_tap_table : inproc_link_table;
	tables.honest = clock_from.given;
	virtual_clock = (struct virtual_clock){.now_ns = START_NS,
					       .wall_zero_ns = WALL_ZERO_NS - START_NS + (uint64_t)clock_from.by_ns};
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
	world_advance(world,
		      virtual_clock.now_ns - START_NS); /* where nothing was to come from a device, it lags behind */
	world_free(world);
	if (transfers)
		fclose(transfers);
	return status;
}
