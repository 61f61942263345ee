/* Runs of a fleet by words: "NAME", or "KEY=VALUE[,KEY=VALUE...]". */
#ifndef PENRIG_FLEET_CHOSEN_H
#define PENRIG_FLEET_CHOSEN_H

#include "rig/fleet/server.h"

#define CHOSEN_MAX 1000 /* runs by one word */

struct chosen_question {
	const char *
		words; /* NULL: any run. KEY: name, dut, lot, plan, bench, operator, build, or that of an attribute; in VALUE
				   * * stands for any letters and ? for any one */
	const char *plan_sha256;   /* NULL: any plan */
	const char *since, *until; /* NULL, or a UTC date or time, as history.h has it */
};
/* Each, oldest first; refused ones are none. -EINVAL: words that are none; -ENOENT: there is no such run; -E2BIG: more than CHOSEN_MAX;
 * else server.h, or what fn returned. */
int chosen_each(struct server *server, const struct chosen_question *question,
		int (*fn)(void *ctx, const char *run_id, struct err *err), void *ctx, struct err *err);

#endif
