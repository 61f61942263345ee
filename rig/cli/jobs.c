/* `penrig jobs` and `penrig benches`: what waits, runs and ended; who is there, and how. */
#include <errno.h>
#include <string.h>

#include "rig/cli/kit/fleet.h"
#include "rig/cli/kit/rows.h"
#include "rig/cli/kit/table.h"
#include "rig/fleet/tables.h"

/* ---- jobs ---------------------------------------------------------------------------------------------------------- */

struct jobs_options {
	const char *db, *cancel, *why;
	bool all, watch, json, csv;
};

#define AT(member) offsetof(struct jobs_options, member)
static const struct cli_option jobs_table[] = {
	{.name = "all",
	 .kind = OPTION_FLAG,
	 .offset = AT(all),
	 .help = "Every job. Default: what waits or runs, and what ended in the last day."},
	FLEET_WATCH_ROW(AT(watch)),
	{.name = "cancel",
	 .kind = OPTION_TEXT,
	 .arg = "JOB",
	 .offset = AT(cancel),
	 .help = "Take this job back: one that waits is closed at once, one that runs is told to stop."},
	{.name = "why",
	 .kind = OPTION_TEXT,
	 .arg = "TEXT",
	 .offset = AT(why),
	 .help = "Of --cancel: the reason, for the record."},
	{.name = "json", .kind = OPTION_FLAG, .offset = AT(json), .help = "As JSON."},
	CSV_ROW(AT(csv)),
	FLEET_DB_ROW(AT(db)),
	{.name = NULL},
};
#undef AT

static const struct fleet_column job_columns[] = {
	{"job", "job", 'i'},
	{"state", "state", 't'},
	{"exit_code", "exit", 'i'},
	{"plan", "plan", 't'},
	{"dut", "unit", 't'},
	{"need", "where", 't'},
	{"bench", "bench", 't'},
	{"attempts", "tries", 'i'},
	{"priority", NULL, 'i'},
	{"submitted_by", NULL, 't'},
	{"submitted_at", "submitted, UTC", 't'},
	{"closed_at", NULL, 't'},
	{"run_id", NULL, 't'},
	{"reason", "why", 't'},
	{.key = NULL},
};
static const struct table_column jobs_fields[] = {
	{"job", TABLE_INTEGER, NULL},         {"state", TABLE_STRING, NULL},         {"exit_code", TABLE_INTEGER, NULL},
	{"plan", TABLE_STRING, NULL},         {"dut", TABLE_STRING, NULL},           {"need", TABLE_STRING, NULL},
	{"bench", TABLE_STRING, NULL},        {"attempts", TABLE_INTEGER, "1"},      {"priority", TABLE_INTEGER, NULL},
	{"submitted_by", TABLE_STRING, NULL}, {"submitted_at", TABLE_STRING, "UTC"}, {"closed_at", TABLE_STRING, "UTC"},
	{"run_id", TABLE_STRING, NULL},       {"reason", TABLE_STRING, NULL},        {.path = NULL},
};
const struct table table_jobs = {"jobs", "", jobs_fields};
#define STAMP(column) "to_char(" column " AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS')"
#define JOBS_SQL                                                                                                       \
	"SELECT j.job_id, CASE WHEN j.state = 'leased' THEN 'running' WHEN j.state = 'ready' THEN 'waiting' ELSE "     \
	"j.state END, "                                                                                                \
	"j.exit_code, j.plan_name, j.dut, array_to_string(j.need, ' '), b.name, j.fence, j.priority, "                 \
	"j.submitted_by, " STAMP("j.submitted_at") ", " STAMP(                                                         \
		"j.closed_at") ", j.run_id, j.reason "                                                                 \
			       "FROM job j LEFT JOIN attempt a ON a.job_id = j.job_id AND a.fence = j.fence LEFT "     \
			       "JOIN bench b USING (bench_id) "                                                        \
			       "WHERE j.closed_at IS NULL OR $1 OR j.closed_at > now() - interval '1 day' ORDER BY "   \
			       "j.job_id"

static int cancel(struct server *server, const struct jobs_options *o, struct err *err)
{
	const char *const values[] = {o->cancel, o->why ? o->why : "cancelled"};
	struct answer *answer = NULL;
	int rc = strspn(o->cancel, "0123456789") == strlen(o->cancel) && *o->cancel
			 ? server_ask(server, "SELECT cancel($1, $2)", values, 2, &answer, err)
			 : err_set(err, -EINVAL, "--cancel %.40s: must be the number of a job", o->cancel);

	if (!rc)
		printf("job %s: %s\n", o->cancel,
		       strcmp(answer_text(answer, 0, 0), "leased") == 0 ? "its run is told to stop"
									: answer_text(answer, 0, 0));
	answer_free(answer);
	return rc;
}

static int jobs_run(const struct cli_tables *tables, const void *options, const char *const *operands, unsigned count)
{
	const struct jobs_options *o = options;
	const char *const values[] = {o->all ? "t" : "f"};
	const struct fleet_question jobs = {JOBS_SQL, values, 1, {job_columns, &table_jobs, o->json, o->csv}, o->watch};
	struct server *server = NULL;
	struct err err = {""};
	int rc = fleet_open(o->db, FLEET_OLDEST, NULL, &server, &err);

	(void)tables, (void)operands, (void)count;
	if (!rc)
		rc = o->cancel ? cancel(server, o, &err) : fleet_list(server, &jobs, &err);
	server_free(server);
	return rc ? cli_error(fleet_exit_code(rc), "%s", err.text) : EXIT_PASS;
}

const struct command command_jobs = {
	.name = "jobs",
	.operands = "",
	.summary = "List the jobs of a fleet, or cancel one",
	.description = "What waits, what runs and on which bench, and what ended, with the exit code of the run that "
		       "answered it. "
		       "docs/fleet.md says how a fleet works.\n\n"
		       "Exit code: 0; 2 wrong usage, or a login that may not; 6 the server is not reached.",
	.example = "  penrig jobs --db service=penrig\n  penrig jobs --cancel 17 --why \"wrong plan\"\n",
	.options = jobs_table,
	.options_size = sizeof(struct jobs_options),
	.run = jobs_run,
};

/* ---- benches ------------------------------------------------------------------------------------------------------- */

struct benches_options {
	const char *db, *disable, *enable, *release, *why;
	bool watch, json, csv;
};

#define AT(member) offsetof(struct benches_options, member)
static const struct cli_option benches_table[] = {
	{.name = "disable",
	 .kind = OPTION_TEXT,
	 .arg = "BENCH",
	 .offset = AT(disable),
	 .help = "It gets no further job; what runs goes on. Needs --why."},
	{.name = "why",
	 .kind = OPTION_TEXT,
	 .arg = "TEXT",
	 .offset = AT(why),
	 .help = "Of --disable and --release: the reason, for all to see."},
	{.name = "release",
	 .kind = OPTION_TEXT,
	 .arg = "BENCH",
	 .offset = AT(release),
	 .help = "A bench that is silent and does not come back: you have looked, and its pen stands still. What its "
		 "runs held is free. Needs --why."},
	{.name = "enable", .kind = OPTION_TEXT, .arg = "BENCH", .offset = AT(enable), .help = "It gets jobs again."},
	FLEET_WATCH_ROW(AT(watch)),
	{.name = "json", .kind = OPTION_FLAG, .offset = AT(json), .help = "As JSON."},
	CSV_ROW(AT(csv)),
	FLEET_DB_ROW(AT(db)),
	{.name = NULL},
};
#undef AT

static const struct fleet_column bench_columns[] = {
	{"bench", "bench", 't'},
	{"site", "site", 't'},
	{"state", "state", 't'},
	{"job", "job", 'i'},
	{"seen_s", "heard of, s ago", 'i'},
	{"outbox", "outbox", 'i'},
	{"refused", NULL, 'i'},
	{"version", "version", 't'},
	{"reserved_by", NULL, 't'},
	{"reserved_until", "reserved until, UTC", 't'},
	{"disabled_by", NULL, 't'},
	{"disabled_at", NULL, 't'},
	{"labels", "labels", 't'},
	{"disabled_why", NULL, 't'},
	{"why", "why", 't'},
	{.key = NULL},
};
static const struct table_column benches_fields[] = {
	{"bench", TABLE_STRING, NULL},       {"site", TABLE_STRING, NULL},
	{"state", TABLE_STRING, NULL},       {"job", TABLE_INTEGER, NULL},
	{"seen_s", TABLE_INTEGER, "s"},      {"outbox", TABLE_INTEGER, NULL},
	{"refused", TABLE_INTEGER, NULL},    {"version", TABLE_STRING, NULL},
	{"reserved_by", TABLE_STRING, NULL}, {"reserved_until", TABLE_STRING, "UTC"},
	{"disabled_by", TABLE_STRING, NULL}, {"disabled_at", TABLE_STRING, "UTC"},
	{"labels", TABLE_STRING, NULL},      {"disabled_why", TABLE_STRING, NULL},
	{"why", TABLE_STRING, NULL},         {.path = NULL},
};
const struct table table_benches = {"benches", "", benches_fields};
#define SILENT "90 seconds" /* three beats of an agent */
#define RESERVED                                                                                                       \
	"LEFT JOIN LATERAL (SELECT holder, why, until, granted_at FROM reservation r WHERE r.bench_id = b.bench_id "   \
	"AND ended_at IS NULL AND until > now() AND keep_until > now()) h ON true "
/* Tables of version 1 have no reservations. */
#define NONE_RESERVED                                                                                                  \
	"LEFT JOIN (SELECT NULL::text AS holder, NULL::text AS why, NULL::timestamptz AS until, NULL::timestamptz AS " \
	"granted_at) h ON true "
/* A lease is over, and nobody has told since that the pen stands still: neither its bench, nor somebody who has looked. That a bound
 * has passed (submit --at-most) frees what the run held, and is no sight of the pen. */
#define UNSEEN                                                                                                         \
	"EXISTS (SELECT FROM attempt a WHERE a.bench_id = b.bench_id AND a.state IN ('open', 'expired') AND "          \
	"a.lease_until < now() AND NOT coalesce(b.health_at > a.lease_until AND b.health->>'state' <> 'running', "     \
	"false) AND NOT EXISTS (SELECT FROM pen_release r WHERE r.job_id = a.job_id AND r.fence = a.fence AND "        \
	"r.said_at > a.lease_until))"
#define LOOK "'its pen was not seen to stop: look, then penrig benches --release ' || b.name"
#define BENCHES_SQL(reserved, unseen)                                                                                  \
	"SELECT b.name, s.name, CASE WHEN b.seen_at IS NULL THEN 'never seen' WHEN b.disabled_why IS NOT NULL THEN "   \
	"'disabled' WHEN b.seen_at < now() - interval '" SILENT                                                        \
	"' THEN 'silent' WHEN j.job_id IS NOT NULL THEN 'running' WHEN h.holder IS NOT NULL THEN 'reserved' "          \
	"WHEN b.health->>'state' = 'running' THEN 'idle' ELSE b.health->>'state' END, j.job_id, "                      \
	"extract(epoch FROM now() - b.seen_at)::bigint, (b.health->>'outbox')::bigint, "                               \
	"(b.health->>'refused')::bigint, b.health->>'version', h.holder, CASE WHEN h.granted_at IS NOT NULL "          \
	"THEN " STAMP("h.until") " END, b.disabled_by, " STAMP(                                                        \
		"b.disabled_at") ", array_to_string(b.labels, ' '), b.disabled_why, nullif(concat_ws('; ', CASE "      \
				 "WHEN " unseen " THEN " LOOK                                                          \
				 " END, coalesce(b.disabled_why, h.holder || ': ' || h.why)), '') "                    \
				 "FROM bench b JOIN site s USING (site_id) LEFT JOIN LATERAL (SELECT a.job_id FROM "   \
				 "attempt a WHERE a.bench_id = b.bench_id AND a.state = 'open' ORDER BY a.claimed_at " \
				 "DESC LIMIT 1) j ON true " reserved "ORDER BY b.name"

static const char *benches_sql(int version)
{
	return version < 2   ? BENCHES_SQL(NONE_RESERVED, "false")
	       : version < 3 ? BENCHES_SQL(RESERVED, "false")
			     : BENCHES_SQL(RESERVED, UNSEEN);
}

static int set_bench(struct server *server, const char *bench, const char *why, struct err *err)
{
	const char *const values[] = {bench, why};
	int rc = server_ask(server, "SELECT disable_bench($1, $2)", values, 2, NULL, err);

	if (!rc) {
		print_clean(stdout, bench);
		printf(" %s\n", why ? "gets no further job" : "gets jobs again");
	}
	return rc;
}

static int release(struct server *server, const struct benches_options *o, int version, struct err *err)
{
	const char *const values[] = {o->release, o->why};
	struct answer *answer = NULL;

	if (!o->why || !*o->why)
		return err_set(err, -EINVAL, "--release needs --why: who has looked, and what stops the pen");
	if (version < 3)
		return err_set(err, -ENOTSUP,
			       "the tables have version %d, and --release needs 3: penrig fleet init renews "
			       "them",
			       version);
	int rc = server_ask(server, "SELECT release_pens($1, $2)", values, 2, &answer, err);
	if (!rc) {
		print_clean(stdout, o->release);
		printf(": the pens of %s runs count as standing still\n", answer_text(answer, 0, 0));
	}
	answer_free(answer);
	return rc;
}

static int do_benches(struct server *server, const struct benches_options *o, int version, struct err *err)
{
	if ((o->disable != NULL) + (o->enable != NULL) + (o->release != NULL) > 1)
		return err_set(err, -EINVAL, "--disable, --enable and --release: one at a time");
	if (o->release)
		return release(server, o, version, err);
	if (o->disable && (!o->why || !*o->why))
		return err_set(err, -EINVAL, "--disable needs --why: whoever waits for the bench wants to know");
	if (o->disable || o->enable)
		return set_bench(server, o->disable ? o->disable : o->enable, o->disable ? o->why : NULL, err);
	const struct fleet_question benches = {.sql = benches_sql(version),
					       .how = {bench_columns, &table_benches, o->json, o->csv},
					       .watch = o->watch};
	return fleet_list(server, &benches, err);
}

static int benches_run(const struct cli_tables *tables, const void *options, const char *const *operands,
		       unsigned count)
{
	const struct benches_options *o = options;
	struct server *server = NULL;
	struct err err = {""};
	int version = 0, rc = fleet_open(o->db, FLEET_OLDEST, &version, &server, &err);

	(void)tables, (void)operands, (void)count;
	if (!rc)
		rc = do_benches(server, o, version, &err);
	server_free(server);
	return rc ? cli_error(fleet_exit_code(rc), "%s", err.text) : EXIT_PASS;
}

const struct command command_benches = {
	.name = "benches",
	.operands = "",
	.summary = "List the benches of a fleet, or take one out of service",
	.description = "Who is there, what it does, and how many runs it has not handed over yet (outbox). A bench "
		       "that was not heard of "
		       "for 90 s is silent: what it measures goes on, and comes when the server is reached again.\n\n"
		       "Exit code: 0; 2 wrong usage, or a login that may not; 6 the server is not reached.",
	.example = "  penrig benches --db service=penrig\n  penrig benches --disable bench-3 --why \"new load cell\"\n",
	.options = benches_table,
	.options_size = sizeof(struct benches_options),
	.run = benches_run,
};
