/* The fleet's tables on a server: made and brought up to date, version by version, each in one transaction; and whether this
 * program fits what is there. docs/fleet-protocol.md says what they mean. */
#ifndef PENRIG_FLEET_TABLES_H
#define PENRIG_FLEET_TABLES_H

#include "rig/fleet/server.h"

#define FLEET_VERSION 6 /* of the tables that this program knows */
#define FLEET_OLDEST  1 /* with which it works, but for what came with later ones */

struct table_step {
	int version, min_client; /* the oldest program that works with it */
	const char *name, *sql;
};
extern const struct table_step table_steps[]; /* ends with version 0 */

/* Brings the tables to FLEET_VERSION. *ret_from: the version that was there, 0 none. Needs a role that may make roles, the first
 * time. -EREMOTE also where a step was made by a program that had another text for it, or a newer one. */
int tables_update(struct server *server, int *ret_from, struct err *err);
/* 0: this program fits, and the tables have at least version `need`. -ENOTSUP: with which of the two has to be renewed. */
int tables_check(struct server *server, int need, int *ret_version, struct err *err);

/* What a login may do: a member of agent, submitter or viewer, at one site; for an agent, a bench that it may speak for. */
struct admission {
	const char *login, *as, *site, *bench; /* bench NULL: none */
};
int tables_admit(struct server *server, const struct admission *admission, struct err *err);
/* Where a site has its files from now on (depot.h); url "": in the database. -EINVAL also where there is no such site. */
int tables_store(struct server *server, const char *site, const char *url, struct err *err);

#endif
