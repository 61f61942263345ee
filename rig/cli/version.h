/* Which penrig this is. */
#ifndef PENRIG_CLI_VERSION_H
#define PENRIG_CLI_VERSION_H

#include "rig/record/record.h"

void version_record(struct record *record); /* fills software_version and software_build */

#endif
