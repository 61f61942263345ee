/* CSV (RFC 4180, with a header line "name [unit]"), and what formats of one file per table share. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rig/base/json.h"
#include "rig/offline/export_file.h"

int export_file_begin(const char *stem, const struct record *record, void **ret, struct err *err)
{
	(void)record;
	struct export_file *file = calloc(1, sizeof(*file));
	if (!file)
		return err_set(err, -ENOMEM, "out of memory");
	snprintf(file->stem, sizeof(file->stem), "%s", stem);
	*ret = file;
	return 0;
}

int export_file_failed(struct export_file *file, struct err *err)
{
	file->bad = true;
	return export_failed(file->path, errno, err);
}

int export_failed(const char *path, int code, struct err *err)
{
	code = code ? -code : -EIO;
	return err_set(err, code, "%.400s cannot be written: %s; make room or write elsewhere with --output", path,
		       strerror(-code));
}

void export_under_way(const char *path, char ret[EXPORT_PATH_MAX])
{
	snprintf(ret, EXPORT_PATH_MAX, "%s.%ld.tmp", path, (long)getpid());
}

int export_file_open(struct export_file *file, const struct export_table *table, const char *extension, struct err *err)
{
	char under_way[EXPORT_PATH_MAX];

	snprintf(file->path, sizeof(file->path), "%s.%s%s", file->stem, table->name, extension);
	file->table = *table;
	file->rows = file->bytes = file->filled = 0;
	file->bad = false;
	export_under_way(file->path, under_way);
	errno = 0;
	file->out = fopen(under_way, "we");
	return file->out ? 0 : export_file_failed(file, err);
}

int export_file_close(void *ctx, struct err *err)
{
	struct export_file *file = ctx;
	FILE *out = file->out;
	char under_way[EXPORT_PATH_MAX];

	file->out = NULL;
	export_under_way(file->path, under_way);
	errno = 0;
	bool bad = ferror(out) != 0 || file->bad;
	if (fclose(out) == 0 && !bad && rename(under_way, file->path) == 0)
		return 0;
	int rc = export_file_failed(file, err);
	unlink(under_way);
	return rc;
}

int export_file_end(void *ctx, struct err *err)
{
	struct export_file *file = ctx;
	(void)err;
	file->bad = true; /* what is open now never came to its end */
	if (file->out)
		export_file_close(file, NULL);
	free(file);
	return 0;
}

bool export_file_has_samples(const struct export_table *table)
{
	return table->rate_hz > 0;
}

static struct json_out *description(const struct export_file *file)
{
	struct json_out *root = json_out_object();
	json_out_string(root, "kind", EXPORT_KIND);
	json_out_number(root, "rate_hz", file->table.rate_hz, 17);
	json_out_string(root, "formula", "physical = offset + scale * count");
	json_out_u64(root, "samples_filled_in_gaps", file->filled);
	struct json_out *channels = json_out_add_array(root, "channels");
	for (unsigned i = 0; i < file->table.columns; i++) {
		const struct channel *c = file->table.column[i].channel;
		if (!c)
			continue;
		struct json_out *entry = json_out_add_object(channels, NULL);
		json_out_string(entry, "name", c->name);
		json_out_string(entry, "unit", c->unit);
		json_out_int(entry, "bits", c->bits);
		json_out_number(entry, "scale", c->scale, 17);
		json_out_number(entry, "offset", c->offset, 17);
	}
	return root;
}

int export_file_describe(struct export_file *file, const char *extension, struct err *err)
{
	char *text, name[16];
	if (!export_file_has_samples(&file->table))
		return 0;
	struct json_out *root = description(file);
	int rc = json_out_print(root, true, &text, err);
	json_out_free(root);
	if (rc)
		return rc;
	struct export_table table = file->table;
	snprintf(name, sizeof(name), "%s.json", extension);
	rc = export_file_open(file, &table, name, err);
	if (!rc && fputs(text, file->out) < 0)
		rc = export_file_failed(file, err);
	free(text);
	if (!file->out)
		return rc;
	int closed = export_file_close(file, rc ? NULL : err);
	return rc ? rc : closed;
}

static int csv_open(void *ctx, const struct export_table *table, struct err *err)
{
	struct export_file *file = ctx;
	int rc = export_file_open(file, table, ".csv", err);
	for (unsigned i = 0; !rc && i < table->columns; i++)
		fprintf(file->out, "%s%s [%s]", i ? "," : "", table->column[i].name, table->column[i].unit);
	if (!rc && fputs("\r\n", file->out) < 0)
		rc = export_file_failed(file, err);
	return rc;
}

static int csv_row(void *ctx, const struct export_value *values, struct err *err)
{
	struct export_file *file = ctx;
	for (unsigned i = 0; i < file->table.columns; i++) {
		const struct export_column *c = &file->table.column[i];
		if (i)
			putc(',', file->out);
		if (c->whole)
			fprintf(file->out, "%" PRIu64, values[i].whole);
		else if (!isnan(values[i].real))
			fprintf(file->out, "%.*g", c->digits, values[i].real);
	}
	return fputs("\r\n", file->out) < 0 ? export_file_failed(file, err) : 0;
}

static int csv_close(void *ctx, struct err *err)
{
	int rc = export_file_close(ctx, err);
	return rc ? rc : export_file_describe(ctx, ".csv", err);
}

const struct export_format export_csv = {
	.id = "csv",
	.begin = export_file_begin,
	.open = csv_open,
	.row = csv_row,
	.close = csv_close,
	.end = export_file_end,
};
