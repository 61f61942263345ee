/* WAV: each kind of sample, what streaming programs leave, chunks that nobody needs, and files that end too early. */
#include "tests/unit/offline/recordings.h"

enum { PCM = 1, FLOATING = 3, ADPCM = 2, EXTENSIBLE = 0xFFFE };

struct form {
	unsigned code, channels, bits;
	uint32_t rate;
};

static void add_format(const struct form *f)
{
	bool extended = f->code == EXTENSIBLE;
	unsigned frame = f->channels * f->bits / 8;
	add_text("fmt ");
	add_number(extended ? 40 : 16, 4);
	add_number(f->code, 2);
	add_number(f->channels, 2);
	add_number(f->rate, 4);
	add_number((uint64_t)f->rate * frame, 4);
	add_number(frame, 2);
	add_number(f->bits, 2);
	if (!extended)
		return;
	add_number(22, 2);
	add_number(f->bits, 2);
	add_number(0, 4);
	add_number(PCM, 2);
	add("\x00\x00\x00\x00\x10\x00\x80\x00\x00\xAA\x00\x38\x9B\x71", 14);
}

static void begin(const char *riff, uint32_t size)
{
	made.n = 0;
	add_text(riff);
	add_number(size, 4);
	add_text("WAVE");
}

static void add_data(uint32_t stated, const void *samples, size_t n)
{
	add_text("data");
	add_number(stated, 4);
	add(samples, n);
}

static void hear_all(uint32_t room)
{
	hear(&reader_wav, made.n, room, false);
}

static void assert_values(unsigned columns, unsigned rows, const double *value)
{
	assert_int_equal(heard.rc, 0);
	assert_int_equal(heard.layout.columns, columns);
	assert_int_equal(heard.rows, rows);
	for (unsigned i = 0; i < columns * rows; i++)
		assert_true(heard.value[i] == value[i]);
}

static void test_each_kind_of_sample(void **state)
{
	static const float singles[] = {0.5f, -1.25f};
	static const double reals[] = {0.1, -1e10};
	static const struct {
		struct form form;
		const void *bytes;
		unsigned n;
		double value[2];
		unsigned bits;
		double offset;
	} kinds[] = {
		{{PCM, 1, 8, 100}, "\x00\xFF", 2, {-128, 127}, 8, 128},
		{{PCM, 1, 16, 44100}, "\x00\x80\xFF\x7F", 4, {-32768, 32767}, 16, 0},
		{{PCM, 1, 24, 50000}, "\x00\x00\x80\xFE\xFF\xFF", 6, {-8388608, -2}, 24, 0},
		{{PCM, 1, 32, 1}, "\x01\x00\x00\x80\xFF\xFF\xFF\x7F", 8, {-2147483647, 2147483647}, 32, 0},
		{{FLOATING, 1, 32, 1000000}, singles, 8, {0.5, -1.25}, 0, 0},
		{{FLOATING, 1, 64, 5000}, reals, 16, {0.1, -1e10}, 0, 0},
		{{EXTENSIBLE, 1, 24, 5000}, "\x01\x00\x00\xFF\xFF\x7F", 6, {1, 8388607}, 24, 0},
	};
	(void)state;
	for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		begin("RIFF", 0);
		add_format(&kinds[i].form);
		add_data(kinds[i].n, kinds[i].bytes, kinds[i].n);
		hear_all(1);
		assert_values(1, 2, kinds[i].value);
		assert_true(heard.layout.rate_hz == kinds[i].form.rate);
		assert_int_equal(heard.layout.rows, 2);
		assert_int_equal(heard.layout.column[0].bits, kinds[i].bits);
		assert_int_equal(heard.layout.column[0].integer, kinds[i].bits != 0);
		assert_true(heard.layout.column[0].scale == 1 && heard.layout.column[0].offset == kinds[i].offset);
		assert_int_equal(heard.layout.time_column, -1);
	}
}

static void make_counting(unsigned channels, uint32_t stated)
{
	begin("RIFF", 0);
	add_format(&(struct form){PCM, channels, 16, 5000});
	add_data(stated, "", 0);
	for (unsigned i = 0; i < 2000 * channels; i++)
		add_number((uint64_t)(int64_t)((int)i - 1000), 2);
}

static void test_channels_in_pieces(void **state)
{
	(void)state;
	for (unsigned channels = 1; channels <= 7; channels += 3) {
		make_counting(channels, 4000 * channels);
		for (uint32_t room = channels; room < 60000; room = room * 3 + 1) {
			hear_all(room);
			assert_int_equal(heard.rc, 0);
			assert_int_equal(heard.rows, 2000);
			for (unsigned i = 0; i < 2000 * channels; i++)
				assert_true(heard.value[i] == (int)i - 1000);
		}
	}
}

static void test_sixty_four_channels_and_no_more(void **state)
{
	(void)state;
	make_counting(64, 0);
	hear_all(64 * 9);
	assert_int_equal(heard.rows, 2000 * 64 * 2 / 128);
	make_counting(65, 0);
	hear_all(1000);
	assert_refused("1 to 64 channels");
}

static void test_a_stream_that_did_not_know_its_length(void **state)
{
	static const uint32_t stated[] = {0, 0xFFFFFFFF, 0x7FFFF000};
	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		make_counting(2, stated[i]);
		hear_all(500);
		assert_int_equal(heard.rows, 2000);
		hear(&reader_wav, made.n - 3, 500, false);
		assert_int_equal(heard.rc, 0);
		assert_int_equal(heard.rows, 1999);
	}
	make_counting(2, 0x7FFFF004);
	hear_all(500);
	assert_refused("is truncated: its header says 2147479556 bytes of samples, 8000 are there");
}

static void test_sixty_four_bit_sizes(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		begin(i ? "BW64" : "RF64", 0xFFFFFFFF);
		add_text("ds64");
		add_number(28, 4);
		add_number(1000, 8);
		add_number(4, 8);
		add_number(2, 8);
		add_number(0, 4);
		add_format(&(struct form){PCM, 1, 16, 5000});
		add_data(0xFFFFFFFF, "\x01\x00\x02\x00\x09\x09", 6);
		hear_all(10);
		assert_values(1, 2, (double[]){1, 2});
	}
	made.bytes[28] = 9; /* the size of the data */
	hear_all(10);
	assert_refused("truncated: its header says 9 bytes");
}

static void test_chunks_that_nobody_needs(void **state)
{
	(void)state;
	begin("RIFF", 0);
	add_text("LIST");
	add_number(3, 4);
	add("abc", 4); /* odd: with its pad */
	add_format(&(struct form){PCM, 1, 8, 5000});
	add_text("junk");
	add_number(1, 4);
	add("j", 2);
	add_data(3, "\x81\x82\x83", 4);
	add_text("LIST");
	add_number(0xFFFFFF, 4);
	hear_all(10);
	assert_values(1, 3, (double[]){1, 2, 3});
}

static void test_samples_in_two_chunks(void **state)
{
	(void)state;
	for (unsigned odd = 0; odd < 2; odd++) {
		begin("RIFF", 0);
		add_format(&(struct form){PCM, 1, 8, 5000});
		add_data(3 + !odd, "\x81\x82\x83\x84", 4);
		add_text("LIST");
		add_number(1, 4);
		add("l", 2);
		add_data(2, "\x85\x86", 2);
		hear_all(10);
		assert_refused("chunk \"data\": is a second one of samples");
	}
	made.bytes[made.n - 7] = 'e'; /* the letters inside another chunk are none */
	hear_all(10);
	assert_values(1, 3, (double[]){1, 2, 3});
}

static void test_what_is_not_read_says_why(void **state)
{
	static const struct {
		struct form form;
		const char *why;
	} bad[] = {
		{{ADPCM, 1, 16, 5000}, "compressed"},
		{{PCM, 0, 16, 5000}, "1 to 64 channels"},
		{{PCM, 1, 16, 0}, "0 samples per second"},
		{{PCM, 1, 12, 5000}, "integers of 8, 16, 24 or 32"},
		{{PCM, 1, 64, 5000}, "integers of 8, 16, 24 or 32"},
		{{FLOATING, 1, 16, 5000}, "floating point of 32 or 64"},
		{{FLOATING, 1, 24, 5000}, "floating point of 32 or 64"},
	};
	(void)state;
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		begin("RIFF", 0);
		add_format(&bad[i].form);
		add_data(0, "12345678", 8);
		hear_all(10);
		assert_refused(bad[i].why);
	}
	begin("RIFF", 0);
	add_data(8, "12345678", 8);
	hear_all(10);
	assert_refused("byte 12, chunk \"data\": comes before the chunk \"fmt \"");
	make_counting(2, 8002);
	hear_all(10);
	assert_refused("truncated");
	make_counting(2, 7998);
	hear_all(10);
	assert_refused("no multiple of a frame");
}

static void test_a_number_that_is_none(void **state)
{
	const float values[] = {1, NAN, INFINITY, 4};
	(void)state;
	begin("RIFF", 0);
	add_format(&(struct form){FLOATING, 2, 32, 5000});
	add_data(sizeof(values), values, sizeof(values));
	hear_all(10);
	assert_refused("row 1, column 2 is no finite number");
	hear(&reader_wav, made.n, 10, true);
	assert_int_equal(heard.rows, 2);
	assert_true(isnan(heard.value[1]) && isnan(heard.value[2]) && heard.value[3] == 4);
}

/* Whatever is cut off: an error that says so, or, where the header leaves its size open, what is there. */
static void test_a_file_that_ends_anywhere(void **state)
{
	(void)state;
	begin("RIFF", 0);
	add_format(&(struct form){EXTENSIBLE, 2, 16, 5000});
	add_data(8, "12345678", 8);
	for (size_t n = 0; n < made.n; n++) {
		hear(&reader_wav, n, 10, false);
		assert_refused("truncated");
	}
	hear_all(10);
	assert_int_equal(heard.rows, 2);
}

/* Every byte of the header set to each value: an error or rows that the file holds, never more. */
static void test_a_header_with_any_byte_changed(void **state)
{
	(void)state;
	begin("RIFF", 0);
	add_format(&(struct form){EXTENSIBLE, 2, 16, 5000});
	add_data(8, "12345678", 8);
	for (size_t at = 0; at < made.n - 8; at++) {
		uint8_t was = made.bytes[at];
		for (unsigned value = 0; value < 256; value += 5) {
			made.bytes[at] = (uint8_t)value;
			hear_all(2000);
			assert_true(heard.rc == -EINVAL || (heard.rc == 0 && heard.rows <= 8));
		}
		made.bytes[at] = was;
	}
}

static void test_recognised_by_its_signature(void **state)
{
	(void)state;
	make_counting(1, 0);
	assert_true(reader_wav.recognise(made.bytes, made.n, "x.csv"));
	for (size_t n = 0; n < 12; n++)
		assert_false(reader_wav.recognise(made.bytes, n, "x.wav"));
	memcpy(made.bytes + 8, "AVI ", 4);
	assert_false(reader_wav.recognise(made.bytes, made.n, "x.wav"));
}

static void hear_beside(const char *json)
{
	char beside[80];
	snprintf(beside, sizeof(beside), "%s.json", made_path);
	write_file(beside, json, strlen(json));
	hear(&reader_wav, made.n, 1000, false);
	unlink(beside);
}

#define CHANNEL "{\"name\":\"force\",\"unit\":\"N\",\"bits\":16,\"scale\":0.25,\"offset\":-1.5}"

static void test_the_scale_beside_it(void **state)
{
	(void)state;
	make_counting(1, 0);
	hear_beside("{\"kind\":\"penrig/export/"
		    "1\",\"rate_hz\":5000.25,\"samples_filled_in_gaps\":\"0\",\"channels\":[" CHANNEL "]}");
	assert_int_equal(heard.rc, 0);
	assert_true(heard.layout.rate_hz == 5000.25 && heard.value[0] == -1000);
	assert_string_equal(heard.layout.column[0].name, "force");
	assert_string_equal(heard.layout.column[0].unit, "N");
	assert_true(heard.layout.column[0].scale == 0.25 && heard.layout.column[0].offset == -1.5);
	hear_beside(
		"{\"kind\":\"penrig/export/1\",\"rate_hz\":5000,\"samples_filled_in_gaps\":\"3\",\"channels\":[" CHANNEL
		"]}");
	assert_refused("3 samples of the recording were lost and filled in");
	hear_beside("{\"kind\":\"penrig/export/1\",\"rate_hz\":5000,\"channels\":[" CHANNEL "," CHANNEL "]}");
	assert_refused("must list the 1 channels");
	hear_beside("{\"rate_hz\":5,\"channels\":[]}");
	assert_true(heard.rc == 0 && heard.layout.rate_hz == 5000);
	hear_beside("no JSON at all");
	assert_true(heard.rc == 0 && heard.layout.rate_hz == 5000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_kind_of_sample),
		cmocka_unit_test(test_channels_in_pieces),
		cmocka_unit_test(test_sixty_four_channels_and_no_more),
		cmocka_unit_test(test_a_stream_that_did_not_know_its_length),
		cmocka_unit_test(test_sixty_four_bit_sizes),
		cmocka_unit_test(test_chunks_that_nobody_needs),
		cmocka_unit_test(test_samples_in_two_chunks),
		cmocka_unit_test(test_what_is_not_read_says_why),
		cmocka_unit_test(test_a_number_that_is_none),
		cmocka_unit_test(test_a_file_that_ends_anywhere),
		cmocka_unit_test(test_a_header_with_any_byte_changed),
		cmocka_unit_test(test_recognised_by_its_signature),
		cmocka_unit_test(test_the_scale_beside_it),
	};
	return cmocka_run_group_tests(tests, make_path, remove_path);
}
