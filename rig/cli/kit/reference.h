/* The bench's reference pen, for the commands that ask whether its pass holds. */
#ifndef PENRIG_CLI_KIT_REFERENCE_H
#define PENRIG_CLI_KIT_REFERENCE_H

#include "rig/cli/kit/indexing.h"
#include "rig/study/golden.h"

/* Whether the pass of this bench's reference pen holds now; the bench has one. -errno with text where that cannot be found out
 * (its plan or the history cannot be read): then there is no valid pass. */
int reference_look(const struct bench *bench, const struct indexing *where, uint64_t wall_ns, struct golden_pass *ret,
		   struct err *err);

/* What a run of `dut` on this bench is refused for, or stands on: into the record. 0, or -EKEYREVOKED with the reason and the
 * remedy where the bench requires a valid pass. ret_pass: for reference_check_devices(); NULL: not wanted. */
int reference_stand_on(const struct bench *bench, const char *dut, const struct indexing *where, uint64_t wall_ns,
		       struct record_golden *ret, struct golden_pass *ret_pass, struct err *err);

/* The devices of a record, once they have said who they are, against those of the pass that it stands on: another firmware in
 * one ends it for this run. As reference_stand_on(). */
int reference_check_devices(const struct bench *bench, const struct golden_pass *pass, struct record *record,
			    struct err *err);

#endif
