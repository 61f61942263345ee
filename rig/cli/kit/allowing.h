/* Whether change control lets a run begin on these files: who approved them, and whether they are those that whoever asks for the
 * run has seen. docs/records.md. */
#ifndef PENRIG_CLI_KIT_ALLOWING_H
#define PENRIG_CLI_KIT_ALLOWING_H

#include "rig/cli/kit/command.h"
#include "rig/config/bench.h"
#include "rig/config/plan.h"
#include "rig/record/record.h"

struct allowing {
	struct plan *plan;                 /* its approval is read here */
	struct bench *bench;               /* and of phantoms, too */
	const struct option_list *exactly; /* SHA-256 of the files that count; empty: any */
	const char *keys;                  /* folder of approvers' keys; NULL: PENRIG_KEYS, or the bench's own word */
	const char *override;              /* why what is refused is done all the same; NULL: it is not */
	bool production;                   /* only approved files; a bench can demand it itself */
	uint64_t wall_ns;                  /* UTC, now */
};

/* 0, or -EKEYREJECTED: one of the files is none of `exactly`. */
int allowing_files(const struct allowing *of, struct err *err);
/* 0, with what the record says of it; -EKEYREJECTED with all that production refuses; or what else went wrong. */
int allowing_control(const struct allowing *of, struct record *record, struct err *err);

#endif
