/* The operator station: one page for the benches of one computer. Every run is a child (supervise.h); what the page shows is
 * the state of this process and of its folder. */
#ifndef PENRIG_STATION_STATION_H
#define PENRIG_STATION_STATION_H

#include "rig/base/loop.h"
#include "rig/station/config.h"

struct station;

/* What the history of all benches knows of a unit, beyond what this station tested. */
enum station_standing {
	STANDING_UNKNOWN,  /* it cannot be asked */
	STANDING_OPEN,     /* nothing stands against it */
	STANDING_ACCEPTED, /* it failed, and a supervisor takes it as it is */
	STANDING_FAILED,   /* a failure, and nobody has decided about it */
	STANDING_REJECTED  /* by a supervisor */
};

extern const char *const station_standings[]; /* "unknown", "open", "accepted", "failed", "rejected"; NULL-terminated */

enum health_word {
	HEALTH_GOOD,
	HEALTH_BENCH_FILE,
	HEALTH_CALIBRATION,
	HEALTH_GOLDEN,
	HEALTH_DISK,
	HEALTH_NOT_TESTED,
	HEALTH_UNREAD, /* the folder of runs, or whoever looked did not come back in time: a disk or a share does not answer */
	HEALTH_UNKEPT /* what the server said against a unit is on no disk */
};
extern const char *const station_health_words[]; /* NULL-terminated */
struct station_health {                          /* of one bench, before a test is refused for it */
	int word;                                /* enum health_word */
	double disk_gb;                          /* free for runs, 1e9 bytes; NaN: not known */
	double calibration_days; /* until the first of its calibrations is overdue, from the end of today; NaN: it has none */
	double golden_days; /* for which the reference pen's pass holds yet; NaN: no such pen, or no such pass */
};

struct station_host { /* lent by whoever opens it; each may be NULL */
	void *ctx;
	/* This program says how a bench stands: "station FILE --health=LABEL" prints struct station_health's members as JSON; and how
	 * a unit does: "station FILE --stands=SERIAL" prints a line of "decided RUN" for each of its runs that somebody decided about,
	 * "history WORD", and "server WORD" where there is a fleet; each word one of station_standings. */
	bool answers;
	void (*changed)(void *ctx, unsigned bench); /* a bench shows something else */
};

/* Takes over what runs, and what ended meanwhile; listens. -EBUSY: another station has this folder. -errno with text. */
int station_open(const struct station_config *config, const struct station_host *host, struct loop *loop,
		 struct station **ret, struct err *err);
void station_close(struct station *station); /* NULL is fine; what runs goes on */

/* What pages are told, as JSON, malloc'd (NULL: no memory), and an order as a page gives it (200, or 400: none was given): for a
 * page that lives in this process. */
char *station_bench_text(const struct station *station, unsigned bench);
char *station_text(const struct station *station);
unsigned station_order(struct station *station, const char *body, size_t len);

unsigned station_port(const struct station *station);

#endif
