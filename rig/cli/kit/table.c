/* A tree of JSON as CSV, and what tables there are. */
#include "rig/cli/kit/table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "reports/csv.h"

#define COLUMN_NAME_MAX 64

static const char *const type_names[] = {"string", "number", "integer", "boolean"};

void table_column_name(const struct table_column *column, char *ret, size_t size)
{
	snprintf(ret, size, "%s", column->path + (column->path[0] == '^'));
	for (char *at = ret; (at = strchr(at, '/'));)
		*at = '_';
}

void table_csv_head(const struct table *table)
{
	char name[COLUMN_NAME_MAX];

	for (const struct table_column *c = table->column; c->path; c++) {
		table_column_name(c, name, sizeof(name));
		printf("%s%s", c == table->column ? "" : ",", name);
	}
	fputs("\r\n", stdout);
}

/* Figures are digits already: a minus is no formula. */
void table_csv_row(const struct table *table, const char *const *cell)
{
	struct csv_row row = {.out = stdout};

	for (unsigned i = 0; table->column[i].path; i++) {
		if (table->column[i].type == TABLE_STRING) {
			csv_put_text(&row, cell[i]);
			continue;
		}
		printf("%s%s", row.begun ? "," : "", cell[i]);
		row.begun = true;
	}
	csv_end(&row);
}

static int on_row(void *ctx, const char *const *cell)
{
	table_csv_row(ctx, cell);
	return 0;
}

static int print_csv(const struct json_out *root, const struct table *table, struct err *err)
{
	const char *paths[JSON_ROW_MAX] = {NULL};

	for (unsigned i = 0; i < JSON_ROW_MAX - 1 && table->column[i].path; i++)
		paths[i] = table->column[i].path;
	table_csv_head(table);
	return json_out_rows(root, table->rows, paths, on_row, (void *)table, err);
}

int table_print(struct json_out *root, const struct table *table, bool csv, struct err *err)
{
	char *text = NULL;
	int rc = csv ? print_csv(root, table, err) : json_out_print(root, true, &text, err);

	if (!rc && !csv)
		printf("%s\n", text);
	free(text);
	json_out_free(root);
	return rc;
}

/* ---- which there are ----------------------------------------------------------------------------------------------- */

const struct table *const tables_of_commands[] = {
	&table_check,   &table_list,        &table_doctor,  &table_state,   &table_profile,
	&table_golden,  &table_verify,      &table_trend,   &table_compare, &table_batch,
	&table_account, &table_jobs,        &table_benches, &table_version, &table_measurands,
	&table_lot,     &table_equivalence, &table_life,    NULL,
};

void tables_print(void)
{
	char name[COLUMN_NAME_MAX];

	for (unsigned t = 0; tables_of_commands[t]; t++) {
		printf("%spenrig %s --csv\n", t ? "\n" : "", tables_of_commands[t]->name);
		for (const struct table_column *c = tables_of_commands[t]->column; c->path; c++) {
			table_column_name(c, name, sizeof(name));
			printf("  %-26s %-8s %s\n", name, type_names[c->type], c->unit ? c->unit : "");
		}
	}
}

int tables_print_json(struct err *err)
{
	struct json_out *root = json_out_array();
	char name[COLUMN_NAME_MAX], *text = NULL;

	for (unsigned t = 0; tables_of_commands[t]; t++) {
		struct json_out *o = json_out_add_object(root, NULL);
		json_out_string(o, "command", tables_of_commands[t]->name);
		json_out_string(o, "rows", tables_of_commands[t]->rows);
		struct json_out *fields = json_out_add_array(o, "fields");
		for (const struct table_column *c = tables_of_commands[t]->column; c->path; c++) {
			struct json_out *f = json_out_add_object(fields, NULL);
			table_column_name(c, name, sizeof(name));
			json_out_string(f, "name", name);
			json_out_string(f, "path", c->path);
			json_out_string(f, "type", type_names[c->type]);
			json_out_string(f, "unit", c->unit);
		}
	}
	int rc = json_out_print(root, true, &text, err);
	if (!rc)
		printf("%s\n", text);
	free(text);
	json_out_free(root);
	return rc;
}
