/* What the files of this room that tie it together share: station.c (runs, orders), people.c (who signs in, what a supervisor
 * decides), hooks.c (programs before and after a test), elsewhere.c (what the history and the fleet's server know), health.c (how a bench stands),
 * io.c (scanner, foot switch, light). */
#ifndef PENRIG_STATION_INSIDE_H
#define PENRIG_STATION_INSIDE_H

#include "rig/station/feed.h"
#include "rig/station/helper.h"
#include "rig/station/http.h"
#include "rig/station/state.h"
#include "rig/station/station.h"
#include "rig/station/supervise.h"
#include "rig/station/units.h"

#define HOOKS_WAITING 4
#define BENCH_CODES   256
#define DECIDED_MAX   16 /* runs of a unit that somebody decided about; one more stands against it: it is held */

struct hooked { /* what hooks run for */
	struct unit unit;
	enum verdict_word word;
	char name[128]; /* of its run */
	bool released;  /* it was held before: those of a pass alone run */
};

struct elsewhere { /* what the history, and the fleet's server, say of a unit */
	char serial[STATION_TEXT];
	enum station_standing history, server;
	enum station_standing
		before; /* failed or rejected, by the history: it counts where that does not answer this time */
	unsigned count;
	char decided[DECIDED_MAX][128]; /* runs that the history has a decision about */
	uint64_t at_ns;                 /* when they had said so */
	struct helper *helper, *ended;
	struct loop_timer clean, limit;
	bool late;     /* its time is over, and it has not gone */
	bool waits;    /* a verdict for the answer */
	bool releases; /* so does what was decided */
	int exit_code;
};

struct against_unit { /* what the fleet's server last said against it */
	char serial[STATION_TEXT];
	enum station_standing standing; /* unknown where it took that back */
	bool written;                   /* it stands on the disk */
};

struct against {
	int fd; /* of what it said, so that it outlives this process */
	size_t count, room;
	struct against_unit *unit;
	uint64_t again_ns; /* when what is not written is tried again */
};

struct looking { /* at a bench's files */
	struct helper *helper, *ended;
	struct loop_timer clean;
	uint64_t since_ns;
	bool late; /* its time is over, and it has not gone */
};

struct bench {
	struct station *station;
	unsigned number;
	char label[STATION_TEXT];
	struct bench_state state;
	struct child *child, *ended; /* ended: to be freed in a later turn */
	struct loop_timer clean;
	struct helper *helper, *helper_ended; /* a hook */
	unsigned hook;                        /* which */
	bool after;                           /* of those after the test */
	struct hooked now, waiting[HOOKS_WAITING];
	unsigned waits;
	char hook_said[STATION_HOOKS_MAX][64]; /* for the record, of those before */
	int64_t asked;                         /* the question that stands on the page; 0: none */
	unsigned long ended_as[BENCH_CODES];   /* runs, by exit code, since the station began */
	uint64_t ordered_ns, prompted_ns;      /* when somebody last gave an order; when the question came */
	struct elsewhere elsewhere;
	struct station_health health;
	struct looking looking;
	uint64_t health_ns; /* when it is to be looked at again */
	unsigned untested;  /* its last tests that said nothing of their units */
	char light[24];     /* what the light was told */
};

struct decisions { /* that are being put into run files, one file after the other */
	bool busy, failed;
	char serial[STATION_TEXT]; /* of the unit that was decided about; "": any, when the station begins */
	size_t at;
	struct unit_pending now; /* its texts are these */
	char unit[STATION_TEXT], run[128], by[STATION_TEXT], reason[ACCOUNT_REASON];
	struct bench *bench; /* that tells of it */
	struct helper *helper, *ended;
	struct loop_timer clean;
};

struct station {
	const struct station_config *config;
	struct station_host host;
	struct loop *loop;
	struct watches *watches; /* of the runs' events */
	struct units *units;
	struct accounts *accounts; /* NULL: none */
	struct feed *feed;
	struct http *http;
	struct loop_timer beat, io_again, io_clean;
	struct helper *io, *io_ended;
	double disk_gb;  /* free for runs, 1e9 bytes; NaN: not known */
	bool io_missing; /* it runs, and has not all of its devices */
	int lock;
	struct decisions decisions;
	struct against against;
	struct bench bench[STATION_BENCHES_MAX];
	struct bench gone; /* one that this file does not name any more: what ended there still counts */
};

/* station.c */
void tell_bench(struct bench *bench);
void tell_station(struct station *station);
void remember(struct bench *bench); /* the verdict, in the file of units */
struct unit_past past_of(void *bench, const char *serial);
struct state_known known_of(struct bench *bench);
void act(struct bench *bench, enum state_act what);
void start_run(struct bench *bench);               /* the hooks before it are over */
void conclude(struct bench *bench, int exit_code); /* its run has ended, and what is known of the unit is known */

/* metrics.c */
char *station_metrics(void *station, size_t *ret_len); /* struct http_host's */

/* people.c */
struct order_text { /* "" where the order does not say it */
	const char *who, *pin, *reason, *serial;
	enum verdict_word decision;
};
int people_open(struct station *station, struct err *err);
void people_close(struct station *station);
void people_resume(struct station *station); /* what was decided and reached no run file before the station ended */
const struct account *account_of(void *bench, const char *who);
void people_sign_in(struct bench *bench, const struct order_text *order);
void people_sign_out(struct bench *bench);
void people_idle(struct bench *bench);
void people_decide(struct bench *bench, const struct order_text *order);
void people_release(struct bench *bench, const char *serial); /* what was decided about it is known everywhere */

/* hooks.c */
void hooks_before(struct bench *bench);
void hooks_after(struct bench *bench);
/* Of a unit whose pass was held, once it is green. */
void hooks_released(struct bench *bench, const char *serial, const char *name);
bool hooks_stop(struct bench *bench); /* false: none runs before a test */
void hooks_close(struct bench *bench);

/* elsewhere.c: a child is asked, for history and server may lie where nothing answers. */
int elsewhere_open(struct station *station, struct err *err); /* what the server said before this process began */
/* Anew, unless it is being asked, or was said of the unit that is ready a moment ago. */
void elsewhere_ask(struct bench *bench, const char *serial);
void elsewhere_ask_again(struct bench *bench, const char *serial);  /* where something was not said */
void elsewhere_ask_at_end(struct bench *bench, const char *serial); /* of a test, which took its time */
/* As they said; unknown: not yet, or it could not be asked. The server's is open where there is no fleet. */
enum station_standing elsewhere_history(const struct bench *bench, const char *serial);
enum station_standing elsewhere_standing(const struct bench *bench, const char *serial);
/* By the history, somebody has decided about this run of the unit. */
bool elsewhere_decided(const struct bench *bench, const char *serial, const char *run);
/* What it last said against a unit, at any bench of this station however long ago, until it says otherwise: failed or rejected;
 * unknown: nothing. */
enum station_standing elsewhere_before(const struct station *station, const char *serial);
bool elsewhere_asks(const struct bench *bench, const char *serial); /* about this one, at this moment */
/* True: conclude() is called once it has said, or its time is over. */
bool elsewhere_delays(struct bench *bench, int exit_code);
void elsewhere_await(struct bench *bench); /* outside of callbacks */
/* What was decided here is shown once the server has said what it knows: people_release() is called then, or at once. */
void elsewhere_release(struct bench *bench, const char *serial);
/* It said so; every page is told where that can be kept no more, or is kept again. */
void elsewhere_keep(struct station *station, const char *serial, enum station_standing standing);
/* Something that it said stands on no disk: it would be gone with this process. Tried again until it stands there. */
bool elsewhere_unkept(const struct station *station);
void elsewhere_write_again(struct station *station, uint64_t now_ns);
void elsewhere_close(struct bench *bench);
void elsewhere_forget(struct station *station);

/* health.c */
void health_begin(struct bench *bench);
void health_look(struct bench *bench, uint64_t now_ns); /* where it is time; what it finds is told */
enum health_word health_of(const struct bench *bench);
void health_print(const struct bench *bench, struct json_out *out);
void health_close(struct bench *bench);

/* io.c */
void station_io_open(struct station *station);
void station_io_close(struct station *station);
void station_io_light(struct bench *bench); /* nothing where it was told; a word that was not taken is told again */

#endif
