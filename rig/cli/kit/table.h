/* What a command prints as a table, for programs: as JSON, or as CSV by the same tree, so that both have the same digits. Every
 * table is described here once: `penrig help tables` lists them, and their schema is made from it. */
#ifndef PENRIG_CLI_KIT_TABLE_H
#define PENRIG_CLI_KIT_TABLE_H

#include "rig/base/json.h"
#include "rig/cli/kit/command.h"

enum table_type {
	TABLE_STRING,
	TABLE_NUMBER,
	TABLE_INTEGER,
	TABLE_BOOLEAN
}; /* as Frictionless' Table Schema names them */

struct table_column {
	const char *path; /* in the JSON, as json_out_rows() has it */
	enum table_type type;
	const char *unit; /* NULL: none, or another column says it */
};

struct table {
	const char *name;                  /* the command's words behind "penrig" */
	const char *rows;                  /* where they stand in the JSON: json_out_rows() */
	const struct table_column *column; /* ends with path NULL */
};

extern const struct table table_trend, table_compare, table_golden, table_state, table_doctor, table_list, table_jobs,
	table_benches, table_measurands, table_batch, table_verify, table_check, table_account, table_profile,
	table_version, table_lot, table_equivalence, table_life;
extern const struct table *const tables_of_commands[]; /* NULL-terminated */

/* Of the options --json and --csv, which exclude each other (options.c). */
#define TABLE_JSON_HELP "Print JSON on standard output instead; penrig help tables lists what its rows hold."
#define TABLE_CSV_HELP  "Print the rows as CSV instead (RFC 4180); penrig help tables lists the columns."

/* The name of a column: its path's, with _ for /. */
void table_column_name(const struct table_column *column, char *ret, size_t size);
/* Prints the tree, as CSV or as indented JSON. It is freed. -errno with text. */
int table_print(struct json_out *root, const struct table *table, bool csv, struct err *err);
/* Parts of it, for a command that has no tree: the line of names, a row of as many texts. */
void table_csv_head(const struct table *table);
void table_csv_row(const struct table *table, const char *const *cell);

/* All of them: for people, as JSON (Frictionless' fields), as a JSON Schema of what --json prints. */
void tables_print(void);
int tables_print_json(struct err *err);

#endif
