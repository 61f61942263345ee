/* Four bytes: a start, the relay, on or off, and their sum. */
#include "drivers/lcus-relay/wire.h"

#define START 0xA0

size_t lcus_encode(unsigned relay, bool on, uint8_t ret[LCUS_FRAME_LEN])
{
	if (relay < 1 || relay > 255)
		return 0;
	ret[0] = START;
	ret[1] = (uint8_t)relay;
	ret[2] = on;
	ret[3] = (uint8_t)(ret[0] + ret[1] + ret[2]);
	return LCUS_FRAME_LEN;
}
