/* The events of a run (ocp.c) while it goes on: what stands is told once, in the order in which it came to stand, and the
 * whole is the stream that NAME.jsonl holds, but for attempts that nobody knew yet to be superseded. */
#ifndef PENRIG_REPORTS_FOREIGN_OCP_H
#define PENRIG_REPORTS_FOREIGN_OCP_H

#include "rig/base/error.h"
#include "rig/record/record.h"

#include <stdio.h>

struct ocp_stream;

/* Lines go to `out`, which is borrowed. NULL: no memory. */
struct ocp_stream *ocp_stream_new(FILE *out);
void ocp_stream_free(struct ocp_stream *stream);

/* Each returns 0, or -EIO or -ENOMEM with text. The record may be another one as long as it holds what was told of the one
 * before: a run that goes on behind a lost device.
 * The first lines; called again it does nothing. The record knows its pen by then, or never will. */
int ocp_stream_begin(struct ocp_stream *stream, const struct record *record, struct err *err);
/* An attempt whose results stand. */
int ocp_stream_point(struct ocp_stream *stream, const struct record *record, const struct record_point *point,
		     struct err *err);
/* All that was not told yet, and how the run came out: the last lines. `code` is how the program ends: 0, or no pass is told,
 * whatever the record's verdict (one that could not be sealed or printed). */
int ocp_stream_end(struct ocp_stream *stream, const struct record *record, int code, struct err *err);

#endif
