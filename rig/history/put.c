/* A record as rows. Leaves out where it came from: a run that just ended, or its file. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "rig/base/digest.h"
#include "rig/base/json.h"
#include "rig/history/inside.h"
#include "rig/history/unit.h"
#include "rig/judge/judge.h"
#include "rig/judge/verdict.h"

struct put {
	struct db *db;
	const struct history_entry *entry;
	const struct record *record;
	int64_t run;
	struct db_stmt *place, *result, *quantity;
	struct plan *plan; /* as it was; NULL: it cannot be read any more */
	struct err *err;
};

static void bind(struct db_stmt *stmt, int index, const char *text)
{
	db_bind_text(stmt, index, text, strlen(text));
}

static void bind_all(struct db_stmt *stmt, int first, const char *const *texts, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		bind(stmt, first + (int)i, texts[i]);
}

static int insert_once(struct db *db, const char *sql, int64_t run, int64_t number, const char *const *texts,
		       unsigned count, struct err *err)
{
	struct db_stmt *stmt;
	int rc = db_prepare(db, sql, &stmt, err);

	if (rc)
		return rc;
	db_bind_int(stmt, 1, run);
	db_bind_int(stmt, 2, number);
	bind_all(stmt, 3, texts, count);
	rc = db_insert(stmt, err);
	db_finalize(stmt);
	return rc;
}

/* ---- the run ------------------------------------------------------------------------------------------------------- */

#define SAME_SQL " FROM run WHERE name=? AND started=? AND host=? AND head=? AND verdict=?"

static int prepare_same(struct put *put, const char *sql, struct db_stmt **ret)
{
	const struct record *r = put->record;
	const char *const texts[] = {r->name, r->started_utc, r->host, r->journal_head, verdict_name(r)};
	int rc = db_prepare(put->db, sql, ret, put->err);

	if (!rc)
		bind_all(*ret, 1, texts, sizeof(texts) / sizeof(texts[0]));
	return rc;
}

/* What was decided about a run is appended to its file, so a copy with less is an older one. */
static int check_newer(struct put *put)
{
	struct db_stmt *stmt;
	int rc = prepare_same(
		put, "SELECT judged, (SELECT count(*) FROM disposition WHERE run = run.id), path" SAME_SQL, &stmt);

	if (rc)
		return rc;
	rc = db_step(stmt, put->err);
	if (rc == 1)
		rc = db_int(stmt, 0) > put->entry->judged || db_int(stmt, 1) > put->entry->dispositions
			     ? err_set(put->err, -EEXIST,
				       "%.300s lacks a decision or a later verdict that the history has from %.300s",
				       put->entry->path, db_text(stmt, 2, NULL))
			     : 0;
	db_finalize(stmt);
	return rc;
}

static int remove_old(struct put *put)
{
	struct db_stmt *stmt;
	int rc = prepare_same(put, "DELETE" SAME_SQL, &stmt);

	if (rc)
		return rc;
	rc = db_insert(stmt, put->err);
	db_finalize(stmt);
	return rc;
}

static const char *digest_of_file(const struct record *record, const char *kind)
{
	const struct record_file *file = record_file_of(record, kind);

	return file ? file->sha256 : "";
}

static const char *reason_of(const struct record *r)
{
	return *r->verdict_reason ? r->verdict_reason : r->status_reason;
}

static const char *later_name(const struct record_judged *judged)
{
	return judged ? verdict_row(judged->dut_verdict, judged->on_statement)->name : "";
}

/* The numbers that stand beside its texts. */
static int put_judged(struct put *put)
{
	struct db_stmt *stmt;
	int rc = db_prepare(put->db, "UPDATE run SET judged=?, severity=?, sessions=? WHERE id=?", &stmt, put->err);

	if (rc)
		return rc;
	db_bind_int(stmt, 1, put->entry->judged);
	db_bind_int(stmt, 2, unit_standing_of(verdict_name(put->record), later_name(put->entry->worst)));
	db_bind_int(stmt, 3, put->record->sessions);
	db_bind_int(stmt, 4, put->run);
	rc = db_insert(stmt, put->err);
	db_finalize(stmt);
	return rc;
}

void history_setup(const struct record *record, char ret[SHA256_HEX])
{
	static const char *const kinds[] = {"bench", "phantom", "profile"};
	struct digest digest;
	uint8_t bytes[DIGEST_BYTES];

	digest_begin(&digest);
	for (unsigned k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++)
		for (unsigned i = 0; i < record->files; i++)
			if (strcmp(record->file[i].kind, kinds[k]) == 0)
				digest_raw(&digest, record->file[i].sha256, SHA256_HEX);
	digest_end(&digest, bytes);
	digest_hex(bytes, ret);
}

static int put_run(struct put *put)
{
	const struct record *r = put->record;
	const struct record_judged *worst = put->entry->worst;
	char setup[SHA256_HEX];
	history_setup(r, setup);
	const char *const texts[] = {
		r->name,
		r->host,
		r->started_utc,
		r->ended_utc,
		put->entry->path,
		r->dut,
		r->lot,
		r->plan_name,
		digest_of_file(r, "plan"),
		r->bench_name,
		digest_of_file(r, "bench"),
		setup,
		r->golden.valid ? r->golden.run : "",
		r->operator_name,
		r->cartridge,
		verdict_name(r),
		run_status_name(r->run_status),
		reason_of(r),
		r->software_version,
		r->software_build,
		r->origin.path,
		r->origin.sha256,
		r->journal_head,
		later_name(worst),
		worst ? worst->verdict_reason : "",
	};
	int rc = insert_once(put->db,
			     "INSERT INTO run(exit_code, method, name, host, started, ended, path, dut, lot, plan, "
			     "plan_sha256, bench, bench_sha256, setup, golden, operator, cartridge, verdict, status, "
			     "reason, software, "
			     "build, origin, recording, head, later, later_reason, judged, severity, sessions) "
			     "VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,0,0,0)",
			     verdict_exit_code(r), r->method, texts, sizeof(texts) / sizeof(texts[0]), put->err);

	return rc ? rc : db_number(put->db, "SELECT last_insert_rowid()", &put->run, put->err);
}

/* ---- what it stood on ---------------------------------------------------------------------------------------------- */

#define DEVICE_SQL                                                                                                     \
	"INSERT INTO device(run, number, role, driver, model, serial, firmware, certificate, due, sensor_certificate)" \
	" VALUES(?,?,?,?,?,?,?,?,?,?)"

/* As it was; NULL: it cannot be read any more. */
static struct bench *bench_of(const struct record *r)
{
	struct bench_text own = {.path = NULL}, phantom[BENCH_PHANTOMS_MAX];
	struct bench *bench = NULL;
	unsigned phantoms = 0;

	for (unsigned i = 0; i < r->files; i++) {
		const struct record_file *f = &r->file[i];
		const struct bench_text text = {.path = f->path, .text = f->text ? f->text : "", .len = f->len};
		if (strcmp(f->kind, "bench") == 0)
			own = text;
		else if (strcmp(f->kind, "phantom") == 0 && phantoms < BENCH_PHANTOMS_MAX)
			phantom[phantoms++] = text;
	}
	return own.path && bench_parse(&own, phantom, phantoms, &bench, NULL) == 0 ? bench : NULL;
}

/* By its own word; what says none, as the sensor of a recording, is the one of the bench file. */
static void serial_of(const struct record *r, const struct record_device *device, char ret[48])
{
	struct bench *bench = *device->identity.serial ? NULL : bench_of(r);
	const struct bench_device *entry = bench ? record_bench_device(device, bench) : NULL;

	snprintf(ret, 48, "%s", entry ? entry->serial : device->identity.serial);
	bench_free(bench);
}

static int put_devices(struct put *put)
{
	const struct record *r = put->record;
	char serial[48];
	int rc = 0;

	for (unsigned i = 0; i < r->devices && !rc; i++) {
		const struct record_device *d = &r->device[i];
		serial_of(r, d, serial);
		const char *const texts[] = {d->role,
					     d->driver,
					     d->identity.model,
					     serial,
					     d->identity.firmware,
					     d->calibration.certificate,
					     d->calibration.due,
					     ""};
		rc = insert_once(put->db, DEVICE_SQL, put->run, i, texts, 8, put->err);
	}
	return rc;
}

static const char *text_at(const struct json *object, const char *key)
{
	const struct json *node = object ? json_get(object, key) : NULL;

	return node && json_kind(node) == JSON_STRING ? json_string(node) : "";
}

/* The record has the phantoms' files; what their calibrations are stands there. A text that is no JSON is none of a run
 * that began. */
static int put_phantom(struct put *put, const struct record_file *file, int64_t number)
{
	struct json_doc *doc;

	if (!file->text || json_parse(file->path, file->text, file->len, &doc, NULL) < 0)
		return 0;
	const struct json *root = json_root(doc), *calibration = json_get(root, "calibration"),
			  *conditions = json_get(root, "conditions");
	const char *const texts[] = {"phantom",
				     "",
				     text_at(root, "material"),
				     text_at(root, "serial"),
				     "",
				     text_at(calibration, "certificate"),
				     text_at(calibration, "due"),
				     text_at(conditions, "sensor_certificate")};
	int rc = insert_once(put->db, DEVICE_SQL, put->run, number, texts, 8, put->err);
	json_doc_free(doc);
	return rc;
}

static int put_phantoms(struct put *put)
{
	const struct record *r = put->record;
	int64_t number = r->devices;
	int rc = 0;

	for (unsigned i = 0; i < r->files && !rc; i++)
		if (strcmp(r->file[i].kind, "phantom") == 0)
			rc = put_phantom(put, &r->file[i], number++);
	return rc;
}

static int put_attributes(struct put *put)
{
	struct db_stmt *stmt;
	int rc = db_prepare(put->db, "INSERT INTO attribute(run, key, value) VALUES(?,?,?)", &stmt, put->err);

	if (rc)
		return rc;
	for (unsigned i = 0; i < put->record->attrs && !rc; i++) {
		db_bind_int(stmt, 1, put->run);
		bind(stmt, 2, put->record->attr[i].key);
		bind(stmt, 3, put->record->attr[i].value);
		rc = db_insert(stmt, put->err);
	}
	db_finalize(stmt);
	return rc;
}

static int put_dispositions(struct put *put)
{
	int rc = 0;

	for (unsigned i = 0; i < put->entry->dispositions && !rc; i++) {
		const struct disposition *d = &put->entry->disposition[i];
		const char *const texts[] = {d->utc, d->by, disposition_words[d->kind], d->reason};
		rc = insert_once(put->db,
				 "INSERT INTO disposition(run, number, utc, by, decision, reason) VALUES(?,?,?,?,?,?)",
				 put->run, i, texts, 4, put->err);
	}
	return rc;
}

/* ---- what it found ------------------------------------------------------------------------------------------------- */

static int quantity_id(struct put *put, const struct result *result, int64_t *ret)
{
	static const char insert[] = "INSERT OR IGNORE INTO quantity(measurand, method, unit) VALUES(?,?,?)";
	const char *const texts[] = {result->name, result->method, result->unit};
	struct db_stmt *stmt;
	int rc = db_prepare(put->db, insert, &stmt, put->err);

	if (rc)
		return rc;
	bind_all(stmt, 1, texts, 3);
	rc = db_insert(stmt, put->err);
	db_finalize(stmt);
	if (!rc)
		rc = db_prepare(put->db, "SELECT id FROM quantity WHERE measurand=? AND method=? AND unit=?", &stmt,
				put->err);
	if (rc)
		return rc;
	bind_all(stmt, 1, texts, 3);
	rc = db_step(stmt, put->err);
	if (rc > 0)
		*ret = db_int(stmt, 0);
	db_finalize(stmt);
	return rc < 0 ? rc : 0;
}

/* What can have a limit, and has a value to stand by, or should have had one. */
static bool has_value(const struct finding *finding)
{
	const struct result *result = &finding->result;

	return result->valid && result->trusted && isfinite(result->value);
}

static bool is_kept(const struct finding *finding)
{
	return measurand_is_judged(finding->result.id) && (finding->has_limit || has_value(finding));
}

static int put_result(struct put *put, unsigned place, const struct finding *f)
{
	const struct limit *limit = f->has_limit ? &f->limit : NULL;
	const char *outcome = f->has_limit ? outcome_name(f->judgement.outcome) : "";
	bool valued = has_value(f);
	int64_t quantity = 0;
	int rc = quantity_id(put, &f->result, &quantity);

	if (rc)
		return rc;
	db_bind_int(put->result, 1, quantity);
	db_bind_int(put->result, 2, put->run);
	db_bind_int(put->result, 3, place);
	db_bind_real(put->result, 4, valued ? f->result.value : NAN);
	db_bind_real(put->result, 5, valued ? f->result.u : NAN);
	db_bind_real(put->result, 6, valued ? f->result.expanded_u : NAN);
	db_bind_int(put->result, 7, valued ? (int64_t)f->result.n : 0);
	bind(put->result, 8, outcome);
	db_bind_real(put->result, 9, limit && limit->has_lower ? limit->lower : NAN);
	db_bind_real(put->result, 10, limit && limit->has_upper ? limit->upper : NAN);
	return db_insert(put->result, put->err);
}

static int put_results(struct put *put, unsigned place, const struct finding *finding, unsigned count)
{
	int rc = 0;

	for (unsigned i = 0; i < count && !rc; i++)
		if (is_kept(&finding[i]))
			rc = put_result(put, place, &finding[i]);
	return rc;
}

/* A point that began and came to no results: of all that its limits are for, nothing could be judged. */
static int put_missing(struct put *put, unsigned place, const struct plan_point *at)
{
	const struct limit *limits[STEP_LIMITS_MAX];
	unsigned count = !put->plan || at->step >= put->plan->steps || plan_point_is_free(at)
				 ? 0
				 : plan_limits_at(put->plan, at->step, limits);
	int rc = 0;

	for (unsigned i = 0; i < count && !rc; i++) {
		struct finding missing = {.has_limit = true, .limit = *limits[i]};
		const char *method = plan_judged_method(put->plan, limits[i]->id);

		if (judge_is_of_sweep(limits[i]) || !measurand_is_judged(limits[i]->id))
			continue;
		missing.result.id = limits[i]->id;
		missing.judgement.outcome = OUTCOME_INCONCLUSIVE;
		snprintf(missing.result.name, sizeof(missing.result.name), "%s", limits[i]->measurand);
		snprintf(missing.result.unit, sizeof(missing.result.unit), "%s", limits[i]->unit);
		snprintf(missing.result.method, sizeof(missing.result.method), "%s", method ? method : "");
		rc = put_result(put, place, &missing);
	}
	return rc;
}

static const char *phantom_of(const struct record *record, int phantom)
{
	return phantom >= 0 && phantom < BENCH_PHANTOMS_MAX ? record->phantom_serial[phantom] : "";
}

static int put_place(struct put *put, unsigned number, bool sweep, const struct plan_point *at, unsigned attempt,
		     const char *outcome)
{
	db_bind_int(put->place, 1, put->run);
	db_bind_int(put->place, 2, number);
	db_bind_int(put->place, 3, sweep);
	db_bind_int(put->place, 4, at->step + 1);
	bind(put->place, 5, phantom_of(put->record, at->phantom));
	db_bind_real(put->place, 6, at->depth_mm);
	db_bind_real(put->place, 7, at->rate_hz);
	db_bind_int(put->place, 8, attempt);
	bind(put->place, 9, outcome);
	return db_insert(put->place, put->err);
}

/* Sweeps are numbered behind the points. Attempts that do not count are places without results, and those of an earlier
 * session, whose results stand with the run that measured them: no figure is there twice. */
static int put_places(struct put *put)
{
	const struct record *r = put->record;
	int rc = 0;

	for (unsigned i = 0; i < r->points && !rc; i++) {
		const struct record_point *p = &r->point[i];
		rc = put_place(put, i, false, &p->plan, p->attempt, p->collected ? outcome_name(p->outcome) : "");
		if (!rc && p->counts && !p->session)
			rc = p->collected ? put_results(put, i, p->result, p->results) : put_missing(put, i, &p->plan);
	}
	for (unsigned i = 0; i < r->sweeps && !rc; i++) {
		const struct record_sweep *s = &r->sweep[i];
		const struct plan_point at = {
			.step = s->step, .phantom = s->phantom, .depth_mm = NAN, .rate_hz = s->rate_hz};
		rc = put_place(put, r->points + i, true, &at, 1, "");
		if (!rc)
			rc = put_results(put, r->points + i, s->result, s->results);
	}
	return rc;
}

static int put_findings(struct put *put)
{
	int rc = db_prepare(put->db,
			    "INSERT INTO place(run, number, sweep, step, phantom, depth_mm, rate_hz, attempt, outcome)"
			    " VALUES(?,?,?,?,?,?,?,?,?)",
			    &put->place, put->err);
	if (!rc)
		rc = db_prepare(put->db,
				"INSERT OR IGNORE INTO result(quantity, run, place, value, u, expanded_u, n, outcome, "
				"lower, upper) VALUES(?,?,?,?,?,?,?,?,?,?)",
				&put->result, put->err);
	if (!rc)
		rc = put_places(put);
	db_finalize(put->result);
	db_finalize(put->place);
	return rc;
}

static struct plan *plan_of(const struct record *record)
{
	const struct record_file *file = record_file_of(record, "plan");
	struct plan *plan = NULL;

	if (!file || !file->text || plan_parse(file->path, file->text, file->len, &plan, NULL) < 0)
		return NULL;
	return plan;
}

int history_put(struct history *history, const struct history_entry *entry, struct err *err)
{
	static int (*const part[])(struct put * put) = {check_newer,    remove_old,       put_run,
							put_judged,     put_devices,      put_phantoms,
							put_attributes, put_dispositions, put_findings};
	struct put put = {.db = history->db, .entry = entry, .record = entry->record, .err = err};
	int rc = db_begin(put.db, err);

	if (rc)
		return rc;
	put.plan = plan_of(entry->record);
	for (unsigned i = 0; i < sizeof(part) / sizeof(part[0]) && !rc; i++)
		rc = part[i](&put);
	if (!rc)
		rc = db_commit(put.db, err);
	if (rc)
		db_rollback(put.db);
	plan_free(put.plan);
	return rc;
}
