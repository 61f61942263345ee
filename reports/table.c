/* The report writers there are. A new format is one file and one line here. */
#include <stddef.h>
#include <string.h>

#include "reports/report.h"

const struct report_writer *const report_table[] = {&report_json, &report_junit, NULL};

const struct report_writer *report_find(const char *id)
{
	for (unsigned i = 0; report_table[i]; i++) {
		if (strcmp(report_table[i]->id, id) == 0)
			return report_table[i];
	}
	return NULL;
}
