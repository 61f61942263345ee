/* OpenMetrics text, for monitors: families of values. Behind the last one a line "# EOF". */
#ifndef PENRIG_BASE_OPENMETRICS_H
#define PENRIG_BASE_OPENMETRICS_H

#include <stdio.h>

/* kind: gauge, counter (whose samples are called name_total). */
void openmetrics_head(FILE *out, const char *name, const char *kind, const char *help);
/* A label's value, quoted and escaped. */
void openmetrics_label(FILE *out, const char *value);
/* A gauge without labels. */
void openmetrics_one(FILE *out, const char *name, const char *help, double value);

#endif
