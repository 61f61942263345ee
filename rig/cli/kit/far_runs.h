/* Run files of a fleet's server as files here, for a command that reads run files: fetched into a folder of their own, held against
 * their SHA-256, and gone with it. */
#ifndef PENRIG_CLI_KIT_FAR_RUNS_H
#define PENRIG_CLI_KIT_FAR_RUNS_H

#include "rig/cli/kit/fleet.h"
#include "rig/fleet/chosen.h"

#define FAR_RUNS_OPERAND_HELP                                                                                          \
	"the name of a run, or KEY=VALUE of name, dut, lot, plan, bench, operator, build or an attribute, several "    \
	"with "                                                                                                        \
	"commas between; * stands for any letters"

struct far_runs;
/* store: for files in a site's store; what it points to is of the caller until far_runs_close(). */
int far_runs_open(const char *db, const struct depot_config *store, struct far_runs **ret, struct err *err);
/* Each run of the question, oldest first. Errors: chosen.h, submit_fetch_run(); what fn returned. */
int far_runs_each(struct far_runs *runs, const struct chosen_question *question,
		  int (*fn)(void *ctx, const char *path, struct err *err), void *ctx, struct err *err);
void far_runs_close(struct far_runs *runs); /* NULL is fine */

#endif
