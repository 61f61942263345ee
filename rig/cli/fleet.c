/* `penrig fleet`: the server's tables, who may use them, and how units stand by all runs on all benches. */
#include <errno.h>
#include <string.h>

#include "rig/cli/kit/fleet.h"
#include "rig/fleet/mirror.h"
#include "rig/fleet/tables.h"
#include "rig/history/unit.h"

struct fleet_options {
	const char *db, *site, *bench, *dut;
	int as;
};

static const char *const role_words[] = {"agent", "submitter", "viewer", NULL};

#define AT(member) offsetof(struct fleet_options, member)
static const struct cli_option fleet_table[] = {
	{.name = "as",
	 .kind = OPTION_WORD,
	 .arg = "ROLE",
	 .offset = AT(as),
	 .words = role_words,
	 .group = "Of admit and store",
	 .help = "agent: takes jobs and hands over runs; submitter: puts and cancels jobs, takes benches out of "
		 "service, and sees; "
		 "viewer: sees. Default: agent."},
	{.name = "site",
	 .kind = OPTION_TEXT,
	 .arg = "NAME",
	 .offset = AT(site),
	 .help = "At this site; admit makes it where it is new."},
	{.name = "bench",
	 .kind = OPTION_TEXT,
	 .arg = "NAME",
	 .offset = AT(bench),
	 .help = "Of an agent: the bench for which it may speak, by the name in its file."},
	{.name = "dut",
	 .letter = 'd',
	 .kind = OPTION_TEXT,
	 .arg = "SERIAL",
	 .offset = AT(dut),
	 .group = "Of units",
	 .help = "This pen alone."},
	FLEET_DB_ROW(AT(db)),
	{.name = NULL},
};

static int init(struct server *server, const struct fleet_options *o, const char *const *operands, struct err *err)
{
	int from = 0, rc = tables_update(server, &from, err);

	(void)o, (void)operands;
	if (!rc && from == FLEET_VERSION)
		printf("the tables have version %d: nothing to do\n", from);
	else if (!rc)
		printf("the tables have version %d now%s\n", FLEET_VERSION, from ? "" : ", and are new");
	return rc;
}

static int check(struct server *server, const struct fleet_options *o, const char *const *operands, struct err *err)
{
	int version = 0, rc = tables_check(server, FLEET_OLDEST, &version, err);

	(void)o, (void)operands;
	if (!rc)
		printf("the tables have version %d; this penrig knows %d\n", version, FLEET_VERSION);
	return rc;
}

static int admit(struct server *server, const struct fleet_options *o, const char *const *operands, struct err *err)
{
	const struct admission admission = {operands[1], role_words[o->as], o->site, o->bench};

	if (!operands[1])
		return err_set(err, -EINVAL, "fleet admit: a login is missing: fleet admit LOGIN --site NAME");
	if (!o->site || !*o->site)
		return err_set(err, -EINVAL, "fleet admit: --site is missing");
	if ((o->bench != NULL) != (o->as == 0))
		return err_set(err, -EINVAL, "fleet admit: --bench names the bench of an agent, and of nobody else");
	int rc = tables_check(server, FLEET_OLDEST, NULL, err);
	if (!rc)
		rc = tables_admit(server, &admission, err);
	if (!rc)
		printf("%s is %s at %s%s%s\n", admission.login, admission.as, admission.site, o->bench ? ", for " : "",
		       o->bench ? o->bench : "");
	return rc;
}

#define STORE_NEEDS 4 /* version of the tables */

/* What is in another place stays there, and is found there. */
static int store(struct server *server, const struct fleet_options *o, const char *const *operands, struct err *err)
{
	const char *url = operands[1] && strcmp(operands[1], "database") != 0 ? operands[1] : "";

	if (!operands[1] || !o->site)
		return err_set(err, -EINVAL,
			       "fleet store: what and where: fleet store file:///FOLDER --site NAME, s3://HOST/BUCKET, "
			       "or database");
	int rc = tables_check(server, STORE_NEEDS, NULL, err);
	if (!rc)
		rc = tables_store(server, o->site, url, err);
	if (!rc)
		printf("site %s has its files in %s from now on\n", o->site, *url ? url : "the database");
	return rc;
}

/* ---- units --------------------------------------------------------------------------------------------------------- */

static void show(struct unit *unit)
{
	if (!unit->runs)
		return;
	unit_end(unit);
	print_clean(stdout, unit->dut);
	printf("%*s%-12s %4u %4u %4u %5u  %.19s", 22 - (int)strlen(unit->dut) > 1 ? 22 - (int)strlen(unit->dut) : 1, "",
	       unit_standing_name(unit->standing), unit->runs, unit->passes, unit->failures, unit->others, unit->last);
	if (unit->standing != UNIT_PASS && unit->standing != UNIT_UNKNOWN) {
		fputs("  by ", stdout);
		print_clean(stdout, unit->decided_by);
		fputs(": ", stdout);
		print_clean(stdout, unit->decided_why);
	}
	fputc('\n', stdout);
	*unit = (struct unit){.runs = 0};
}

static int on_run(void *ctx, const struct history_run *run)
{
	struct unit *unit = ctx;

	if (unit->runs && strcmp(unit->dut, run->dut) != 0)
		show(unit);
	unit_add(unit, run);
	return 0;
}

/* The rules are those of one bench's history, over the runs of all. */
static int units(struct server *server, const struct fleet_options *o, const char *const *operands, struct err *err)
{
	const struct history_filter filter = {.count = o->dut != NULL, .item = {{BY_DUT, o->dut}}};
	struct history *history = NULL;
	struct unit unit = {.runs = 0};
	int rc = mirror_fetch(server, &filter, true, &history, err);

	(void)operands;
	if (rc)
		return rc;
	printf("%-22s%-12s %4s %4s %4s %5s  last run, UTC\n", "unit", "stands", "runs", "pass", "fail", "other");
	rc = history_each_run(history, &filter, ORDER_UNIT, on_run, &unit, err);
	show(&unit);
	history_close(history);
	return rc;
}

static const struct {
	const char *name;
	int (*fn)(struct server *server, const struct fleet_options *o, const char *const *operands, struct err *err);
} actions[] = {{"init", init}, {"check", check}, {"admit", admit}, {"store", store}, {"units", units}};

static int fleet_run(const struct cli_tables *tables, const void *options, const char *const *operands, unsigned count)
{
	const struct fleet_options *o = options;
	const char *const words[] = {operands[0], count > 1 ? operands[1] : NULL};
	struct server *server = NULL;
	struct err err = {""};
	int rc = server_new(fleet_db(o->db), "penrig fleet", &server, &err);

	(void)tables;
	for (unsigned i = 0; !rc; i++) {
		if (i == sizeof(actions) / sizeof(actions[0])) {
			rc = err_set(&err, -EINVAL,
				     "fleet %.40s: init makes the tables, check holds them against this program, admit "
				     "LOGIN lets somebody use them, store URL says where a site has its files, units "
				     "says how each pen stands",
				     operands[0]);
		} else if (strcmp(actions[i].name, operands[0]) == 0) {
			rc = actions[i].fn(server, o, words, &err);
			break;
		}
	}
	server_free(server);
	return rc ? cli_error(fleet_exit_code(rc), "%s", err.text) : EXIT_PASS;
}

const struct command command_fleet = {
	.name = "fleet",
	.operands = "init|check|admit|store|units [LOGIN|URL]",
	.operands_min = 1,
	.operands_max = 2,
	.summary = "Make a fleet's tables, let logins use them, say how units stand",
	.description =
		"init: makes the tables in a PostgreSQL database (15 or later), or brings them up to date, each step "
		"in one "
		"transaction. The first time as a role that may make roles.\n\n"
		"check: whether tables and program fit.\n\n"
		"admit: what LOGIN, a role of the server's that can log in, may do at a site. An agent has a bench.\n\n"
		"store: where a site has its files from now on: file:///FOLDER, a folder that all its computers see, "
		"this one too, and that gets a file penrig-store, by which it is known again; "
		"s3://HOST[:PORT]/BUCKET[/PREFIX][?region=NAME]; or \"database\".\n\n"
		"units: how each pen stands by all its runs on all benches, superseded ones too, by the rules of "
		"\"penrig history "
		"--units\".\n\n"
		"Exit code: 0; 2 wrong usage, a login that may not, tables that do not fit; 6 the server, or the "
		"folder, is not reached.",
	.example = "  penrig fleet init --db \"host=db.example sslmode=verify-full dbname=penrig user=admin\"\n"
		   "  penrig fleet admit bench3 --as agent --site A --bench bench-3\n"
		   "  penrig fleet units --dut SN-0417\n",
	.options = fleet_table,
	.options_size = sizeof(struct fleet_options),
	.run = fleet_run,
};
