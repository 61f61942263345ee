/* Every bit of every frame under a checksum, turned over by itself: what is not the frame that was sent is no frame. */
#include "drivers/load-stream/wire.h"
#include "fake_link.h"

#define FRAMES_MAX 96
#define SAMPLES    24 /* of a DATA frame of a recorded session; a line of 2 channels of 24 bits */

struct frame {
	uint8_t wire[2 * LS_ENCODED_MAX];
	size_t len;
	uint8_t type;
	uint16_t sequence;
	uint8_t body[LS_PACKET_MAX];
	size_t body_len;
};

static struct frame frames[FRAMES_MAX];
static unsigned count;

static void keep(const uint8_t *wire, size_t len)
{
	static struct ls_decoder decoder;
	struct ls_packet packet;
	size_t used;
	struct frame *f = &frames[count];

	assert_true(count < FRAMES_MAX && len <= sizeof(f->wire));
	decoder = (struct ls_decoder){.partial_len = 0};
	assert_true(ls_decode(&decoder, wire, len, &used, &packet));
	memcpy(f->wire, wire, len);
	f->len = len;
	f->type = packet.type;
	f->sequence = packet.sequence;
	f->body_len = packet.body_len;
	memcpy(f->body, packet.body, packet.body_len);
	count++;
}

/* Those of the protocol's own vectors. */
static void keep_vectors(void)
{
	static struct vectors v;
	uint8_t wire[2048];

	vectors_open(&v, "load-stream.txt");
	while (vectors_next(&v)) {
		if (strcmp(v.words[0], "frame") == 0)
			keep(wire, from_hex(v.words[3], wire, sizeof(wire)));
	}
}

/* A session's stream: counts that wander, with zeros and runs of one byte among them, which COBS makes something of. */
static void keep_stream(void)
{
	uint32_t random = 2463534242u;

	for (unsigned n = 0; n < 12; n++) {
		uint8_t body[LS_DATA_HEADER_BYTES + SAMPLES * 6] = {0}, wire[2 * LS_ENCODED_MAX];
		for (unsigned i = 0; i < sizeof(body); i++) {
			random ^= random << 13;
			random ^= random >> 17;
			random ^= random << 5;
			body[i] = random % 5 ? (uint8_t)(random >> 8) : 0;
		}
		size_t len = ls_encode(LS_DATA, (uint16_t)n, body, sizeof(body), wire, sizeof(wire));
		assert_true(len > 0);
		keep(wire, len);
	}
}

static int load(void **state)
{
	(void)state;
	keep_vectors();
	keep_stream();
	return count > 40 ? 0 : -1;
}

static bool is(const struct frame *f, const struct ls_packet *p)
{
	return p->type == f->type && p->sequence == f->sequence && p->body_len == f->body_len &&
	       memcmp(p->body, f->body, f->body_len) == 0;
}

/* One frame with a bit turned over, between two that are as they were sent. How many other packets came of it. */
static unsigned others(const struct frame *before, const struct frame *struck, const struct frame *behind, size_t bit)
{
	static struct ls_decoder decoder;
	static uint8_t bytes[3 * 2 * LS_ENCODED_MAX];
	size_t len = 0, used;
	struct ls_packet packet;
	unsigned other = 0;

	decoder = (struct ls_decoder){.partial_len = 0};
	memcpy(bytes, before->wire, before->len);
	memcpy(bytes + before->len, struck->wire, struck->len);
	memcpy(bytes + before->len + struck->len, behind->wire, behind->len);
	bytes[before->len + bit / 8] ^= (uint8_t)(1u << bit % 8);
	len = before->len + struck->len + behind->len;
	for (size_t at = 0; at < len && ls_decode(&decoder, bytes + at, len - at, &used, &packet); at += used)
		other += !is(before, &packet) && !is(struck, &packet) && !is(behind, &packet);
	return other;
}

static void test_no_bit_makes_another_value(void **state)
{
	unsigned long bits = 0, accepted = 0;

	(void)state;
	for (unsigned i = 0; i < count; i++) {
		const struct frame *before = &frames[(i + count - 1) % count], *behind = &frames[(i + 1) % count];
		for (size_t bit = 0; bit < frames[i].len * 8; bit++, bits++)
			accepted += others(before, &frames[i], behind, bit);
	}
	print_message("%lu bits of %u frames turned over, %lu accepted as another value\n", bits, count, accepted);
	assert_int_equal(accepted, 0);
	assert_true(bits > 20000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_no_bit_makes_another_value)};

	return cmocka_run_group_tests(tests, load, NULL);
}
