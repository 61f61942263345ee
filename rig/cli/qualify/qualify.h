/* Inside of `penrig qualify`: what is required of the installed program (requirements.c), and the checks of it. Each check adds
 * evidence to the requirement under way; one that adds none has shown nothing. */
#ifndef PENRIG_CLI_QUALIFY_QUALIFY_H
#define PENRIG_CLI_QUALIFY_QUALIFY_H

#include "reports/qualification.h"
#include "rig/base/disk.h"
#include "rig/cli/kit/command.h"
#include "rig/runfile/runfile.h"

#define QUALIFY_PATH_MAX (FILE_PATH_MAX + 128)

struct qualify {
	const struct cli_tables *tables;
	struct qualification record;
	struct qualified_requirement *now; /* the one under way */
	char program[FILE_PATH_MAX];       /* this one */
	char share[FILE_PATH_MAX];         /* the folder of what is installed with it: plans, benches, reference data */
	char output[FILE_PATH_MAX];        /* the folder that is made, an absolute path */
	const char *against;               /* an earlier record; NULL: none */
	const struct option_list *public_key; /* that signed it */
	const char *keys;
	const char *const *run;              /* of the reference pen, for pq */
	const char *bench, *history, *state; /* of pq, as the command line says it; each may be NULL */
	unsigned runs;
	bool no_memory;
};

struct requirement {
	const char *id, *text, *basis, *how;
	void (*check)(struct qualify *q, const void *argument);
	const void *argument;
};

/* End with id NULL. */
extern const struct requirement requirements_iq[], requirements_oq[], requirements_pq_pen[], requirements_pq_virtual[];
extern const struct anomaly known_anomalies[];

/* ---- evidence */
__attribute__((format(printf, 5, 6))) void evidence(struct qualify *q, enum qualified state, const char *what,
						    const char *wanted, const char *fmt, ...);
/* Holds where it is true. */
__attribute__((format(printf, 5, 6))) void evidence_if(struct qualify *q, bool holds, const char *what,
						       const char *wanted, const char *fmt, ...);
/* A figure that was published with so many digits behind the point. */
void evidence_digits(struct qualify *q, const char *what, double found, double wanted, int digits);
/* A figure that was certified, to a share of it. */
void evidence_relative(struct qualify *q, const char *what, double found, double wanted, double share);

/* ---- programs (trial.c) */
/* This program, or one beside it, in a new folder of the output, without the user's environment of penrig; what it prints goes
 * into NAME/said.txt there. Words end with NULL. The exit code; -errno with evidence that it could not be started. */
int trial(struct qualify *q, const char *name, const char *const *words);
/* The path of a file of that folder. */
void trial_path(const struct qualify *q, const char *name, const char *file, char ret[QUALIFY_PATH_MAX]);

/* ---- checks: installation.c */
void qualify_programs(struct qualify *q, const void *argument);
void qualify_libraries(struct qualify *q, const void *argument);
void qualify_data(struct qualify *q, const void *argument);
void qualify_against(struct qualify *q, const void *argument);
void qualify_arithmetic(struct qualify *q, const void *argument);
/* ---- published.c */
void qualify_student(struct qualify *q, const void *argument);
void qualify_tolerance_factors(struct qualify *q, const void *argument);
void qualify_budget(struct qualify *q, const void *argument);
void qualify_decision(struct qualify *q, const void *argument);
void qualify_risk(struct qualify *q, const void *argument);
void qualify_moments(struct qualify *q, const void *argument);
void qualify_anova(struct qualify *q, const void *argument);
void qualify_charts(struct qualify *q, const void *argument);
void qualify_capability(struct qualify *q, const void *argument);
void qualify_grr(struct qualify *q, const void *argument);
void qualify_digests(struct qualify *q, const void *argument);
void qualify_signatures(struct qualify *q, const void *argument);
/* ---- reference.c: argument, the name of the run file */
void qualify_reference(struct qualify *q, const void *argument);
void qualify_altered(struct qualify *q, const void *argument);
void qualify_refusals(struct qualify *q, const void *argument);
/* ---- bench.c: argument, a struct bench_trial */
struct bench_trial {
	const char *name, *plan, *dut, *fault; /* fault NULL: none */
	int seed, code;                        /* the exit code that must come */
	const char *verdict;                   /* of the report; NULL: whichever goes with the code */
	bool figures;                          /* its results are held against what the needles truly did */
};
void qualify_bench(struct qualify *q, const void *argument);
void qualify_killed(struct qualify *q, const void *argument);
/* ---- pen.c: the runs of the reference pen that were given */
void qualify_pen_sound(struct qualify *q, const void *argument);
void qualify_pen_program(struct qualify *q, const void *argument);
void qualify_pen_verdict(struct qualify *q, const void *argument);
void qualify_pen_again(struct qualify *q, const void *argument);
/* Each of them; one that cannot be read is broken. */
typedef void (*qualify_look_fn)(struct qualify *q, void *ctx, struct runfile_reader *reader,
				const struct record *record);
void qualify_each_run(struct qualify *q, qualify_look_fn look, void *ctx);
/* ---- standing.c: against the bench's file and history */
void qualify_pen_bench(struct qualify *q, const void *argument);
void qualify_pen_history(struct qualify *q, const void *argument);

#endif
