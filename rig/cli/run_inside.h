/* A run under way, and its three parts: what is looked at before it (run_ready.c), the run (run.c), what goes on behind a lost
 * device (run_parts.c). */
#ifndef PENRIG_CLI_RUN_INSIDE_H
#define PENRIG_CLI_RUN_INSIDE_H

#include "rig/cli/kit/answers.h"
#include "rig/cli/kit/keeping.h"
#include "rig/cli/kit/naming.h"
#include "rig/cli/kit/ocp_live.h"
#include "rig/cli/kit/progress.h"
#include "rig/cli/kit/prompt.h"
#include "rig/cli/kit/reference.h"
#include "rig/cli/kit/signals.h"
#include "rig/cli/resuming.h"
#include "rig/cli/run.h"

struct run {
	const struct cli_tables *tables;
	const struct run_options *options;
	struct plan *plan;
	struct bench *bench;
	struct plan_point *points;
	unsigned point_count;
	struct record *record;
	struct loop *loop;
	struct signals signals;
	struct progress progress;
	struct ocp_live *ocp; /* NULL: nobody listens */
	struct prompt prompt;
	bool wants_words; /* the question that is open */
	struct answers answers;
	struct session *session;
	struct keeping keeping;
	FILE *people; /* where tables and verdict go */
	bool suspend;
	double start_within_s;  /* 0: no bound */
	double start_by_s;      /* on loop_boot_ns(); 0: no bound */
	double end_by_s;        /* the same */
	uint64_t began_ns;      /* of the program, by the loop's clock */
	uint64_t began_boot_ns; /* and by loop_boot_ns() */
	struct bench_lock
		*lock; /* of a bench that was waited for, until the session has it; and behind a lost device */
	struct delivery delivery;
	struct golden_pass stands_on; /* where record->golden is valid */
	struct resuming *resuming;    /* NULL: the run begins with its first point */
	bool began;                   /* a session: else nothing of it is told but why */
	unsigned part;                /* from 1; one more each time a lost device was back */
	double replug_s;              /* 0: a lost device is not waited for */
	unsigned tries;               /* parts in a row that did not start the pen */
	uint64_t back_by_ns;          /* of those: until when it is waited */
	bool unheard;                 /* session_unheard() of this part */
	int signal;                   /* by which the wait for its device ended */
	struct signing_key *key;      /* NULL: the run is not sealed */
	bool sealed;                  /* it is, and once is enough */
	int unsealed;                 /* exit code of a pass with an earlier part that is not sealed; else EXIT_PASS */
	char bench_owner[KEY_OWNER_MAX];
};

/* Reads options, plan and bench, and checks what can be without a device. -errno with text. */
int run_read_inputs(struct run *run, const char *plan_path, struct err *err);
/* The name of its files. -errno with text. */
int run_choose_name(struct run *run, struct err *err);
bool run_can_ask(const struct run *run);
/* -EINVAL: a hand is needed and nobody can be asked. */
int run_check_operator(const struct run *run, struct err *err);
const char *run_bench_path(const struct run_options *options); /* NULL or empty: none is named */

/* One part, from its first look at the files to its exit code. */
int run_execute(struct run *run, const char *plan_path);
/* Seals the part's file where it is asked for, once. The exit code that is left of `code`. */
int run_seal(struct run *run, int code);
void run_free(struct run *run);

/* As `penrig resume` does, where the device is there again in time: what this part measured is closed, and the next one has
 * everything looked at anew. False: it is this part that the program ends with. */
bool run_goes_on(struct run *run, const char *plan_path, int *ret_code);

#endif
