/* The report writers there are. A new format is one file and one line here. */
#include <stddef.h>
#include <string.h>

#include "reports/report.h"

const struct report_writer *const report_table[] = {&report_json,    &report_junit,   &report_text, &report_html,
						    &report_csv,     &report_strokes, &report_tap,  &report_prom,
						    &report_jsonl,   &report_dfq,     &report_wsjf, &report_atml,
						    &report_openhtf, &report_dcc,     NULL};

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

int report_write(const struct report_writer *writer, const struct record *record, struct runfile_reader *reader,
		 FILE *out, struct err *err)
{
	return reader && writer->write_run ? writer->write_run(record, reader, out, err)
					   : writer->write(record, out, err);
}
