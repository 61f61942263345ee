/* What outlives a run: the clock as a bench last saw it, the strokes that each position of a phantom has taken, and how the
 * timer of its pen's power supply did when it was last tested. One SQLite file for each bench in one folder, opened by several processes and users at once; docs/state.md says what is
 * in it. Everything here may block for as long as another process writes (KEPT_BUSY_MS at most). */
#ifndef PENRIG_STATE_STATE_H
#define PENRIG_STATE_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "rig/base/disk.h"
#include "rig/base/error.h"

#define STATE_APPLICATION_ID 0x50525354        /* "PRST" */
#define STATE_SYSTEM_FOLDER  "/var/lib/penrig" /* made by an installation, with a group of its own */

struct state;

/* Where state is kept: `wanted` if it is not NULL; else `system` (STATE_SYSTEM_FOLDER; a test hands in its own) where
 * that folder stands; else $XDG_STATE_HOME/penrig; else $HOME/.local/state/penrig. -ENOENT: none of them is known, and
 * err says what to give. -ENAMETOOLONG. Makes nothing. */
int state_folder(const char *wanted, const char *system, char ret[FILE_PATH_MAX], struct err *err);

/* The state of the bench that this file describes, by its real path, as the bench's lock is; made where there is none,
 * the folder too. A new file gets the folder's own permissions, so that whoever may write there shares it. -ENOENT: no
 * such bench file; -EACCES, -EROFS, -ENOSPC; -EBADMSG: not a state file, or a damaged one; -ENOTSUP: of a newer format;
 * -EBUSY. */
int state_open(const char *folder, const char *bench_path, struct state **ret, struct err *err);
void state_close(struct state *state);             /* NULL is fine */
const char *state_path(const struct state *state); /* of its file; lives as long as the state */

/* A run as state knows it. Its key is its name and the moment it started: telling it again changes, never adds. */
struct state_run {
	char name[128], host[64], dut[64];
	uint64_t started_wall_ns, seen_wall_ns; /* seen: the last moment at which it wrote here */
};

/* The run was alive at seen_wall_ns. Durable when it returns 0. */
int state_saw(struct state *state, const struct state_run *run, struct err *err);
/* The run has struck a phantom's position this often so far, all its attempts and tests together; for each run its last
 * figure counts, whichever way the run ended. Durable when it returns 0. */
int state_strokes(struct state *state, const struct state_run *run, const char *phantom, const char *position,
		  uint64_t strokes, struct err *err);

/* The run whose clock stood furthest ahead; 1: there is one, 0: none yet. */
int state_last_run(struct state *state, struct state_run *ret, struct err *err);

/* A dead-man test of what gives a pen its power: of which device and output, and for which time its timer was set. */
struct state_deadman {
	char supply[128]; /* its serial number */
	unsigned output;
	uint32_t set_ms;
	bool passed;
	/* of the last test, in state_last_deadman(): */
	char run[128];
	uint64_t tested_wall_ns; /* when that run began */
};
/* The run sets out to test this one, or has: for each run its last word counts. Not passed is what it says first, so that
 * one which is killed meanwhile leaves no proof. Durable when it returns 0. */
int state_deadman(struct state *state, const struct state_run *run, const struct state_deadman *test, struct err *err);
/* It did not come to its test: what an earlier run showed stands. */
int state_deadman_untested(struct state *state, const struct state_run *run, struct err *err);
/* The newest test of this device and output, whatever it showed. 1: there is one, 0: none. */
int state_last_deadman(struct state *state, const char *supply, unsigned output, struct state_deadman *ret,
		       struct err *err);

/* A run of the bench's reference pen. Whether it is in the history, and what it showed, is not known here. */
struct state_reference {
	char name[128], bench[64], plan[64]; /* bench: its name, which a history knows it by */
	char folder[FILE_PATH_MAX];          /* of its file */
	uint64_t started_wall_ns;
};
/* The run sets out to move the reference pen. Durable when it returns 0. */
int state_reference(struct state *state, const struct state_run *run, const struct state_reference *reference,
		    struct err *err);
/* It moved nothing and left no file: an earlier run stands. */
int state_reference_unmoved(struct state *state, const struct state_run *run, struct err *err);
/* The newest such run of this pen on the bench of this name by this plan. 1: there is one, 0: none. */
int state_last_reference(struct state *state, const char *dut, const char *bench, const char *plan,
			 struct state_reference *ret, struct err *err);

struct state_use { /* of one position of a phantom */
	char phantom[48], position[32];
	uint64_t strokes, runs;
	uint64_t last_wall_ns; /* of the last run that struck it */
};
/* 0 with zero strokes where it was never struck. */
int state_use(struct state *state, const char *phantom, const char *position, struct state_use *ret, struct err *err);
/* Every position that was struck, in order of phantom and position. fn returns 0 to go on; anything else ends the walk
 * and is returned. */
int state_each_use(struct state *state, int (*fn)(void *ctx, const struct state_use *use), void *ctx, struct err *err);

#endif
