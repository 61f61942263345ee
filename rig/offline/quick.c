/* Blocks are cut at the windows' ends: the light pass sees the samples of a window and no others. */
#include "rig/offline/quick.h"

#include <errno.h>
#include <math.h>
#include <string.h>

struct quick {
	const struct record *record;
	const struct replay_inputs *inputs;
	const struct channel *force;
	unsigned row; /* the next point or the one under way */
	struct light *light;
	void (*fn)(void *ctx, const struct quick_point *point);
	void *ctx;
	int rc; /* of begin_point() */
	struct err err;
};

/* Where the window ends: at the stop, or where the point was closed before one. */
static bool window_of(const struct record_point *point, uint64_t *ret_first, uint64_t *ret_end)
{
	uint64_t end = point->phase_index[POINT_COAST];

	*ret_first = point->phase_index[POINT_MEASURE];
	*ret_end = end != UINT64_MAX ? end : point->end_index;
	return !point->session && *ret_first != UINT64_MAX && *ret_end > *ret_first &&
	       !plan_point_is_free(&point->plan);
}

static int begin_point(struct quick *q, const struct record_point *point)
{
	const struct light_config config = {.fs_hz = q->force->rate_hz,
					    .rate_set_hz = point->plan.rate_hz,
					    .position = q->force->position,
					    .scale = q->force->scale,
					    .offset = q->force->offset,
					    .bits = q->force->bits,
					    .noise_n = q->force->noise_rms};
	int rc = light_new(&config, &q->light);

	q->rc = rc;
	return rc ? err_set(&q->err, rc, "point %u cannot be looked at: %s", point->plan.number + 1,
			    rc == -ENOMEM ? "out of memory" : "too few or too many samples per stroke")
		  : 0;
}

static double depth_of(const struct quick *q, const struct record_point *point, double force_n)
{
	struct curve *curve = NULL;
	double depth_mm = NAN, slope;
	int phantom = point->plan.phantom;

	if (isnan(force_n) || phantom < 0 || phantom >= (int)q->inputs->bench->phantoms)
		return NAN;
	if (curve_new(&q->inputs->bench->phantom[phantom].curves, point->plan.rate_hz, &curve) == 0 &&
	    curve_depth(curve, force_n, &depth_mm, &slope) != 0)
		depth_mm = NAN;
	curve_free(curve);
	return depth_mm;
}

static void end_point(struct quick *q)
{
	struct quick_point result = {.point = &q->record->point[q->row]};

	light_finish(q->light, &result.light);
	light_free(q->light);
	q->light = NULL;
	result.depth_mm = depth_of(q, result.point, result.light.height_n);
	q->fn(q->ctx, &result);
	q->row++;
}

static int feed_part(struct quick *q, const struct sample_block *block, uint64_t first, uint64_t end)
{
	uint64_t from = first > block->first_index ? first - block->first_index : 0;
	uint64_t to = end < block->first_index + block->frames ? end - block->first_index : block->frames;
	struct sample_block part = *block;
	int rc = q->light ? 0 : begin_point(q, &q->record->point[q->row]);

	if (rc)
		return rc;
	part.first_index += from;
	part.frames = (uint32_t)(to - from);
	part.counts += (size_t)from * block->channels;
	light_feed(q->light, &part);
	return 0;
}

static int on_block(void *ctx, const struct sample_block *block)
{
	struct quick *q = ctx;
	uint64_t first, end, block_end = block->first_index + block->frames;

	while (q->row < q->record->points) {
		if (!window_of(&q->record->point[q->row], &first, &end) || (!q->light && end <= block->first_index)) {
			q->row++;
			continue;
		}
		if (first >= block_end)
			break;
		int rc = end > block->first_index ? feed_part(q, block, first, end) : 0;

		if (rc)
			return rc;
		if (end > block_end)
			break;
		end_point(q);
	}
	return 0;
}

static bool find_force(struct quick *q, unsigned *ret_device)
{
	for (unsigned i = 0; i < q->record->devices; i++) {
		const struct record_device *device = &q->record->device[i];

		for (unsigned k = 0; strcmp(device->role, "load_sensor") == 0 && k < device->channels; k++) {
			if (device->channel[k].quantity != QUANTITY_FORCE)
				continue;
			*ret_device = i;
			q->force = &device->channel[k];
			return true;
		}
	}
	return false;
}

int quick_look(struct runfile_reader *reader, const struct record *record, const struct replay_inputs *inputs,
	       void (*fn)(void *ctx, const struct quick_point *point), void *ctx, struct err *err)
{
	struct quick q = {.record = record, .inputs = inputs, .fn = fn, .ctx = ctx};
	unsigned device;
	int rc;

	if (!find_force(&q, &device))
		return record->points ? err_set(err, -EBADMSG, "the run file names no force channel") : 0;
	rc = runfile_each_block_aside(reader, device, q.force->stream, on_block, &q, err);
	if (q.rc)
		*err = q.err;
	if (rc == 0 && q.light)
		end_point(&q);
	light_free(q.light);
	return rc;
}
