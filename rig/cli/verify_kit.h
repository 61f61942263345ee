/* What penrig verify looks at beside a run file itself: reports, seal files and signatures. Prints nothing. */
#ifndef PENRIG_CLI_VERIFY_KIT_H
#define PENRIG_CLI_VERIFY_KIT_H

#include "reports/report.h"
#include "rig/base/keyring.h"
#include "rig/runfile/runfile.h"

/* The worst of several counts. Rejected: as it was written, and somebody whose key is trusted rejected or withdrew it. */
enum trust { TRUST_SOUND, TRUST_UNKNOWN, TRUST_REJECTED, TRUST_USAGE, TRUST_ALTERED };

/* Told for each comparison. */
typedef void (*difference_fn)(void *ctx, bool same, const char *text);

struct file_signature {
	enum trust trust;
	char text[500]; /* who, what and whether it holds */
};
/* FILE.minisig against FILE. -ENOENT: there is none; -errno. */
int verify_signature(const char *path, const struct keyring *ring, struct file_signature *ret, struct err *err);

struct run_beside {
	char run[FILE_PATH_MAX + 200];
	const char *rest;                   /* of the file's path: what stands behind the run's name */
	const struct report_writer *writer; /* NULL: a seal file */
	unsigned seal;
};
/* The run file that a report or a seal file stands beside, by its name, which is one that penrig gives. False where there
 * is none, or the name is another: nothing is known of such a file then. */
bool verify_run_beside(const struct report_writer *const *reports, const char *path, struct run_beside *ret);
/* A report against what the run file makes of it; a seal file against the one in the run file. Tells of each comparison,
 * at least of one, and returns the number of the verdict that the file shows, 0 the run's own. -EOPNOTSUPP: a format of
 * which a later verdict cannot be verified, or that differs and may be another build's; else -errno. */
int verify_against(const struct run_beside *beside, struct runfile_reader *reader, struct record *record,
		   const char *path, difference_fn tell, void *ctx, struct err *err);
/* NAME.seal-N.json and its .minisig against what the run file holds; tells where they differ, and nothing where not. */
void verify_seal_file(struct runfile_reader *reader, unsigned number, const char *path, difference_fn tell, void *ctx);

/* What the newest thing in a file is, for a person: "verdict 2 among them". */
const char *verify_newest(struct runfile_reader *reader, const struct record *record);

#endif
