/* A run that did not come to its end: what its file lets us say of it. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "rig/base/json.h"
#include "rig/runfile/reader.h"

struct last_stage {
	char name[48];
};

static int on_stage(void *ctx, struct db_stmt *row, struct err *err)
{
	static const char *const member[] = {"stage", "phase", "text"};
	struct last_stage *stage = ctx;
	struct json_doc *doc;
	const char *text = db_text(row, 0, NULL);
	(void)err;
	if (json_parse("journal", text, strlen(text), &doc, NULL) != 0)
		return 0;
	for (unsigned i = 0; i < sizeof(member) / sizeof(member[0]) && !stage->name[0]; i++) {
		const struct json *value = json_get(json_root(doc), member[i]);
		if (value && json_kind(value) == JSON_STRING)
			snprintf(stage->name, sizeof(stage->name), "%.40s", json_string(value));
	}
	json_doc_free(doc);
	return 0;
}

static void add_to_utc(const char *started, uint64_t elapsed_ns, char ret[32])
{
	struct tm tm = {0};
	unsigned ms = 0;
	char zone = 0;
	if (sscanf(started, "%d-%d-%dT%d:%d:%d.%3u%c", &tm.tm_year, &tm.tm_mon, &tm.tm_mday, &tm.tm_hour, &tm.tm_min,
		   &tm.tm_sec, &ms, &zone) != 8)
		return;
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	uint64_t ms_sum = ms + elapsed_ns / 1000000u;
	time_t end = timegm(&tm) + (time_t)(ms_sum / 1000u);
	char text[24];
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", gmtime_r(&end, &tm));
	snprintf(ret, 32, "%s.%03uZ", text, (unsigned)(ms_sum % 1000u));
}

static const struct record_point *settle_points(struct record *record)
{
	for (unsigned i = 0; i < record->points; i++) {
		struct record_point *point = &record->point[i];
		if (!point->measured && !point->reason[0])
			snprintf(point->reason, sizeof(point->reason),
				 "the run ended while this point was being measured");
		for (unsigned j = 0; point->counts && j < i; j++) {
			if (record->point[j].plan.number == point->plan.number)
				record->point[j].counts = false;
		}
	}
	return record->points ? &record->point[record->points - 1] : NULL;
}

static void say_where(struct record *record, const struct record_point *last, const char *stage)
{
	char at[240];
	if (!last)
		snprintf(at, sizeof(at), "before the first of %u points", record->points_planned);
	else
		snprintf(at, sizeof(at), "%s point %u of %u (step %u \"%s\", %.6g mm, %.6g Hz)",
			 last->measured ? "after" : "at", last->plan.number + 1, record->points_planned,
			 last->plan.step + 1,
			 last->plan.step < record->step_count ? record->step_name[last->plan.step] : "",
			 last->plan.depth_mm, last->plan.rate_hz);
	snprintf(record->status_reason, sizeof(record->status_reason),
		 "the program or the machine ended before the run did: interrupted %s%s%s", at,
		 stage[0] ? ", stage " : "", stage);
}

int settle_unfinished(struct runfile_reader *reader, struct record *record, struct err *err)
{
	struct last_stage stage = {.name = ""};
	int64_t last_ns;
	int rc = db_each(reader->db,
			 "SELECT json FROM journal WHERE kind IN ('stage','phase') ORDER BY seq DESC LIMIT 1", 0, 0,
			 on_stage, &stage, err);
	if (!rc)
		rc = db_number(reader->db,
			       "SELECT max(ifnull((SELECT max(host_ns) FROM journal),0),"
			       " ifnull((SELECT last_host_ns FROM block ORDER BY seq DESC LIMIT 1),0))",
			       &last_ns, err);
	if (rc)
		return rc;
	uint64_t end_ns = (uint64_t)last_ns;
	say_where(record, settle_points(record), stage.name);
	record->run_status = RUN_INTERRUPTED;
	record->ended_host_ns = end_ns;
	if (end_ns >= record->started_host_ns)
		add_to_utc(record->started_utc, end_ns - record->started_host_ns, record->ended_utc);
	record->stop_verified = false;
	snprintf(record->stop_text, sizeof(record->stop_text), "the run file ends before the pen's stop was recorded");
	record->moved = record->moved || (record->points && !record->point[record->points - 1].session);
	return 0;
}
