/* Walks a run file and hands its tables to a format. The formats: export_text.c (csv), export_binary.c (npy, wav),
 * export_hdf5.c. */
#include "rig/offline/export.h"

#include <stdio.h>
#include <string.h>

const struct export_format *const export_table_of_formats[] = {&export_csv, &export_npy, &export_hdf5, &export_wav,
							       NULL};

struct walk {
	const struct export_format *format;
	void *file;
	struct export_table table;
	unsigned row;
	struct err *err;
};

static void add(struct export_table *table, const char *name, const char *unit, bool whole, int digits)
{
	struct export_column *c = &table->column[table->columns++];
	*c = (struct export_column){.whole = whole, .digits = digits};
	snprintf(c->name, sizeof(c->name), "%s", name);
	snprintf(c->unit, sizeof(c->unit), "%s", unit);
}

static int on_block(void *ctx, const struct sample_block *block)
{
	struct walk *w = ctx;
	struct export_value values[EXPORT_COLUMNS_MAX];
	int rc = 0;
	for (uint32_t f = 0; !rc && f < block->frames; f++) {
		const int32_t *frame = &block->counts[(size_t)f * block->channels];
		values[0].whole = block->first_index + f;
		values[1].real = (double)values[0].whole / w->table.rate_hz;
		for (unsigned i = 2; i < w->table.columns; i++) {
			const struct channel *c = w->table.column[i].channel;
			values[i].count = c->position < block->channels ? frame[c->position] : 0;
			values[i].real = c->offset + c->scale * values[i].count;
		}
		rc = w->format->row(w->file, values, w->err);
	}
	return rc;
}

static int on_stroke(void *ctx, const struct stroke *s)
{
	struct walk *w = ctx;
	const struct export_value values[] = {
		{.whole = w->row},     {.whole = s->number},  {.whole = (uint64_t)s->phase}, {.real = s->instant},
		{.real = s->height_n}, {.real = s->depth_mm}, {.real = s->protrusion_mm},    {.real = s->misfit_n},
	};
	return w->format->row(w->file, values, w->err);
}

static int on_telemetry(void *ctx, const struct pen_telemetry *t)
{
	struct walk *w = ctx;
	const struct export_value values[] = {
		{.whole = t->host_ns},  {.real = t->rate_hz},   {.real = t->motor_c},    {.real = t->handle_c},
		{.real = t->battery_v}, {.real = t->current_a}, {.whole = t->condition}, {.whole = t->running},
	};
	return w->format->row(w->file, values, w->err);
}

static bool stream_table(const struct record_device *device, unsigned stream, struct export_table *ret)
{
	*ret = (struct export_table){.columns = 0};
	snprintf(ret->name, sizeof(ret->name), "stream%u", stream);
	add(ret, "index", "1", true, 0);
	add(ret, "time_s", "s", false, 12);
	for (unsigned i = 0; i < device->channels; i++) {
		const struct channel *c = &device->channel[i];
		if (c->stream != stream)
			continue;
		add(ret, c->name, c->unit, false, 10);
		ret->column[ret->columns - 1].channel = c;
		ret->rate_hz = c->rate_hz;
	}
	return ret->columns > 2;
}

static int export_streams(struct walk *w, struct runfile_reader *reader, const struct record *record)
{
	int rc = 0;
	for (unsigned d = 0; d < record->devices; d++) {
		for (unsigned s = 0; !rc && s < STREAMS_MAX; s++) {
			if (!stream_table(&record->device[d], s, &w->table))
				continue;
			rc = w->format->open(w->file, &w->table, w->err);
			if (!rc)
				rc = runfile_each_block(reader, d, s, on_block, w, w->err);
			if (!rc)
				rc = w->format->close(w->file, w->err);
		}
	}
	return rc;
}

static int export_strokes(struct walk *w, struct runfile_reader *reader, const struct record *record)
{
	w->table = (struct export_table){.name = "strokes"};
	add(&w->table, "point_row", "1", true, 0);
	add(&w->table, "number", "1", true, 0);
	add(&w->table, "phase", "1", true, 0);
	add(&w->table, "instant", "samples", false, 17);
	add(&w->table, "height_n", "N", false, 17);
	add(&w->table, "depth_mm", "mm", false, 17);
	add(&w->table, "protrusion_mm", "mm", false, 17);
	add(&w->table, "misfit_n", "N", false, 17);
	int rc = w->format->open(w->file, &w->table, w->err);
	for (w->row = 0; !rc && w->row < record->points; w->row++)
		rc = runfile_each_stroke(reader, w->row, on_stroke, w, w->err);
	return rc ? rc : w->format->close(w->file, w->err);
}

static int export_telemetry(struct walk *w, struct runfile_reader *reader)
{
	w->table = (struct export_table){.name = "telemetry"};
	add(&w->table, "host_ns", "ns", true, 0);
	add(&w->table, "rate_hz", "Hz", false, 17);
	add(&w->table, "motor_c", "degC", false, 17);
	add(&w->table, "handle_c", "degC", false, 17);
	add(&w->table, "battery_v", "V", false, 17);
	add(&w->table, "current_a", "A", false, 17);
	add(&w->table, "condition", "1", true, 0);
	add(&w->table, "running", "1", true, 0);
	int rc = w->format->open(w->file, &w->table, w->err);
	if (!rc)
		rc = runfile_each_telemetry(reader, on_telemetry, w, w->err);
	return rc ? rc : w->format->close(w->file, w->err);
}

int export_run(struct runfile_reader *reader, const struct record *record, const struct export_format *format,
	       const char *stem, struct err *err)
{
	struct walk w = {.format = format, .err = err};
	int rc = format->begin(stem, record, &w.file, err);
	if (rc)
		return rc;
	rc = export_streams(&w, reader, record);
	if (!rc)
		rc = export_strokes(&w, reader, record);
	if (!rc)
		rc = export_telemetry(&w, reader);
	int ended = format->end(w.file, rc ? NULL : err);
	return rc ? rc : ended;
}
