/* PW1-F: the samples of PW1 in frames of 512 bytes, little-endian: magic u16, sequence u16, time of the first sample in
 * ns u64, 248 x i16, CRC-32 (IEEE 802.3) of all before it. A last frame that is not full is not sent. */
#ifndef PENRIG_TESTS_BENCH_PW1_FRAME_H
#define PENRIG_TESTS_BENCH_PW1_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PW1_FRAME_BYTES   512
#define PW1_FRAME_SAMPLES 248
#define PW1_FRAME_MAGIC   0x5057 /* "WP" on the wire */

struct pw1_framer { /* zero-initialise */
	uint64_t sequence;
	size_t held;
	uint8_t bytes[PW1_FRAME_BYTES];
};

/* Takes samples up to the end of a frame: returns how many, and the frame once it is full, else NULL. */
size_t pw1_framer_add(struct pw1_framer *framer, const int16_t *x, size_t n, const uint8_t **ret_frame);

uint32_t pw1_crc32(const uint8_t *data, size_t len); /* "123456789" gives 0xCBF43926 */
bool pw1_frame_good(const uint8_t *frame);           /* its CRC fits */

#endif
