/* Runs as children of the station. A run and its station do not die with each other: events go to a file that the run holds
 * locked, answers come through a FIFO that the run holds open, and a station that starts finds what runs, or ran, by the
 * files in its folder: NAME.events.jsonl, NAME.answers, NAME.log. */
#ifndef PENRIG_STATION_SUPERVISE_H
#define PENRIG_STATION_SUPERVISE_H

#include "rig/base/loop.h"
#include "rig/station/state.h"
#include "rig/station/watch.h"

struct child_host {
	void *ctx;
	void (*event)(void *ctx, const struct json *event);
	/* Nothing more comes: all its events were handed on. exit_code as state_ended(). The child is freed by the caller,
	 * from a later turn of the loop on. */
	void (*ended)(void *ctx, int exit_code);
	struct watches *watches; /* of the same loop, which its files are watched by; NULL: some of its own */
};

/* The path of this program. */
const char *own_program(void);

struct child;

/* What is run: unit at this bench, as `person`. */
struct child_order {
	unsigned bench;
	const struct unit *unit;
	const char *person, *name;
	const char *image;                        /* SHA-256 in hex; NULL or "": none */
	const char *const *more;                  /* further words behind `run`, NULL-terminated; NULL: none */
	const char *attribute[STATION_HOOKS_MAX]; /* KEY=VALUE for the record; NULL or "": none */
};

/* Starts one. -errno with text: nothing runs. */
int child_start(const struct station_config *config, struct loop *loop, const struct child_order *order,
		const struct child_host *host, struct child **ret, struct err *err);

/* What a run in the station's folder is of; false: the file holds no such line. ret_bench: CHILD_NO_BENCH where the station's
 * file names no such bench any more; ret_label of STATION_TEXT bytes: its label as it was. */
#define CHILD_NO_BENCH STATION_BENCHES_MAX
bool child_identify(const struct station_config *config, const char *name, unsigned *ret_bench, char *ret_label,
		    struct unit *ret_unit);
bool child_lives(const struct station_config *config, const char *name);
/* One that ended while no station ran: its events and its end, before this returns. False: it still runs, or cannot be
 * read. */
bool child_finished(const struct station_config *config, const char *name, const struct child_host *host);
/* Takes over one that another station started. Events and end come from the loop. */
int child_adopt(const struct station_config *config, struct loop *loop, const char *name, const struct child_host *host,
		struct child **ret, struct err *err);

void child_free(struct child *child); /* NULL is fine; what runs goes on */

/* Lines of rig/cli/kit/answers.h. -EPIPE: no run is there to hear it. A stop that it cannot be told so is told by SIGTERM. */
int child_stop(struct child *child);
int child_answer(struct child *child, int64_t id, bool done);
int child_tell(struct child *child, int64_t id, const char *words); /* what question `id` asked to be read */

/* Calls fn for each run in the folder, the one that wrote last at the end. */
int child_each(const char *folder, void (*fn)(void *ctx, const char *name), void *ctx, struct err *err);

#endif
