/* A bench for one holder alone: asked for, kept, given back. Errors: server.h; PR005 (server_code()): no bench is free. */
#ifndef PENRIG_FLEET_RESERVE_H
#define PENRIG_FLEET_RESERVE_H

#include "rig/fleet/server.h"

#define RESERVE_LEASE_S     60 /* a holder that is not heard of for so long is gone */
#define RESERVE_NEEDS       2  /* version of the tables */
#define RESERVE_NONE_FREE   "PR005"
#define RESERVE_ENVIRONMENT "PENRIG_RESERVATION"

struct reservation_wish {
	const char *token; /* a UUID: asked for again with it, it is the same reservation */
	const char *site;  /* NULL: the only one that this login has */
	unsigned needs;
	const char *const *need;
	const char *why;
	double lasts_s; /* from when the bench is free */
};
int reserve_ask(struct server *server, const struct reservation_wish *wish, int64_t *ret_id, struct err *err);

enum reservation_state { RESERVATION_WAITS /* for what runs there */, RESERVATION_HELD, RESERVATION_OVER };
struct reservation {
	enum reservation_state state;
	char bench[64];
	double left_s; /* of one that is held */
};
/* Says that its holder lives. */
int reserve_keep(struct server *server, int64_t id, struct reservation *ret, struct err *err);
int reserve_release(struct server *server, int64_t id, struct err *err);

#endif
