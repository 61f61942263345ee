/* A ring of frames: the frame of index i stands at i % room. */
#include "rig/estimate/recent.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SPOILED (SAMPLE_SATURATED | SAMPLE_GAP | SAMPLE_OVER_RANGE | SAMPLE_UNPAIRED)

int recent_init(struct recent *r, uint32_t frames, unsigned channels)
{
	*r = (struct recent){.room = frames, .channels = channels};
	r->counts = calloc((size_t)frames * channels, sizeof(*r->counts));
	return r->counts ? 0 : -ENOMEM;
}

void recent_release(struct recent *r)
{
	free(r->counts);
	r->counts = NULL;
	r->held = 0;
}

/* Frames that lie next to each other in the ring, from this one on. */
static uint32_t in_a_row(const struct recent *r, uint64_t index, uint32_t most)
{
	uint32_t n = r->room - (uint32_t)(index % r->room);

	return n < most ? n : most;
}

static int32_t *place(const struct recent *r, uint64_t index)
{
	return r->counts + (size_t)(index % r->room) * r->channels;
}

static void keep(struct recent *r, uint64_t first, const int32_t *counts, uint32_t frames)
{
	while (frames > 0) {
		uint32_t n = in_a_row(r, first, frames);

		memcpy(place(r, first), counts, (size_t)n * r->channels * sizeof(*counts));
		first += n;
		counts += (size_t)n * r->channels;
		frames -= n;
	}
}

void recent_take(struct recent *r, const struct sample_block *block)
{
	uint64_t end = block->first_index + block->frames;
	uint32_t skip = block->frames > r->room ? block->frames - r->room : 0, n = block->frames - skip;

	if (!r->counts || block->frames == 0)
		return;
	if ((block->flags & SPOILED) || block->first_index != r->next_index || block->channels != r->channels)
		r->held = 0;
	r->next_index = end;
	if ((block->flags & (SPOILED & ~(uint32_t)SAMPLE_GAP)) || block->channels != r->channels)
		return;
	keep(r, block->first_index + skip, block->counts + (size_t)skip * r->channels, n);
	r->held = r->held + n < r->room ? r->held + n : r->room;
}

bool recent_holds(const struct recent *r, uint64_t first_index)
{
	return first_index < r->next_index && r->next_index - first_index <= r->held;
}

bool recent_next(const struct recent *r, uint64_t *first_index, struct sample_block *ret)
{
	uint32_t most = SAMPLES_PER_BLOCK_MAX / (r->channels ? r->channels : 1);

	if (!recent_holds(r, *first_index))
		return false;
	uint64_t left = r->next_index - *first_index;
	*ret = (struct sample_block){.channels = (uint8_t)r->channels,
				     .first_index = *first_index,
				     .frames = in_a_row(r, *first_index, left < most ? (uint32_t)left : most),
				     .counts = place(r, *first_index)};
	*first_index += ret->frames;
	return true;
}
