/* A batch under way (batch.c), told (batch_show.c) and foreseen (batch_check.c). */
#ifndef PENRIG_CLI_BATCH_H
#define PENRIG_CLI_BATCH_H

#include "rig/base/digest.h"
#include "rig/cli/run.h"
#include "rig/config/batch.h"

enum batch_state {
	JOB_OPEN,        /* not begun, or penrig was killed in it */
	JOB_RUN,         /* its run ended with `code` */
	JOB_HOOK_FAILED, /* before, or what was read back is another build: there is no run */
	BATCH_STATES
};
extern const char *const batch_state_name[BATCH_STATES]; /* "open", "run", "hook_failed" */

struct batch_done {
	enum batch_state state;
	int code;
	char run[128], verdict[32], why[200];
};

enum batch_class { CLASS_PASS, CLASS_FAIL, CLASS_INCONCLUSIVE, CLASS_NO_VERDICT, CLASS_OPEN, BATCH_CLASSES };
extern const char *const batch_class_name[BATCH_CLASSES];
enum batch_class batch_class_of(const struct batch_done *done);

struct batch_course {
	struct batch *batch;
	struct batch_job *job;
	struct batch_done *done; /* of each job */
	unsigned jobs;
	char definition[DIGEST_HEX];                     /* of the batch file and the artefacts that it names */
	char build_sha256[BATCH_BUILDS_MAX][DIGEST_HEX]; /* "": there is no artefact */
	int signal;                                      /* that ended it; 0: none */
	int ended;                                       /* exit code for which it ended early; 0: it did not */
	char why[300];                                   /* it ended early */
};

/* Of the whole: a signal; a failure; why it ended early; what is inconclusive or missing; 0 where every job passed. */
int batch_exit_code(const struct batch_course *course);
void batch_print(const struct batch_course *course, int code);
/* As a malloc'd JSON text. */
int batch_json(const struct batch_course *course, int code, char **ret, struct err *err);

struct batch_where {
	const char *state, *history, *operator_name;
};
/* What would be short before the last job has ended: prints it. 0, EXIT_REFUSED where something would, EXIT_USAGE. */
int batch_foresee(const struct cli_tables *tables, const struct batch_course *course, const struct batch_where *where);

#endif
