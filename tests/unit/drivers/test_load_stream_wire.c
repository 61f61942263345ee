/* The load sensor's frames as a codec: every vector of docs/protocols/vectors/load-stream.txt, cut anywhere, with
 * garbage between. */
#include "drivers/load-stream/wire.h"
#include "fake_link.h"

#define FRAMES_MAX 64

struct vector {
	char name[48];
	uint8_t packet[LS_PACKET_MAX], wire[2048];
	size_t packet_len, wire_len;
};

static struct vector frames[FRAMES_MAX];
static unsigned frames_count;

static struct vector *find(const char *name)
{
	for (unsigned i = 0; i < frames_count; i++)
		if (strcmp(frames[i].name, name) == 0)
			return &frames[i];
	fail_msg("no frame '%s'", name);
	abort();
}

static int load(void **state)
{
	static struct vectors v;

	(void)state;
	vectors_open(&v, "load-stream.txt");
	while (vectors_next(&v)) {
		if (strcmp(v.words[0], "frame") != 0)
			continue;
		assert_true(frames_count < FRAMES_MAX);
		struct vector *f = &frames[frames_count++];
		snprintf(f->name, sizeof(f->name), "%s", v.words[1]);
		f->packet_len = from_hex(v.words[2], f->packet, sizeof(f->packet));
		f->wire_len = from_hex(v.words[3], f->wire, sizeof(f->wire));
	}
	assert_true(frames_count > 30);
	return 0;
}

static struct ls_packet decode_one(struct ls_decoder *decoder, const struct vector *v)
{
	struct ls_packet packet = {0};
	size_t used = 0;

	if (!ls_decode(decoder, v->wire, v->wire_len, &used, &packet))
		fail_msg("%s is not decoded", v->name);
	assert_int_equal(used, v->wire_len);
	return packet;
}

static void check_packet(const struct ls_packet *packet, const struct vector *v)
{
	assert_int_equal(packet->type, v->packet[1]);
	assert_int_equal(packet->sequence, v->packet[2] | v->packet[3] << 8);
	assert_int_equal(packet->body_len, v->packet_len - LS_HEADER_BYTES);
	assert_memory_equal(packet->body, v->packet + LS_HEADER_BYTES, packet->body_len);
}

static void test_decode(void **state)
{
	static struct ls_decoder decoder;

	(void)state;
	for (unsigned i = 0; i < frames_count; i++) {
		struct ls_packet packet = decode_one(&decoder, &frames[i]);
		check_packet(&packet, &frames[i]);
	}
	assert_int_equal(decoder.frames, frames_count);
	assert_int_equal(decoder.crc_errors + decoder.resyncs, 0);
}

static void test_encode(void **state)
{
	uint8_t wire[2048];

	(void)state;
	for (unsigned i = 0; i < frames_count; i++) {
		const struct vector *f = &frames[i];
		size_t body_len = f->packet_len - LS_HEADER_BYTES;
		uint16_t sequence = (uint16_t)(f->packet[2] | f->packet[3] << 8);
		size_t len =
			ls_encode(f->packet[1], sequence, f->packet + LS_HEADER_BYTES, body_len, wire, sizeof(wire));
		assert_int_equal(len, f->wire_len + 1);
		assert_int_equal(wire[0], 0);
		assert_memory_equal(wire + 1, f->wire, f->wire_len);
	}
	assert_int_equal(ls_encode(1, 1, wire, LS_BODY_MAX + 1, wire, sizeof(wire)), 0);
	assert_int_equal(ls_encode(1, 1, NULL, 0, wire, 10), 0);
	assert_int_equal(ls_encode(1, 1, NULL, 0, wire, 11), 11);
}

/* All frames in one run of bytes, delivered in pieces of every size up to 70 and some large ones. */
static void test_pieces(void **state)
{
	static uint8_t all[FRAMES_MAX * 1100];
	static struct ls_decoder decoder;
	size_t len = 0;

	(void)state;
	for (unsigned i = 0; i < frames_count; i++) {
		memcpy(all + len, frames[i].wire, frames[i].wire_len);
		len += frames[i].wire_len;
	}
	for (size_t step = 1; step <= len; step = step < 70 ? step + 1 : step * 2) {
		unsigned n = 0;
		memset(&decoder, 0, sizeof(decoder));
		for (size_t at = 0; at < len;) {
			size_t used, piece = len - at < step ? len - at : step;
			struct ls_packet packet;
			if (ls_decode(&decoder, all + at, piece, &used, &packet))
				check_packet(&packet, &frames[n++]);
			assert_true(used > 0 && used <= piece);
			at += used;
		}
		assert_int_equal(n, frames_count);
		assert_int_equal(decoder.crc_errors + decoder.resyncs, 0);
	}
}

static void test_bad(void **state)
{
	static struct vectors v;
	static struct ls_decoder decoder;
	unsigned n = 0;

	(void)state;
	vectors_open(&v, "load-stream.txt");
	while (vectors_next(&v)) {
		uint8_t wire[2048];
		struct ls_packet packet;
		size_t used;
		if (strcmp(v.words[0], "bad") != 0)
			continue;
		bool crc = strcmp(v.words[2], "crc") == 0;
		size_t len = from_hex(v.words[3], wire, sizeof(wire));
		for (size_t cut = 0; cut < len; cut += cut < 40 ? 1 : 97) {
			memset(&decoder, 0, sizeof(decoder));
			if (ls_decode(&decoder, wire, cut, &used, &packet) ||
			    ls_decode(&decoder, wire + cut, len - cut, &used, &packet))
				fail_msg("bad frame '%s' was taken", v.words[1]);
			assert_int_equal(decoder.crc_errors, crc ? 1 : 0);
			assert_int_equal(decoder.resyncs, crc ? 0 : 1);
			packet = decode_one(&decoder, &frames[0]);
			check_packet(&packet, &frames[0]);
		}
		n++;
	}
	assert_int_equal(n, 8);
}

/* No single flipped bit of a frame passes, and the frame behind it is always found. */
static void test_bit_flips(void **state)
{
	static struct ls_decoder decoder;
	const struct vector *victim = find("data-i24x3"), *next = find("ping-reply");
	uint8_t wire[256];

	(void)state;
	for (size_t bit = 0; bit < 8 * (victim->wire_len - 1); bit++) {
		struct ls_packet packet;
		size_t used, at = 0, len = victim->wire_len + next->wire_len;
		unsigned n = 0;
		memcpy(wire, victim->wire, victim->wire_len);
		memcpy(wire + victim->wire_len, next->wire, next->wire_len);
		wire[bit / 8] ^= (uint8_t)(1 << bit % 8);
		memset(&decoder, 0, sizeof(decoder));
		for (; ls_decode(&decoder, wire + at, len - at, &used, &packet); at += used, n++)
			check_packet(&packet, next);
		assert_int_equal(n, 1);
		assert_true(decoder.crc_errors + decoder.resyncs >= 1);
	}
}

static double field_double(const char *text)
{
	return strcmp(text, "nan") == 0 ? (double)NAN : strtod(text, NULL);
}

static void check_double(double value, const char *text)
{
	double expected = field_double(text);

	if (isnan(expected))
		assert_true(isnan(value));
	else
		assert_true(value == expected);
}

static void spaces(char *text)
{
	for (; *text; text++)
		if (*text == '_')
			*text = ' ';
}

static bool check_hello(const struct ls_packet *packet, const char *key, char *value)
{
	struct ls_hello h;

	assert_true(ls_read_hello(packet, &h));
	spaces(value);
	if (strcmp(key, "streams") == 0)
		assert_int_equal(h.streams, atoi(value));
	else if (strcmp(key, "channels") == 0)
		assert_int_equal(h.channels, atoi(value));
	else if (strcmp(key, "line_baud") == 0)
		assert_int_equal(h.line_baud, atoi(value));
	else if (strcmp(key, "maker") == 0)
		assert_string_equal(h.maker, value);
	else if (strcmp(key, "model") == 0)
		assert_string_equal(h.model, value);
	else if (strcmp(key, "serial") == 0)
		assert_string_equal(h.serial, value);
	else if (strcmp(key, "firmware") == 0)
		assert_string_equal(h.firmware, value);
	else if (strcmp(key, "calibration_id") == 0)
		assert_string_equal(h.calibration_id, value);
	else if (strcmp(key, "calibration_due") == 0)
		assert_string_equal(h.calibration_due, value);
	else
		return false;
	return true;
}

static bool check_channel(const struct ls_packet *packet, const char *key, char *value)
{
	struct channel c;

	assert_true(ls_read_channel(packet, &c));
	if (strcmp(key, "quantity") == 0)
		assert_int_equal(c.quantity, atoi(value));
	else if (strcmp(key, "stream") == 0)
		assert_int_equal(c.stream, atoi(value));
	else if (strcmp(key, "position") == 0)
		assert_int_equal(c.position, atoi(value));
	else if (strcmp(key, "bits") == 0)
		assert_int_equal(c.bits, atoi(value));
	else if (strcmp(key, "channel_name") == 0)
		assert_string_equal(c.name, value);
	else if (strcmp(key, "unit") == 0)
		assert_string_equal(c.unit, value);
	else if (strcmp(key, "scale") == 0)
		check_double(c.scale, value);
	else if (strcmp(key, "offset") == 0)
		check_double(c.offset, value);
	else if (strcmp(key, "range_lo") == 0)
		check_double(c.range_lo, value);
	else if (strcmp(key, "range_hi") == 0)
		check_double(c.range_hi, value);
	else if (strcmp(key, "noise") == 0)
		check_double(c.noise_rms, value);
	else if (strcmp(key, "bandwidth") == 0)
		check_double(c.bandwidth_hz, value);
	else
		return false;
	return true;
}

static bool check_stream(const struct ls_packet *packet, const char *key, char *value)
{
	struct ls_stream s;

	assert_true(ls_read_stream(packet, &s));
	if (strcmp(key, "channels") == 0)
		assert_int_equal(s.channels, atoi(value));
	else if (strcmp(key, "rate") == 0)
		check_double(s.rate_hz, value);
	else if (strcmp(key, "default") == 0)
		check_double(s.default_hz, value);
	else if (strcmp(key, "lowest") == 0)
		check_double(s.lowest_hz, value);
	else if (strcmp(key, "highest") == 0)
		check_double(s.highest_hz, value);
	else if (strcmp(key, "rates") == 0) {
		unsigned n = 0;
		for (char *save, *w = strtok_r(value, ",", &save); w; w = strtok_r(NULL, ",", &save))
			check_double(s.rates_hz[n++], w);
		assert_int_equal(n, s.rates_count);
	} else
		return false;
	return true;
}

/* The vector says how wide each count is; the driver learns that from CHANNEL. */
static void check_counts(const struct ls_data *data, const uint8_t *bits, unsigned channels, char *value)
{
	static int32_t counts[1024];
	unsigned n = 0;

	ls_unpack(data->counts, data->samples, bits, channels, counts);
	for (char *save, *w = strtok_r(value, ",", &save); w; w = strtok_r(NULL, ",", &save))
		assert_int_equal(counts[n++], strtol(w, NULL, 10));
	assert_int_equal(n, data->samples * channels);
}

static bool check_data(const struct ls_packet *packet, const char *key, char *value)
{
	static uint8_t bits[CHANNELS_MAX];
	static unsigned channels;
	struct ls_data d;

	assert_true(ls_read_data(packet, &d));
	if (strcmp(key, "stream") == 0)
		assert_int_equal(d.stream, atoi(value));
	else if (strcmp(key, "flags") == 0)
		assert_int_equal(d.flags, atoi(value));
	else if (strcmp(key, "samples") == 0)
		assert_int_equal(d.samples, atoi(value));
	else if (strcmp(key, "first_index") == 0)
		assert_true(d.first_index == strtoull(value, NULL, 10));
	else if (strcmp(key, "device_ns") == 0)
		assert_true(d.device_ns == strtoull(value, NULL, 10));
	else if (strcmp(key, "bits") == 0) {
		channels = 0;
		for (char *save, *w = strtok_r(value, ",", &save); w; w = strtok_r(NULL, ",", &save))
			bits[channels++] = (uint8_t)atoi(w);
	} else if (strcmp(key, "counts") == 0)
		check_counts(&d, bits, channels, value);
	else
		return false;
	return true;
}

static bool check_event(const struct ls_packet *packet, const char *key, char *value)
{
	struct ls_event e;

	assert_true(ls_read_event(packet, &e));
	if (strcmp(key, "code") == 0)
		assert_int_equal(e.code, atoi(value));
	else if (strcmp(key, "channel") == 0)
		assert_int_equal(e.channel, atoi(value));
	else if (strcmp(key, "index") == 0)
		assert_true(e.index == strtoull(value, NULL, 10));
	else if (strcmp(key, "value") == 0)
		check_double(e.value, value);
	else
		return false;
	return true;
}

static bool check_rate_or_ping(const struct ls_packet *packet, const char *key, char *value)
{
	struct ls_rate r;
	struct ls_ping p;

	if (strcmp(key, "rate") == 0) {
		assert_true(ls_read_rate(packet, &r));
		check_double(r.rate_hz, value);
		return true;
	}
	assert_true(ls_read_ping(packet, &p));
	if (strcmp(key, "streaming") == 0)
		assert_int_equal(p.streaming, atoi(value));
	else if (strcmp(key, "device_ns") == 0)
		assert_true(p.device_ns == strtoull(value, NULL, 10));
	else if (strcmp(key, "uptime_ms") == 0)
		assert_true(p.uptime_ms == strtoull(value, NULL, 10));
	else
		return false;
	return true;
}

/* False where the key is not one of what a host reads (requests, headers checked elsewhere). */
static bool check_field(const struct ls_packet *packet, const char *key, char *value)
{
	uint8_t status;

	if (strcmp(key, "status") == 0) {
		assert_true(ls_read_status(packet, &status));
		assert_int_equal(status, atoi(value));
		return true;
	}
	switch (packet->type) {
	case LS_HELLO | LS_REPLY: return check_hello(packet, key, value);
	case LS_CHANNEL | LS_REPLY: return check_channel(packet, key, value);
	case LS_STREAM | LS_REPLY: return check_stream(packet, key, value);
	case LS_RATE | LS_REPLY:
	case LS_PING | LS_REPLY: return check_rate_or_ping(packet, key, value);
	case LS_DATA: return check_data(packet, key, value);
	case LS_EVENT: return check_event(packet, key, value);
	default: return false;
	}
}

static void test_fields(void **state)
{
	static struct vectors v;
	static struct ls_decoder decoder;
	unsigned n = 0;

	(void)state;
	vectors_open(&v, "load-stream.txt");
	while (vectors_next(&v)) {
		if (strcmp(v.words[0], "field") != 0 || strcmp(v.words[2], "type") == 0 ||
		    strcmp(v.words[2], "sequence") == 0)
			continue;
		struct ls_packet packet = decode_one(&decoder, find(v.words[1]));
		bool host_reads = packet.type & LS_REPLY || packet.type == LS_DATA || packet.type == LS_EVENT;
		if (check_field(&packet, v.words[2], v.words[3]) != host_reads)
			fail_msg("field %s of %s", v.words[2], v.words[1]);
		n += host_reads;
	}
	assert_true(n > 90);
}

static void test_put_rate(void **state)
{
	const struct vector *f = find("rate-0-50k");
	uint8_t body[LS_RATE_BODY_BYTES];

	(void)state;
	ls_put_rate(0, 50000, body);
	assert_int_equal(f->packet_len, LS_HEADER_BYTES + sizeof(body));
	assert_memory_equal(body, f->packet + LS_HEADER_BYTES, sizeof(body));
}

static void test_names(void **state)
{
	static const struct {
		const char *name;
		bool good;
	} cases[] = {
		{"Prüfstand µ€", true}, {"\xf0\x9f\x94\xa7", true}, {"", true},
		{"a\nb", false},        {"a\x7f", false},           {"\xc3", false},
		{"\xc0\xaf", false},    {"\xed\xa0\x80", false},    {"\xe0\x80\xaf", false},
		{"\x80", false},        {"\xc2\x85", false},        {"\xf4\x90\x80\x80", false},
		{"\xff", false},        {"\xc3(", false},           {"ab\xe2\x82", false},
	};
	const struct vector *f = find("hello-reply");

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t body[180];
		struct ls_packet packet = {.body = body, .body_len = sizeof(body)};
		struct ls_hello hello;
		memcpy(body, f->packet + LS_HEADER_BYTES, sizeof(body));
		memset(body + 8, 0, 32);
		memcpy(body + 8, cases[i].name, strlen(cases[i].name));
		if (ls_read_hello(&packet, &hello) != cases[i].good)
			fail_msg("name %u", i);
		if (cases[i].good)
			assert_string_equal(hello.maker, cases[i].name);
	}
}

/* Each body with one byte set to each of some nasty values: never a crash, and what passes lies in its ranges. */
static void test_nasty_bodies(void **state)
{
	static const uint8_t nasty[] = {0, 1, 0x0a, 0x7f, 0x80, 0xf0, 0xff};

	(void)state;
	for (unsigned i = 0; i < frames_count; i++) {
		uint8_t body[LS_BODY_MAX];
		struct ls_packet packet = {.body = body, .body_len = frames[i].packet_len - LS_HEADER_BYTES};
		for (size_t at = 0; at < packet.body_len; at++) {
			for (unsigned k = 0; k < sizeof(nasty); k++) {
				struct ls_hello h;
				struct channel c;
				struct ls_stream s;
				memcpy(body, frames[i].packet + LS_HEADER_BYTES, packet.body_len);
				body[at] = nasty[k];
				if (ls_read_hello(&packet, &h))
					assert_true(h.streams >= 1 && h.streams <= STREAMS_MAX &&
						    h.channels <= CHANNELS_MAX && strlen(h.maker) <= 32 &&
						    !strchr(h.serial, '\n'));
				if (ls_read_channel(&packet, &c))
					assert_true(c.stream < STREAMS_MAX && c.position < CHANNELS_MAX &&
						    c.bits >= 16 && c.scale != 0 && c.range_lo < c.range_hi &&
						    isfinite(c.offset));
				if (ls_read_stream(&packet, &s))
					assert_true(s.rate_hz > 0 && isfinite(s.rate_hz) &&
						    s.rates_count <= LS_RATES_MAX);
			}
		}
		for (size_t len = 0; len < packet.body_len; len++) {
			struct ls_packet cut = {.body = body, .body_len = len};
			struct ls_hello h;
			struct channel c;
			struct ls_stream s;
			struct ls_ping p;
			assert_false(ls_read_hello(&cut, &h) && len != 180);
			assert_false(ls_read_channel(&cut, &c) && len != 80);
			assert_false(ls_read_stream(&cut, &s) && len != 160);
			assert_false(ls_read_ping(&cut, &p) && len != 20);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_decode),   cmocka_unit_test(test_encode),       cmocka_unit_test(test_pieces),
		cmocka_unit_test(test_bad),      cmocka_unit_test(test_bit_flips),    cmocka_unit_test(test_fields),
		cmocka_unit_test(test_put_rate), cmocka_unit_test(test_nasty_bodies), cmocka_unit_test(test_names),
	};
	(void)fake_table;
	return cmocka_run_group_tests(tests, load, NULL);
}
