/* Run files of a study: those that are named, or all runs of a plan that the history has. */
#ifndef PENRIG_CLI_PLAN_RUNS_H
#define PENRIG_CLI_PLAN_RUNS_H

#include "rig/base/error.h"

struct plan_runs { /* where a plan's runs are looked for, and which of them; NULL: the default */
	const char *history, *state, *since, *until;
	const char *
		db; /* of a fleet: its server is asked instead of a history, and operands may be words (kit/far_runs.h) */
	const char *store_secret, *store_ca; /* of db: fleet_store() */
};

/* Each operand that is a run file; where the only one is a plan, each run by this very file that was not refused, in order of time, a
 * recording that was imported again once. take returns 0 to go on. -ENOENT: the history has no run of the plan; -EINVAL: it is no
 * plan; of a server also as fleet_exit_code() knows them. */
int plan_runs_each(const struct plan_runs *where, const char *const *operands, unsigned count,
		   int (*take)(void *ctx, const char *path, struct err *err), void *ctx, struct err *err);

#endif
