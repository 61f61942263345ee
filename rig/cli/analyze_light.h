/* `penrig analyze --light`: the table of a quick look, as text or one line of JSON per point. */
#ifndef PENRIG_CLI_ANALYZE_LIGHT_H
#define PENRIG_CLI_ANALYZE_LIGHT_H

#include <stdio.h>

#include "rig/offline/replay.h"

int analyze_light(struct runfile_reader *reader, const struct record *record, const struct replay_inputs *inputs,
		  FILE *out, bool json, struct err *err);

#endif
