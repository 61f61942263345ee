/* The parts of NAME.report.json, version 2: head and evidence (report.c), devices (devices.c), where samples and limits came
 * from (origin.c), what was measured (points.c) with what is named once for all points (tables.c). Everything goes into
 * the stream as it is told. */
#ifndef PENRIG_REPORTS_JSON_JSON_H
#define PENRIG_REPORTS_JSON_JSON_H

#include <math.h>

#include "reports/digits.h"
#include "rig/base/json_stream.h"
#include "rig/record/record.h"
#include "rig/record/record_json.h"

#define EXACT     DIGITS_EXACT
#define CLEAN_MAX 600 /* the longest text of a record */

/* ---- values: what is not there is null */
static inline void put_text(struct json_stream *out, const char *key, const char *text) /* "" is null */
{
	char clean[CLEAN_MAX];

	json_put_string(out, key, text && text[0] ? text_clean(text, clean, sizeof(clean)) : NULL);
}

static inline void put_real(struct json_stream *out, const char *key, double value, int digits)
{
	if (isfinite(value))
		json_put_number(out, key, value, digits);
	else
		json_put_null(out, key);
}

static inline void put_count(struct json_stream *out, const char *key, uint64_t count)
{
	if (count < 1ull << 53)
		json_put_int(out, key, (int64_t)count);
	else
		json_put_null(out, key);
}

static inline void put_index(struct json_stream *out, const char *key, uint64_t index)
{
	if (index == UINT64_MAX)
		json_put_null(out, key);
	else
		json_put_u64(out, key, index);
}

/* ---- tables: what is the same at every point is told once, and rows name its place, from 0 */
#define JSON_ORDER_MAX 512 /* places of one point that are remembered; what is behind is searched for */

struct json_table {
	const void **item; /* borrowed from the record */
	unsigned count, room, next;
	unsigned short order[JSON_ORDER_MAX]; /* what the last point named, in turn: most likely the next one's, too */
	unsigned at;
	bool (*same)(const void *a, const void *b);
};

struct json_tables {
	struct json_table measurands, limits, lines, inputs; /* struct finding, finding, budget_line, budget_input */
};

/* Collects from all points and sweeps. -ENOMEM; free in every case. */
int json_tables_collect(struct json_tables *tables, const struct record *record);
void json_tables_free(struct json_tables *tables);
/* Before each point and each sweep. */
void json_tables_rewind(struct json_tables *tables);
/* The place of what was collected. */
unsigned json_table_place(struct json_table *table, const void *item);
void json_put_tables(struct json_stream *out, const struct json_tables *tables);

/* ---- parts */
void json_put_failures(struct json_stream *out, const struct record *record);
void json_put_points(struct json_stream *out, const struct record *record, struct json_tables *tables);
void json_put_sweeps(struct json_stream *out, const struct record *record, struct json_tables *tables);
void json_put_devices(struct json_stream *out, const struct record *record);
void json_put_origin(struct json_stream *out, const struct record *record);
void json_put_file(struct json_stream *out, const struct record_file *file); /* path and sha256; NULL: none */
const char *json_phantom_name(const struct record *record, int phantom);

#endif
