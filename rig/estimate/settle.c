/* When a pen has settled. */
#include "rig/estimate/settle.h"

#include <errno.h>
#include <math.h>

static void on_stroke(void *ctx, const struct light_stroke *stroke)
{
	struct settle *s = ctx;
	double depth_mm = NAN, slope;

	if (!s->curve || !isfinite(stroke->height_n) || curve_depth(s->curve, stroke->height_n, &depth_mm, &slope) != 0)
		depth_mm = NAN;
	travel_add(&s->travel, stroke->instant, depth_mm);
}

int settle_begin(struct settle *s, const struct window *window, const struct light_config *light,
		 const struct curve *curve)
{
	*s = (struct settle){.next = UINT64_MAX, .last = {INFINITY, INFINITY}};
	if (!window || !window->targets)
		return 0;

	int status = light_new(light, &s->light);

	if (status)
		return status == -ENOMEM ? status : 0;
	light_on_stroke(s->light, on_stroke, s);
	s->fs_hz = light->fs_hz;
	s->window = window;
	s->curve = curve;
	return 0;
}

void settle_release(struct settle *s)
{
	light_free(s->light);
	s->light = NULL;
	s->window = NULL;
	s->curve = NULL;
	s->next = UINT64_MAX;
	s->settled = false; /* a free run is not asked, and the point before it has settled */
}

void settle_start(struct settle *s, uint64_t first_index)
{
	if (!s->window)
		return;
	s->start = first_index;
	s->next = first_index + (uint64_t)llround(s->window->min_s * s->fs_hz);
}

void settle_stop(struct settle *s)
{
	s->next = UINT64_MAX;
}

static double found_of(enum measurand id, const struct travelled *found)
{
	return measurand_row(id)->judged_by == JUDGED_BY_RATE ? found->rate_hz : found->depth_mm;
}

bool settle_met(const struct window *window, const struct travelled *found)
{
	for (unsigned i = 0; i < window->targets; i++)
		if (!(found_of(window->target[i].id, found) <= window->target[i].u))
			return false;
	return true;
}

/* The second half of the time since the start: the longer a pen has been on its way, the slower a travel is seen. */
static void look(struct settle *s)
{
	double from = 0.5 * ((double)s->start + (double)s->next), to = (double)s->next;

	travel_find(&s->travel, from, to, s->fs_hz, &s->last);
	s->settled = settle_met(s->window, &s->last);
	s->next = s->settled ? UINT64_MAX : s->next + (uint64_t)llround(SETTLE_EVERY_S * s->fs_hz);
}

void settle_feed(struct settle *s, const struct sample_block *block)
{
	struct sample_block rest = *block;

	if (!s->window || s->next == UINT64_MAX)
		return;
	while (s->next <= rest.first_index + rest.frames) {
		struct sample_block head = rest;

		head.frames = s->next > rest.first_index ? (uint32_t)(s->next - rest.first_index) : 0;
		if (head.frames)
			light_feed(s->light, &head);
		rest.first_index += head.frames;
		rest.frames -= head.frames;
		rest.counts += (size_t)head.frames * rest.channels;
		look(s);
	}
	if (rest.frames && s->next != UINT64_MAX)
		light_feed(s->light, &rest);
}
