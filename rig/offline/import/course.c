/* The course of a recording: its rows as blocks, cut at gaps and where a point opens, changes its phase and closes. Arrival
 * times are those of a perfect clock at the recording's rate. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "rig/judge/judge.h"
#include "rig/offline/import/importing.h"

#define STEPS        ((double)(1 << 30)) /* a number becomes a count: the calibrated range in so many steps */
#define BAR_SPAN_MM  200.0               /* the same, where nothing states a range */
#define LONGEST_S    1e7
#define STILL_S      0.3                 /* as long as a live run waits after a stop, at least */
#define DEGREE_STEPS ((double)(1 << 20)) /* of temperatures, from -2048 to 2048 degC */

uint64_t importing_host_ns(const struct importing *im, uint64_t index)
{
	return IMPORT_BASE_NS + (uint64_t)llround((double)index / im->rate_hz * 1e9);
}

/* ---- channels ---- */

static unsigned bits_of(const struct recording_column *column)
{
	return !column->integer ? 32 : column->bits > 16 ? column->bits : 16;
}

static void describe_force(struct importing *im)
{
	const struct bench_sensor *sensor = &im->config->bench->sensor;
	const struct recording_column *column = &im->layout.column[im->columns.force];
	double span_n = sensor->force_range_hi_n - sensor->force_range_lo_n;
	im->channel[0] = (struct channel){
		.name = "force",
		.unit = "N",
		.quantity = QUANTITY_FORCE,
		.bits = (uint8_t)bits_of(column),
		.rate_hz = im->rate_hz,
		.scale = column->integer ? im->columns.scale_n : span_n / STEPS,
		.offset = column->integer ? im->columns.offset_n : 0,
		.range_lo = sensor->force_range_lo_n,
		.range_hi = sensor->force_range_hi_n,
	};
}

static void describe_beside(struct importing *im, unsigned i)
{
	const struct beside_column *from = &im->beside.at[i];
	const struct recording_column *column = &im->layout.column[from->column];
	bool bar = from->quantity == QUANTITY_DISPLACEMENT;
	struct channel *to = &im->channel[1 + i];
	*to = (struct channel){
		.quantity = from->quantity,
		.stream = bar ? STREAM_FORCE : STREAM_SLOW,
		.position = (uint8_t)(bar ? 1 : i - im->beside.displacement),
		.bits = (uint8_t)bits_of(column),
		.rate_hz = bar ? im->rate_hz : im->rate_hz / (double)im->slow_rows,
		.scale = column->integer ? from->scale
			 : bar           ? BAR_SPAN_MM / STEPS
					 : 1 / DEGREE_STEPS,
		.offset = column->integer ? from->offset : 0,
	};
	memcpy(to->name, from->name, sizeof(to->name));
	memcpy(to->unit, bar ? "mm" : "degC", bar ? sizeof("mm") : sizeof("degC"));
}

/* What a channel's numbers are, before they are counts. */
struct meaning {
	double scale, offset; /* physical = offset + scale * value */
	bool integer;         /* they are counts as they stand */
};

static struct meaning meaning_of(const struct importing *im, unsigned channel)
{
	const struct beside_column *beside = channel ? &im->beside.at[channel - 1] : NULL;
	int column = beside ? beside->column : im->columns.force;

	return (struct meaning){.scale = beside ? beside->scale : im->columns.scale_n,
				.offset = beside ? beside->offset : im->columns.offset_n,
				.integer = im->layout.column[column].integer};
}

/* Numbers become the nearest counts. */
static void counts_of_numbers(const struct meaning *m, const struct channel *to, const double *value, unsigned n,
			      int32_t *ret)
{
	for (unsigned i = 0; i < n; i++) {
		double count = (m->offset + m->scale * value[i] - to->offset) / to->scale;
		count = count > INT32_MAX ? INT32_MAX : count < -INT32_MAX ? -INT32_MAX : count;
		ret[i] = (int32_t)(count + (count < 0 ? -0.5 : 0.5));
	}
}

/* Of n rows from `line` on; integers are counts as they are. */
static int counts_of(const struct importing *im, unsigned channel, const double *value, unsigned n, uint64_t line,
		     int32_t *ret)
{
	const struct meaning m = meaning_of(im, channel);

	if (!m.integer) {
		counts_of_numbers(&m, &im->channel[channel], value, n, ret);
		return 0;
	}
	for (unsigned i = 0; i < n; i++) {
		if (!(value[i] >= INT32_MIN && value[i] <= INT32_MAX) || value[i] != (int32_t)value[i])
			return err_set(im->err, -EINVAL, "%.300s:%llu: %g is no integer of 32 bits", im->config->path,
				       (unsigned long long)line + i, value[i]);
		ret[i] = (int32_t)value[i];
	}
	return 0;
}

/* ---- blocks ---- */

static void on_stroke(void *ctx, const struct stroke *stroke)
{
	struct importing *im = ctx;
	runfile_stroke(im->rf, im->at, stroke);
}

static void send(struct importing *im, const struct sample_block *block)
{
	runfile_block(im->rf, 0, im->channel, im->channels, block);
	estimator_block(&im->estimator, block);
}

static void send_block(struct importing *im)
{
	if (!im->held)
		return;
	const struct sample_block block = {
		.stream = STREAM_FORCE,
		.channels = (uint8_t)im->paired,
		.flags = im->gap ? SAMPLE_GAP : 0,
		.frames = im->held,
		.first_index = im->next_index,
		.host_ns = importing_host_ns(im, im->next_index + im->held),
		.counts = im->counts,
	};
	send(im, &block);
	im->next_index += im->held;
	im->held = 0;
	im->gap = false;
}

static void note_gap(struct importing *im, uint64_t rows, uint64_t line)
{
	struct record_gaps *g = &im->record->origin.gaps;

	if (g->count++ == 0)
		g->first_line = line;
	g->rows += rows;
	g->longest = rows > g->longest ? rows : g->longest;
}

static int skip_to(struct importing *im, uint64_t index, uint64_t line)
{
	uint64_t expected = im->next_index + im->held;

	if ((double)index / im->rate_hz > LONGEST_S)
		return err_set(
			im->err, -EINVAL,
			"%.300s:%llu: by its number or time this row lies %.3g s behind the first: no recording is "
			"as long",
			im->config->path, (unsigned long long)line, (double)index / im->rate_hz);
	send_block(im);
	note_gap(im, index - expected, line);
	im->next_index = index;
	im->gap = index > 0;
	return 0;
}

/* The first row of its time that has them all; a time without one is a gap of that stream. */
static int take_slow(struct importing *im, const struct stream_piece *piece, unsigned i)
{
	int32_t counts[STREAM_BESIDE];
	unsigned n = 0;
	for (unsigned k = im->beside.displacement; k < im->beside.count; k++) {
		if (isnan(piece->beside[k][i]))
			return 0;
		int rc = counts_of(im, 1 + k, &piece->beside[k][i], 1, piece->line + i, &counts[n++]);
		if (rc)
			return rc;
	}
	uint64_t frame = (piece->index + i) / im->slow_rows;
	const struct sample_block block = {
		.stream = STREAM_SLOW,
		.channels = (uint8_t)n,
		.flags = frame > im->slow_frame ? SAMPLE_GAP : 0,
		.frames = 1,
		.first_index = frame,
		.host_ns = importing_host_ns(im, piece->index + i + 1),
		.counts = counts,
	};
	send_block(im);
	send(im, &block);
	im->slow_frame = frame + 1;
	return 0;
}

/* Row up to which a block may go on: its own end, what begins or ends next, the next frame of temperatures. */
static uint64_t block_until(const struct importing *im, uint64_t at)
{
	uint64_t until = im->next_index + IMPORT_BLOCK, slow = im->slow_frame * im->slow_rows;

	until = im->due < until ? im->due : until;
	if (im->channels == im->paired)
		return until;
	slow = slow > at ? slow : at + 1; /* it is due, and has no value yet: the next row may have one */
	return slow < until ? slow : until;
}

/* Samples from piece's i on that follow those in the block; how many. */
static unsigned add_to_block(struct importing *im, int32_t counts[2][STREAM_PIECE], unsigned i, unsigned end)
{
	uint64_t at = im->next_index + im->held, room = block_until(im, at) - at;
	unsigned n = end - i < room ? end - i : (unsigned)room;

	for (unsigned k = 0; k < n; k++)
		for (unsigned c = 0; c < im->paired; c++)
			im->counts[(im->held + k) * im->paired + c] = counts[c][i + k];
	im->held += n;
	if (im->held == IMPORT_BLOCK)
		send_block(im);
	return n;
}

/* ---- points ---- */

static const struct point_times *times_of(const struct importing *im, unsigned point)
{
	return &(im->config->times ? im->config->times : im->found)[point];
}

static uint64_t row_at(const struct importing *im, double at_s)
{
	return (uint64_t)llround(at_s * im->rate_hz);
}

/* The row at which the next phase begins, or the point ends: where the next one begins. */
static uint64_t next_due(const struct importing *im)
{
	const struct point_times *t = im->at < im->config->point_count ? times_of(im, im->at) : NULL;
	if (!t)
		return UINT64_MAX;
	switch (im->phase) {
	case POINT_TARE: return row_at(im, t->tare_from_s);
	case POINT_SPIN_UP: return row_at(im, t->tare_until_s);
	case POINT_MEASURE: return row_at(im, t->measure_from_s);
	case POINT_COAST: return row_at(im, t->measure_to_s);
	default: break;
	}
	return im->at + 1 < im->config->point_count ? row_at(im, times_of(im, im->at + 1)->tare_from_s) : UINT64_MAX;
}

static int open_point(struct importing *im, uint64_t now_ns)
{
	struct record_point *point = record_add_point(im->record);
	if (!point)
		return err_set(im->err, -ENOMEM, "out of memory");
	point->plan = im->config->points[im->at];
	point->attempt = 1;
	point->start_wall_ns = im->wall_ns;
	int rc = estimator_begin(&im->estimator, point, now_ns, on_stroke, im);
	if (rc)
		return err_set(im->err, rc, "point %u cannot be measured: %s", im->at + 1,
			       rc == -ENODEV ? "a free run needs a displacement (--displacement)" : strerror(-rc));
	runfile_point_begin(im->rf, im->at, point);
	return 0;
}

/* The recording shows that the pen came to rest after the stop that is stated; found times end with the strokes. */
static void hold_stop(struct importing *im, const struct record_point *point)
{
	double most_s = im->config->bench->pen.coast_down_max_s;
	double seen_s = (double)im->next_index / im->rate_hz - times_of(im, im->at)->measure_to_s;

	if (!im->config->times || plan_point_is_free(&point->plan))
		return;
	for (unsigned i = 0; i < point->results; i++) {
		const struct result *r = &point->result[i].result;

		if (r->id == MEASURAND_COAST_DOWN && r->valid && r->value <= most_s && r->value + STILL_S <= seen_s)
			return;
	}
	importing_unchecked(
		im,
		"whether the pen stopped: the recording does not show that it came to rest within %g s of the "
		"end of point %u's window",
		most_s, im->at + 1);
}

static void close_point(struct importing *im)
{
	struct record_point *point = &im->record->point[im->at];
	estimator_end(&im->estimator, point, importing_host_ns(im, im->next_index), true);
	hold_stop(im, point);
	judge_supersede(im->record, im->at);
	runfile_point_end(im->rf, im->at, point);
	im->at++;
	im->phase = POINT_TARE;
}

/* A tare or a window whose end lies in a gap would end where the gap begins, and be whole. */
static void note_cut(struct importing *im)
{
	bool ends = im->phase == POINT_SPIN_UP || im->phase == POINT_COAST;
	struct record_point *point = &im->record->point[im->at];

	if (ends && im->due > im->next_index + im->held)
		snprintf(point->fault, sizeof(point->fault), "rows are missing at the end of the %s",
			 im->phase == POINT_COAST ? "measure window" : "tare");
}

static int enter_phase(struct importing *im)
{
	uint64_t now_ns = importing_host_ns(im, im->due);
	int rc = im->phase == POINT_TARE ? open_point(im, now_ns) : 0;
	if (rc)
		return rc;
	/* Between the tare and the start somebody may have touched the pen: that is no tare. */
	if (im->phase == POINT_SPIN_UP)
		now_ns = IMPORT_BASE_NS + (uint64_t)llround(times_of(im, im->at)->start_s * 1e9);
	note_cut(im);
	estimator_phase(&im->estimator, &im->record->point[im->at], (enum point_phase)im->phase++, now_ns);
	return 0;
}

/* All that begins or ends at or before this row: what lies in a gap, begins with it. */
static int follow(struct importing *im, uint64_t index)
{
	int rc = 0;
	while (!rc && index >= im->due) {
		send_block(im);
		if (im->phase == POINT_REST)
			close_point(im);
		else
			rc = enter_phase(im);
		im->due = next_due(im);
	}
	return rc;
}

static int too_short(const struct importing *im)
{
	return err_set(im->err, -EINVAL,
		       "%.300s has %.3f s at %.9g rows a second; the window ends at %.3f s (point %u): check --rate, "
		       "--format, and --measure-to or --points",
		       im->config->path, (double)(im->next_index + im->held) / im->rate_hz, im->rate_hz,
		       times_of(im, im->at)->measure_to_s, im->at + 1);
}

/* ---- the course ---- */

void course_begin(struct importing *im)
{
	im->slow_rows = (uint64_t)ceil(im->rate_hz / IMPORT_SLOW_HZ);
	im->paired = im->beside.displacement ? 2 : 1;
	im->channels = 1 + im->beside.count;
	describe_force(im);
	for (unsigned i = 0; i < im->beside.count; i++)
		describe_beside(im, i);
	im->due = next_due(im);
}

int course_take(struct importing *im, const struct stream_piece *piece)
{
	int32_t counts[2][STREAM_PIECE];
	bool slow = im->channels > im->paired;
	int rc = counts_of(im, 0, piece->value, piece->n, piece->line, counts[0]);

	if (!rc && im->paired > 1)
		rc = counts_of(im, 1, piece->beside[0], piece->n, piece->line, counts[1]);
	if (!rc)
		rc = follow(im, piece->index);
	if (!rc && piece->index != im->next_index + im->held)
		rc = skip_to(im, piece->index, piece->line);
	for (unsigned i = 0; !rc && i < piece->n;) {
		uint64_t at = piece->index + i;
		rc = follow(im, at);
		if (!rc && slow && at / im->slow_rows >= im->slow_frame)
			rc = take_slow(im, piece, i);
		if (!rc)
			i += add_to_block(im, counts, i, piece->n);
	}
	return rc;
}

int course_end(struct importing *im, uint64_t end)
{
	int rc = 0;
	if (end > im->next_index + im->held) { /* no value up to the end */
		rc = follow(im, end);
		send_block(im);
		note_gap(im, end - im->next_index, 0);
	}
	if (!rc)
		rc = follow(im, end);
	send_block(im);
	if (rc)
		return rc;
	if (im->at < im->config->point_count && im->phase < POINT_REST)
		return too_short(im);
	if (im->phase == POINT_REST)
		close_point(im);
	return im->at < im->config->point_count ? too_short(im) : 0;
}
