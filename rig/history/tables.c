/* The history's tables, and opening them. Texts that a run does not have are empty, numbers NULL. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "rig/history/inside.h"
#include "rig/state/state.h"

static const char schema_sql[] =
	"CREATE TABLE run(id INTEGER PRIMARY KEY, name TEXT NOT NULL, host TEXT NOT NULL, started TEXT NOT NULL,"
	" ended TEXT NOT NULL, path TEXT NOT NULL, dut TEXT NOT NULL, lot TEXT NOT NULL, plan TEXT NOT NULL,"
	" plan_sha256 TEXT NOT NULL, bench TEXT NOT NULL, bench_sha256 TEXT NOT NULL, setup TEXT NOT NULL, golden TEXT "
	"NOT NULL, operator TEXT NOT NULL,"
	" cartridge TEXT NOT NULL, verdict TEXT NOT NULL, status TEXT NOT NULL, sessions INTEGER NOT NULL, exit_code "
	"INTEGER NOT NULL,"
	" reason TEXT NOT NULL, software TEXT NOT NULL, build TEXT NOT NULL, method INTEGER NOT NULL,"
	" origin TEXT NOT NULL, recording TEXT NOT NULL, severity INTEGER NOT NULL, head TEXT NOT NULL, judged INTEGER "
	"NOT NULL, later TEXT NOT NULL, later_reason TEXT "
	"NOT NULL,"
	" UNIQUE(name, started, host, head, verdict));"
	"CREATE TABLE device(run INTEGER NOT NULL REFERENCES run(id) ON DELETE CASCADE, number INTEGER NOT NULL,"
	" role TEXT NOT NULL, driver TEXT NOT NULL, model TEXT NOT NULL, serial TEXT NOT NULL, firmware TEXT NOT NULL,"
	" certificate TEXT NOT NULL, due TEXT NOT NULL, sensor_certificate TEXT NOT NULL DEFAULT '', PRIMARY KEY(run, "
	"number)) WITHOUT ROWID;"
	"CREATE TABLE attribute(run INTEGER NOT NULL REFERENCES run(id) ON DELETE CASCADE, key TEXT NOT NULL,"
	" value TEXT NOT NULL, PRIMARY KEY(run, key)) WITHOUT ROWID;"
	"CREATE TABLE disposition(run INTEGER NOT NULL REFERENCES run(id) ON DELETE CASCADE, number INTEGER NOT NULL,"
	" utc TEXT NOT NULL, by TEXT NOT NULL, decision TEXT NOT NULL, reason TEXT NOT NULL, PRIMARY KEY(run, number))"
	" WITHOUT ROWID;"
	"CREATE TABLE place(run INTEGER NOT NULL REFERENCES run(id) ON DELETE CASCADE, number INTEGER NOT NULL,"
	" sweep INTEGER NOT NULL, step INTEGER NOT NULL, phantom TEXT NOT NULL, depth_mm REAL, rate_hz REAL,"
	" attempt INTEGER NOT NULL, outcome TEXT NOT NULL, PRIMARY KEY(run, number)) WITHOUT ROWID;"
	"CREATE TABLE quantity(id INTEGER PRIMARY KEY, measurand TEXT NOT NULL, method TEXT NOT NULL, unit TEXT NOT "
	"NULL,"
	" UNIQUE(measurand, method, unit));"
	"CREATE TABLE result(quantity INTEGER NOT NULL REFERENCES quantity(id), run INTEGER NOT NULL REFERENCES run(id)"
	" ON DELETE CASCADE, place INTEGER NOT NULL, value REAL, u REAL, expanded_u REAL, n INTEGER NOT NULL,"
	" outcome TEXT NOT NULL, lower REAL, upper REAL, PRIMARY KEY(quantity, run, place)) WITHOUT ROWID;"
	"CREATE INDEX run_by_dut ON run(dut, plan, started);"
	"CREATE INDEX run_by_start ON run(started);"
	"CREATE INDEX run_by_lot ON run(lot);"
	"CREATE INDEX run_by_recording ON run(recording, dut) WHERE recording <> '';"
	"CREATE INDEX device_by_serial ON device(serial);"
	"CREATE INDEX device_by_certificate ON device(certificate);"
	"CREATE INDEX device_by_sensor ON device(sensor_certificate) WHERE sensor_certificate <> '';"
	"CREATE INDEX attribute_by_value ON attribute(key, value);"
	"CREATE INDEX result_by_run ON result(run);";

const struct kept_format history_format = {
	.application_id = HISTORY_APPLICATION_ID,
	.version = 5,
	.what = "history",
	.option = "--history",
	.anew = "penrig history --rebuild FOLDER..., from the run files there,",
	.schema = schema_sql,
};

int history_path(const char *wanted, const char *state, const char *system, char ret[FILE_PATH_MAX], struct err *err)
{
	char folder[FILE_PATH_MAX], path[FILE_PATH_MAX + 16];
	int rc = wanted ? 0 : state_folder(state, system, folder, err);

	if (rc)
		return rc;
	int n = wanted ? snprintf(path, sizeof(path), "%s", wanted)
		       : snprintf(path, sizeof(path), "%s/history", folder);
	if (n >= FILE_PATH_MAX - 8) /* room for "-wal" */
		return err_set(err, -ENAMETOOLONG, "the history has too long a name: %.200s...", path);
	snprintf(ret, FILE_PATH_MAX, "%.*s", FILE_PATH_MAX - 1, path);
	return 0;
}

int history_open(const char *path, struct history **ret, struct err *err)
{
	struct history *history = calloc(1, sizeof(*history));
	int rc = history ? kept_db_open(path, &history_format, NULL, &history->db, err)
			 : err_set(err, -ENOMEM, "out of memory");

	/* Questions over all runs come back to the same pages from many places: SQLite's own 2 MB make it read them again. */
	if (!rc && (rc = db_exec(history->db, "PRAGMA cache_size = -65536", err)) < 0)
		db_close(history->db);
	if (rc) {
		free(history);
		return rc;
	}
	*ret = history;
	return 0;
}

int history_open_there(const char *path, struct history **ret, struct err *err)
{
	if (access(path, F_OK) != 0 && errno == ENOENT)
		return err_set(
			err, -ENOENT,
			"%.300s: there is no history: penrig history --rebuild DIR --history FILE makes one of the run "
			"files in DIR",
			path);
	return history_open(path, ret, err);
}

int history_none(struct history **ret, struct err *err)
{
	struct history *history = calloc(1, sizeof(*history));
	int rc = history ? db_open(":memory:", "no history", DB_WRITE, 0, &history->db, err)
			 : err_set(err, -ENOMEM, "out of memory");

	if (!rc)
		rc = db_exec(history->db, history_format.schema, err);
	if (rc) {
		if (history)
			db_close(history->db);
		free(history);
		return rc;
	}
	*ret = history;
	return 0;
}

void history_close(struct history *history)
{
	if (!history)
		return;
	db_close(history->db);
	free(history);
}
