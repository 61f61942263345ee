/* The table of measurands as it stands in the program: what documents and schemas are checked against. */
#include "rig/cli/measurands.h"

#include <stdlib.h>

#include "rig/base/json.h"
#include "rig/cli/kit/command.h"
#include "rig/cli/kit/table.h"
#include "rig/measure/measurand.h"

static const char *const scopes[] = {
	[SCOPE_INFORMATIVE] = "informative",
	[SCOPE_POINT] = "point",
	[SCOPE_SWEEP] = "sweep",
	[SCOPE_PEN] = "pen",
};

static const struct {
	enum measurand_need need;
	const char *word;
} needs[] = {
	{NEEDS_FORCE, "force"}, {NEEDS_BAR, "displacement"},  {NEEDS_HEAT, "temperature"},
	{NEEDS_CLOCK, "clock"}, {NEEDS_FREE_RUN, "free run"}, {NEEDS_STROKES, "strokes"},
};
#define NEEDS (sizeof(needs) / sizeof(needs[0]))

static void print_judged(FILE *out, enum measurand id)
{
	const struct measurand_row *row = measurand_row(id);

	if (!measurand_is_judged(id))
		fputs("; has no limit", out);
	else if (row->judged_by != JUDGED_BY_ANY)
		fprintf(out, "; judged: %s or %s, as the plan says", measurand_method(row->judged_by, false, false),
			measurand_method(row->judged_by, true, true));
	fputs(row->parts ? "; of handle and tip" : "", out);
	fputs(row->narrows ? "; may end a window" : "", out);
	fputs(row->travels ? "; may show that a pen has settled" : "", out);
	fputs(row->thermal_basis ? "; judged on a thermal basis" : "", out);
}

static void print_row(FILE *out, enum measurand id)
{
	const struct measurand_row *row = measurand_row(id);
	const char *comma = "";

	fprintf(out, "%-26s%-6s%-13s", row->name, row->unit, scopes[row->scope]);
	for (unsigned i = 0; i < NEEDS; i++) {
		if (!(row->needs & needs[i].need))
			continue;
		fprintf(out, "%s%s", comma, needs[i].word);
		comma = ", ";
	}
	fprintf(out, "%s\n    %s", row->needs ? "" : "-", row->about);
	print_judged(out, id);
	fputc('\n', out);
}

void measurands_print(FILE *out)
{
	fprintf(out, "%-26s%-6s%-13s%s\n", "name", "unit", "of", "needs");
	for (unsigned id = MEASURAND_NONE + 1; id < MEASURANDS; id++)
		print_row(out, (enum measurand)id);
}

static void add_row(struct json_out *root, enum measurand id)
{
	const struct measurand_row *row = measurand_row(id);
	struct json_out *o = json_out_add_object(root, NULL), *list;

	json_out_string(o, "name", row->name);
	json_out_string(o, "unit", row->unit);
	json_out_string(o, "about", row->about);
	json_out_string(o, "scope", scopes[row->scope]);
	list = json_out_add_array(o, "needs");
	for (unsigned i = 0; i < NEEDS; i++)
		if (row->needs & needs[i].need)
			json_out_string(list, NULL, needs[i].word);
	json_out_bool(o, "judged", measurand_is_judged(id));
	list = json_out_add_array(o, "judged_methods");
	for (int last = 0; last < 2 && row->judged_by != JUDGED_BY_ANY; last++)
		json_out_string(list, NULL, measurand_method(row->judged_by, last, last));
	json_out_bool(o, "parts", row->parts);
	json_out_bool(o, "thermal_basis", row->thermal_basis);
	json_out_bool(o, "narrows", row->narrows);
	json_out_bool(o, "travels", row->travels);
}

static const struct table_column columns[] = {
	{"name", TABLE_STRING, NULL},           {"unit", TABLE_STRING, NULL},
	{"about", TABLE_STRING, NULL},          {"scope", TABLE_STRING, NULL},
	{"needs", TABLE_STRING, NULL},          {"judged", TABLE_BOOLEAN, NULL},
	{"judged_methods", TABLE_STRING, NULL}, {"parts", TABLE_BOOLEAN, NULL},
	{"thermal_basis", TABLE_BOOLEAN, NULL}, {"narrows", TABLE_BOOLEAN, NULL},
	{"travels", TABLE_BOOLEAN, NULL},       {.path = NULL},
};
const struct table table_measurands = {"help measurands", "", columns};

int measurands_print_form(bool csv)
{
	struct json_out *root = json_out_array();
	struct err err = {0};

	for (unsigned id = MEASURAND_NONE + 1; id < MEASURANDS; id++)
		add_row(root, (enum measurand)id);
	return table_print(root, &table_measurands, csv, &err) == 0 ? EXIT_PASS
								    : cli_error(EXIT_INTERNAL, "%s", err.text);
}
