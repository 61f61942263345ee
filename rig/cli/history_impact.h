/* `penrig history --impact`: the runs that rest on a calibration, judged again by the corrected one. */
#ifndef PENRIG_CLI_HISTORY_IMPACT_H
#define PENRIG_CLI_HISTORY_IMPACT_H

#include <stdbool.h>

#include "rig/history/history.h"

struct impact_request {
	const char *file; /* of the corrected calibration */
	bool json, csv;
	struct history_filter filter; /* which runs are looked at; those with the device alone are */
};

/* Prints it. 0 no verdict changes, EXIT_OTHER_METHOD one does, EXIT_STORAGE a run could not be judged again, EXIT_USAGE. */
int history_impact(struct history *history, const struct impact_request *request);

#endif
