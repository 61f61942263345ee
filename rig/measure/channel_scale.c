/* A channel's description as measure/ takes it. */
#include "rig/measure/channel_scale.h"

struct channel_scale channel_scale_of(const struct channel *channel)
{
	int32_t end = (int32_t)((1u << (channel->bits - 1)) - 1);

	return (struct channel_scale){.position = channel->position,
				      .scale = channel->scale,
				      .offset = channel->offset,
				      .count_lo = -end,
				      .count_hi = end,
				      .noise = channel->noise_rms};
}
