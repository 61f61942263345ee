/* The report writers there are. A new format is one file and one line here. */
#include <stddef.h>
#include <string.h>

#include "reports/report.h"

const struct report_writer *const report_table[] = {&report_json, &report_junit, &report_text, NULL};

const struct report_writer *report_find(const struct report_writer *const *table, const char *id)
{
	for (; *table; table++)
		if (strcmp((*table)->id, id) == 0)
			return *table;
	return NULL;
}

const struct report_writer *report_kept(const struct report_writer *const *table)
{
	while (*table && !(*table)->kept)
		table++;
	return *table;
}
