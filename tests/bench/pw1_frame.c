/* Frames of PW1-F and their CRC-32, sixteen bytes a step by tables: what portable C can do, no CPU instruction. */
#include "tests/bench/pw1_frame.h"

#include "tests/bench/pw1.h"

#define HEADER 12
#define WAYS   16

static uint32_t table[WAYS][256];

__attribute__((constructor)) static void fill_table(void)
{
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t crc = i;

		for (unsigned bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320u : 0);
		table[0][i] = crc;
	}
	for (uint32_t i = 0; i < 256; i++) {
		for (unsigned way = 1; way < WAYS; way++)
			table[way][i] = table[way - 1][i] >> 8 ^ table[0][table[way - 1][i] & 0xff];
	}
}

static uint32_t word(const uint8_t *p)
{
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static uint32_t four(unsigned way, uint32_t x)
{
	return table[way + 3][x & 0xff] ^ table[way + 2][x >> 8 & 0xff] ^ table[way + 1][x >> 16 & 0xff] ^
	       table[way][x >> 24];
}

uint32_t pw1_crc32(const uint8_t *data, size_t len)
{
	uint32_t crc = 0xFFFFFFFFu;

	for (; len >= WAYS; data += WAYS, len -= WAYS)
		crc = four(12, word(data) ^ crc) ^ four(8, word(data + 4)) ^ four(4, word(data + 8)) ^
		      four(0, word(data + 12));
	for (; len > 0; data++, len--)
		crc = crc >> 8 ^ table[0][(crc ^ *data) & 0xff];
	return ~crc;
}

bool pw1_frame_good(const uint8_t *frame)
{
	return pw1_crc32(frame, PW1_FRAME_BYTES - 4) == word(frame + PW1_FRAME_BYTES - 4);
}

static void put(uint8_t *at, uint64_t value, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		at[i] = (uint8_t)(value >> 8 * i);
}

size_t pw1_framer_add(struct pw1_framer *framer, const int16_t *x, size_t n, const uint8_t **ret_frame)
{
	size_t take = PW1_FRAME_SAMPLES - framer->held;

	take = take < n ? take : n;
	for (size_t i = 0; i < take; i++)
		put(framer->bytes + HEADER + 2 * (framer->held + i), (uint16_t)x[i], 2);
	framer->held += take;
	*ret_frame = NULL;
	if (framer->held < PW1_FRAME_SAMPLES)
		return take;
	put(framer->bytes, PW1_FRAME_MAGIC, 2);
	put(framer->bytes + 2, framer->sequence & 0xffff, 2);
	put(framer->bytes + 4, framer->sequence * PW1_FRAME_SAMPLES * (uint64_t)(1e9 / PW1_FS_HZ), 8);
	put(framer->bytes + PW1_FRAME_BYTES - 4, pw1_crc32(framer->bytes, PW1_FRAME_BYTES - 4), 4);
	framer->sequence++;
	framer->held = 0;
	*ret_frame = framer->bytes;
	return take;
}
