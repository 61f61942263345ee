/* Only penrig's own files count here, each known by its kind; what others put beside a recording is theirs. */
#include "rig/offline/import/beside.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rig/base/disk.h"
#include "rig/base/json.h"
#include "rig/offline/export.h"

#define BETWEEN 0.25 /* counts; ten printed digits of a 32-bit count leave 0.1 */

/* ---- counts ---- */

void recount_column(struct recount *recount, struct recording_layout *layout, unsigned i, double scale, double offset,
		    unsigned bits)
{
	struct recording_column *c = &layout->column[i];
	recount->of[i] = true;
	recount->scale[i] = c->scale = scale;
	recount->offset[i] = c->offset = offset;
	c->integer = true;
	c->bits = bits;
}

int recount_rows(const struct recount *recount, const char *path, unsigned columns, struct recording_rows *rows,
		 struct err *err)
{
	for (unsigned i = 0; i < columns; i++) {
		if (!recount->of[i])
			continue;
		for (uint32_t row = 0; row < rows->rows; row++) {
			double *value = &rows->value[(size_t)row * columns + i];
			double count = (*value - recount->offset[i]) / recount->scale[i], whole = round(count);
			if (fabs(count - whole) > BETWEEN || fabs(whole) > INT32_MAX)
				return err_set(
					err, -EINVAL,
					"%.300s: row %llu, column %u lies between two counts of the scale that is "
					"stated for "
					"it: it was changed after penrig exported it; import it without that scale",
					path, (unsigned long long)rows->first_line + row, i + 1);
			*value = isnan(count) ? NAN : whole;
		}
	}
	return 0;
}

/* ---- the file beside ---- */

struct description {
	char kind[32], formula[96], filled[24];
	double rate_hz;
	const struct json *channels;
};

struct channel_text {
	char name[16], unit[8];
	double scale, offset;
	int64_t bits;
};

static const struct json_field description_fields[] = {
	{.key = "kind",
	 .kind = FIELD_STRING,
	 .offset = offsetof(struct description, kind),
	 .size = 32,
	 .required = true},
	{.key = "rate_hz",
	 .kind = FIELD_NUMBER,
	 .offset = offsetof(struct description, rate_hz),
	 .required = true,
	 .lo = 1e-6,
	 .hi = 1e9},
	{.key = "formula", .kind = FIELD_STRING, .offset = offsetof(struct description, formula), .size = 96},
	{.key = "samples_filled_in_gaps",
	 .kind = FIELD_STRING,
	 .offset = offsetof(struct description, filled),
	 .size = 24},
	{.key = "channels", .kind = FIELD_NODE, .offset = offsetof(struct description, channels), .required = true},
	{.key = NULL},
};

static const struct json_field channel_fields[] = {
	{.key = "name",
	 .kind = FIELD_STRING,
	 .offset = offsetof(struct channel_text, name),
	 .size = 16,
	 .required = true,
	 .lo = 1},
	{.key = "unit",
	 .kind = FIELD_STRING,
	 .offset = offsetof(struct channel_text, unit),
	 .size = 8,
	 .required = true},
	{.key = "bits",
	 .kind = FIELD_INT,
	 .offset = offsetof(struct channel_text, bits),
	 .required = true,
	 .lo = 8,
	 .hi = 32},
	{.key = "scale", .kind = FIELD_NUMBER, .offset = offsetof(struct channel_text, scale), .required = true},
	{.key = "offset", .kind = FIELD_NUMBER, .offset = offsetof(struct channel_text, offset), .required = true},
	{.key = NULL},
};

static bool is_of_an_export(const struct json_doc *doc)
{
	const struct json *kind = json_get(json_root(doc), "kind");
	return kind && json_kind(kind) == JSON_STRING && strcmp(json_string(kind), EXPORT_KIND) == 0;
}

static int column_named(const struct recording_layout *layout, const char *name)
{
	size_t n = strlen(name);
	for (unsigned i = 0; i < layout->columns; i++) {
		const char *has = layout->column[i].name; /* of text with its unit: "force [N]" */
		if (strncmp(has, name, n) == 0 && (!has[n] || strncmp(has + n, " [", 2) == 0))
			return (int)i;
	}
	return -1;
}

static int take_channel(const struct json_doc *doc, const struct json *node, unsigned place,
			struct recording_layout *layout, struct recount *recount, struct err *err)
{
	struct channel_text text = {.scale = 1};
	int rc = json_read_object(doc, node, channel_fields, &text, err);
	if (rc)
		return rc;
	int i = recount ? column_named(layout, text.name) : (int)place;
	if (i < 0 || i >= (int)layout->columns)
		return json_error(doc, node, err,
				  "the recording beside it has no such channel: it describes another file");
	if (text.scale == 0)
		return json_error(doc, node, err, "a scale of 0 gives every sample the same value");
	struct recording_column *c = &layout->column[i];
	snprintf(c->name, sizeof(c->name), "%s", text.name);
	snprintf(c->unit, sizeof(c->unit), "%s", text.unit);
	if (recount) {
		recount_column(recount, layout, (unsigned)i, text.scale, text.offset, (unsigned)text.bits);
		return 0;
	}
	c->offset = text.offset + text.scale * c->offset;
	c->scale = text.scale;
	return 0;
}

static int take_description(const struct json_doc *doc, struct recording_layout *layout, struct recount *recount,
			    struct err *err)
{
	struct description d = {.rate_hz = NAN};
	int rc = json_read_object(doc, json_root(doc), description_fields, &d, err);
	if (rc)
		return rc;
	if (json_kind(d.channels) != JSON_ARRAY || (!recount && json_size(d.channels) != layout->columns))
		return json_error(doc, d.channels, err,
				  "must list the %u channels of the recording beside it: it describes another file",
				  layout->columns);
	if (d.filled[0] && strcmp(d.filled, "0") != 0)
		return json_error(doc, json_get(json_root(doc), "samples_filled_in_gaps"), err,
				  "%s samples of the recording were lost and filled in: export the run as csv, npy or "
				  "hdf5, which "
				  "keep its gaps",
				  d.filled);
	for (size_t i = 0; !rc && i < json_size(d.channels); i++)
		rc = take_channel(doc, json_at(d.channels, i), (unsigned)i, layout, recount, err);
	/* A header has whole numbers of rows a second. */
	if (!rc && layout->rate_hz > 0 && d.rate_hz > 0 && fabs(layout->rate_hz - d.rate_hz) > 0.51 + 1e-4 * d.rate_hz)
		return json_error(
			doc, json_root(doc), err,
			"says %.9g rows a second, and the recording beside it %.9g: it describes another file, or "
			"that was changed",
			d.rate_hz, layout->rate_hz);
	layout->rate_hz = rc ? layout->rate_hz : d.rate_hz;
	return rc;
}

int beside_read(const char *path, struct recording_layout *layout, struct recount *recount, struct err *err)
{
	char beside[FILE_PATH_MAX + 8];
	struct json_doc *doc;
	struct err unread;
	snprintf(beside, sizeof(beside), "%s.json", path);
	if (access(beside, F_OK) != 0 || json_read(beside, &doc, &unread) != 0)
		return 0;
	int rc = is_of_an_export(doc) ? take_description(doc, layout, recount, err) : 0;
	json_doc_free(doc);
	return rc;
}
