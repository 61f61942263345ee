/* LabJack's frames: the vectors of its documents, the plan of a stream, calibration, and 10 000 losses of which none may go
 * unseen. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "drivers/labjack/wire.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static struct daq_setup setup_of(unsigned inputs, double rate_hz, double range_v)
{
	struct daq_setup setup = {.inputs = inputs, .rate_hz = rate_hz};

	for (unsigned i = 0; i < inputs; i++) {
		setup.input[i] =
			(struct daq_input){.channel = {.column = i, .scale = 1, .name = "x"}, .range_v = range_v};
	}
	return setup;
}

/* ---- frames -------------------------------------------------------------------------------------------------------- */

static void test_requests(void **state)
{
	static const uint8_t test[] = {0x00, 0x03, 0x00, 0x00, 0x00, 0x06, 0x01, 0x03, 0xD7, 0x3C, 0x00, 0x02};
	static const uint8_t rate[] = {0x00, 0x02, 0x00, 0x00, 0x00, 0x0B, 0x01, 0x10, 0x0F,
				       0xA2, 0x00, 0x02, 0x04, 0x46, 0x1C, 0x40, 0x00};
	static const uint8_t enable[] = {0x00, 0x01, 0x00, 0x00, 0x00, 0x0B, 0x01, 0x10, 0x13,
					 0x7E, 0x00, 0x02, 0x04, 0x00, 0x00, 0x00, 0x01};
	static const uint8_t negative[] = {0x01, 0x00, 0x00, 0x00, 0x00, 0x09, 0x01, 0x10,
					   0xA0, 0x2B, 0x00, 0x01, 0x02, 0x00, 0xC7};
	uint8_t buffer[LJ_REQUEST_MAX];

	(void)state;
	assert_int_equal(lj_encode_read(3, LJ_TEST, 2, buffer), sizeof(test));
	assert_memory_equal(buffer, test, sizeof(test));
	assert_int_equal(lj_encode_write(2, &(const struct lj_write){LJ_SCANRATE_HZ, 2, true, 0x461C4000}, buffer),
			 sizeof(rate));
	assert_memory_equal(buffer, rate, sizeof(rate));
	assert_int_equal(lj_encode_write(1, &(const struct lj_write){LJ_STREAM_ENABLE, 2, false, 1}, buffer),
			 sizeof(enable));
	assert_memory_equal(buffer, enable, sizeof(enable));
	assert_int_equal(lj_encode_write(256, &(const struct lj_write){LJ_AIN_NEGATIVE + 3, 1, false, 199}, buffer),
			 sizeof(negative));
	assert_memory_equal(buffer, negative, sizeof(negative));
}

/* The same frames in pieces of every size. */
static void test_pieces(void **state)
{
	static const uint8_t bytes[] = {0, 9, 0, 0,    0, 7, 1,  3, 4, 0x00, 0x11, 0x22, 0x33, 0,    10,   0, 0,
					0, 3, 1, 0x90, 4, 0, 11, 0, 0, 0,    6,    1,    16,   0x0F, 0xA2, 0, 2};
	(void)state;
	for (size_t step = 1; step <= sizeof(bytes); step++) {
		struct lj_frames frames = {.len = 0};
		struct lj_answer answer[3];
		unsigned n = 0;
		for (size_t at = 0; at < sizeof(bytes);) {
			size_t len = sizeof(bytes) - at < step ? sizeof(bytes) - at : step, used = 0;
			enum lj_fed fed = lj_feed(&frames, bytes + at, len, &used);
			assert_true(fed != LJ_NONSENSE && used > 0 && used <= len && n < 4);
			if (fed == LJ_FRAME) {
				assert_true(lj_read_answer(&frames, &answer[n]));
				if (n++ == 0)
					assert_int_equal(lj_word32(answer[0].data), LJ_TEST_VALUE);
			}
			at += used;
		}
		assert_int_equal(n, 3);
		assert_int_equal(answer[0].transaction, 9);
		assert_int_equal(answer[0].words, 2);
		assert_int_equal(answer[1].exception, 4);
		assert_int_equal(answer[1].function, 16);
		assert_int_equal(answer[2].transaction, 11);
		assert_int_equal(answer[2].exception, 0);
	}
}

static void test_nonsense(void **state)
{
	static const uint8_t heads[][6] = {
		{0, 1, 0, 1, 0, 6},  /* another protocol */
		{0, 1, 0, 0, 0, 2},  /* nothing in it */
		{0, 1, 0, 0, 4, 11}, /* longer than any */
		{'H', 'T', 'T', 'P', '/', '1'},
	};
	static const uint8_t answers[][12] = {
		{0, 1, 0, 0, 0, 6, 2, 16, 0, 0, 0, 2},   /* another unit */
		{0, 1, 0, 0, 0, 6, 1, 4, 2, 0, 0, 2},    /* another function */
		{0, 1, 0, 0, 0, 6, 1, 3, 4, 0, 0, 2},    /* its count is not its length */
		{0, 1, 0, 0, 0, 6, 1, 3, 3, 0, 0, 2},    /* half a register */
		{0, 1, 0, 0, 0, 6, 1, 0x83, 2, 0, 0, 2}, /* an exception with more behind it */
	};
	struct lj_answer answer;
	size_t used;

	(void)state;
	for (size_t i = 0; i < COUNT(heads); i++) {
		struct lj_frames frames = {.len = 0};
		assert_int_equal(lj_feed(&frames, heads[i], 6, &used), LJ_NONSENSE);
	}
	for (size_t i = 0; i < COUNT(answers); i++) {
		struct lj_frames frames = {.len = 0};
		assert_int_equal(lj_feed(&frames, answers[i], 12, &used), LJ_FRAME);
		assert_false(lj_read_answer(&frames, &answer));
	}
}

/* ---- the plan ------------------------------------------------------------------------------------------------------ */

static uint32_t planned(const struct lj_write *plan, unsigned count, unsigned address)
{
	for (unsigned i = 0; i < count; i++)
		if (plan[i].address == address)
			return plan[i].bits;
	fail_msg("register %u is not set", address);
	return 0;
}

static void test_plan(void **state)
{
	struct daq_setup setup = setup_of(2, 20000, 10);
	struct lj_write plan[LJ_WRITES_MAX];
	unsigned count, samples;
	struct err err;

	(void)state;
	setup.input[1].channel.column = 5;
	setup.input[1].range_v = 0.1;
	assert_int_equal(lj_plan(lj_model_find(7), &setup, plan, &count, &samples, &err), 0);
	assert_int_equal(samples, 100); /* 50 scans: 2.5 ms */
	assert_int_equal(planned(plan, count, LJ_NUM_ADDRESSES), 2);
	assert_int_equal(planned(plan, count, LJ_SAMPLES_PER_PACKET), 100);
	assert_int_equal(planned(plan, count, LJ_AUTORECOVER_DISABLE), 1);
	assert_int_equal(planned(plan, count, LJ_AUTO_TARGET), 1);
	assert_int_equal(planned(plan, count, LJ_SCANLIST), 0);
	assert_int_equal(planned(plan, count, LJ_SCANLIST + 2), 10);
	assert_int_equal(planned(plan, count, 40010), 0x3DCCCCCD); /* 0.1 */
	assert_int_equal(planned(plan, count, 41005), 199);
	assert_true(lj_real(planned(plan, count, LJ_SCANRATE_HZ)) == 20000.0f);
	setup = setup_of(8, 12500, 10); /* the most that there is */
	assert_int_equal(lj_plan(lj_model_find(7), &setup, plan, &count, &samples, &err), 0);
	assert_int_equal(samples % 8, 0);
	assert_in_range(samples, 8, LJ_SAMPLES_MAX);
	setup = setup_of(1, 10, 10); /* a packet of one scan comes when it is taken */
	assert_int_equal(lj_plan(lj_model_find(7), &setup, plan, &count, &samples, &err), 0);
	assert_int_equal(samples, 1);
	setup = setup_of(3, 100000.0 / 3, 10); /* all that it has, and no whole number of an input */
	assert_int_equal(lj_plan(lj_model_find(7), &setup, plan, &count, &samples, &err), 0);
	setup = setup_of(4, 10000, 10); /* a T4 has no ranges to set */
	assert_int_equal(lj_plan(lj_model_find(4), &setup, plan, &count, &samples, &err), 0);
	for (unsigned i = 0; i < count; i++)
		assert_true(plan[i].address < LJ_AIN_RANGE);
}

static void test_refused_plans(void **state)
{
	const struct {
		unsigned product, inputs, column, resolution;
		double rate_hz, range_v;
		const char *says;
	} rows[] = {
		{7, 8, 0, 0, 12501, 10, "write \"sample_rate_hz\": 12500"},
		{7, 3, 0, 0, 33333.34, 10, "write \"sample_rate_hz\": 33333"},
		{4, 1, 0, 0, 50001, 10, "50000"},
		{7, 1, 14, 0, 1000, 10, "AIN0 to AIN13"},
		{4, 1, 4, 0, 1000, 10, "AIN0 to AIN3"},
		{7, 1, 0, 0, 1000, 5, "+-10, 1, 0.1 and 0.01 V"},
		{4, 1, 0, 0, 1000, 1, "alone"},
		{7, 1, 0, 9, 1000, 10, "0 to 8"},
	};
	struct lj_write plan[LJ_WRITES_MAX];
	unsigned count, samples;
	struct err err;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct daq_setup setup = setup_of(rows[i].inputs, rows[i].rate_hz, rows[i].range_v);
		if (rows[i].column)
			setup.input[0].channel.column = rows[i].column;
		setup.resolution = rows[i].resolution;
		assert_int_equal(lj_plan(lj_model_find(rows[i].product), &setup, plan, &count, &samples, &err),
				 -EINVAL);
		if (!strstr(err.text, rows[i].says))
			fail_msg("row %zu says \"%s\"", i, err.text);
	}
	assert_null(lj_model_find(8));
	assert_null(lj_model_find(0));
}

static void test_read_back(void **state)
{
	const struct lj_write rate = {LJ_SCANRATE_HZ, 2, true, 0x469C4000}; /* 20 000 */
	const struct lj_write range = {LJ_AIN_RANGE, 2, true, 0x41200000};
	double has = 0;

	(void)state;
	assert_true(lj_confirms(&range, 0x41200000, &has));
	assert_false(lj_confirms(&range, 0x3F800000, &has));
	assert_true(has == 0);
	assert_true(lj_confirms(&rate, 0x469C4001, &has)); /* 20 000.002 */
	assert_true(has > 20000 && has < 20001);
	assert_false(lj_confirms(&rate, 0x469C6000, &has)); /* 20 016 */
	assert_false(lj_confirms(&rate, 0x7FC00000, &has)); /* NaN */
}

/* ---- calibration --------------------------------------------------------------------------------------------------- */

static void put_real(uint8_t *p, float value)
{
	uint32_t bits;

	memcpy(&bits, &value, sizeof(bits));
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(bits >> (24 - 8 * i));
}

/* As a T7 has them: gain by gain. */
static void nominal(uint8_t words[4 * LJ_CAL_WORDS])
{
	float scale = 1;

	for (int gain = 0; gain < 4; gain++, scale /= 10) {
		put_real(words + 16 * gain, 3.1580578e-4f * scale);
		put_real(words + 16 * gain + 4, -3.15805800e-4f * scale);
		put_real(words + 16 * gain + 8, 33523.0f);
		put_real(words + 16 * gain + 12, -10.586956522f * scale);
	}
}

static void test_curves(void **state)
{
	const struct lj_model *t7 = lj_model_find(7), *t4 = lj_model_find(4);
	struct daq_setup setup = setup_of(3, 1000, 10);
	uint8_t words[4 * LJ_CAL_WORDS];
	struct lj_curve curve;

	(void)state;
	nominal(words);
	assert_true(lj_curve_read(t7, &setup.input[0], words, &curve));
	assert_true(fabs((65535 - curve.centre) * curve.above - 10.1096) < 1e-3);
	assert_true(fabs((0 - curve.centre) * curve.below + 10.5868) < 1e-3);
	setup.input[0].range_v = 0.1;
	assert_true(lj_curve_read(t7, &setup.input[0], words, &curve));
	assert_true(fabs((65535 - curve.centre) * curve.above - 0.101096) < 1e-5);
	put_real(words + 32, 3.1580578e-4f); /* the constants of another gain */
	assert_false(lj_curve_read(t7, &setup.input[0], words, &curve));
	nominal(words);
	put_real(words + 36, NAN);
	assert_false(lj_curve_read(t7, &setup.input[0], words, &curve));
	memset(words, 0xFF, sizeof(words)); /* erased */
	assert_false(lj_curve_read(t7, &setup.input[0], words, &curve));
	memset(words, 0, sizeof(words));
	assert_false(lj_curve_read(t4, &setup.input[1], words, &curve));
	put_real(words + 8, 0.0003235316f);
	put_real(words + 12, -10.532965f);
	assert_true(lj_curve_read(t4, &setup.input[1], words, &curve));
	assert_true(fabs((65535 - curve.centre) * curve.above - 10.6697) < 1e-3);
	assert_true(fabs((0 - curve.centre) * curve.below + 10.5330) < 1e-3);
	assert_false(lj_curve_read(t4, &setup.input[2], words, &curve)); /* each input has its own */
}

/* ---- the stream ---------------------------------------------------------------------------------------------------- */

#define CHANNELS 2
#define SCANS    5
#define SAMPLES  (CHANNELS * SCANS)
#define PACKET   (16 + 2 * SAMPLES)

static const struct lj_curve plain[CHANNELS] = {{32768, 1e-3, 2e-3, 1000}, {32768, 1e-3, 1e-3, 1000}};

static struct lj_stream stream_of(void)
{
	return (struct lj_stream){.channels = CHANNELS, .samples_per_packet = SAMPLES, .curve = plain};
}

/* Each sample tells which it is, of a packet with this number. */
static unsigned value_of(uint64_t scan)
{
	return (unsigned)(scan % (0x10000u * SCANS) % 10000);
}

static void make_packet(uint8_t p[PACKET], unsigned number, unsigned status)
{
	static const uint8_t head[16] = {0, 0, 0, 0, 0, PACKET - 6, 1, 76, 16};

	memcpy(p, head, sizeof(head));
	p[0] = (uint8_t)(number >> 8);
	p[1] = (uint8_t)number;
	p[12] = (uint8_t)(status >> 8);
	p[13] = (uint8_t)status;
	for (unsigned i = 0; i < SAMPLES; i++) {
		unsigned value = 32768 + value_of((uint64_t)number * SCANS + i / CHANNELS);
		p[16 + 2 * i] = (uint8_t)(value >> 8);
		p[17 + 2 * i] = (uint8_t)value;
	}
}

static enum lj_packet take(struct lj_stream *stream, const uint8_t *p, struct sample_block *block, int32_t *counts)
{
	struct lj_frames frames = {.len = 0};
	struct err why;
	size_t used;

	assert_int_equal(lj_feed(&frames, p, PACKET, &used), LJ_FRAME);
	return lj_stream_take(stream, &frames, block, counts, &why);
}

static void test_scans(void **state)
{
	struct lj_stream stream = stream_of();
	int32_t counts[LJ_SAMPLES_MAX];
	struct sample_block block;
	uint8_t p[PACKET];

	(void)state;
	make_packet(p, 0xFFFF, 0); /* numbers go on behind their end */
	assert_int_equal(take(&stream, p, &block, counts), LJ_SCANS);
	assert_int_equal(block.flags, 0);
	assert_int_equal(block.frames, SCANS);
	assert_int_equal(block.channels, CHANNELS);
	make_packet(p, 0, 0);
	p[16] = p[17] = 0xFF; /* the converter's end */
	p[18] = 0x7F;         /* 32512: below the centre the other slope counts */
	p[19] = 0x00;
	assert_int_equal(take(&stream, p, &block, counts), LJ_SCANS);
	assert_int_equal(block.flags, SAMPLE_SATURATED);
	assert_int_equal(block.first_index, SCANS);
	assert_int_equal(counts[0], 32767);
	assert_int_equal(counts[1], -256);
	assert_int_equal(counts[2], 1);
	make_packet(p, 1, 0);
	p[16] = 0x7F;
	p[17] = 0x00;
	assert_int_equal(take(&stream, p, &block, counts), LJ_SCANS);
	assert_int_equal(counts[0], -512);
	p[0] = 0;
	p[1] = 2;
	p[16] = p[17] = 0;
	assert_int_equal(take(&stream, p, &block, counts), LJ_SCANS);
	assert_int_equal(block.flags, SAMPLE_SATURATED);
	make_packet(p, 5, 0); /* two are missing */
	assert_int_equal(take(&stream, p, &block, counts), LJ_SCANS);
	assert_int_equal(block.flags, SAMPLE_GAP);
	assert_int_equal(block.first_index, 6 * SCANS);
	assert_int_equal(stream.lost, 2 * SCANS);
}

static void test_broken(void **state)
{
	static const unsigned statuses[] = {2940, 2941, 2942, 2943, 2944, 2945, 1, 0xFFFF};
	int32_t counts[LJ_SAMPLES_MAX];
	struct sample_block block;
	uint8_t p[PACKET];

	(void)state;
	for (size_t i = 0; i < COUNT(statuses); i++) {
		struct lj_stream stream = stream_of();
		make_packet(p, 0, 0);
		assert_int_equal(take(&stream, p, &block, counts), LJ_SCANS);
		make_packet(p, 1, statuses[i]);
		assert_int_equal(take(&stream, p, &block, counts), LJ_BROKEN);
	}
	static const struct {
		unsigned at, value;
	} odd[] = {{6, 2}, {7, 75}, {8, 17}, {1, 0}, {0, 0x10}};
	for (size_t i = 0; i < COUNT(odd); i++) {
		struct lj_stream stream = stream_of();
		make_packet(p, 0, 0);
		assert_int_equal(take(&stream, p, &block, counts), LJ_SCANS);
		make_packet(p, 1, 0);
		p[odd[i].at] = (uint8_t)odd[i].value;
		assert_int_equal(take(&stream, p, &block, counts), LJ_BROKEN);
	}
}

/* ---- 10 000 losses ------------------------------------------------------------------------------------------------- */

static uint64_t draws;

static unsigned draw(unsigned below) /* xorshift64* */
{
	draws ^= draws >> 12;
	draws ^= draws << 25;
	draws ^= draws >> 27;
	return (unsigned)((draws * 0x2545F4914F6CDD1DULL) >> 33) % below;
}

#define BEFORE 6
#define AFTER  6

enum loss { DROPPED, DOUBLED, TRUNCATED, INSERTED, STATUS, LOSSES };

/* Packets with one loss among them. Where bytes are missing or too many, any may be. */
static size_t spoilt(enum loss loss, uint8_t *bytes)
{
	unsigned first = draw(0x10000), at = 1 + draw(BEFORE), dropped = loss == DROPPED ? 1 + draw(60000) : 0;
	size_t len = 0;

	for (unsigned i = 0; i < BEFORE + AFTER; i++) {
		unsigned number = first + i + (i >= at ? dropped : 0);
		make_packet(bytes + len, number & 0xFFFF, loss == STATUS && i == at ? 2940 + draw(6) : 0);
		size_t piece = PACKET;
		if (i == at && loss == DOUBLED) {
			make_packet(bytes + len + PACKET, number & 0xFFFF, 0);
			piece = 2 * (size_t)PACKET;
		} else if (i == at && loss == TRUNCATED) {
			unsigned gone = 1 + draw(PACKET - 1), from = draw(PACKET - gone + 1);
			memmove(bytes + len + from, bytes + len + from + gone, PACKET - from - gone);
			piece = PACKET - gone;
		} else if (i == at && loss == INSERTED) {
			unsigned more = 1 + draw(PACKET - 1), from = draw(PACKET + 1);
			memmove(bytes + len + from + more, bytes + len + from, PACKET - from);
			for (unsigned k = 0; k < more; k++)
				bytes[len + from + k] = (uint8_t)draw(256);
			piece = PACKET + more;
		}
		len += piece;
	}
	return len;
}

/* Whether it was seen: before a sample was taken for another (each says which it is), or, where bytes are missing or too many
 * inside a packet, with the next one's head: then the device is lost, and with it what that packet was part of. */
static bool seen(const uint8_t *bytes, size_t len, unsigned first, unsigned wrong_max)
{
	struct lj_stream stream = stream_of();
	struct lj_frames frames = {.samples = SAMPLES};
	int32_t counts[LJ_SAMPLES_MAX];
	struct sample_block block;
	struct err why;
	unsigned wrong = 0;

	for (size_t at = 0; at < len;) {
		size_t piece = 1 + draw(2 * PACKET), used;
		piece = len - at < piece ? len - at : piece;
		enum lj_fed fed = lj_feed(&frames, bytes + at, piece, &used);
		at += used;
		if (fed == LJ_NONSENSE)
			return true;
		if (fed != LJ_FRAME)
			continue;
		if (lj_stream_take(&stream, &frames, &block, counts, &why) == LJ_BROKEN || (block.flags & SAMPLE_GAP))
			return true;
		bool differs = false;
		for (unsigned f = 0; f < block.frames; f++)
			differs |= counts[f * CHANNELS] !=
				   (int32_t)value_of((uint64_t)first * SCANS + block.first_index + f);
		wrong += differs;
		if (wrong > wrong_max)
			return false;
	}
	return false;
}

static void test_losses(void **state)
{
	static uint8_t bytes[(BEFORE + AFTER + 2) * PACKET];
	unsigned unseen = 0;

	(void)state;
	draws = 20260601;
	for (unsigned i = 0; i < 10000; i++) {
		enum loss loss = (enum loss)(i % LOSSES);
		size_t len = spoilt(loss, bytes);
		unsigned first = (unsigned)(bytes[0] << 8 | bytes[1]);
		bool found = seen(bytes, len, first, loss == TRUNCATED || loss == INSERTED);
		if (!found)
			print_message("loss %u of kind %d went unseen\n", i, (int)loss);
		unseen += !found;
	}
	assert_int_equal(unseen, 0);
}

/* And what lacks nothing is told whole. */
static void test_no_loss(void **state)
{
	struct lj_stream stream = stream_of();
	struct lj_frames frames = {.len = 0};
	int32_t counts[LJ_SAMPLES_MAX];
	struct sample_block block;
	uint8_t p[PACKET];
	struct err why;
	size_t used;

	(void)state;
	for (unsigned i = 0; i < 70000; i++) {
		make_packet(p, i & 0xFFFF, 0);
		assert_int_equal(lj_feed(&frames, p, PACKET, &used), LJ_FRAME);
		assert_int_equal(lj_stream_take(&stream, &frames, &block, counts, &why), LJ_SCANS);
		assert_int_equal(block.flags, 0);
		assert_int_equal(block.first_index, (uint64_t)i * SCANS);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_requests), cmocka_unit_test(test_pieces),        cmocka_unit_test(test_nonsense),
		cmocka_unit_test(test_plan),     cmocka_unit_test(test_refused_plans), cmocka_unit_test(test_read_back),
		cmocka_unit_test(test_curves),   cmocka_unit_test(test_scans),         cmocka_unit_test(test_broken),
		cmocka_unit_test(test_losses),   cmocka_unit_test(test_no_loss),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
