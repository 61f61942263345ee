/* A batch under way (batch.c), its files (batch_files.c), told (batch_show.c) and foreseen (batch_check.c). */
#ifndef PENRIG_CLI_BATCH_H
#define PENRIG_CLI_BATCH_H

#include "rig/base/digest.h"
#include "rig/cli/run.h"
#include "rig/config/batch.h"

enum batch_state {
	JOB_OPEN,        /* not begun, or penrig was killed in it */
	JOB_RUN,         /* its run ended with `code` */
	JOB_HOOK_FAILED, /* before, or what was read back is another build: there is no run */
	JOB_NOT_READY,   /* the pen was too warm or its battery too low, or that could not be read: there is no run */
	BATCH_STATES
};
extern const char *const batch_state_name[BATCH_STATES]; /* "open", "run", "hook_failed", "not_ready" */

struct batch_done {
	enum batch_state state;
	int code;
	char run[128], verdict[32], why[300];
	double waited_s; /* until the pen was ready, as far as penrig was not killed meanwhile */
	unsigned told;   /* attempts whose end is known; 0: none */
};

enum batch_class { CLASS_PASS, CLASS_FAIL, CLASS_INCONCLUSIVE, CLASS_NO_VERDICT, CLASS_OPEN, BATCH_CLASSES };
extern const char *const batch_class_name[BATCH_CLASSES];
enum batch_class batch_class_of(const struct batch_done *done);

struct batch_file {       /* as it was when the batch began */
	const char *what; /* "build", "plan", "bench", "phantom", "profile" */
	int build;        /* whose artefact it is; -1: of all jobs */
	char path[FILE_PATH_MAX], sha256[DIGEST_HEX];
};

struct batch_course {
	struct batch *batch;
	struct batch_job *job;
	struct batch_done *done; /* of each job */
	unsigned jobs, files;
	struct batch_file *file;
	char definition[DIGEST_HEX];                     /* of the batch file and all files */
	char build_sha256[BATCH_BUILDS_MAX][DIGEST_HEX]; /* "": there is no artefact */
	int signal;                                      /* that ended it; 0: none */
	int ended;                                       /* exit code for which it ended early; 0: it did not */
	char why[300];                                   /* it ended early */
	bool unsafe;                                     /* the pen may run, or its power be on */
};

#define BATCH_DEFINITION "batch_definition" /* attribute of its runs */
#define BATCH_JOB        "batch_job"        /* another: its number */

/* Digests of the batch file and all that it names: builds, plans, the bench, its phantoms and profiles. -EINVAL names the one
 * that cannot be read. free() course->file. */
int batch_define(struct batch_course *course, struct err *err);
/* -EINVAL: one that this job needs is not as it was. */
int batch_check_same(const struct batch_course *course, const struct batch_job *job, struct err *err);

void batch_run_name(const struct batch *batch, unsigned number, unsigned attempt, char ret[128]);
unsigned batch_attempt_of(const struct batch *batch, unsigned number,
			  const char *run); /* 0: it is no run of that job */
/* The first attempt at a job behind `after` of which a file lies in the output folder, and the last of all; 0: none. Attempts
 * between them may be missing: somebody moved them away. -errno: the folder cannot be read. */
int batch_next_attempt(const struct batch *batch, unsigned number, unsigned after, unsigned *ret_next,
		       unsigned *ret_last, struct err *err);

struct batch_found {
	struct batch_done done; /* state JOB_OPEN: no run has a verdict */
	bool stop_unverified;
};
/* The verdict of a job's runs behind attempt `told`, as their files say, whichever of them are missing: a fail, else the last one. Files of another definition
 * are not looked at. -errno names the file that cannot be read. */
int batch_find(const struct batch_course *course, const struct batch_job *job, unsigned told, struct batch_found *ret,
	       struct err *err);

/* Of the whole: a signal; a failure; why it ended early; what is inconclusive or missing; 0 where every job passed. */
int batch_exit_code(const struct batch_course *course);
void batch_print(const struct batch_course *course, int code);
/* As a malloc'd JSON text. */
struct json_out *batch_tree(const struct batch_course *course, int code);

struct batch_where {
	const char *state, *history, *operator_name;
};
/* What would be short before the last job has ended: prints it. 0, EXIT_REFUSED where something would, EXIT_USAGE. */
int batch_foresee(const struct cli_tables *tables, const struct batch_course *course, const struct batch_where *where);

/* ---- until a pen is ready ---- */

struct batch_wait {
	const struct cli_tables *tables;
	const struct batch *batch; /* that waits */
	const char *pen, *left;    /* left: bench_lock_left() */
	FILE *say;                 /* what is waited for, every ten minutes */
};
struct batch_looked { /* as it was at last; NAN: not asked for, or not heard */
	double handle_c, ambient_c, battery_v;
	double waited_s;
	bool ran;   /* the pen ran meanwhile, and was ordered off: nothing shows that it stands */
	int signal; /* with -EINTR */
};
/* -EINVAL with file:line:column: what the batch waits for nothing on this bench can say. */
int batch_ready_check(const struct batch *batch, const struct bench *bench, struct err *err);
/* Opens the pen, which is ordered off with that, and the bench's thermometers, and waits. The caller has the bench's lock. 0: it is as
 * batch->ready says; -ETIMEDOUT: not within its time; -ENODATA: something of it is not said; -EINTR: a signal came; -EREMOTEIO: the
 * pen ran; -EPERM: an earlier run left another pen, which may run; else why a device could not be opened, or was lost. */
int batch_wait_ready(const struct batch_wait *wait, struct batch_looked *ret, struct err *err);

#endif
