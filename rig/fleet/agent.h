/* An agent: takes jobs from the server for the benches of this computer, has each done by a `penrig run` of its own, and sees to
 * it that the server gets every run. What runs does not end with the agent; the next one takes it over. */
#ifndef PENRIG_FLEET_AGENT_H
#define PENRIG_FLEET_AGENT_H

#include "rig/base/disk.h"
#include "rig/base/loop.h"
#include "rig/fleet/depot.h"
#include "rig/fleet/telemetry.h"
#include "rig/history/history.h"

#define AGENT_BENCHES_MAX 8
#define AGENT_LABELS_MAX  40

struct agent_bench {
	const char *file, *name; /* name: in the fleet */
	unsigned labels;
	const char *label[AGENT_LABELS_MAX]; /* "key=value" */
};

struct agent_config { /* all borrowed */
	const char *db;
	const char *
		folder; /* of what outlives the agent: each run's plan, events, answers, log; one agent has it at a time */
	const char *output;                /* run files and reports */
	const char *history;               /* its file */
	const char *state;                 /* of benches, as `run --state`; NULL: where it is by itself */
	const char *version;               /* of this program */
	const char *metrics;               /* file for a monitor; NULL: none */
	unsigned metrics_port;             /* of 127.0.0.1, where a monitor asks over HTTP; 0: none */
	struct telemetry_config telemetry; /* url NULL: none */
	struct depot_config store;
	double lease_s;
	unsigned words;
	const char *const *word; /* what stands before `run`; "{dut}" becomes the serial number; none: this program */
	unsigned benches;
	struct agent_bench bench[AGENT_BENCHES_MAX];
};

struct agent_host {
	void *ctx;
	void (*say)(void *ctx, const char *text); /* what a person may want to know, a line each */
	/* Takes the run file of a run that died into the history. 0 or -errno with text. */
	int (*take_in)(void *ctx, struct history *history, const char *run_file, struct err *err);
	/* It is of a run that was killed as it made it, and tells nothing of a pen. */
	bool (*holds_nothing)(void *ctx, const char *run_file);
};

struct agent;

/* The server need not be there. -EBUSY: another agent has the folder. Works from the loop on. */
int agent_open(const struct agent_config *config, struct loop *loop, const struct agent_host *host, struct agent **ret,
	       struct err *err);
/* Why it stopped the loop by itself: 0 it did not; -EOWNERDEAD another agent speaks for one of its benches now; -EACCES its
 * login may not; -ENOTSUP the tables do not fit this program. */
int agent_failure(const struct agent *agent, struct err *err);
void agent_close(struct agent *agent); /* NULL is fine; what runs goes on */

#endif
