/* Where samples and limits came from, where that is not this program and the plan. */
#include <stdlib.h>
#include <string.h>

#include "reports/json/json.h"

static void put_control(struct json_stream *out, const struct record_control *control)
{
	if (!control->revision[0] && !control->approver[0])
		return;
	put_text(out, "revision", control->revision);
	put_text(out, "effective", control->effective);
	put_text(out, "approver", control->approver);
	if (control->approver_key[0])
		put_text(out, "approver_key", control->approver_key);
	put_text(out, "approved_utc", control->approved_utc);
}

void json_put_file(struct json_stream *out, const struct record_file *file)
{
	put_text(out, "path", file ? file->path : "");
	put_text(out, "sha256", file ? file->sha256 : "");
	if (file)
		put_control(out, &file->control);
}

static void put_gaps(struct json_stream *out, const struct record_gaps *g)
{
	json_object(out, "gaps", JSON_LINE);

	json_put_u64(out, "count", g->count);
	json_put_u64(out, "rows", g->rows);
	json_put_u64(out, "longest", g->longest);
	json_put_u64(out, "first_line", g->first_line);
	json_end(out);
}

/* null: no file states when the points were measured. */
static void put_points_file(struct json_stream *out, const struct record *record)
{
	const struct record_file *file = record_file_of(record, "points");

	if (!file) {
		json_put_null(out, "points_file");
		return;
	}
	json_object(out, "points_file", JSON_LINE);
	json_put_file(out, file);
	json_end(out);
}

/* A text of any length; what it may hold was checked when it came in, not in a file that was changed since. */
static void put_long_text(struct json_stream *out, const char *key, const char *text)
{
	size_t size = strlen(text) + 1;
	char *clean = malloc(size);

	if (clean)
		json_put_string(out, key, text_clean(text, clean, size));
	free(clean);
}

/* null: nobody vouches for what penrig did not see. */
static void put_witness(struct json_stream *out, const struct record *record)
{
	const struct record_file *file = record_file_of(record, "statement");

	if (!record->origin.witness[0] || !file || !file->text) {
		json_put_null(out, "witness");
		return;
	}
	json_object(out, "witness", JSON_LINES);
	put_text(out, "name", record->origin.witness);
	json_put_file(out, file);
	put_long_text(out, "statement", file->text);
	json_end(out);
}

/* null: penrig took the samples itself. */
static void put_imported(struct json_stream *out, const struct record *record)
{
	const struct record_origin *o = &record->origin;

	if (!o->path[0]) {
		json_put_null(out, "imported");
		return;
	}
	json_object(out, "imported", JSON_LINES);
	put_text(out, "path", o->path);
	put_text(out, "sha256", o->sha256);
	put_text(out, "format", o->format);
	put_real(out, "rate_hz", o->rate_hz, EXACT);
	put_real(out, "scale_n", o->scale_n, EXACT);
	put_real(out, "offset_n", o->offset_n, EXACT);
	put_text(out, "dialect", o->dialect);
	put_text(out, "column", o->column);
	put_text(out, "time_column", o->time_column);
	put_text(out, "rate_from", o->rate_from);
	put_text(out, "beside", o->beside);
	put_text(out, "times_from", o->times_from);
	json_put_bool(out, "times_found", o->times_found);
	put_points_file(out, record);
	put_witness(out, record);
	put_text(out, "unchecked", o->unchecked);
	if (o->has_gaps)
		put_gaps(out, &o->gaps);
	else
		json_put_null(out, "gaps");
	json_end(out);
}

/* null: judged by the plan's limits. */
static void put_judged(struct json_stream *out, const struct record *record)
{
	const struct record_judged *j = &record->judged;

	if (!j->number) {
		json_put_null(out, "judged_anew");
		return;
	}
	json_object(out, "judged_anew", JSON_LINES);
	json_put_int(out, "number", j->number);
	put_text(out, "limits", j->limits_name);
	put_text(out, "path", j->limits_path);
	put_text(out, "sha256", j->limits_sha256);
	if (j->approvals[0])
		put_text(out, "approvals", j->approvals);
	put_control(out, &j->control);
	put_text(out, "utc", j->utc);
	put_text(out, "software_version", j->software_version);
	put_text(out, "software_build", j->software_build);
	json_put_int(out, "method", j->method);
	json_end(out);
}

void json_put_origin(struct json_stream *out, const struct record *record)
{
	put_imported(out, record);
	put_judged(out, record);
}
