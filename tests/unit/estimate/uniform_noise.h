/* Noise of a sample, from its index alone: counts that no stretch of samples has twice. */
#ifndef PENRIG_TESTS_UNIT_ESTIMATE_UNIFORM_NOISE_H
#define PENRIG_TESTS_UNIT_ESTIMATE_UNIFORM_NOISE_H

#include <stdint.h>

/* -1500 to 1500, each as likely. */
static inline int32_t uniform_noise(uint64_t index)
{
	uint64_t mixed = (index + 1) * 0x9e3779b97f4a7c15u;

	mixed = (mixed ^ (mixed >> 31)) * 0xd6e8feb86659fd93u;
	return (int32_t)((mixed ^ (mixed >> 32)) % 3001u) - 1500;
}

#endif
