/* From a reader's rows to the force on its grid. Without times a row is a step; with them the timeline says where it is. */
#include "rig/offline/import/stream.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "rig/offline/import/timeline.h"

#define ROOM_VALUES 65536                /* of one reading, all columns together */
#define COARSE_ROWS (TIMELINE_AHEAD / 4) /* of one stamp: with more of them a place is not seen */
#define UNIT_MATCH  0.02                 /* by which a step may differ from --rate's for its unit to be recognised */

struct stream {
	const struct recording_reader *reader;
	const char *path;
	const struct source_file *source;
	struct recording *recording;
	unsigned columns, force, beside;
	int column[STREAM_BESIDE];
	bool paired;
	int time; /* -1: rows are steps */
	struct recording_rows rows;
	uint32_t at;
	bool ended;
	uint64_t next_index;
	struct timeline timeline;
	/* of the rows that wait in the timeline, in a ring beside it */
	double value[TIMELINE_AHEAD];
	uint64_t line[TIMELINE_AHEAD];
	double others[TIMELINE_AHEAD][STREAM_BESIDE];
	unsigned value_at, value_held;
	/* the row behind a gap, which began no piece yet */
	bool apart;
	double apart_value, apart_others[STREAM_BESIDE];
	uint64_t apart_index, apart_line;
};

/* ---- rows ---- */

static int open_columns(struct stream *s, const struct stream_config *c, uint64_t wanted, struct err *err)
{
	struct recording_wish wish = c->wish;
	struct recording_layout *layout = malloc(sizeof(*layout));

	wish.wanted = wanted;
	s->reader = c->reader;
	s->path = c->path;
	s->source = c->source;
	s->columns = c->layout->columns;
	s->rows.room = ROOM_VALUES / s->columns;
	s->rows.value = calloc(ROOM_VALUES, sizeof(*s->rows.value));
	int rc = layout && s->rows.value ? 0 : err_set(err, -ENOMEM, "out of memory");
	if (rc == 0)
		rc = c->reader->open(c->path, &wish, &s->recording, layout, err);
	if (rc == 0 && layout->columns != s->columns)
		rc = err_set(err, -EINVAL, "%.300s was written to while it was read", c->path);
	free(layout);
	return rc;
}

/* 1: rows are there; 0: the end. */
static int more_rows(struct stream *s, struct err *err)
{
	if (s->at < s->rows.rows)
		return 1;
	s->at = 0;
	s->rows.rows = 0;
	int rc = s->ended ? 0 : s->reader->next(s->recording, &s->rows, err);
	s->ended = rc == 0;
	if (rc > 0 && source_unchanged(s->path, s->source, err) < 0)
		return -EINVAL;
	return rc;
}

static double cell(const struct stream *s, int column)
{
	return s->rows.value[(size_t)s->at * s->columns + (size_t)column];
}

void stream_close(struct stream *s)
{
	if (!s)
		return;
	if (s->recording)
		s->reader->close(s->recording);
	free(s->rows.value);
	free(s);
}

uint64_t stream_rows(const struct stream *s)
{
	return s->next_index;
}

static uint64_t bit(int column)
{
	return (uint64_t)1 << column;
}

/* ---- what the times say ---- */

static int no_step(const char *path, const struct columns *c, struct err *err)
{
	return err_set(err, -EINVAL,
		       "%.300s: column %d shows no steps of time (at least 3 rows that rise): name another by "
		       "--time-column, or "
		       "say --time-column none and --rate",
		       path, c->time + 1);
}

static int too_coarse(const char *path, const struct columns *c, double rows, struct err *err)
{
	return err_set(
		err, -EINVAL,
		"%.300s: the times in column %d are the same for some %.0f rows, too many to tell when a row was "
		"taken (at most %d): say --time-column none and --rate",
		path, c->time + 1, rows, COARSE_ROWS);
}

static int find_unit(const char *path, const struct columns *c, double step, double rate_hz, double *ret,
		     struct err *err)
{
	static const double units[] = {1, 1e-3, 1e-6, 1e-9};

	if (!(rate_hz > 0))
		return err_set(err, -EINVAL,
			       "%.200s: column %d rises by %.6g a row, and the file does not say in which unit: say "
			       "--time-unit s, "
			       "ms or us where it is a time, or --time-column none, and --rate",
			       path, c->time + 1, step);
	for (unsigned i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (fabs(step * units[i] * rate_hz - 1) < UNIT_MATCH) {
			*ret = units[i];
			return 0;
		}
	return err_set(
		err, -EINVAL,
		"%.200s: column %d rises by %.6g a row, which fits --rate %g in no unit of time: one of them is wrong; "
		"--time-column none where the column is no time",
		path, c->time + 1, step, rate_hz);
}

static int learn_step(struct stream *s, const struct stream_config *c, double rate_hz, struct err *err)
{
	double *head = calloc(TIMELINE_HEAD, sizeof(*head)), coarse = 0, unit_s = c->columns->time_unit_s;
	unsigned n = 0;
	int rc = head ? 1 : err_set(err, -ENOMEM, "out of memory");

	while (n < TIMELINE_HEAD && rc > 0 && (rc = more_rows(s, err)) > 0) {
		double value = cell(s, s->time);
		if (!isnan(value))
			head[n++] = value;
		s->at++;
	}
	double fine = unit_s > 0 ? c->columns->time_resolution_s / unit_s : c->columns->time_resolution_s;
	double step = rc >= 0 ? timeline_step(head, n, fine, &coarse) : NAN;
	free(head);
	if (rc < 0)
		return rc;
	if (isnan(step))
		return no_step(c->path, c->columns, err);
	if (coarse > COARSE_ROWS * step)
		return too_coarse(c->path, c->columns, coarse / step, err);
	rc = isnan(unit_s) ? find_unit(c->path, c->columns, step, rate_hz, &unit_s, err) : 0;
	if (rc == 0)
		timeline_init(&s->timeline, unit_s, fine * unit_s, step * unit_s, coarse * unit_s, true);
	return rc;
}

static int place(struct stream *s, bool last, uint64_t *ret_index, uint64_t *ret_missing, struct err *err)
{
	int rc = timeline_next(&s->timeline, last, ret_index, ret_missing, err);

	if (rc < 0) {
		const struct err at_line = *err;
		(void)err_set(err, rc, "%.200s%.390s", s->path, at_line.text);
	}
	return rc;
}

static int learn_all(struct stream *s, struct err *err)
{
	uint64_t index, missing;
	int rc;

	while ((rc = more_rows(s, err)) > 0) {
		const struct timeline_row row = {.value = cell(s, s->time), .line = s->rows.first_line + s->at++};
		if (timeline_quick(&s->timeline, row.value, &index))
			continue;
		timeline_push(&s->timeline, &row);
		while ((rc = place(s, false, &index, &missing, err)) > 0)
			;
		if (rc < 0)
			return rc;
	}
	while (rc == 0 && (rc = place(s, true, &index, &missing, err)) > 0)
		rc = 0;
	return rc;
}

static void tell(const struct stream *s, struct stream_times *ret)
{
	ret->rate_hz = timeline_rate_hz(&s->timeline, &ret->rel);
	ret->unit_s = s->timeline.unit_s;
	ret->coarse_s = s->timeline.coarse_s;
	ret->jitter_s = timeline_jitter_s(&s->timeline);
	ret->jitter_max_s = s->timeline.jitter_max_s;
}

static struct stream *new_stream(struct err *err)
{
	struct stream *s = calloc(1, sizeof(*s));

	if (!s)
		(void)err_set(err, -ENOMEM, "out of memory");
	return s;
}

int stream_learn(const struct stream_config *c, double rate_hz, struct stream_times *ret, struct err *err)
{
	struct stream *s = new_stream(err);
	int rc = s ? 0 : -ENOMEM;

	for (unsigned pass = 0; pass < 2 && rc == 0; pass++) { /* the step from the beginning, then all of it */
		s->time = c->columns->time;
		rc = open_columns(s, c, bit(s->time), err);
		if (rc == 0)
			rc = pass == 0 ? learn_step(s, c, rate_hz, err) : learn_all(s, err);
		if (pass == 0 && rc == 0) {
			struct stream *again = new_stream(err);
			rc = again ? 0 : -ENOMEM;
			if (again)
				again->timeline = s->timeline;
			stream_close(s);
			s = again;
		}
	}
	if (rc == 0)
		tell(s, ret);
	stream_close(s);
	return rc;
}

/* ---- the force ---- */

static uint64_t wanted_columns(const struct stream *s)
{
	uint64_t wanted = bit((int)s->force) | (s->time >= 0 ? bit(s->time) : 0);

	for (unsigned i = 0; i < s->beside; i++)
		wanted |= bit(s->column[i]);
	return wanted;
}

int stream_open(const struct stream_config *c, double rate_hz, const struct stream_times *times, struct stream **ret,
		struct err *err)
{
	struct stream *s = new_stream(err);
	int rc = s ? 0 : -ENOMEM;

	if (!s)
		return rc;
	s->force = (unsigned)c->columns->force;
	s->time = c->columns->time;
	s->beside = c->beside;
	s->paired = c->paired;
	memcpy(s->column, c->column, sizeof(s->column));
	rc = open_columns(s, c, wanted_columns(s), err);
	if (rc == 0 && s->time >= 0)
		timeline_init(&s->timeline, times ? times->unit_s : 0, c->columns->time_resolution_s, 1 / rate_hz,
			      times ? times->coarse_s : 0, false);
	if (rc < 0)
		stream_close(s);
	else
		*ret = s;
	return rc;
}

/* False: it does not follow what the piece has. */
static bool put(const struct stream *s, struct stream_piece *piece, double value, const double *others, uint64_t index,
		uint64_t line)
{
	if (piece->n == 0) {
		piece->index = index;
		piece->line = line;
	} else if (index != piece->index + piece->n) {
		return false;
	}
	for (unsigned i = 0; i < s->beside; i++)
		piece->beside[i][piece->n] = others[i];
	piece->value[piece->n++] = value;
	return true;
}

/* Has this row a sample, and of paired columns both? */
static bool is_sample(const struct stream *s, const double *row)
{
	return !isnan(row[s->force]) && !(s->paired && isnan(row[s->column[0]]));
}

/* The rows at hand, up to the first without a value. */
static void take_plain(struct stream *s, struct stream_piece *piece)
{
	const double *row = s->rows.value + (size_t)s->at * s->columns;
	uint32_t left = s->rows.rows - s->at, n = 0;

	piece->index = s->next_index;
	piece->line = s->rows.first_line + s->at;
	for (; n < left && n < STREAM_PIECE && is_sample(s, row); n++, row += s->columns) {
		piece->value[n] = row[s->force];
		for (unsigned i = 0; i < s->beside; i++)
			piece->beside[i][n] = row[s->column[i]];
	}
	piece->n = n;
	if (n == 0) /* a gap's row */
		n = 1;
	s->at += n;
	s->next_index += n;
}

static void wait_for_place(struct stream *s)
{
	const struct timeline_row row = {.value = cell(s, s->time), .line = s->rows.first_line + s->at};
	unsigned to = (s->value_at + s->value_held++) % TIMELINE_AHEAD;

	bool sample = is_sample(s, s->rows.value + (size_t)s->at * s->columns);
	s->value[to] = sample ? cell(s, (int)s->force) : NAN;
	for (unsigned i = 0; i < s->beside; i++)
		s->others[to][i] = cell(s, s->column[i]);
	s->line[to] = row.line;
	s->at++;
	timeline_push(&s->timeline, &row);
}

/* Places a row and puts it into the piece; one that does not follow waits for the next. */
static int take_placed(struct stream *s, struct stream_piece *piece, bool last, struct err *err)
{
	uint64_t index, missing;
	int rc = place(s, last, &index, &missing, err);

	if (rc <= 0)
		return rc;
	double value = s->value[s->value_at];
	const double *others = s->others[s->value_at];
	uint64_t line = s->line[s->value_at];
	s->value_at = (s->value_at + 1) % TIMELINE_AHEAD;
	s->value_held--;
	s->next_index = index + 1;
	if (!isnan(value) && !put(s, piece, value, others, index, line)) {
		s->apart = true;
		s->apart_value = value;
		memcpy(s->apart_others, others, sizeof(s->apart_others));
		s->apart_index = index;
		s->apart_line = line;
	}
	return 1;
}

/* A row that lies where the grid has it, and has a value. */
static bool take_quick(struct stream *s, struct stream_piece *piece)
{
	double value = cell(s, (int)s->force), others[STREAM_BESIDE];
	uint64_t index;

	if (!is_sample(s, s->rows.value + (size_t)s->at * s->columns) ||
	    (piece->n > 0 && piece->index + piece->n != s->next_index) ||
	    !timeline_quick(&s->timeline, cell(s, s->time), &index))
		return false;
	for (unsigned i = 0; i < s->beside; i++)
		others[i] = cell(s, s->column[i]);
	(void)put(s, piece, value, others, index, s->rows.first_line + s->at);
	s->at++;
	s->next_index = index + 1;
	return true;
}

static int next_timed(struct stream *s, struct stream_piece *piece, struct err *err)
{
	int rc = 1;

	if (s->apart)
		(void)put(s, piece, s->apart_value, s->apart_others, s->apart_index, s->apart_line);
	s->apart = false;
	while (piece->n < STREAM_PIECE && !s->apart && rc > 0 && (rc = more_rows(s, err)) > 0) {
		if (s->value_held == 0 && take_quick(s, piece))
			continue;
		wait_for_place(s);
		while (piece->n < STREAM_PIECE && !s->apart && (rc = take_placed(s, piece, false, err)) > 0)
			;
		rc = rc < 0 ? -EINVAL : 1;
	}
	while (piece->n < STREAM_PIECE && !s->apart && rc == 0 && s->value_held > 0)
		rc = take_placed(s, piece, true, err) < 0 ? -EINVAL : 0;
	return rc < 0 ? rc : piece->n > 0;
}

int stream_next(struct stream *s, struct stream_piece *piece, struct err *err)
{
	int rc = 1;

	piece->n = 0;
	if (s->time >= 0)
		return next_timed(s, piece, err);
	while (piece->n == 0 && (rc = more_rows(s, err)) > 0)
		take_plain(s, piece);
	return rc < 0 ? rc : piece->n > 0;
}
