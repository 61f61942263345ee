/* A gauge study as it is gathered from run files (grr_read.c) and shown (grr_show.c). */
#ifndef PENRIG_CLI_GRR_H
#define PENRIG_CLI_GRR_H

#include "rig/cli/kit/command.h"
#include "rig/record/record.h"
#include "rig/study/grr.h"

#define GRR_CONFIDENCE 0.95
#define GRR_NAMES_MAX  200 /* pens, appraisers or plans */

struct grr_value {
	unsigned part, appraiser, run; /* as numbered in struct grr_study, in the order in which they came */
	unsigned n;                    /* how often the run visited the setpoint: */
	double value;                  /* their mean */
};

struct grr_row { /* one measurand at one setpoint */
	enum measurand id;
	char method[32], phantom[64];
	bool sweep, limited, limits_differ;
	double depth_mm, rate_hz, lower, upper;
	unsigned n, room;
	struct grr_value *value;
	bool plan[GRR_NAMES_MAX]; /* whose runs were to give a value */
	/* what it comes to */
	char why_not[200]; /* the study cannot be evaluated; "": it was */
	double *x;         /* in the order that grr_of() or grr_nested_of() wants */
	struct grr grr;
	double percent_tolerance; /* NaN: no limits on both sides, or different ones */
};

struct grr_run {                    /* a trial; parts of one that was resumed are one run */
	char first[192], name[128]; /* by which its parts are known; of its first file */
	unsigned part, appraiser, plan;
};

struct grr_study {
	char by[64]; /* what tells appraisers apart, for people: "operator", "bench", "attribute station" */
	bool nested, by_range;
	unsigned parts, appraisers, plans, runs, files, rows, row_room, method;
	bool methods_differ;
	char (*part)[64], (*appraiser_name)[160], (*plan)[SHA256_HEX], (*file)[192];
	struct grr_run *run;
	struct grr_row *row;
};

struct grr_wanted {
	const char *appraiser; /* "operator", "bench", "cartridge", "lot", or the key of an attribute */
	bool nested, by_range;
	const struct option_list *measurand; /* none: those that a limit is for */
};

/* One more run file. -EINVAL with text: it was named before, or does not say who appraised; else as reopen_sound(). */
int grr_take_file(struct grr_study *study, const struct grr_wanted *wanted, const char *path, struct err *err);
/* Evaluates what was taken. -ENOMEM. */
int grr_evaluate(struct grr_study *study, struct err *err);
void grr_study_free(struct grr_study *study);

void grr_title(const struct grr_row *row, char *ret, size_t size);
void grr_print(const struct grr_study *study);
int grr_print_json(const struct grr_study *study, struct err *err);
void grr_print_csv(const struct grr_study *study);
/* Those that were evaluated. -errno with text. */
int grr_draw(const char *path, const struct grr_study *study, struct err *err);

#endif
