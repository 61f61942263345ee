/* Several run files in one page. */
#ifndef PENRIG_CLI_KIT_LOT_H
#define PENRIG_CLI_KIT_LOT_H

#include <stdint.h>

#include "rig/cli/kit/command.h"

/* Into `output` ("-": standard output), which must not be there yet unless `force`. An exit code, as of penrig report. */
int lot_report(const char *const *paths, unsigned count, const char *output, bool force, uint64_t wall_ns);

#endif
