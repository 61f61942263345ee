/* The table of `penrig analyze --monte-carlo`. */
#ifndef PENRIG_CLI_ANALYZE_CARLO_H
#define PENRIG_CLI_ANALYZE_CARLO_H

#include <stdio.h>

#include "rig/offline/opinion.h"

/* What --monte-carlo and --seed say; NULL: not given. trials 0 where no opinion is asked for. -EINVAL names the option. */
int carlo_options(const char *trials, const char *seed, struct opinion_request *ret, struct err *err);

/* Forms the opinions and prints each as it comes, in 80 columns. -ENOMEM. */
int carlo_print(struct record *record, const struct replay_inputs *inputs, struct opinion_request request, FILE *out,
		struct err *err);

#endif
