/* Sealing a run file: verified, signed, appended, and beside it as files that minisign verifies. */
#ifndef PENRIG_CLI_KIT_SEALING_H
#define PENRIG_CLI_KIT_SEALING_H

#include <stdio.h>

#include "rig/base/signature.h"
#include "rig/cli/kit/command.h"

struct sealing {
	const struct signing_key *key;
	bool bench;
	const char *signer, *meaning; /* printed name; one of keys.h */
	uint64_t wall_ns;             /* UTC */
	const char *head;             /* that the file's record must name; NULL: whichever it names */
};

/* Seals the newest verdict of a run file, and says which files stand beside it then: NAME.seal-N.json and .minisig, and,
 * where there is none yet, the .minisig of its JSON report. -EBADMSG: the file is not as it was written; -ENODATA: its run
 * did not come to its end; -errno of the disk, with text. */
int seal_run(const char *path, const struct sealing *sealing, FILE *people, struct err *err);

/* "2026-11-29T12:27:06Z" */
void seal_time(uint64_t wall_ns, char ret[32]);

#endif
