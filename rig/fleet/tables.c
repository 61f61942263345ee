/* The SQL files as the assembler takes them in; the Makefile knows that this file changes with them. */
#include "rig/fleet/tables.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rig/base/digest.h"
#include "rig/fleet/depot.h"

#define FILE_IN(symbol, name)                                                                                          \
	__asm__(".section .rodata\n.balign 16\n" #symbol "_begin:\n.incbin \"rig/fleet/schema/" name                   \
		"\"\n.byte 0\n.previous\n");                                                                           \
	extern const char symbol##_begin[] __attribute__((visibility("hidden")))

FILE_IN(schema_roles, "roles.sql");
FILE_IN(schema_001, "001-begin.sql");
FILE_IN(schema_002, "002-many.sql");
FILE_IN(schema_003, "003-grow.sql");
FILE_IN(schema_004, "004-store.sql");
FILE_IN(schema_005, "005-told.sql");
FILE_IN(schema_006, "006-asked.sql");

const struct table_step table_steps[] = {
	{.version = 1, .min_client = 1, .name = "begin", .sql = schema_001_begin},
	{.version = 2, .min_client = 1, .name = "many", .sql = schema_002_begin},
	{.version = 3, .min_client = 2, .name = "grow", .sql = schema_003_begin},
	{.version = 4, .min_client = 2, .name = "store", .sql = schema_004_begin},
	{.version = 5, .min_client = 4, .name = "told", .sql = schema_005_begin},
	{.version = 6, .min_client = 5, .name = "asked", .sql = schema_006_begin},
	{.version = 0},
};

static int number(struct server *server, const char *sql, int64_t *ret, struct err *err)
{
	struct answer *answer = NULL;
	int rc = server_ask(server, sql, NULL, 0, &answer, err);

	if (!rc)
		*ret = answer_rows(answer) ? answer_int(answer, 0, 0) : 0;
	answer_free(answer);
	return rc;
}

/* ---- bringing up to date ------------------------------------------------------------------------------------------- */

/* What was made by another text is not what this program takes it for. */
static int check_step(struct server *server, const struct table_step *step, bool *ret_there, struct err *err)
{
	char version[12], sha256[DIGEST_HEX];
	const char *const values[] = {version};
	struct answer *answer = NULL;

	snprintf(version, sizeof(version), "%d", step->version);
	digest_text(step->sql, strlen(step->sql), sha256);
	int rc = server_ask(server, "SELECT sha256 FROM penrig.migration WHERE version = $1", values, 1, &answer, err);
	if (rc)
		return rc;
	*ret_there = answer_rows(answer) > 0;
	if (*ret_there && strcmp(answer_text(answer, 0, 0), sha256) != 0)
		rc = err_set(err, -EREMOTE,
			     "version %d of the tables was made by another program than this one: use the penrig that "
			     "made it",
			     step->version);
	answer_free(answer);
	return rc;
}

static int make_step(struct server *server, const struct table_step *step, struct err *err)
{
	size_t size = strlen(step->sql) + 600;
	char *sql = malloc(size), sha256[DIGEST_HEX];

	if (!sql)
		return err_set(err, -ENOMEM, "out of memory");
	digest_text(step->sql, strlen(step->sql), sha256);
	snprintf(sql, size,
		 "BEGIN; SET LOCAL lock_timeout = '2s'; SET LOCAL ROLE penrig_owner; SET LOCAL search_path = penrig, "
		 "pg_temp;\n"
		 "%s\nINSERT INTO penrig.migration (version, name, sha256, min_client) VALUES (%d, '%s', '%s', %d); "
		 "COMMIT",
		 step->sql, step->version, step->name, sha256, step->min_client);
	int rc = server_script(server, sql, 0, err);
	if (rc && server_fd(server) >= 0)
		(void)server_script(server, "ROLLBACK", SERVER_DEADLINE_MS, NULL);
	free(sql);
	return rc;
}

static int make_steps(struct server *server, struct err *err)
{
	int rc = 0;

	for (const struct table_step *step = table_steps; step->version && !rc; step++) {
		bool there = false;
		rc = check_step(server, step, &there, err);
		if (!rc && !there)
			rc = make_step(server, step, err);
	}
	return rc;
}

int tables_update(struct server *server, int *ret_from, struct err *err)
{
	int64_t from = 0;
	bool there;
	struct answer *answer = NULL;
	int rc = server_ask(server, "SELECT to_regclass('penrig.migration') IS NOT NULL", NULL, 0, &answer, err);

	if (rc)
		return rc;
	there = strcmp(answer_text(answer, 0, 0), "t") == 0;
	answer_free(answer);
	/* Two at once: the second one waits, and finds nothing left to do. Freed with the connection. */
	rc = server_script(server, "SELECT pg_advisory_lock(hashtext('penrig.schema'))", 0, err);
	if (!rc && there)
		rc = number(server, "SELECT coalesce(max(version), 0) FROM penrig.migration", &from, err);
	if (!rc && from > FLEET_VERSION)
		rc = err_set(err, -EREMOTE,
			     "the tables have version %lld, and this penrig knows %d: use the newer penrig",
			     (long long)from, FLEET_VERSION);
	if (!rc)
		rc = server_script(server, schema_roles_begin, 0, err);
	if (!rc)
		rc = make_steps(server, err);
	server_disconnect(server);
	if (!rc)
		*ret_from = (int)from;
	return rc;
}

/* ---- fitting ------------------------------------------------------------------------------------------------------- */

int tables_check(struct server *server, int need, int *ret_version, struct err *err)
{
	struct answer *answer = NULL;
	int rc = server_ask(server,
			    "SELECT coalesce(max(version), 0), coalesce(max(min_client), 0) FROM penrig.migration",
			    NULL, 0, &answer, err);

	if (rc == -EREMOTE && strncmp(server_code(server), "42P01", 5) == 0)
		return err_set(err, -ENOTSUP, "the server has no tables of a fleet: penrig fleet init makes them");
	if (rc == -EREMOTE && strncmp(server_code(server), "3F000", 5) == 0)
		return err_set(err, -ENOTSUP, "the server has no tables of a fleet: penrig fleet init makes them");
	if (rc)
		return rc;
	int version = (int)answer_int(answer, 0, 0), oldest = (int)answer_int(answer, 0, 1);
	answer_free(answer);
	if (ret_version)
		*ret_version = version;
	if (FLEET_VERSION < oldest)
		return err_set(err, -ENOTSUP,
			       "the tables have version %d, which needs a penrig that knows %d; this one knows %d: "
			       "renew penrig",
			       version, oldest, FLEET_VERSION);
	return version < need ? err_set(err, -ENOTSUP,
					"the tables have version %d, and this needs %d: penrig fleet init renews them",
					version, need)
			      : 0;
}

/* ---- admitting ----------------------------------------------------------------------------------------------------- */

static const char admit_sql[] =
	"WITH s AS (INSERT INTO penrig.site (name) VALUES ($2) ON CONFLICT (name) DO UPDATE SET name = excluded.name "
	"RETURNING site_id),"
	" r AS (INSERT INTO penrig.site_role (rolname, site_id) SELECT $1::name, site_id FROM s ON CONFLICT DO NOTHING)"
	" INSERT INTO penrig.bench (name, site_id, login) SELECT $3, site_id, $1::name FROM s WHERE $3::text IS NOT "
	"NULL"
	" ON CONFLICT (name) DO UPDATE SET login = excluded.login, site_id = excluded.site_id";

int tables_admit(struct server *server, const struct admission *admission, struct err *err)
{
	const char *const grant[] = {admission->login, admission->as};
	const char *const values[] = {admission->login, admission->site, admission->bench};
	struct answer *answer = NULL;
	int rc = server_ask(
		server,
		"SELECT format('GRANT %I TO %I', 'penrig_' || $2, rolname) FROM pg_roles WHERE rolname = $1 AND "
		"rolcanlogin",
		grant, 2, &answer, err);

	if (!rc && !answer_rows(answer))
		rc = err_set(
			err, -EINVAL,
			"the server has no login %.60s: make it first (CREATE ROLE ... LOGIN, createuser), with its "
			"password",
			admission->login);
	if (!rc)
		rc = server_script(server, answer_text(answer, 0, 0), SERVER_DEADLINE_MS, err);
	answer_free(answer);
	if (!rc)
		rc = server_script(server, "SET ROLE penrig_owner", SERVER_DEADLINE_MS, err);
	if (!rc)
		rc = server_ask(server, admit_sql, values, 3, NULL, err);
	server_disconnect(server);
	return rc;
}

int tables_store(struct server *server, const char *site, const char *url, struct err *err)
{
	char marked[DEPOT_URL_MAX] = "";
	const char *const values[] = {site, marked};
	struct answer *answer = NULL;
	int rc = *url ? depot_mark(url, marked, err) : 0;

	if (!rc)
		rc = server_script(server, "SET ROLE penrig_owner", SERVER_DEADLINE_MS, err);
	if (!rc)
		rc = server_ask(server, "UPDATE penrig.site SET store = $2 WHERE name = $1 RETURNING 1", values, 2,
				&answer, err);
	if (!rc && !answer_rows(answer))
		rc = err_set(err, -EINVAL, "there is no site %.60s: fleet admit makes it", site);
	answer_free(answer);
	server_disconnect(server);
	return rc;
}
