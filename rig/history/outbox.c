/* The outbox's table. It stands beside the history's own, which know nothing of it. */
#include "rig/history/outbox.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "rig/base/digest.h"
#include "rig/history/inside.h"

/* AUTOINCREMENT: a number that was given again behind the last row's end would be taken out in another's place. */
static const char table_sql[] =
	"CREATE TABLE IF NOT EXISTS outbox(seq INTEGER PRIMARY KEY AUTOINCREMENT, run_id TEXT "
	"NOT NULL UNIQUE, bench TEXT NOT "
	"NULL, name TEXT NOT NULL, job INTEGER NOT NULL, fence INTEGER NOT NULL, begun INTEGER "
	"NOT NULL, ended INTEGER NOT "
	"NULL, exit_code INTEGER NOT NULL, refused TEXT NOT NULL, folder TEXT NOT NULL "
	"DEFAULT '', output TEXT NOT NULL DEFAULT '', head TEXT NOT NULL DEFAULT '', lacks TEXT "
	"NOT NULL DEFAULT ''); "
	"CREATE TABLE IF NOT EXISTS handed(run_id TEXT PRIMARY KEY, judged INTEGER NOT NULL, "
	"disposed INTEGER NOT NULL) WITHOUT ROWID";
/* A table that an older penrig made lacks some. */
static const char *const later_columns[] = {"folder", "output", "head", "lacks"};

static void bind(struct db_stmt *stmt, int index, const char *text)
{
	db_bind_text(stmt, index, text, strlen(text));
}

int outbox_open(struct history *history, struct err *err)
{
	int rc = db_exec(history->db, table_sql, err);

	for (unsigned i = 0; i < sizeof(later_columns) / sizeof(later_columns[0]) && !rc; i++) {
		char sql[160];
		int64_t there = 0;
		snprintf(sql, sizeof(sql), "SELECT count(*) FROM pragma_table_info('outbox') WHERE name = '%s'",
			 later_columns[i]);
		rc = db_number(history->db, sql, &there, err);
		snprintf(sql, sizeof(sql), "ALTER TABLE outbox ADD COLUMN %s TEXT NOT NULL DEFAULT ''",
			 later_columns[i]);
		if (!rc && !there)
			rc = db_exec(history->db, sql, err);
	}
	return rc;
}

int outbox_begin(struct history *history, struct outbox_item *item, struct err *err)
{
	struct db_stmt *stmt;
	int64_t known = 0;
	int rc = db_prepare(
		history->db,
		"INSERT OR IGNORE INTO outbox(run_id, bench, name, job, fence, begun, ended, exit_code, refused, "
		"folder, output, head) VALUES(?,?,?,?,?,?,?,?,'',?,?,?)",
		&stmt, err);

	if (rc)
		return rc;
	item->begun_s = item->begun_s ? item->begun_s : (int64_t)time(NULL);
	bind(stmt, 1, item->run_id);
	bind(stmt, 2, item->bench);
	bind(stmt, 3, item->name);
	db_bind_int(stmt, 4, item->job);
	db_bind_int(stmt, 5, item->fence);
	db_bind_int(stmt, 6, item->begun_s);
	db_bind_int(stmt, 7, item->ended);
	db_bind_int(stmt, 8, item->ended ? item->exit_code : -1);
	bind(stmt, 9, item->folder);
	bind(stmt, 10, item->output);
	bind(stmt, 11, item->head);
	rc = db_insert(stmt, err);
	db_finalize(stmt);
	if (!rc)
		rc = db_number(history->db, "SELECT changes()", &known, err);
	if (!rc && !known)
		rc = err_set(err, -EEXIST, "run %s stands in the outbox already", item->run_id);
	return rc ? rc : db_number(history->db, "SELECT last_insert_rowid()", &item->seq, err);
}

static int change(struct history *history, const char *sql, int64_t seq, int exit_code, const char *why,
		  struct err *err)
{
	struct db_stmt *stmt;
	int rc = db_prepare(history->db, sql, &stmt, err);

	if (rc)
		return rc;
	db_bind_int(stmt, 1, seq);
	if (exit_code >= -1)
		db_bind_int(stmt, 2, exit_code);
	if (why)
		bind(stmt, 2, why);
	rc = db_insert(stmt, err);
	db_finalize(stmt);
	return rc;
}

int outbox_end(struct history *history, int64_t seq, int exit_code, struct err *err)
{
	return change(history, "UPDATE outbox SET ended = 1, exit_code = ?2 WHERE seq = ?1", seq,
		      exit_code < -1 ? -1 : exit_code, NULL, err);
}

int outbox_done(struct history *history, int64_t seq, struct err *err)
{
	return change(history, "DELETE FROM outbox WHERE seq = ?1", seq, -2, NULL, err);
}

static int note_handed(struct history *history, const char *run_id, const struct told *told, struct err *err)
{
	struct db_stmt *stmt;
	int rc = db_prepare(history->db, "INSERT OR REPLACE INTO handed(run_id, judged, disposed) VALUES(?,?,?)", &stmt,
			    err);

	if (rc)
		return rc;
	bind(stmt, 1, run_id);
	db_bind_int(stmt, 2, told->judged);
	db_bind_int(stmt, 3, told->disposed);
	rc = db_insert(stmt, err);
	db_finalize(stmt);
	return rc;
}

int outbox_handed(struct history *history, const struct outbox_item *item, const struct told *told, struct err *err)
{
	int rc = db_begin(history->db, err);

	if (rc)
		return rc;
	rc = note_handed(history, item->run_id, told, err);
	if (!rc)
		rc = outbox_done(history, item->seq, err);
	if (!rc)
		rc = db_commit(history->db, err);
	if (rc)
		db_rollback(history->db);
	return rc;
}

int outbox_lacks(struct history *history, int64_t seq, const char *why, struct err *err)
{
	return change(history, "UPDATE outbox SET refused = ?2, lacks = ?2 WHERE seq = ?1", seq, -2, why, err);
}

int outbox_again(struct history *history, const char *bench, struct err *err)
{
	struct db_stmt *stmt;
	int rc = db_prepare(history->db,
			    "UPDATE outbox SET refused = '' WHERE ended AND bench = ?1 AND (job = 0 OR lacks <> '')",
			    &stmt, err);

	if (rc)
		return rc;
	bind(stmt, 1, bench);
	rc = db_insert(stmt, err);
	db_finalize(stmt);
	return rc;
}

int outbox_refuse(struct history *history, int64_t seq, const char *why, struct err *err)
{
	return change(history, "UPDATE outbox SET refused = ?2 WHERE seq = ?1", seq, -2, *why ? why : "refused", err);
}

static int on_counts(void *ctx, struct db_stmt *row, struct err *err)
{
	struct outbox_counts *counts = ctx;

	(void)err;
	*counts = (struct outbox_counts){db_int(row, 0), db_int(row, 1), db_int(row, 2)};
	return 0;
}

int outbox_count(struct history *history, struct outbox_counts *ret, struct err *err)
{
	return db_each(history->db,
		       "SELECT coalesce(sum(ended AND refused = ''), 0), coalesce(sum(refused <> ''), 0), "
		       "coalesce(min(CASE WHEN ended AND refused = '' THEN begun END), 0) FROM outbox",
		       0, 0, on_counts, ret, err);
}

int outbox_begun(struct history *history, const char *bench, int64_t *ret, struct err *err)
{
	struct db_stmt *stmt;
	int rc = db_prepare(history->db, "SELECT count(*) FROM outbox WHERE NOT ended AND bench = ?1", &stmt, err);

	if (rc)
		return rc;
	bind(stmt, 1, bench);
	rc = db_step(stmt, err);
	if (rc == 1)
		*ret = db_int(stmt, 0);
	db_finalize(stmt);
	return rc < 0 ? rc : 0;
}

struct walk {
	int (*fn)(void *ctx, const struct outbox_item *item);
	void *ctx;
};

static void copy(char *ret, size_t size, const char *text)
{
	snprintf(ret, size, "%s", text);
}

static int on_item(void *ctx, struct db_stmt *row, struct err *err)
{
	const struct walk *walk = ctx;
	struct outbox_item item = {
		.seq = db_int(row, 0),
		.job = db_int(row, 4),
		.fence = db_int(row, 5),
		.begun_s = db_int(row, 6),
		.ended = db_int(row, 7),
		.exit_code = (int)db_int(row, 8),
	};

	(void)err;
	copy(item.run_id, sizeof(item.run_id), db_text(row, 1, NULL));
	copy(item.bench, sizeof(item.bench), db_text(row, 2, NULL));
	copy(item.name, sizeof(item.name), db_text(row, 3, NULL));
	copy(item.folder, sizeof(item.folder), db_text(row, 9, NULL));
	copy(item.output, sizeof(item.output), db_text(row, 10, NULL));
	copy(item.head, sizeof(item.head), db_text(row, 11, NULL));
	copy(item.refused, sizeof(item.refused), db_text(row, 12, NULL));
	item.lacks = *db_text(row, 13, NULL) != '\0';
	return walk->fn(walk->ctx, &item);
}

#define ITEM_SQL                                                                                                       \
	"SELECT seq, run_id, bench, name, job, fence, begun, ended, exit_code, folder, output, head, refused, lacks "  \
	"FROM outbox WHERE "

int outbox_each_refused(struct history *history, int (*fn)(void *ctx, const struct outbox_item *item), void *ctx,
			struct err *err)
{
	struct walk walk = {fn, ctx};

	return db_each(history->db, ITEM_SQL "refused <> '' ORDER BY seq", 0, 0, on_item, &walk, err);
}

int outbox_each(struct history *history, bool ended, int (*fn)(void *ctx, const struct outbox_item *item), void *ctx,
		struct err *err)
{
	struct walk walk = {fn, ctx};

	return db_each(history->db, ITEM_SQL "ended = ?1 AND refused = '' ORDER BY seq", ended, 0, on_item, &walk, err);
}

/* ---- which run is meant -------------------------------------------------------------------------------------------- */

/* By the id that it has as an attribute, where its name is the one that it began with, and its head, where that is known: a run
 * that took the attribute over is another one. One that began without a job by its name and the head of its chain. Of rows that
 * differ in the verdict alone the worst one is told. */
#define ROW_SQL                                                                                                        \
	"SELECT coalesce((SELECT max(run) FROM attribute JOIN run ON run.id = attribute.run WHERE key = "              \
	"'" OUTBOX_RUN_ATTRIBUTE "' AND value = ?1 AND name = ?2 AND ?3 IN ('', head)), "                              \
	"(SELECT id FROM run WHERE ?4 AND name = ?2 AND head = ?3 ORDER BY severity DESC, id DESC LIMIT 1), 0)"

int outbox_run(struct history *history, const struct outbox_item *item, struct json_out **ret, struct told *ret_told,
	       struct err *err)
{
	struct db_stmt *stmt;
	int64_t row = 0;
	int rc = db_prepare(history->db, ROW_SQL, &stmt, err);

	if (rc)
		return rc;
	bind(stmt, 1, item->run_id);
	bind(stmt, 2, item->name);
	bind(stmt, 3, item->head);
	db_bind_int(stmt, 4, !item->job);
	rc = db_step(stmt, err);
	if (rc == 1)
		row = db_int(stmt, 0);
	db_finalize(stmt);
	if (rc != 1 || !row)
		return rc < 0 ? rc : 0;
	return told_run(history, row, item->run_id, ret, ret_told, err);
}

/* ---- runs without a job -------------------------------------------------------------------------------------------- */

/* The same run has the same id wherever it is told from: of its chain's head, or, where it was killed before its chain had an
 * end, of what it is called, where and when it began. RFC 9562, version 8. */
static void id_of(const char *const text[4], char ret[40])
{
	struct digest digest;
	uint8_t b[DIGEST_BYTES];

	digest_begin(&digest);
	digest_raw(&digest, "penrig run", 11);
	for (unsigned i = 0; i < (*text[0] ? 1 : 4); i++)
		digest_raw(&digest, text[i], strlen(text[i]) + 1);
	digest_end(&digest, b);
	b[6] = (uint8_t)((b[6] & 0x0f) | 0x80);
	b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
	snprintf(ret, 40, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1], b[2],
		 b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
}

struct pushing {
	struct history *history;
	bool (*wanted)(void *ctx, const char *bench, const char *path);
	void *ctx;
	bool decided_only;
	unsigned put;
};

/* Whether the server lacks it, or something of it. */
static int is_new(const struct pushing *p, const struct outbox_item *item, const struct told *has, struct err *err)
{
	struct db_stmt *stmt;
	int rc = db_prepare(p->history->db,
			    "SELECT coalesce((SELECT judged < ?2 OR disposed < ?3 FROM handed WHERE run_id = ?1), ?4) "
			    "AND NOT EXISTS (SELECT 1 FROM outbox WHERE run_id = ?1)",
			    &stmt, err);

	if (rc)
		return rc;
	bind(stmt, 1, item->run_id);
	db_bind_int(stmt, 2, has->judged);
	db_bind_int(stmt, 3, has->disposed);
	db_bind_int(stmt, 4, !p->decided_only);
	rc = db_step(stmt, err);
	if (rc == 1)
		rc = db_int(stmt, 0) != 0;
	db_finalize(stmt);
	return rc;
}

enum { NAME, HEAD, HOST, STARTED, BENCH, PATH, EXIT, JUDGED, DISPOSED, RUN_ID };
#define PUSH_SQL                                                                                                       \
	"SELECT name, head, host, started, bench, path, exit_code, judged, (SELECT count(*) FROM disposition d WHERE " \
	"d.run = run.id), coalesce((SELECT value FROM attribute a WHERE a.run = run.id AND key = "                     \
	"'" OUTBOX_RUN_ATTRIBUTE                                                                                       \
	"' AND sessions = 0 AND NOT EXISTS (SELECT 1 FROM attribute b JOIN run o ON o.id = b.run WHERE b.key = a.key " \
	"AND b.value = a.value AND o.started < run.started)), '') FROM run WHERE recording = '' AND (?1 = 0 OR "       \
	"judged > 0 OR EXISTS (SELECT 1 "                                                                              \
	"FROM disposition d WHERE d.run = run.id)) ORDER BY started, id"

static int on_pushed(void *ctx, struct db_stmt *row, struct err *err)
{
	struct pushing *p = ctx;
	const char *const texts[4] = {db_text(row, HEAD, NULL), db_text(row, NAME, NULL), db_text(row, HOST, NULL),
				      db_text(row, STARTED, NULL)};
	const struct told has = {.judged = db_int(row, JUDGED), .disposed = db_int(row, DISPOSED)};
	struct outbox_item item = {.ended = true, .exit_code = (int)db_int(row, EXIT)};

	copy(item.run_id, sizeof(item.run_id), db_text(row, RUN_ID, NULL));
	if (!*item.run_id)
		id_of(texts, item.run_id);
	copy(item.bench, sizeof(item.bench), db_text(row, BENCH, NULL));
	copy(item.name, sizeof(item.name), texts[1]);
	copy(item.head, sizeof(item.head), texts[0]);
	int rc = is_new(p, &item, &has, err);
	if (rc <= 0 || !p->wanted(p->ctx, item.bench, db_text(row, PATH, NULL)))
		return rc < 0 ? rc : 0;
	rc = outbox_begin(p->history, &item, err);
	p->put += !rc;
	return rc;
}

int outbox_push(struct history *history, bool decided_only,
		bool (*wanted)(void *ctx, const char *bench, const char *path), void *ctx, unsigned *ret_put,
		struct err *err)
{
	struct pushing p = {history, wanted, ctx, decided_only, 0};
	int64_t others = 0, own = 0;
	int rc = db_number(history->db, "PRAGMA data_version", &others, err);

	*ret_put = 0;
	if (!rc)
		rc = db_number(history->db, "SELECT total_changes()", &own, err);
	int64_t changes = others * INT64_C(0x100000000) + own; /* by other processes, and by this one */
	if (rc || (decided_only && changes == history->looked))
		return rc;
	rc = db_each(history->db, PUSH_SQL, decided_only, 0, on_pushed, &p, err);
	*ret_put = p.put;
	if (!rc && decided_only && !p.put)
		history->looked = changes;
	return rc;
}
