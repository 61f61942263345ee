#include "rig/base/openmetrics.h"

void openmetrics_label(FILE *out, const char *value)
{
	fputc('"', out);
	for (; *value; value++)
		if (*value == '\n')
			fputs("\\n", out);
		else
			fprintf(out, "%s%c", *value == '"' || *value == '\\' ? "\\" : "", *value);
	fputc('"', out);
}

void openmetrics_head(FILE *out, const char *name, const char *kind, const char *help)
{
	fprintf(out, "# TYPE %s %s\n# HELP %s %s\n", name, kind, name, help);
}

void openmetrics_one(FILE *out, const char *name, const char *help, double value)
{
	openmetrics_head(out, name, "gauge", help);
	fprintf(out, "%s %.17g\n", name, value);
}
