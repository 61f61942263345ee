/* The models against the protocol documents' vectors, and against hosts that cut, stop half-way and clear. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "fixtures/virtual/frame.h"
#include "fixtures/virtual/pen.h"
#include "fixtures/virtual/sensor.h"
#include "tests/unit/virtual/vectors.h"

#define MS 1000000ULL

/* ---- the vector pen ------------------------------------------------------------------------------------------------
 */

static const struct firmware_config vector_pen = {
	.idn = "penrig,Model P,PEN-1,1.0",
	.rate_min_hz = 30,
	.rate_max_hz = 150,
	.rate_default_hz = 30,
	.depth_min_mm = 0,
	.depth_max_mm = 2.5,
	.depth_default_mm = 0,
	.cartridge = "C-14",
	.needles = 14,
	.cartridge_strokes = 1203,
};

static char answered[4096];
static size_t answered_len;

static void on_answer(void *ctx, const char *line, size_t len)
{
	(void)ctx;
	memcpy(answered + answered_len, line, len);
	answered_len += len;
}

static void power_on(struct firmware *fw)
{
	const struct firmware_sink sink = {.respond = on_answer};

	fw->faults = (struct firmware_faults){0};
	fw->on = fw->runs_on = false;
	firmware_power_on(fw, &vector_pen, &sink, 0);
	answered_len = 0;
}

/* Time goes by with nothing wrong: the motor turns as it should. */
static void go_on(struct firmware *fw, uint64_t ms)
{
	uint64_t until_ns = fw->now_ns + ms * MS;

	while (fw->now_ns < until_ns) {
		const struct plant_readings r = {
			.rate_hz = fw->on ? fw->rate_hz : 0, .motor_c = 25, .handle_c = 25, .battery_v = 7.4};

		firmware_tick(fw, fw->now_ns + PLANT_STEP_NS, &r);
	}
}

static void test_scpi_vectors(void **state)
{
	FILE *f = vector_open("scpi-pen.txt");
	static struct vector_line line;
	static struct firmware fw;
	uint8_t bytes[VECTOR_LINE_MAX];
	char name[64] = "";
	int answers = 0;

	(void)state;
	while (vector_next(f, &line)) {
		size_t n = line.words > 1 ? vector_bytes(line.word[1], bytes) : 0;

		if (strcmp(line.word[0], "<") == 0) {
			if (answered_len != n || memcmp(answered, bytes, n) != 0)
				fail_msg("case %s: answered \"%.*s\", not \"%.*s\"", name, (int)answered_len, answered,
					 (int)n, (char *)bytes);
			answered_len = 0;
			answers++;
			continue;
		}
		if (answered_len > 0)
			fail_msg("case %s: answered \"%.*s\" to what needs no answer", name, (int)answered_len,
				 answered);
		if (strcmp(line.word[0], "case") == 0) {
			snprintf(name, sizeof(name), "%s", line.word[1]);
			power_on(&fw);
		} else if (strcmp(line.word[0], "@") == 0) {
			go_on(&fw, strtoull(line.word[1], NULL, 10));
		} else {
			for (size_t i = 0; i < n; i++)
				firmware_input(&fw, bytes[i]);
		}
	}
	fclose(f);
	assert_int_equal(answered_len, 0);
	assert_true(answers > 100);
}

/* ---- USBTMC --------------------------------------------------------------------------------------------------------
 */

static struct pen_model *tmc_pen(void)
{
	static struct pen_model pen;

	device_free(&pen.model);
	pen = (struct pen_model){.garbage = 0};
	assert_int_equal(pen_init(&pen, MODEL_USB, "PEN-1", "1-1", &vector_pen, 1), 0);
	return &pen;
}

static void tick(struct pen_model *pen)
{
	const struct plant_readings r = {.battery_v = 7.4, .motor_c = 25, .handle_c = 25};

	pen_tick(pen, pen->model.now_ns + PLANT_STEP_NS, &r);
}

/* An OUT transfer in packets of at most `cut` bytes. */
static int send_cut(struct pen_model *pen, const uint8_t *data, size_t len, size_t cut)
{
	for (size_t at = 0; at < len; at += cut) {
		size_t n = len - at < cut ? len - at : cut;
		int r = model_out(&pen->model, 0x01, data + at, n);

		if (r)
			return r;
	}
	tick(pen);
	return 0;
}

static size_t receive(struct pen_model *pen, uint8_t *data)
{
	size_t len = 0;
	int n;

	do {
		n = model_in(&pen->model, 0x81, data + len, 64);
		if (n > 0)
			len += (size_t)n;
	} while (n == 64);
	return len;
}

static void tmc_control(struct pen_model *pen, const struct vector_line *line, const char *name)
{
	uint8_t setup[8], wanted[64], data[64] = {0};
	int r;

	assert_int_equal(vector_bytes(line->word[1], setup), 8);
	r = model_control(&pen->model, setup, data);
	if (strcmp(line->word[2], "stall") == 0) {
		assert_int_equal(r, -EPIPE);
		return;
	}
	if (r != (int)vector_bytes(line->word[2], wanted) || memcmp(data, wanted, (size_t)r) != 0)
		fail_msg("case %s: control %s answered %d bytes", name, line->word[1], r);
}

static void test_usbtmc_vectors(void **state)
{
	FILE *f = vector_open("usbtmc.txt");
	static struct vector_line line;
	uint8_t bytes[VECTOR_LINE_MAX], got[1024];
	/* the cases are one conversation with one pen */
	struct pen_model *pen = tmc_pen();
	char name[64] = "";
	int answers = 0;

	(void)state;
	while (vector_next(f, &line)) {
		if (strcmp(line.word[0], "case") == 0) {
			snprintf(name, sizeof(name), "%s", line.word[1]);
		} else if (strcmp(line.word[0], ">") == 0) {
			assert_int_equal(send_cut(pen, bytes, vector_bytes(line.word[1], bytes), 64), 0);
		} else if (strcmp(line.word[0], "c") == 0) {
			tmc_control(pen, &line, name);
		} else {
			size_t n = vector_bytes(line.word[1], bytes), len = receive(pen, got);

			if (len != n || memcmp(got, bytes, n) != 0)
				fail_msg("case %s: answer of %zu bytes instead of %zu, or other bytes", name, len, n);
			answers++;
		}
	}
	fclose(f);
	assert_true(answers >= 8);
}

static size_t message(uint8_t *out, uint8_t tag, const char *line)
{
	size_t len = strlen(line);

	memset(out, 0, 12 + len + 4);
	memcpy(out, (const uint8_t[]){1, tag, (uint8_t)~tag, 0, (uint8_t)len, 0, 0, 0, 1}, 9);
	memcpy(out + 12, line, len);
	return 12 + (len + 3) / 4 * 4;
}

static size_t ask(struct pen_model *pen, uint8_t tag, uint8_t room, uint8_t *answer)
{
	const uint8_t request[12] = {2, tag, (uint8_t)~tag, 0, room};

	assert_int_equal(send_cut(pen, request, sizeof(request), 64), 0);
	return receive(pen, answer);
}

/* A header needs one packet; payload and padding may be cut anywhere behind it. */
static void test_usbtmc_cut_anywhere(void **state)
{
	uint8_t out[400], answer[400];

	(void)state;
	for (size_t cut = 12; cut <= 64; cut++) {
		struct pen_model *pen = tmc_pen();
		size_t len = message(out, 1, "SOUR:FREQ 120;:SOUR:DEPT 1.25;:SOUR:FREQ?;DEPT?\n");

		assert_int_equal(send_cut(pen, out, len, cut), 0);
		assert_int_equal(ask(pen, 2, 255, answer), 12 + 12);
		assert_memory_equal(answer + 12, "120;1.25\n", 9);
	}
}

static void test_usbtmc_half_message_swallows_until_clear(void **state)
{
	static const uint8_t clear[8] = {0xA1, 5, 0, 0, 0, 0, 1, 0}, check[8] = {0xA1, 6, 0, 0, 0, 0, 2, 0},
			     clear_halt[8] = {0x02, 1, 0, 0, 0x01, 0, 0, 0};
	struct pen_model *pen = tmc_pen();
	uint8_t out[400], answer[400], half[20] = {1, 9, 0xF6, 0, 100, 0, 0, 0, 1};
	size_t len;

	(void)state;
	len = message(out, 3, "OUTP ON\n");
	send_cut(pen, out, len, 64);
	assert_true(pen->firmware.on);
	send_cut(pen, half, sizeof(half), 64);
	len = message(out, 4, "OUTP OFF\n");
	send_cut(pen, out, len, 64);
	assert_true(pen->firmware.on); /* swallowed as payload */
	assert_int_equal(model_control(&pen->model, clear, answer), 1);
	assert_int_equal(answer[0], 1);
	assert_int_equal(model_control(&pen->model, check, answer), 2);
	assert_int_equal(model_out(&pen->model, 0x01, out, len), -EPIPE);
	assert_int_equal(model_control(&pen->model, clear_halt, answer), 0);
	send_cut(pen, out, len, 64);
	assert_false(pen->firmware.on);
}

static void test_usbtmc_protocol_errors_halt(void **state)
{
	static const uint8_t bad[][12] = {
		{3, 1, 0xFE, 0, 4},
		{1, 0, 0xFF, 0, 4},
		{1, 1, 0xFF, 0, 4},
		{1, 1, 0xFE, 0, 0},
	};
	uint8_t out[64], answer[64];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]) + 1; i++) {
		struct pen_model *pen = tmc_pen();
		size_t len = i < sizeof(bad) / sizeof(bad[0]) ? 12 : 5;

		assert_int_equal(model_out(&pen->model, 0x01, bad[i % 4], len), -EPIPE);
		assert_int_equal(model_out(&pen->model, 0x01, bad[0], 12), -EPIPE);
		model_clear_halt(&pen->model, 0x01);
		len = message(out, 5, "OUTP?\n");
		assert_int_equal(send_cut(pen, out, len, 64), 0);
		assert_int_equal(ask(pen, 6, 100, answer), 16);
	}
}

static void set_idn(struct pen_model *pen, char *text, size_t payload)
{
	memset(text, 'x', payload - 1);
	text[payload - 1] = '\0';
	pen->firmware.config.idn = text;
}

/* An answer that fills its last packet is ended by a zero-length one; one that does not, is not. */
static void test_usbtmc_short_packet_ends_answers(void **state)
{
	uint8_t out[64], packet[64];
	char idn[128];

	(void)state;
	for (size_t payload = 45; payload <= 60; payload++) {
		struct pen_model *pen = tmc_pen();
		size_t total = 12 + (payload + 3) / 4 * 4, len = message(out, 1, "*IDN?\n");
		const uint8_t request[12] = {2, 2, 0xFD, 0, 255};

		set_idn(pen, idn, payload);
		send_cut(pen, out, len, 64);
		send_cut(pen, request, 12, 64);
		for (size_t left = total; left >= 64; left -= 64)
			assert_int_equal(model_in(&pen->model, 0x81, packet, 64), 64);
		assert_int_equal(model_in(&pen->model, 0x81, packet, 64), total % 64);
		assert_int_equal(model_in(&pen->model, 0x81, packet, 64), -EAGAIN);
	}
}

static void test_usbtmc_abort(void **state)
{
	static const uint8_t abort_out[8] = {0xA2, 1, 9, 0, 0x01, 0, 2, 0},
			     check_out[8] = {0xA2, 2, 0, 0, 0x01, 0, 8, 0},
			     abort_in[8] = {0xA2, 3, 7, 0, 0x81, 0, 2, 0};
	struct pen_model *pen = tmc_pen();
	uint8_t out[64], answer[64], half[20] = {1, 9, 0xF6, 0, 100, 0, 0, 0, 1};
	const uint8_t request[12] = {2, 7, 0xF8, 0, 255};
	size_t len;

	(void)state;
	memcpy(half + 12, "OUTP ON ", 8);
	send_cut(pen, half, sizeof(half), 64);
	assert_int_equal(model_control(&pen->model, abort_out, answer), 2);
	assert_int_equal(answer[0], 1);
	assert_int_equal(model_control(&pen->model, check_out, answer), 8);
	assert_int_equal(answer[4], 8);
	assert_int_equal(model_out(&pen->model, 0x01, half, 1), -EPIPE);
	model_clear_halt(&pen->model, 0x01);
	send_cut(pen, request, 12, 64); /* nothing to answer: stays open, queues -420 */
	assert_int_equal(model_control(&pen->model, abort_in, answer), 2);
	assert_int_equal(answer[0], 1);
	len = message(out, 10, "OUTP?;:SYST:ERR?\n");
	send_cut(pen, out, len, 64);
	assert_int_equal(model_in(&pen->model, 0x81, answer, 64), -EAGAIN); /* the request was withdrawn */
	len = ask(pen, 11, 255, answer);
	assert_memory_equal(answer + 12, "0;-420,\"Query UNTERMINATED\"\n", 28);
	assert_int_equal(len, 12 + 28);
}

/* ---- descriptors ---------------------------------------------------------------------------------------------------
 */

static void check_descriptors(struct model *m, unsigned packet)
{
	const struct model_identity *id = model_identity(m);
	const uint8_t *d = id->config_descriptor;
	uint8_t data[256];
	static const uint8_t get_string_3[8] = {0x80, 6, 3, 3, 0x09, 0x04, 255, 0};

	assert_int_equal(id->device_descriptor[0], 18);
	assert_int_equal(id->device_descriptor[8] | id->device_descriptor[9] << 8, id->vid);
	assert_int_equal(id->device_descriptor[10] | id->device_descriptor[11] << 8, id->pid);
	assert_int_equal(d[2] | d[3] << 8, id->config_descriptor_len);
	assert_int_equal(d[4], 1);
	for (int e = 0; e < d[9 + 4]; e++) {
		const uint8_t *ep = d + 18 + 7 * e;

		assert_int_equal(ep[1], 5);
		assert_int_equal(ep[3] & 3, 2);
		assert_int_equal(ep[4] | ep[5] << 8, packet);
	}
	assert_int_equal(model_control(m, get_string_3, data), (int)(2 + 2 * strlen(id->serial)));
	for (size_t i = 0; id->serial[i]; i++)
		assert_int_equal(data[2 + 2 * i], id->serial[i]);
}

static void test_descriptors(void **state)
{
	const struct world_config config = {.seed = 1};
	struct world *w;
	struct err err;

	(void)state;
	assert_int_equal(world_new(&config, &w, &err), 0);
	check_descriptors(world_device(w, 0), 64);
	check_descriptors(world_device(w, 1), 512);
	world_free(w);
}

/* ---- load-stream ---------------------------------------------------------------------------------------------------
 */

static void test_crc_vectors(void **state)
{
	FILE *f = vector_open("crc32c.txt");
	static struct vector_line line;
	uint8_t bytes[VECTOR_LINE_MAX];

	(void)state;
	while (vector_next(f, &line)) {
		size_t n = vector_bytes(line.word[1], bytes);

		assert_int_equal(frame_crc(bytes, n), strtoul(line.word[2], NULL, 16));
	}
	fclose(f);
}

static size_t feed(struct frame_reader *r, const uint8_t *wire, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		size_t got = frame_take(r, wire[i]);

		n = got ? got : n;
	}
	return n;
}

static void test_frame_vectors(void **state)
{
	FILE *f = vector_open("load-stream.txt");
	static struct vector_line line;
	static struct frame_reader r;
	uint8_t packet[VECTOR_LINE_MAX], wire[VECTOR_LINE_MAX], out[FRAME_WIRE_MAX];
	int frames = 0, bad = 0;

	(void)state;
	while (vector_next(f, &line)) {
		if (strcmp(line.word[0], "frame") == 0) {
			size_t n = vector_bytes(line.word[2], packet), w = vector_bytes(line.word[3], wire);

			assert_int_equal(feed(&r, wire, w), n);
			assert_memory_equal(r.packet, packet, n);
			assert_int_equal(frame_encode(packet, n, out), w);
			assert_memory_equal(out, wire, w);
			frames++;
		} else if (strcmp(line.word[0], "bad") == 0) {
			uint64_t before = r.thrown_away;

			assert_int_equal(feed(&r, wire, vector_bytes(line.word[3], wire)), 0);
			assert_int_equal(r.thrown_away, before + 1);
			bad++;
		}
	}
	fclose(f);
	assert_true(frames > 30 && bad >= 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_scpi_vectors),
		cmocka_unit_test(test_usbtmc_vectors),
		cmocka_unit_test(test_usbtmc_cut_anywhere),
		cmocka_unit_test(test_usbtmc_half_message_swallows_until_clear),
		cmocka_unit_test(test_usbtmc_protocol_errors_halt),
		cmocka_unit_test(test_usbtmc_short_packet_ends_answers),
		cmocka_unit_test(test_usbtmc_abort),
		cmocka_unit_test(test_descriptors),
		cmocka_unit_test(test_crc_vectors),
		cmocka_unit_test(test_frame_vectors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
