/* The page of a dossier: many runs of a unit or a lot together, each with what became of it, what it rests on and who vouches
 * for it. Takes one run at a time, so that memory is a page, however many runs. */
#ifndef PENRIG_REPORTS_HTML_DOSSIER_H
#define PENRIG_REPORTS_HTML_DOSSIER_H

#include "rig/record/disposition.h"
#include "rig/record/record.h"

struct dossier;

struct dossier_run { /* borrowed for the call */
	const struct record *record;
	const char *path;    /* of its file within the dossier */
	const char *checked; /* "as it was written", or what does not fit */
	bool sound;
	unsigned dispositions;
	const struct disposition *disposition;
	unsigned judged; /* later verdicts */
	const struct record_judged *verdict;
};

int dossier_new(const char *title, struct dossier **ret, struct err *err);
void dossier_free(struct dossier *dossier); /* NULL is fine */
/* How a unit stands by all of these runs. */
void dossier_unit(struct dossier *dossier, const char *dut, const char *standing, const char *why);
void dossier_add(struct dossier *dossier, const struct dossier_run *run);
/* A run that is known of and could not be put in. */
void dossier_missing(struct dossier *dossier, const char *run, const char *why);
/* The page. made: when and by what. -ENOMEM, -EIO. */
int dossier_write(struct dossier *dossier, const char *made, FILE *out, struct err *err);

#endif
