/* What LCUS relay boards are told, docs/protocols/relays.md, as pure functions. They say nothing. */
#ifndef PENRIG_DRIVERS_LCUS_RELAY_WIRE_H
#define PENRIG_DRIVERS_LCUS_RELAY_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LCUS_BAUD      9600
#define LCUS_FRAME_LEN 4

/* relay: from 1 to 255. Returns LCUS_FRAME_LEN; 0: no such relay. */
size_t lcus_encode(unsigned relay, bool on, uint8_t ret[LCUS_FRAME_LEN]);

#endif
