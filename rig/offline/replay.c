/* Replay: the blocks of the force stream drive, the slow streams and the telemetry follow to each mark of a point.
 * Leaves out what a difference is (replay_compare.c), what it means for an exit code (cli) and every estimate
 * (estimator.c). */
#include "rig/offline/replay.h"
#include "rig/judge/sweeps.h"
#include "rig/judge/verdict.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rig/base/text_clean.h"
#include "rig/estimate/estimator.h"
#include "rig/judge/judge.h"
#include "rig/offline/earlier.h"
#include "rig/offline/replay_compare.h"

/* ---- what is read ahead ---- */

struct piece { /* what arrived together */
	struct sample_block block;
	int32_t *counts; /* owned */
};

struct ahead { /* a queue of pieces or of telemetry */
	struct runfile_cursor *cursor;
	bool ended;
	size_t first, count, room, size;
	char *at;
};

/* A stream beside the force's, read ahead. */
struct lane {
	unsigned device;
	uint8_t stream;
	struct ahead ahead; /* pieces */
};

/* Tells two sequences of strokes apart; what is in the file is proven by the journal's chain, not by this. */
struct fingerprint {
	uint64_t a, b;
};

struct stroke_sum {
	uint64_t count;
	struct fingerprint fingerprint;
	bool counted; /* the stored point is the attempt that counts */
};

struct replay {
	struct runfile_reader *reader;
	struct record *record;
	struct estimator estimator;
	unsigned device, force_stream;
	unsigned lanes;
	struct lane lane[RECORD_DEVICES_MAX * STREAMS_MAX];
	struct ahead telemetry;
	unsigned row, mark; /* the next thing that was done */
	struct record_point *stored;
	bool derived;               /* there was something to derive */
	struct stroke_sum *strokes; /* of each point */
	struct replay_summary *summary;
	struct differences differences;
	const struct replay_observer *observer; /* NULL: nobody */
	struct err *err;
};

static bool carries_its_channels(const struct replay *r, const struct sample_block *block)
{
	const struct record_device *device = &r->record->device[block->device];
	for (unsigned i = 0; i < device->channels; i++) {
		const struct channel *c = &device->channel[i];
		if (c->stream == block->stream && c->position >= block->channels)
			return false;
	}
	return true;
}

static void *ahead_push(struct ahead *ahead)
{
	if (ahead->first + ahead->count == ahead->room) {
		size_t room = ahead->count * 2 + 64;
		char *moved = malloc(room * ahead->size);
		if (!moved)
			return NULL;
		if (ahead->count)
			memcpy(moved, ahead->at + ahead->first * ahead->size, ahead->count * ahead->size);
		free(ahead->at);
		ahead->at = moved;
		ahead->room = room;
		ahead->first = 0;
	}
	return ahead->at + (ahead->first + ahead->count++) * ahead->size;
}

static void *ahead_head(const struct ahead *ahead)
{
	return ahead->count ? ahead->at + ahead->first * ahead->size : NULL;
}

static void ahead_pop(struct ahead *ahead)
{
	ahead->count--;
	ahead->first = ahead->count ? ahead->first + 1 : 0;
}

static int push_block(void *ctx, const struct sample_block *block)
{
	size_t bytes = (size_t)block->frames * block->channels * sizeof(int32_t);
	int32_t *counts = malloc(bytes ? bytes : 1);
	struct piece *piece = counts ? ahead_push(ctx) : NULL;
	if (!piece) {
		free(counts);
		return -ENOMEM;
	}
	*piece = (struct piece){.block = *block, .counts = memcpy(counts, block->counts, bytes)};
	return 0;
}

static int push_telemetry(void *ctx, const struct pen_telemetry *telemetry)
{
	struct pen_telemetry *row = ahead_push(ctx);
	if (!row)
		return -ENOMEM;
	*row = *telemetry;
	return 0;
}

static int refill(struct replay *r, struct ahead *ahead)
{
	int rc = 0;
	while (ahead->cursor && !ahead->count && !ahead->ended && rc >= 0) {
		rc = ahead == &r->telemetry ? runfile_next_telemetry(ahead->cursor, push_telemetry, ahead, r->err)
					    : runfile_next_blocks(ahead->cursor, push_block, ahead, r->err);
		ahead->ended = rc == 0;
	}
	return rc < 0 ? rc : 0;
}

static uint64_t place_of(const struct replay *r, const struct record_mark *mark, const struct lane *lane)
{
	if (lane->device == r->device)
		return mark->index[lane->stream];
	for (unsigned i = 0; i < mark->others; i++)
		if (mark->other[i].device == lane->device)
			return mark->other[i].index[lane->stream];
	return 0;
}

/* The earliest piece that had arrived at the mark (NULL: there is none to come) and by that time, over all lanes. */
static int next_piece(struct replay *r, const struct record_mark *mark, uint64_t by_ns, struct lane **ret)
{
	uint64_t earliest_ns = UINT64_MAX;
	*ret = NULL;
	for (unsigned i = 0; i < r->lanes; i++) {
		struct lane *lane = &r->lane[i];
		int rc = refill(r, &lane->ahead);
		if (rc)
			return rc;
		const struct piece *piece = ahead_head(&lane->ahead);
		if (!piece || piece->block.host_ns > by_ns || piece->block.host_ns >= earliest_ns ||
		    (mark && piece->block.first_index >= place_of(r, mark, lane)))
			continue;
		earliest_ns = piece->block.host_ns;
		*ret = lane;
	}
	return 0;
}

static int feed_pieces(struct replay *r, const struct record_mark *mark, uint64_t by_ns)
{
	for (;;) {
		struct lane *lane;
		int rc = next_piece(r, mark, by_ns, &lane);
		struct piece *piece = lane ? ahead_head(&lane->ahead) : NULL;
		if (rc || !piece)
			return rc;
		piece->block.device = (uint8_t)lane->device;
		piece->block.counts = piece->counts;
		if (!carries_its_channels(r, &piece->block))
			return err_set(r->err, -EBADMSG,
				       "the run file holds a block without the channels of its stream");
		estimator_block(&r->estimator, &piece->block);
		free(piece->counts);
		ahead_pop(&lane->ahead);
	}
}

static int feed_up_to(struct replay *r, const struct record_mark *mark)
{
	int rc = feed_pieces(r, mark, UINT64_MAX);
	if (rc)
		return rc;
	while (r->estimator.telemetry_rows < mark->telemetry) {
		rc = refill(r, &r->telemetry);
		const struct pen_telemetry *row = ahead_head(&r->telemetry);
		if (rc || !row)
			return rc;
		estimator_telemetry(&r->estimator, row);
		ahead_pop(&r->telemetry);
	}
	return 0;
}

/* ---- points ---- */

static void mix(struct fingerprint *f, uint64_t value)
{
	f->a = (f->a ^ value) * 0x9E3779B97F4A7C15u; /* odd, hence each step can be undone: no two values meet in one */
	f->a ^= f->a >> 32;
	f->b = (f->b + value) * 0xC2B2AE3D27D4EB4Fu;
	f->b ^= f->b >> 29;
}

static void mix_stroke(struct fingerprint *f, const struct stroke *stroke)
{
	const double reals[] = {stroke->instant, stroke->height_n, stroke->depth_mm, stroke->protrusion_mm,
				stroke->misfit_n};
	mix(f, stroke->number);
	mix(f, stroke->phase);
	for (unsigned i = 0; i < sizeof(reals) / sizeof(reals[0]); i++) {
		double real = isnan(reals[i]) ? NAN : reals[i];
		uint64_t bits;
		memcpy(&bits, &real, sizeof(bits));
		mix(f, bits);
	}
}

static void on_stroke(void *ctx, const struct stroke *stroke)
{
	struct replay *r = ctx;
	r->strokes[r->row].count++;
	mix_stroke(&r->strokes[r->row].fingerprint, stroke);
	if (r->observer && r->observer->stroke)
		r->observer->stroke(r->observer->ctx, stroke);
}

static int begin_point(struct replay *r, struct record_point *point)
{
	*r->stored = *point;
	point->measured = point->collected = false;
	point->results = 0;
	point->outcome = OUTCOME_PASS;
	memset(point->result, 0, sizeof(point->result));
	for (unsigned i = 0; i < POINT_PHASES; i++) {
		point->phase_index[i] = UINT64_MAX;
		point->command_index[i] = NAN;
	}
	r->strokes[r->row].fingerprint = (struct fingerprint){0};
	int rc = estimator_begin(&r->estimator, point, r->stored->mark[MARK_OPEN].host_ns, on_stroke, r);
	if (rc)
		return err_set(r->err, rc, "point %u cannot be measured again: %s", point->plan.number + 1,
			       strerror(-rc));
	if (r->observer && r->observer->begin && r->estimator.point)
		r->observer->begin(r->observer->ctx, point, r->estimator.point);
	return 0;
}

static void end_point(struct replay *r, struct record_point *point)
{
	estimator_end(&r->estimator, point, r->stored->mark[MARK_CLOSE].host_ns, r->stored->collected);
	judge_supersede(r->record, r->row);
	r->summary->points++;
	r->summary->strokes += r->strokes[r->row].count;
}

static bool has_ended(const struct record_point *point)
{
	return point->mark[MARK_OPEN].host_ns != UINT64_MAX && point->mark[MARK_CLOSE].host_ns != UINT64_MAX;
}

/* Of this run, and ended. What an earlier one measured is derived from its own file. */
static bool is_closed(const struct record_point *point)
{
	return !point->session && has_ended(point);
}

/* The mark that comes next, of the point at hand or of the first one after it that ended. NULL: none is left. */
static const struct record_mark *next_mark(struct replay *r)
{
	for (; r->row < r->record->points; r->row++, r->mark = MARK_OPEN) {
		const struct record_point *point = r->mark == MARK_OPEN ? &r->record->point[r->row] : r->stored;
		for (; is_closed(point) && r->mark < POINT_MARKS; r->mark++)
			if (point->mark[r->mark].host_ns != UINT64_MAX)
				return &point->mark[r->mark];
	}
	return NULL;
}

/* It began behind the point before, whose rest it is. */
static bool tare_was_before(const struct replay *r)
{
	return r->stored->phase_index[POINT_TARE] < r->stored->mark[MARK_OPEN].index[r->force_stream];
}

static int do_mark(struct replay *r, const struct record_mark *mark)
{
	struct record_point *point = &r->record->point[r->row];
	int rc = feed_up_to(r, mark);
	if (rc)
		return rc;
	if (r->mark == MARK_OPEN)
		rc = begin_point(r, point);
	else if (r->mark == MARK_CLOSE)
		end_point(r, point);
	else if (r->mark == MARK_PHASE(POINT_TARE) && tare_was_before(r))
		estimator_tare_from(&r->estimator, point, r->stored->phase_index[POINT_TARE], mark->host_ns);
	else
		estimator_phase(&r->estimator, point, (enum point_phase)(r->mark - MARK_FIRST_PHASE), mark->host_ns);
	/* Which attempt counts is known after the last one: compare_counts(). */
	r->stored->counts = point->counts;
	if (!rc && r->mark == MARK_CLOSE)
		rc = compare_point(&r->differences, r->stored, point, r->err);
	if (!rc && r->mark == MARK_CLOSE && r->observer && r->observer->end && !plan_point_is_free(&point->plan))
		rc = r->observer->end(r->observer->ctx, point);
	r->mark++;
	return rc;
}

static int on_force(void *ctx, const struct sample_block *block)
{
	struct replay *r = ctx;
	for (const struct record_mark *mark;
	     (mark = next_mark(r)) && mark->index[r->force_stream] <= block->first_index;) {
		int rc = do_mark(r, mark);
		if (rc)
			return rc;
	}
	r->summary->frames += block->frames;
	/* What several devices sent meets in the order in which it arrived; of one, the slow streams follow to each mark. */
	int rc = r->estimator.sources > 1 ? feed_pieces(r, next_mark(r), block->host_ns) : 0;
	if (rc)
		return rc;
	struct sample_block force = *block;
	force.device = (uint8_t)r->device;
	estimator_block(&r->estimator, &force);
	return 0;
}

/* ---- the whole run ---- */

struct stroke_walk {
	struct fingerprint fingerprint;
	uint64_t count;
};

static bool same_fingerprint(const struct fingerprint *x, const struct fingerprint *y)
{
	return x->a == y->a && x->b == y->b;
}

static int on_stored_stroke(void *ctx, const struct stroke *stroke)
{
	struct stroke_walk *walk = ctx;
	walk->count++;
	mix_stroke(&walk->fingerprint, stroke);
	return 0;
}

static int compare_strokes(struct replay *r)
{
	for (unsigned i = 0; i < r->record->points; i++) {
		struct stroke_walk walk = {.count = 0};
		char where[96];
		if (!is_closed(&r->record->point[i]))
			continue;
		int rc = runfile_each_stroke(r->reader, i, on_stored_stroke, &walk, r->err);
		if (rc)
			return rc;
		point_name(&r->record->point[i], where, sizeof(where));
		compare_whole(&r->differences, where, "the number of strokes", walk.count, r->strokes[i].count);
		if (walk.count == r->strokes[i].count &&
		    !same_fingerprint(&walk.fingerprint, &r->strokes[i].fingerprint))
			differs(&r->differences, "%s: its strokes are others than those in the file", where);
	}
	return 0;
}

static void compare_counts(struct replay *r)
{
	for (unsigned i = 0; i < r->record->points; i++) {
		char where[96];
		point_name(&r->record->point[i], where, sizeof(where));
		compare_whole(&r->differences, where, "whether it counts", r->strokes[i].counted,
			      r->record->point[i].counts);
	}
}

static int compare_sweeps(struct replay *r, const struct replay_inputs *inputs)
{
	struct record *record = r->record;
	struct record_sweep *stored = record->sweep;
	unsigned count = record->sweeps;
	int rc = 0;

	record->sweep = NULL;
	record->sweeps = record->sweep_room = 0;
	sweeps_collect(record, inputs->plan, inputs->points, inputs->point_count);
	compare_whole(&r->differences, "the run", "the number of sweeps", count, record->sweeps);
	for (unsigned i = 0; !rc && i < count && i < record->sweeps; i++)
		rc = compare_sweep(&r->differences, i, &stored[i], &record->sweep[i], r->err);
	free(stored);
	return rc;
}

static void compare_clock(struct replay *r, unsigned device)
{
	const struct record_device *stored = &r->record->device[device];
	const struct sample_clock *clock = estimator_clock(&r->estimator, device);
	double rel, u_rel, ppm = NAN, u_ppm = NAN;
	if (clock && sample_clock_rate(clock, &rel, &u_rel) == 0) {
		ppm = rel * 1e6;
		u_ppm = u_rel * 1e6;
	}
	compare_real(&r->differences, "the sample clock", "its deviation in ppm", stored->clock_ppm, ppm);
	compare_real(&r->differences, "the sample clock", "its uncertainty in ppm", stored->clock_u_ppm, u_ppm);
	compare_whole(&r->differences, "the sample clock", "\"applied\"", stored->clock_applied,
		      device == r->device && r->estimator.clock_applied);
}

static void compare_clocks(struct replay *r)
{
	for (unsigned i = 0; i < r->record->devices; i++)
		if (estimator_clock(&r->estimator, i))
			compare_clock(r, i);
}

static void compare_verdict(struct replay *r, const struct plan *plan)
{
	struct record *record = r->record;
	const char *verdict = verdict_name(record);
	bool has_verdict = record->has_verdict;
	char reason[sizeof(record->verdict_reason)], clean[sizeof(reason)];
	snprintf(reason, sizeof(reason), "%s", record->verdict_reason);
	verdict_form(record, plan);
	compare_whole(&r->differences, "the run", "whether there is a verdict", has_verdict, record->has_verdict);
	compare_text(&r->differences, "the run", "the verdict", verdict, verdict_name(record));
	compare_text(&r->differences, "the run", "the verdict's reason", reason,
		     text_clean(record->verdict_reason, clean, sizeof(clean)));
}

static int compare_rest(struct replay *r, const struct replay_inputs *inputs)
{
	bool final = runfile_is_final(r->reader);
	compare_counts(r);
	int rc = compare_strokes(r);
	if (!rc && final)
		rc = compare_sweeps(r, inputs);
	if (!rc && final && r->derived)
		compare_clocks(r);
	if (!rc)
		compare_verdict(r, final ? inputs->plan : NULL);
	return rc;
}

static bool has_stream(const struct record_device *device, unsigned stream)
{
	for (unsigned i = 0; i < device->channels; i++)
		if (device->channel[i].stream == stream)
			return true;
	return false;
}

static int open_lanes(struct replay *r, unsigned device)
{
	int rc = 0;
	for (unsigned i = 0; !rc && i < STREAMS_MAX; i++) {
		bool force = device == r->device && i == r->force_stream;
		if (force || !has_stream(&r->record->device[device], i))
			continue;
		struct lane *lane = &r->lane[r->lanes++];
		*lane = (struct lane){.device = device, .stream = (uint8_t)i, .ahead = {.size = sizeof(struct piece)}};
		rc = runfile_blocks(r->reader, device, i, &lane->ahead.cursor, r->err);
	}
	return rc;
}

static int open_streams(struct replay *r)
{
	int rc = runfile_telemetries(r->reader, &r->telemetry.cursor, r->err);
	r->telemetry.size = sizeof(struct pen_telemetry);
	for (unsigned i = 0; !rc && i < r->record->devices; i++)
		rc = open_lanes(r, i);
	return rc;
}

static void release(struct replay *r)
{
	estimator_release(&r->estimator);
	for (unsigned i = 0; i < r->lanes; i++) {
		struct ahead *ahead = &r->lane[i].ahead;
		for (const struct piece *piece; (piece = ahead_head(ahead)); ahead_pop(ahead))
			free(piece->counts);
		runfile_cursor_free(ahead->cursor);
		free(ahead->at);
	}
	runfile_cursor_free(r->telemetry.cursor);
	free(r->telemetry.at);
	free(r->strokes);
	free(r->stored);
}

static int play(struct replay *r)
{
	int rc = open_streams(r);
	if (!rc)
		rc = runfile_each_block(r->reader, r->device, r->force_stream, on_force, r, r->err);
	for (const struct record_mark *mark; !rc && (mark = next_mark(r));)
		rc = do_mark(r, mark);
	if (!rc && r->estimator.sources > 1) /* other devices went on when the load sensor had fallen silent */
		rc = feed_pieces(r, NULL, UINT64_MAX);
	return rc;
}

static const struct record_device *find_sensor(const struct record *record)
{
	for (unsigned i = 0; i < record->devices; i++)
		if (strcmp(record->device[i].role, "load_sensor") == 0)
			return &record->device[i];
	return NULL;
}

static bool has_sound_channels(const struct record_device *device)
{
	for (unsigned i = 0; i < device->channels; i++) {
		const struct channel *c = &device->channel[i];
		if (c->stream >= STREAMS_MAX || c->position >= CHANNELS_MAX || c->bits < 2 || c->bits > 32 ||
		    !(c->rate_hz > 0) || c->scale == 0)
			return false;
	}
	return true;
}

/* A damaged or forged file must not index past a table. */
static bool is_sound(const struct record *record, const struct replay_inputs *inputs)
{
	for (unsigned i = 0; i < record->devices; i++)
		if (!has_sound_channels(&record->device[i]))
			return false;
	for (unsigned i = 0; i < record->points; i++) {
		const struct plan_point *p = &record->point[i].plan;
		bool known = p->phantom >= 0 && p->phantom < (int)inputs->bench->phantoms;
		if (p->step >= inputs->plan->steps || (!known && !plan_point_is_free(p)))
			return false;
	}
	return true;
}

static int begin(struct replay *r, const struct replay_inputs *inputs)
{
	const struct record_device *sensor = find_sensor(r->record);
	if (!sensor)
		return err_set(r->err, -EBADMSG, "the run file names no load sensor");
	if (!is_sound(r->record, inputs))
		return err_set(
			r->err, -EBADMSG,
			"the run file names a channel, step or phantom that cannot be: it was changed or damaged");
	int rc = estimator_init_devices(&r->estimator, inputs->plan, inputs->bench, r->record, r->err);
	if (rc)
		return rc;
	r->estimator.second_thread = true;
	r->device = (unsigned)(sensor - r->record->device);
	r->force_stream = sensor->channel[r->estimator.force].stream;
	return 0;
}

static int note_stored(struct replay *r)
{
	unsigned points = r->record->points;
	r->strokes = calloc(points + 1, sizeof(*r->strokes));
	r->stored = calloc(1, sizeof(*r->stored));
	if (!r->strokes || !r->stored)
		return err_set(r->err, -ENOMEM, "out of memory");
	for (unsigned i = 0; i < points; i++) {
		struct record_point *point = &r->record->point[i];
		r->strokes[i].counted = point->counts;
		r->summary->open += !point->session && !has_ended(point);
		point->counts = false;
	}
	return 0;
}

/* ---- the run that this one goes on with ---- */

/* Its summary into this one's, so that nothing is told twice and nothing is hidden. */
static void add_summary(struct replay_summary *to, const struct replay_summary *from)
{
	if (from->first[0] && !to->first[0])
		memcpy(to->first, from->first, sizeof(to->first));
	to->open += from->open;
	to->frames += from->frames;
	to->strokes += from->strokes;
	to->points += from->points;
	to->differences += from->differences;
	to->in_results += from->in_results;
	to->changed += from->changed;
	to->beyond += from->beyond;
}

static int derive_earlier(struct replay *r, struct runfile_reader *reader, struct record *before)
{
	struct replay_inputs inputs = {.plan = NULL};
	struct replay_summary summary;
	const struct replay_listener *listener = &r->differences.listener;
	int rc = replay_inputs_read(before, &inputs, r->err);
	if (!rc && listener->inputs)
		rc = listener->inputs(listener->ctx, before, &inputs, r->err);
	if (!rc)
		rc = replay_run(reader, before, &inputs, &r->differences.listener, &summary, r->err);
	if (!rc)
		add_summary(r->summary, &summary);
	replay_inputs_free(&inputs);
	return rc;
}

/* What was taken over must be what the earlier run's samples say; and that is what is judged from here on. */
static int compare_earlier(struct replay *r, const struct record *taken)
{
	int rc = 0;
	for (unsigned i = 0; i < taken->points && !rc; i++) {
		struct record_point *point = &r->record->point[i];
		*r->stored = *point;
		r->stored->counts = taken->point[i].counts; /* a later attempt may have taken its place */
		rc = compare_point(&r->differences, r->stored, &taken->point[i], r->err);
		*point = taken->point[i];
	}
	return rc;
}

static int go_back(struct replay *r)
{
	struct runfile_reader *reader = NULL;
	struct record *before = NULL, *taken = NULL;
	int rc = r->record->sessions ? earlier_open(r->reader, r->record, &reader, &before, r->err) : 0;
	if (rc || !before)
		return rc;
	rc = derive_earlier(r, reader, before);
	if (!rc)
		rc = earlier_taken(r->record, before, &taken, r->err);
	if (!rc)
		rc = compare_earlier(r, taken);
	runfile_reader_free(reader);
	record_free(before);
	record_free(taken);
	return rc;
}

static bool has_own_points(const struct record *record)
{
	return record->points && !record->point[record->points - 1].session;
}

static int run_again(struct replay *replay, const struct replay_inputs *inputs)
{
	struct record *record = replay->record;
	int rc;

	differences_know(&replay->differences, record);
	replay->summary->method = record->method;
	record->method = METHOD_VERSION;
	/* A run that was refused before its sensor told its channels has nothing to derive. */
	const struct record_device *sensor = find_sensor(record);
	replay->derived = has_own_points(record) || (sensor && sensor->channels);
	rc = replay->derived ? begin(replay, inputs) : 0;
	if (!rc)
		rc = note_stored(replay);
	if (!rc)
		rc = go_back(replay);
	if (!rc && replay->derived)
		rc = play(replay);
	if (!rc)
		rc = compare_rest(replay, inputs);
	release(replay);
	return rc;
}

int replay_run(struct runfile_reader *reader, struct record *record, const struct replay_inputs *inputs,
	       const struct replay_listener *listener, struct replay_summary *ret, struct err *err)
{
	struct replay_summary summary = {.points = 0};
	struct replay replay = {.reader = reader,
				.record = record,
				.summary = &summary,
				.differences = {.summary = &summary, .listener = *listener},
				.err = err};
	int rc = run_again(&replay, inputs);

	if (!rc)
		*ret = summary;
	return rc;
}

int replay_observed(struct runfile_reader *reader, struct record *record, const struct replay_inputs *inputs,
		    const struct replay_observer *observer, struct replay_summary *ret, struct err *err)
{
	struct replay_summary summary = {.points = 0};
	struct replay replay = {.reader = reader,
				.record = record,
				.summary = &summary,
				.differences = {.summary = &summary},
				.observer = observer,
				.err = err};
	int rc = run_again(&replay, inputs);

	if (!rc)
		*ret = summary;
	return rc;
}

void replay_judge(struct record *record, const struct plan *plan)
{
	for (unsigned i = 0; i < record->points; i++)
		if (has_ended(&record->point[i]))
			judge_point(plan, &record->point[i], record->point[i].collected);
	for (unsigned i = 0; i < record->sweeps; i++)
		judge_sweep(plan, &record->sweep[i]);
	verdict_form(record, plan);
}
