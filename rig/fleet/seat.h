/* Inside of an agent: what it knows of one bench. */
#ifndef PENRIG_FLEET_SEAT_H
#define PENRIG_FLEET_SEAT_H

#include "rig/fleet/agent.h"
#include "rig/fleet/server.h"
#include "rig/fleet/words.h"
#include "rig/history/outbox.h"
#include "rig/station/supervise.h"

#define SEAT_CODES  256
#define SEAT_LEASES 40 /* more than an agent takes over at once */

struct lease {       /* of a job whose end the server was not told yet */
	int64_t seq; /* of its run in the outbox; 0: none */
	int64_t job, fence;
	uint64_t renew_ns; /* on the loop's clock */
};

struct seat_news { /* what telemetry was told last */
	char dut[64], state[TELEMETRY_TEXT];
	uint64_t again_ns, progress_ns; /* when the state is told again, and progress at the earliest */
	bool ended;                     /* the run at hand has said how */
	bool away;                      /* a person was told that the broker is */
};

struct seat {
	struct agent *agent;
	unsigned index;        /* in the configuration */
	int64_t epoch;         /* 0: not registered */
	char token[UUID_TEXT]; /* of a claim whose answer is not known; "": none */
	/* the run at hand */
	struct child *child; /* NULL: none */
	struct outbox_item item;
	bool ended, moved, stopping;
	bool withheld; /* it gets no further job, and that cannot be kept on the disk */
	bool told;     /* that its end cannot be kept yet */
	int exit_code;
	unsigned tries;                     /* to take in what it left */
	unsigned long ended_as[SEAT_CODES]; /* runs, by exit code, since the agent began */
	struct seat_news news;
	struct lease lease[SEAT_LEASES]; /* of that run, and of those before it: what begins next drops none */
};

struct agent {
	const struct agent_config *config;
	struct agent_host host;
	struct loop *loop;
	struct server *server;
	struct history *history;
	struct station_config *station;    /* as supervise.h wants to be told */
	int lock;                          /* of its folder */
	int bench_lock[AGENT_BENCHES_MAX]; /* of history and bench */
	bool opened;
	bool gone; /* the program that runs are: no job is taken */
	unsigned seats;
	struct seat seat[AGENT_BENCHES_MAX];
	struct loop_timer timer;
	int watched;            /* descriptor that is in the loop; -1: none */
	bool fits;              /* the tables do */
	int version;            /* of them */
	uint64_t not_before_ns; /* the server is left alone until then */
	unsigned failures;      /* in a row */
	uint64_t beat_ns;       /* when it says next how it is */
	bool full;              /* its disk: no job is taken */
	uint64_t metrics_ns;    /* when they are written next */
	bool metrics_failed;
	struct http *http; /* NULL: none */
	struct loop_timer sweep;
	struct telemetry *telemetry; /* NULL: none */
	int failure;
	struct err why;
};

__attribute__((format(printf, 2, 3))) void agent_say(const struct agent *agent, const char *fmt, ...);
const char *seat_name(const struct seat *seat);
const char *seat_state(const struct seat *seat,
		       bool begun); /* in a word; begun: a run is under way, or its end was not looked at */
/* Where the item's agent kept what it began, and put its run files. */
const char *folder_of(const struct agent *agent, const struct outbox_item *item);
void run_file_of(const struct agent *agent, const struct outbox_item *item, char *ret, size_t size);
bool runs_have_room(const struct agent *agent);               /* on the disks of run files, logs and the outbox */
bool runs_can_begin(const struct agent *agent);               /* their program is there */
struct seat *seat_of(struct agent *agent, const char *bench); /* NULL: it is another agent's */
int agent_meanwhile(struct agent *agent, struct err *err);    /* renewals and heartbeats that are due */
/* Its lease is renewed until the server has its end, or says that it is lost. Once or again; of a run without a job nothing. */
void seat_hold(struct seat *seat, const struct outbox_item *item);
void seat_let_go(struct seat *seat, int64_t seq);
/* Its safety inputs ended a run: no job begins there before somebody has deleted the file that says so. */
bool seat_is_withheld(const struct seat *seat);
bool seat_is_withheld_by(const struct seat *seat, const char *run);
/* In the agent's folder or wherever else: its name as part of a file's. */
void seat_file_name(const struct seat *seat, char ret[64]);

/* ---- run.c: the run at hand, no word with the server --------------------------------------------------------------- */

struct seat_order { /* a job that was claimed */
	int64_t job, fence;
	const char *plan, *dut, *lot;
	const char
		*image; /* SHA-256 in hex of what is to be on the unit, which the bench's own words see to; "": any */
	unsigned reports;
	const char *report[8];
	double start_by_s; /* of lease and deadline what ends first, on loop_boot_ns() */
	double end_by_s;   /* the same clock: its pen stands still then, whatever becomes of the agent; 0: no bound */
};
/* Writes it into the outbox, then starts it. -errno with text: nothing runs, and nothing stands in the outbox. */
int seat_start(struct seat *seat, const struct seat_order *order, struct err *err);
/* Takes over what another agent began on this bench, or finds that it ended. What cannot be seen is left alone. */
int seat_adopt(struct seat *seat, const struct outbox_item *item, struct err *err);
/* What ended goes into history and outbox. -errno: it is tried again later. */
int seat_settle(struct seat *seat, struct err *err);

/* ---- talk.c: the words with the server ----------------------------------------------------------------------------- */

int talk_begin(struct seat *seat, struct err *err); /* registers */
int talk_renew(struct seat *seat, struct lease *lease, struct err *err);
int talk_claim(struct seat *seat, struct err *err);                  /* and starts what it gets */
int talk_send(struct agent *agent, bool *ret_more, struct err *err); /* the oldest of the outbox */
int talk_beat(struct agent *agent, struct err *err);

#endif
