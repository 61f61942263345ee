/* What a run tells its bench's state: that it began, that it ended, and what it struck. Before the first device is opened
 * and after the last one is closed, because a disk may stall and a pen may not be left alone meanwhile. */
#ifndef PENRIG_CLI_KIT_KEEPING_H
#define PENRIG_CLI_KIT_KEEPING_H

#include "rig/session/session.h"
#include "rig/state/state.h"

struct keeping {
	struct state *state; /* NULL: none is kept */
	struct loop *loop;   /* borrowed */
	uint64_t began_ns;   /* on its monotonic clock: a clock that is set meanwhile is not believed */
	struct state_run run;
};

/* The state of this bench, opened as --state says (NULL: wherever it is kept by itself). -errno with text. */
int keeping_open(const char *wanted, const char *bench_path, struct state **ret, struct err *err);

/* The run begins now. Where --state was given, what fails is an error; else it is said on standard error, and the run goes
 * on without. honest: the loop's clock is this computer's, and is held against the last run: -EKEYEXPIRED where it stands
 * behind it, and a certificate that has run out could be used. */
int keeping_begin(struct keeping *keeping, const char *wanted, const struct bench *bench, const struct record *record,
		  struct loop *loop, bool honest, struct err *err);
/* Whether this clock stands behind the last run of the bench: -EKEYEXPIRED; else 0, or -errno. */
int keeping_check_last(struct state *state, uint64_t wall_ns, struct err *err);
/* What the bench's state shows of the supply's timer that stops its pen, for a run of this plan now: ret->run is empty where no
 * passed test holds for it, and ret->why says why (empty where none is wanted). state NULL: none is kept. -errno. */
int keeping_proof(struct state *state, const struct plan *plan, const struct bench *bench, uint64_t wall_ns,
		  struct record_proof *ret, struct err *err);
/* The same for the run that begins, into its record; a run that sets out to test that timer leaves no proof until it has. */
int keeping_begin_proof(struct keeping *keeping, const struct plan *plan, const struct bench *bench,
			struct record *record, struct err *err);

/* Where the run is one of the bench's reference pen: its earlier pass ends here, before anything moves, and whatever becomes of
 * this run. -errno with text where that cannot be kept: the pen may not be moved then. */
int keeping_begin_reference(struct keeping *keeping, const struct plan *plan, const struct bench *bench,
			    const struct record *record, struct err *err);

/* It has ended; said on standard error where it could not be kept. session NULL: it could not begin. Closes. */
void keeping_end(struct keeping *keeping, const struct bench *bench, const struct session *session,
		 const struct record *record);

/* A clock that stands behind the program's own making was set back, or never set: -EKEYEXPIRED. made_ns: of the newest
 * change in the program's source; 0: not known. */
int keeping_check_made(uint64_t made_ns, uint64_t wall_ns, struct err *err);

#endif
