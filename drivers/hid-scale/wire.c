/* See wire.h. A weight is 03, its state, its unit, a power of ten, and 16 bits of magnitude, least significant byte first. */
#include "drivers/hid-scale/wire.h"

#include <math.h>

#define DATA_REPORT    3
#define PAGE_WEIGHING  0x8D
#define ITEM_PAGE      0x04 /* global, tag 0, without its size */
#define ITEM_LONG      0xFE
#define EXPONENT_BOUND 12

bool hid_scale_describes(const uint8_t *descriptor, size_t len)
{
	for (size_t at = 0; at < len;) {
		uint8_t item = descriptor[at];
		size_t size = (item & 3) == 3 ? 4 : item & 3;

		if (item == ITEM_LONG)
			size = at + 1 < len ? 2u + descriptor[at + 1] : 2;
		else if ((item & 0xFC) == ITEM_PAGE && size > 0 && at + size < len &&
			 descriptor[at + 1] == PAGE_WEIGHING && (size == 1 || descriptor[at + 2] == 0))
			return true;
		at += 1 + size;
	}
	return false;
}

/* 0: a unit of more than one meaning (taels and tons differ by country). */
static const double grams_of[] = {
	[1] = 1e-3, [2] = 1,   [3] = 1e3,         [4] = 0.2,           [6] = 0.06479891, [7] = 1.55517384,
	[8] = 1e6,  [9] = 0.0, [10] = 31.1034768, [11] = 28.349523125, [12] = 453.59237,
};

/* By the number of the state. */
static const struct {
	enum hid_scale_state state;
	int sign;
	const char *why;
} states[] = {
	[1] = {SCALE_REFUSES, 0, "it reports a fault: take everything off it, and its power away for a moment"},
	[2] = {SCALE_STABLE, 1, NULL}, /* at its zero */
	[3] = {SCALE_MOVES, 1, NULL},
	[4] = {SCALE_STABLE, 1, NULL},
	[5] = {SCALE_STABLE, -1, NULL}, /* under its zero, with a magnitude that has no sign */
	[6] = {SCALE_BEYOND, 0, NULL},
	[7] = {SCALE_REFUSES, 0, "it must be calibrated first, by its maker's book"},
	[8] = {SCALE_REFUSES, 0, "its zero must be set first: take everything off it, and press its key for zero"},
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

const char *hid_scale_read(const uint8_t *data, size_t len, struct hid_scale_said *ret)
{
	if (len < HID_SCALE_REPORT_LEN || data[0] != DATA_REPORT)
		return "it is no report of a weight";
	unsigned state = data[1], unit = data[2];
	int exponent = (int8_t)data[3];
	if (state == 0 || state >= COUNT(states))
		return "its state is none that is known";
	*ret = (struct hid_scale_said){.state = states[state].state, .why = states[state].why};
	if (ret->state == SCALE_BEYOND || ret->state == SCALE_REFUSES)
		return NULL;
	if (unit >= COUNT(grams_of) || !(grams_of[unit] > 0))
		return "its unit is none that has one meaning: set it to grams, kilograms, ounces or pounds";
	if (exponent < -EXPONENT_BOUND || exponent > EXPONENT_BOUND)
		return "its power of ten is beyond every scale";
	ret->grams = states[state].sign * (data[4] | data[5] << 8) * pow(10, exponent) * grams_of[unit];
	return NULL;
}
