/* Which runs go into a dossier, and in which order: from the history, named by their files, and those that they went on with. */
#ifndef PENRIG_CLI_DOSSIER_RUNS_H
#define PENRIG_CLI_DOSSIER_RUNS_H

#include "rig/cli/kit/indexing.h"
#include "rig/history/unit.h"

struct dossier_source { /* a run: by its file, by the history, or both */
	char *path;
	bool known;             /* the history has it */
	struct history_run row; /* as it has it; texts are owned */
	bool replaced;          /* what stands at its path now is the file of another run */
	char dut[64], plan[64], plan_sha256[SHA256_HEX], started[32]; /* what the runs of a unit are sorted by */
	char recording[SHA256_HEX];
	enum unit_standing standing; /* the worse of what file and history say */
	bool twice;                  /* the file is put in with an earlier one of these: only the row counts */
	bool again;                  /* as in struct history_run, among the runs of this dossier */
	char root[128];              /* the first run of its chain; its own name where it went on with none */
	unsigned folder;             /* from 1; the runs of a chain share one, as penrig verify wants them */
};

struct dossier_sources { /* zero-initialise */
	struct dossier_source *item;
	unsigned count, room;
};

/* operands: run files, serial numbers, lots: of a lot all runs of its units, whether they carry it or not. In ORDER_UNIT.
 * -ENOENT: the history knows no such unit and no such lot; else what the history or memory refused. */
int dossier_choose(struct dossier_sources *sources, const struct indexing *where, const char *const *operands,
		   unsigned count, struct err *err);
void dossier_sources_free(struct dossier_sources *sources);

#endif
