/* What outlives a run, in SQLite. Every change is one transaction, so that a process that dies leaves the last whole one,
 * and two that write at once take turns. Leaves out what is done with it: rig/session tells, rig/cli shows. */
#include "rig/state/state.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "rig/base/digest.h"
#include "rig/base/kept_db.h"

#define FORMAT_VERSION 1
#define HASH_SHOWN     12
#define STEM_MAX       64
#define NAME_BYTES     (STEM_MAX + HASH_SHOWN + 16)

struct state {
	struct db *db;
	char path[FILE_PATH_MAX];
};

static const char schema_sql[] =
	"CREATE TABLE bench(path TEXT NOT NULL);"
	"CREATE TABLE run(id INTEGER PRIMARY KEY, name TEXT NOT NULL, started_ns INTEGER NOT NULL, seen_ns INTEGER NOT "
	"NULL,"
	" host TEXT NOT NULL, dut TEXT NOT NULL, UNIQUE(name, started_ns));"
	"CREATE TABLE stroke(run INTEGER NOT NULL REFERENCES run(id), phantom TEXT NOT NULL, position TEXT NOT NULL,"
	" strokes INTEGER NOT NULL, PRIMARY KEY(run, phantom, position)) WITHOUT ROWID;"
	"CREATE INDEX run_by_seen ON run(seen_ns);"
	"CREATE INDEX stroke_by_position ON stroke(phantom, position);";

/* Younger than the format: a penrig that does not know it leaves it alone. */
static const char younger_sql[] =
	"CREATE TABLE IF NOT EXISTS deadman(run INTEGER PRIMARY KEY REFERENCES run(id), supply TEXT NOT NULL,"
	" output INTEGER NOT NULL, set_ms INTEGER NOT NULL, passed INTEGER NOT NULL);"
	"CREATE TABLE IF NOT EXISTS reference(run INTEGER PRIMARY KEY REFERENCES run(id), bench TEXT NOT NULL,"
	" plan TEXT NOT NULL, folder TEXT NOT NULL)";

/* ---- where --------------------------------------------------------------------------------------------------------- */

static bool is_folder(const char *path)
{
	struct stat st;
	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static const char *absolute(const char *name)
{
	const char *value = getenv(name);
	return value && value[0] == '/' ? value : NULL;
}

int state_folder(const char *wanted, const char *system, char ret[FILE_PATH_MAX], struct err *err)
{
	const char *xdg = absolute("XDG_STATE_HOME"), *home = absolute("HOME");
	char path[FILE_PATH_MAX];
	int n;

	if (wanted)
		n = snprintf(path, sizeof(path), "%s", wanted);
	else if (is_folder(system))
		n = snprintf(path, sizeof(path), "%s", system);
	else if (xdg)
		n = snprintf(path, sizeof(path), "%s/penrig", xdg);
	else if (home)
		n = snprintf(path, sizeof(path), "%s/.local/state/penrig", home);
	else
		return err_set(err, -ENOENT,
			       "no folder for what outlives a run: give --state DIR, or set HOME or XDG_STATE_HOME");
	if (n >= (int)sizeof(path) - NAME_BYTES)
		return err_set(err, -ENAMETOOLONG, "the folder for what outlives a run has too long a name: %.100s...",
			       path);
	memcpy(ret, path, (size_t)n + 1);
	return 0;
}

/* "line-3.json" in /etc/penrig -> "line-3-0f1e2d3c4b5a.state": readable, and no two benches' the same. */
static void file_name(const char *real_path, char ret[NAME_BYTES])
{
	const char *slash = strrchr(real_path, '/');
	char hex[DIGEST_HEX], stem[STEM_MAX];

	snprintf(stem, sizeof(stem), "%.*s", STEM_MAX - 1, slash ? slash + 1 : real_path);
	char *dot = strrchr(stem, '.');
	if (dot && dot != stem)
		*dot = '\0';
	digest_text(real_path, strlen(real_path), hex);
	snprintf(ret, NAME_BYTES, "%s-%.*s.state", stem, HASH_SHOWN, hex);
}

/* ---- opening ------------------------------------------------------------------------------------------------------- */

static int begin_tables(struct db *db, const void *ctx, struct err *err)
{
	const char *real_path = ctx;
	struct db_stmt *stmt;
	int rc = db_prepare(db, "INSERT INTO bench(path) VALUES(?)", &stmt, err);
	if (rc)
		return rc;
	db_bind_text(stmt, 1, real_path, strlen(real_path));
	rc = db_insert(stmt, err);
	db_finalize(stmt);
	return rc;
}

static const struct kept_format format = {
	.application_id = STATE_APPLICATION_ID,
	.version = FORMAT_VERSION,
	.what = "state file",
	.option = "--state",
	.schema = schema_sql,
	.begin = begin_tables,
};

/* What a disk refuses has this remedy here, whatever it is elsewhere. */
static int not_kept(const char *folder, int code, struct err *err)
{
	switch (code) {
	case -EACCES:
	case -EROFS:
	case -ENOSPC:
		return err_set(err, code,
			       "what outlives a run cannot be kept in %.300s: %s; give another folder with --state",
			       folder, strerror(-code));
	default: return code;
	}
}

int state_open(const char *folder, const char *bench_path, struct state **ret, struct err *err)
{
	char real_path[PATH_MAX], name[NAME_BYTES];

	if (!realpath(bench_path, real_path))
		return err_set(err, -errno, "the bench file %.200s cannot be found: %s", bench_path, strerror(errno));
	struct state *state = calloc(1, sizeof(*state));
	if (!state)
		return err_set(err, -ENOMEM, "no memory for the bench's state");
	file_name(real_path, name);
	int rc = snprintf(state->path, sizeof(state->path), "%s/%s", folder, name) < (int)sizeof(state->path)
			 ? kept_db_open(state->path, &format, real_path, &state->db, err)
			 : err_set(err, -ENAMETOOLONG, "the folder's name is too long: %.200s", folder);
	if (!rc)
		rc = db_exec(state->db, younger_sql, err);
	if (rc) {
		state_close(state);
		return not_kept(folder, rc, err);
	}
	*ret = state;
	return 0;
}

void state_close(struct state *state)
{
	if (!state)
		return;
	db_close(state->db);
	free(state);
}

const char *state_path(const struct state *state)
{
	return state->path;
}

/* ---- telling ------------------------------------------------------------------------------------------------------- */

static void bind_run(struct db_stmt *stmt, const struct state_run *run)
{
	db_bind_text(stmt, 1, run->name, strlen(run->name));
	db_bind_int(stmt, 2, (int64_t)run->started_wall_ns);
}

static int upsert_run(struct state *state, const struct state_run *run, struct err *err)
{
	struct db_stmt *stmt;
	int rc = db_prepare(state->db,
			    "INSERT INTO run(name, started_ns, seen_ns, host, dut) VALUES(?,?,?,?,?)"
			    " ON CONFLICT DO UPDATE SET seen_ns = max(seen_ns, excluded.seen_ns)",
			    &stmt, err);
	if (rc)
		return rc;
	bind_run(stmt, run);
	db_bind_int(stmt, 3, (int64_t)run->seen_wall_ns);
	db_bind_text(stmt, 4, run->host, strlen(run->host));
	db_bind_text(stmt, 5, run->dut, strlen(run->dut));
	rc = db_insert(stmt, err);
	db_finalize(stmt);
	return rc;
}

static int upsert_strokes(struct state *state, const struct state_run *run, const struct state_use *use,
			  struct err *err)
{
	struct db_stmt *stmt;
	int rc = db_prepare(state->db,
			    "INSERT INTO stroke(run, phantom, position, strokes)"
			    " SELECT id, ?3, ?4, ?5 FROM run WHERE name = ?1 AND started_ns = ?2"
			    " ON CONFLICT DO UPDATE SET strokes = max(strokes, excluded.strokes)",
			    &stmt, err);
	if (rc)
		return rc;
	bind_run(stmt, run);
	db_bind_text(stmt, 3, use->phantom, strlen(use->phantom));
	db_bind_text(stmt, 4, use->position, strlen(use->position));
	db_bind_int(stmt, 5, (int64_t)use->strokes);
	rc = db_insert(stmt, err);
	db_finalize(stmt);
	return rc;
}

static int upsert_deadman(struct state *state, const struct state_run *run, const struct state_deadman *test,
			  struct err *err)
{
	struct db_stmt *stmt;
	int rc = db_prepare(state->db,
			    "INSERT OR REPLACE INTO deadman(run, supply, output, set_ms, passed)"
			    " SELECT id, ?3, ?4, ?5, ?6 FROM run WHERE name = ?1 AND started_ns = ?2",
			    &stmt, err);
	if (rc)
		return rc;
	bind_run(stmt, run);
	db_bind_text(stmt, 3, test->supply, strlen(test->supply));
	db_bind_int(stmt, 4, test->output);
	db_bind_int(stmt, 5, test->set_ms);
	db_bind_int(stmt, 6, test->passed);
	rc = db_insert(stmt, err);
	db_finalize(stmt);
	return rc;
}

static int upsert_reference(struct state *state, const struct state_run *run, const struct state_reference *reference,
			    struct err *err)
{
	struct db_stmt *stmt;
	int rc = db_prepare(state->db,
			    "INSERT OR REPLACE INTO reference(run, bench, plan, folder)"
			    " SELECT id, ?3, ?4, ?5 FROM run WHERE name = ?1 AND started_ns = ?2",
			    &stmt, err);
	if (rc)
		return rc;
	bind_run(stmt, run);
	db_bind_text(stmt, 3, reference->bench, strlen(reference->bench));
	db_bind_text(stmt, 4, reference->plan, strlen(reference->plan));
	db_bind_text(stmt, 5, reference->folder, strlen(reference->folder));
	rc = db_insert(stmt, err);
	db_finalize(stmt);
	return rc;
}

#define DELETE_OF_RUN(table)                                                                                           \
	"DELETE FROM " table " WHERE run IN (SELECT id FROM run WHERE name = ?1 AND started_ns = ?2)"

static int delete_of_run(struct state *state, const char *sql, const struct state_run *run, struct err *err)
{
	struct db_stmt *stmt;
	int rc = db_prepare(state->db, sql, &stmt, err);
	if (rc)
		return rc;
	bind_run(stmt, run);
	rc = db_insert(stmt, err);
	db_finalize(stmt);
	return rc;
}

/* Beside that the run was alive: nothing, strokes, a dead-man test, or that it is the reference pen's. */
struct told {
	const struct state_use *use;
	const struct state_deadman *test;
	const struct state_reference *reference;
};

static int tell(struct state *state, const struct state_run *run, struct told told, struct err *err)
{
	int rc = db_begin(state->db, err);
	if (rc)
		return rc;
	rc = upsert_run(state, run, err);
	if (!rc && told.use)
		rc = upsert_strokes(state, run, told.use, err);
	if (!rc && told.test)
		rc = upsert_deadman(state, run, told.test, err);
	if (!rc && told.reference)
		rc = upsert_reference(state, run, told.reference, err);
	if (!rc)
		rc = db_commit(state->db, err);
	if (rc)
		db_rollback(state->db);
	return rc;
}

int state_saw(struct state *state, const struct state_run *run, struct err *err)
{
	return tell(state, run, (struct told){.use = NULL}, err);
}

int state_strokes(struct state *state, const struct state_run *run, const char *phantom, const char *position,
		  uint64_t strokes, struct err *err)
{
	struct state_use use = {.strokes = strokes};

	snprintf(use.phantom, sizeof(use.phantom), "%s", phantom);
	snprintf(use.position, sizeof(use.position), "%s", position);
	return tell(state, run, (struct told){.use = &use}, err);
}

int state_deadman(struct state *state, const struct state_run *run, const struct state_deadman *test, struct err *err)
{
	return tell(state, run, (struct told){.test = test}, err);
}

int state_deadman_untested(struct state *state, const struct state_run *run, struct err *err)
{
	return delete_of_run(state, DELETE_OF_RUN("deadman"), run, err);
}

int state_reference(struct state *state, const struct state_run *run, const struct state_reference *reference,
		    struct err *err)
{
	return tell(state, run, (struct told){.reference = reference}, err);
}

int state_reference_unmoved(struct state *state, const struct state_run *run, struct err *err)
{
	return delete_of_run(state, DELETE_OF_RUN("reference"), run, err);
}

/* ---- asking -------------------------------------------------------------------------------------------------------- */

static void copy_text(struct db_stmt *row, int column, char *ret, size_t size)
{
	snprintf(ret, size, "%s", db_text(row, column, NULL));
}

static int on_last(void *ctx, struct db_stmt *row, struct err *err)
{
	struct state_run *ret = ctx;

	(void)err;
	copy_text(row, 0, ret->name, sizeof(ret->name));
	ret->started_wall_ns = (uint64_t)db_int(row, 1);
	ret->seen_wall_ns = (uint64_t)db_int(row, 2);
	copy_text(row, 3, ret->host, sizeof(ret->host));
	copy_text(row, 4, ret->dut, sizeof(ret->dut));
	return 1;
}

int state_last_run(struct state *state, struct state_run *ret, struct err *err)
{
	return db_each(state->db, "SELECT name, started_ns, seen_ns, host, dut FROM run ORDER BY seen_ns DESC LIMIT 1",
		       0, 0, on_last, ret, err);
}

static void read_deadman(struct db_stmt *row, struct state_deadman *ret)
{
	ret->set_ms = (uint32_t)db_int(row, 0);
	ret->passed = db_int(row, 1) != 0;
	copy_text(row, 2, ret->run, sizeof(ret->run));
	ret->tested_wall_ns = (uint64_t)db_int(row, 3);
}

int state_last_deadman(struct state *state, const char *supply, unsigned output, struct state_deadman *ret,
		       struct err *err)
{
	struct state_deadman last = {.output = output};
	struct db_stmt *query;
	int rc = db_prepare(state->db,
			    "SELECT set_ms, passed, name, started_ns FROM deadman JOIN run ON run.id = deadman.run"
			    " WHERE supply = ? AND output = ? ORDER BY started_ns DESC, run.id DESC LIMIT 1",
			    &query, err);
	if (rc)
		return rc;
	db_bind_text(query, 1, supply, strlen(supply));
	db_bind_int(query, 2, output);
	rc = db_step(query, err);
	if (rc == 1)
		read_deadman(query, &last);
	db_finalize(query);
	if (rc != 1)
		return rc;
	snprintf(last.supply, sizeof(last.supply), "%s", supply);
	*ret = last;
	return 1;
}

int state_last_reference(struct state *state, const char *dut, const char *bench, const char *plan,
			 struct state_reference *ret, struct err *err)
{
	struct db_stmt *query;
	int rc = db_prepare(state->db,
			    "SELECT name, folder, started_ns FROM reference JOIN run ON run.id = reference.run"
			    " WHERE dut = ? AND bench = ? AND plan = ? ORDER BY started_ns DESC, run.id DESC LIMIT 1",
			    &query, err);
	if (rc)
		return rc;
	db_bind_text(query, 1, dut, strlen(dut));
	db_bind_text(query, 2, bench, strlen(bench));
	db_bind_text(query, 3, plan, strlen(plan));
	rc = db_step(query, err);
	if (rc == 1) {
		copy_text(query, 0, ret->name, sizeof(ret->name));
		copy_text(query, 1, ret->folder, sizeof(ret->folder));
		ret->started_wall_ns = (uint64_t)db_int(query, 2);
		snprintf(ret->bench, sizeof(ret->bench), "%s", bench);
		snprintf(ret->plan, sizeof(ret->plan), "%s", plan);
	}
	db_finalize(query);
	return rc;
}

#define USES                                                                                                           \
	"SELECT phantom, position, sum(strokes), count(*), max(seen_ns) FROM stroke JOIN run ON run.id = stroke.run"

static void read_use(struct db_stmt *row, struct state_use *ret)
{
	copy_text(row, 0, ret->phantom, sizeof(ret->phantom));
	copy_text(row, 1, ret->position, sizeof(ret->position));
	ret->strokes = (uint64_t)db_int(row, 2);
	ret->runs = (uint64_t)db_int(row, 3);
	ret->last_wall_ns = (uint64_t)db_int(row, 4);
}

int state_use(struct state *state, const char *phantom, const char *position, struct state_use *ret, struct err *err)
{
	struct db_stmt *query;
	struct state_use use = {.strokes = 0};
	int rc = db_prepare(state->db, USES " WHERE phantom = ? AND position = ? GROUP BY phantom, position", &query,
			    err);
	if (rc)
		return rc;
	db_bind_text(query, 1, phantom, strlen(phantom));
	db_bind_text(query, 2, position, strlen(position));
	rc = db_step(query, err);
	if (rc == 1)
		read_use(query, &use);
	db_finalize(query);
	if (rc < 0)
		return rc;
	snprintf(use.phantom, sizeof(use.phantom), "%s", phantom);
	snprintf(use.position, sizeof(use.position), "%s", position);
	*ret = use;
	return 0;
}

struct use_walk {
	int (*fn)(void *ctx, const struct state_use *use);
	void *ctx;
};

static int on_use(void *ctx, struct db_stmt *row, struct err *err)
{
	const struct use_walk *walk = ctx;
	struct state_use use;

	(void)err;
	read_use(row, &use);
	return walk->fn(walk->ctx, &use);
}

int state_each_use(struct state *state, int (*fn)(void *ctx, const struct state_use *use), void *ctx, struct err *err)
{
	struct use_walk walk = {.fn = fn, .ctx = ctx};

	return db_each(state->db, USES " GROUP BY phantom, position ORDER BY phantom, position", 0, 0, on_use, &walk,
		       err);
}
