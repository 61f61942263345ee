/* What scales on USB that are a HID of the usage page "weighing" (HID usage tables, 0x8D) say, as pure functions. */
#ifndef PENRIG_DRIVERS_HID_SCALE_WIRE_H
#define PENRIG_DRIVERS_HID_SCALE_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HID_SCALE_REPORT_LEN 6 /* bytes of a report of a weight, its number first */

enum hid_scale_state { SCALE_STABLE, SCALE_MOVES, SCALE_BEYOND, SCALE_REFUSES };

struct hid_scale_said {
	enum hid_scale_state state;
	double grams;    /* where it is stable or moves */
	const char *why; /* where it refuses: what stands in the way; static */
};

/* Whether a report descriptor is a scale's: it names the usage page. */
bool hid_scale_describes(const uint8_t *descriptor, size_t len);

/* One report. NULL, or why it is no weight; static. */
const char *hid_scale_read(const uint8_t *data, size_t len, struct hid_scale_said *ret);

#endif
