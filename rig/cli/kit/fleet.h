/* What the commands of a fleet share: where the server is, exit codes, rows of an answer as a table or as JSON. */
#ifndef PENRIG_CLI_KIT_FLEET_H
#define PENRIG_CLI_KIT_FLEET_H

#include "rig/cli/kit/command.h"
#include "rig/fleet/depot.h"
#include "rig/fleet/server.h"

#define FLEET_WATCH_ROW(at)                                                                                            \
	{                                                                                                              \
		.name = "watch", .kind = OPTION_FLAG, .offset = (at),                                                  \
		.help = "Go on, and list anew when a job begins or ends, else every 2 s, until a signal. Not with "    \
			"--csv; with --json a list each time.",                                                        \
	}
#define FLEET_DB_ROW(at)                                                                                               \
	{                                                                                                              \
		.name = "db", .kind = OPTION_TEXT, .arg = "CONNECTION", .offset = (at), .group = "Where",              \
		.help = "The server, as libpq takes it: \"service=penrig\", \"host=... dbname=... user=...\" or a "    \
			"URI; no "                                                                                     \
			"password (~/.pgpass). Default: the environment's PENRIG_DB, else PGSERVICE, PGHOST and so "   \
			"on."                                                                                          \
	}

/* Of commands that reach a site's store of files. */
#define FLEET_STORE_ROWS(at_secret, at_ca)                                                                             \
	{.name = "store-secret",                                                                                       \
	 .kind = OPTION_TEXT,                                                                                          \
	 .arg = "FILE",                                                                                                \
	 .offset = (at_secret),                                                                                        \
	 .help = "Where the site has its files in an object store: the file, readable by its owner alone, "            \
		 "whose first line is KEY:SECRET. Default: what the environment's PENRIG_STORE_SECRET names."},        \
	{                                                                                                              \
		.name = "store-ca", .kind = OPTION_TEXT, .arg = "FILE", .offset = (at_ca),                             \
		.help = "The certificates by which it is known. Default: those of this computer."                      \
	}

/* --store-secret, else PENRIG_STORE_SECRET. */
struct depot_config fleet_store(const char *secret, const char *ca);

/* --db, else PENRIG_DB, else "". */
const char *fleet_db(const char *option);
/* A server whose tables fit this program, and have at least version `need`. ret_version may be NULL. */
int fleet_open(const char *option, int need, int *ret_version, struct server **ret, struct err *err);
int fleet_exit_code(int rc);

struct fleet_column {
	const char *key, *title; /* title NULL: in JSON alone */
	char kind;               /* t text, i integer, r real, b boolean, a array of texts (joined by blanks) */
};
struct fleet_print {
	const struct fleet_column *columns; /* end with key NULL */
	const struct table *table;          /* the same for programs */
	bool json, csv;                     /* neither: for people */
};
/* Prints the rows: as JSON, a list of objects, as CSV, or as a table. */
int fleet_print(const struct answer *answer, const struct fleet_print *how, struct err *err);

struct fleet_question {
	const char *sql;
	const char *const *values;
	unsigned count;
	struct fleet_print how;
	bool watch; /* again when the server tells of a job, else every 2 s; a server that is away is waited for */
};
/* Asks and prints. With watch it ends with an error alone, or a signal, or standard output. */
int fleet_list(struct server *server, const struct fleet_question *question, struct err *err);

#endif
