/* Bytes of a LabJack, whatever they are: no crash, no read beyond, frames within their bounds, and the same frames whether the
 * bytes come whole or in pieces; what its memory says is a curve or none; and a stream never goes back. */
#include <math.h>
#include <string.h>

#include "drivers/labjack/wire.h"
#include "rig/base/crc32c.h"
#include "tests/fuzz/standalone.h"

static const struct lj_curve curve[2] = {{33523, 3.158e-4, 3.158e-4, 671088.64},
					 {33523, 3.158e-4, 3.158e-4, 671088.64}};

/* One who takes what comes: of answers, or of packets with so many samples. */
struct taker {
	struct lj_frames frames;
	struct lj_stream stream;
	uint32_t digest;
	bool ended;
};

static void take(struct taker *t)
{
	int32_t counts[LJ_SAMPLES_MAX];
	struct sample_block block;
	struct lj_answer answer;
	struct err why;

	t->digest = crc32c(t->digest, t->frames.bytes, t->frames.len);
	if (!t->frames.samples) {
		if (lj_read_answer(&t->frames, &answer))
			FUZZ_CHECK(answer.words <= 127 && (answer.words == 0 || answer.data));
		return;
	}
	uint64_t before = t->stream.next_index;
	t->ended = lj_stream_take(&t->stream, &t->frames, &block, counts, &why) == LJ_BROKEN;
	if (t->ended)
		return;
	FUZZ_CHECK(block.first_index >= before && block.frames * block.channels == t->frames.samples);
	FUZZ_CHECK((block.first_index != before) == ((block.flags & SAMPLE_GAP) != 0));
	for (unsigned i = 0; i < t->frames.samples; i++)
		FUZZ_CHECK(counts[i] > -8388608 && counts[i] < 8388608);
}

static uint32_t feed(const uint8_t *data, size_t size, size_t step, unsigned samples)
{
	struct taker t = {.frames = {.samples = samples},
			  .stream = {.channels = 2, .samples_per_packet = samples, .curve = curve}};

	for (size_t at = 0; at < size && !t.ended;) {
		size_t used = 0, piece = size - at < step ? size - at : step;
		enum lj_fed fed = lj_feed(&t.frames, data + at, piece, &used);
		FUZZ_CHECK(used > 0 && used <= piece && t.frames.len <= LJ_FRAME_MAX);
		if (fed == LJ_NONSENSE)
			break;
		if (fed == LJ_FRAME)
			take(&t);
		at += used;
	}
	return t.digest;
}

/* Packets of which the bytes are the samples, and now and then something else. */
static void feed_packets(const uint8_t *data, size_t size)
{
	static uint8_t bytes[64 * 32];
	size_t len = 0;

	for (size_t i = 0; i + 9 <= size && len + 24 <= sizeof(bytes); i += 9) {
		uint8_t packet[24] = {0, (uint8_t)(i / 9), 0, 0, 0, 18, 1, 76, 16};
		if (data[i] < 16)
			packet[data[i]] ^= 1;
		memcpy(packet + 16, data + i + 1, 8);
		memcpy(bytes + len, packet, sizeof(packet));
		len += sizeof(packet);
	}
	FUZZ_CHECK(feed(bytes, len, len ? len : 1, 4) == feed(bytes, len, 5, 4));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t step = size ? 1 + data[0] % 67 : 1;
	uint8_t words[4 * LJ_CAL_WORDS] = {0};
	struct daq_input input = {.range_v = 1};
	struct lj_curve read;

	FUZZ_CHECK(feed(data, size, size ? size : 1, 0) == feed(data, size, step, 0));
	FUZZ_CHECK(feed(data, size, size ? size : 1, 4) == feed(data, size, step, 4));
	feed_packets(data, size);
	memcpy(words, data, size < sizeof(words) ? size : sizeof(words));
	if (lj_curve_read(lj_model_find(7), &input, words, &read))
		FUZZ_CHECK(isfinite(read.centre) && read.above > 0 && read.below > 0);
	return 0;
}

#ifndef PENRIG_LIBFUZZER
/* Each with seeded damage: an answer, an exception, a T7's constants, packets of four samples. */
static void with_damage(const uint8_t *bytes, size_t len)
{
	static uint64_t state = 1;
	uint8_t copy[256];

	fuzz_run(bytes, len);
	for (int i = 0; i < 200; i++) {
		memcpy(copy, bytes, len);
		for (uint64_t n = fuzz_random(&state) % 4; n > 0; n--)
			copy[fuzz_random(&state) % len] = (uint8_t)fuzz_random(&state);
		fuzz_run(copy, 1 + fuzz_random(&state) % len);
	}
}

int main(int argc, char **argv)
{
	static const uint8_t answers[] = {0, 9, 0, 0,    0, 7, 1,  3, 4, 0, 0x11, 0x22, 0x33, 0,    10,   0, 0,
					  0, 3, 1, 0x90, 4, 0, 11, 0, 0, 0, 6,    1,    16,   0x0F, 0xA2, 0, 2};
	static const uint8_t words[] = {0x39, 0xA5, 0x92, 0xD2, 0xB9, 0xA5, 0x92, 0xD2,
					0x47, 0x02, 0xF3, 0x00, 0xC1, 0x29, 0x64, 0x2D};
	uint8_t packets[5 * 24];

	for (unsigned i = 0; i < sizeof(packets); i++) {
		static const uint8_t head[16] = {0, 0, 0, 0, 0, 18, 1, 76, 16};
		packets[i] = i % 24 < 16 ? head[i % 24] : (uint8_t)(i * 37);
	}
	for (unsigned i = 0; i < 5; i++)
		packets[24 * i + 1] = (uint8_t)i;
	for (int i = 1; i < argc; i++)
		fuzz_file(argv[i]);
	if (argc == 1) {
		with_damage(answers, sizeof(answers));
		with_damage(words, sizeof(words));
		with_damage(packets, sizeof(packets));
	}
	return 0;
}
#endif
