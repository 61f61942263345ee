/* The streaming JSON writer: its texts are read back by the strict reader, its numbers are those that printf gives, and
 * what is not JSON is refused by name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "rig/base/json.h"
#include "rig/base/json_stream.h"

static char *written(void (*fn)(struct json_stream *js), int wanted, struct err *err)
{
	struct json_stream js;
	char *text;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	json_stream_open(&js, out);
	fn(&js);
	assert_int_equal(json_stream_close(&js, err), wanted);
	fclose(out);
	return text;
}

static void tell_layouts(struct json_stream *js)
{
	json_object(js, NULL, JSON_LINES);
	json_put_string(js, "a\"b", "tab\t, quote \", \\, \x01 and \xc3\xa4");
	json_array(js, "row", JSON_ROW);
	json_put_null(js, NULL);
	json_put_int(js, NULL, -5);
	json_put_null(js, NULL);
	json_put_null(js, NULL);
	json_end(js);
	json_array(js, "line", JSON_LINE);
	json_put_null(js, NULL);
	json_object(js, NULL, JSON_LINES); /* inside of a line nothing breaks */
	json_put_bool(js, "yes", true);
	json_put_u64(js, "most", UINT64_MAX);
	json_end(js);
	json_end(js);
	json_array(js, "empty", JSON_LINES);
	json_end(js);
	json_put_number(js, "pi", 3.14159265358979, 4);
	json_end(js);
}

static void test_layouts(void **state)
{
	(void)state;
	struct err err = {""};
	struct json_doc *doc;
	char *text = written(tell_layouts, 0, &err);
	assert_string_equal(text, "{\n"
				  "\"a\\\"b\": \"tab\\t, quote \\\", \\\\, \\u0001 and \xc3\xa4\",\n"
				  "\"row\": [null,-5],\n"
				  "\"line\": [null,{\"yes\":true,\"most\":\"18446744073709551615\"}],\n"
				  "\"empty\": [],\n"
				  "\"pi\": 3.142\n"
				  "}\n");
	assert_int_equal(json_parse("x", text, strlen(text), &doc, &err), 0);
	assert_string_equal(json_string(json_get(json_root(doc), "a\"b")), "tab\t, quote \", \\, \x01 and \xc3\xa4");
	json_doc_free(doc);
	free(text);
}

static char standing[24];

static void tell_standing(struct json_stream *js)
{
	json_array(js, NULL, JSON_LINE);
	json_put_string(js, NULL, standing);
	json_end(js);
}

/* Texts are quoted eight bytes at a time: what needs an escape has one wherever it stands. */
static void test_escapes_wherever(void **state)
{
	static const char needs[] = "\"\\\x01\x1f\n";

	(void)state;
	for (size_t at = 0; at < sizeof(standing) - 1; at++)
		for (const char *c = needs; *c; c++) {
			struct err err = {""};
			struct json_doc *doc;
			char *text;

			memset(standing, '!', sizeof(standing) - 1);
			standing[(at + 3) % (sizeof(standing) - 1)] = '\xc3';
			standing[(at + 4) % (sizeof(standing) - 1)] = '\xa4';
			if ((at + 4) % (sizeof(standing) - 1) < (at + 3) % (sizeof(standing) - 1))
				memset(standing, '#', sizeof(standing) - 1);
			standing[at] = *c;
			text = written(tell_standing, 0, &err);
			assert_non_null(text);
			assert_int_equal(json_parse("x", text, strlen(text), &doc, &err), 0);
			assert_string_equal(json_string(json_at(json_root(doc), 0)), standing);
			json_doc_free(doc);
			free(text);
		}
}

static void tell_much(struct json_stream *js)
{
	char *text = malloc(3 * JSON_STREAM_BUFFER + 1);

	memset(text, 'x', 3 * JSON_STREAM_BUFFER);
	text[3 * JSON_STREAM_BUFFER] = '\0';
	json_array(js, NULL, JSON_LINES);
	for (int i = 0; i < 5000; i++)
		json_put_int(js, NULL, i);
	json_put_string(js, NULL, text);
	json_end(js);
	free(text);
}

static void test_more_than_a_buffer(void **state)
{
	(void)state;
	struct err err = {""};
	struct json_doc *doc;
	char *text = written(tell_much, 0, &err);
	assert_int_equal(json_parse("x", text, strlen(text), &doc, &err), 0);
	assert_int_equal(json_size(json_root(doc)), 5001);
	for (int i = 0; i < 5000; i++)
		assert_true(json_number(json_at(json_root(doc), (size_t)i)) == i);
	assert_int_equal(strlen(json_string(json_at(json_root(doc), 5000))), 3 * JSON_STREAM_BUFFER);
	json_doc_free(doc);
	free(text);
}

static void tell_nan(struct json_stream *js)
{
	json_object(js, NULL, JSON_LINES);
	json_put_number(js, "depth_mm", NAN, 5);
	json_put_int(js, "later", INT64_C(1) << 53);
	json_end(js);
}

static void tell_bytes(struct json_stream *js)
{
	json_object(js, NULL, JSON_LINES);
	json_put_string(js, "who", "a\xff");
	json_end(js);
}

static void tell_keyless(struct json_stream *js)
{
	json_object(js, NULL, JSON_LINES);
	json_put_int(js, NULL, 1);
	json_end(js);
}

static void tell_no_end(struct json_stream *js)
{
	json_object(js, NULL, JSON_LINES);
}

static void tell_deep(struct json_stream *js)
{
	for (int i = 0; i <= JSON_STREAM_DEPTH; i++)
		json_array(js, NULL, JSON_LINES);
	for (int i = 0; i < JSON_STREAM_DEPTH; i++)
		json_end(js);
}

static void test_what_is_no_json_is_named(void **state)
{
	(void)state;
	static const struct {
		void (*fn)(struct json_stream *js);
		const char *said;
	} cases[] = {{tell_nan, "depth_mm: nan is not a JSON number"},
		     {tell_bytes, "who: byte 0xff at 1 is not UTF-8"},
		     {tell_keyless, "an element of a list: a key belongs to an object, and only there"},
		     {tell_no_end, "1 containers were not ended"},
		     {tell_deep, "deeper than 16 levels"}};
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct err err = {""};
		free(written(cases[i].fn, -EINVAL, &err));
		assert_non_null(strstr(err.text, cases[i].said));
	}
}

static void test_a_full_disk_is_told(void **state)
{
	(void)state;
	struct json_stream js;
	struct err err = {""};
	FILE *out = fopen("/dev/full", "w");
	if (!out)
		skip();
	setvbuf(out, NULL, _IONBF, 0);
	json_stream_open(&js, out);
	tell_much(&js);
	assert_int_equal(json_stream_close(&js, &err), -EIO);
	fclose(out);
}

/* Decimals of few places, halves, and any magnitude. */
static double draw(long i)
{
	double v = (drand48() - 0.5) * pow(10, (int)(drand48() * 26) - 9);

	if (i % 3 == 0)
		v = round(v * 1000) / 1000;
	if (i % 7 == 0)
		v = (double)(lrand48() % 100000) / 1000 + (i % 2 ? 0.0005 : 0.5);
	if (i % 11 == 0)
		v = pow(10, (int)(drand48() * 20) - 6) * (i % 2 ? 1 : 1 - 1e-16);
	return v;
}

/* Without point, exponent and zeros at begin and end. */
static uint64_t figures_of(const char *text)
{
	uint64_t figures = 0;

	for (; *text && *text != 'e'; text++)
		if (*text >= '0' && *text <= '9')
			figures = 10 * figures + (uint64_t)(*text - '0');
	while (figures && figures % 10 == 0)
		figures /= 10;
	return figures;
}

static void test_numbers_are_short(void **state)
{
	static const struct {
		double value;
		int digits;
		const char *text;
	} cases[] = {{0, 3, "0"},
		     {-0.0, 17, "0"},
		     {0.001, 17, "0.001"},
		     {0.0005, 17, "5e-4"},
		     {-0.00041741, 4, "-4.174e-4"},
		     {1.98e-5, 4, "1.98e-5"},
		     {1.06661e10, 6, "1.06661e10"},
		     {120, 17, "120"},
		     {120, 1, "1e2"},
		     {1e22, 17, "1e22"},
		     {5e-324, 17, "5e-324"},
		     {1e15, 17, "1e15"},
		     {0.1 + 0.2, 17, "0.30000000000000004"},
		     {1.7976931348623157e308, 17, "1.7976931348623157e308"},
		     {123456789012345680.0, 17, "1.2345678901234568e17"},
		     {9.9999, 3, "10"}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[JSON_NUMBER_MAX];
		int len = json_number_text(cases[i].value, cases[i].digits, text);

		assert_string_equal(text, cases[i].text);
		assert_int_equal(len, strlen(text));
	}
}

static void test_numbers_are_those_of_printf(void **state)
{
	(void)state;
	char text[JSON_NUMBER_MAX], wanted[40];
	unsigned shorter = 0;
	srand48(3);
	for (long i = 0; i < 300000; i++) {
		double v = draw(i);
		int digits = 1 + (int)(i % 17);
		json_number_text(v, digits, text);
		if (digits < 17) {
			snprintf(wanted, sizeof(wanted), "%.*g", digits, v == 0 ? 0.0 : v);
			assert_int_equal(figures_of(text), figures_of(wanted));
			assert_true(strtod(text, NULL) == strtod(wanted, NULL) && strlen(text) <= strlen(wanted));
			assert_true(json_number_rounded(v, digits) == strtod(wanted, NULL));
			continue;
		}
		assert_true(strtod(text, NULL) == v);
		snprintf(wanted, sizeof(wanted), "%.17g", v);
		shorter += strlen(text) < strlen(wanted);
	}
	assert_true(shorter > 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_layouts),
		cmocka_unit_test(test_escapes_wherever),
		cmocka_unit_test(test_more_than_a_buffer),
		cmocka_unit_test(test_what_is_no_json_is_named),
		cmocka_unit_test(test_a_full_disk_is_told),
		cmocka_unit_test(test_numbers_are_short),
		cmocka_unit_test(test_numbers_are_those_of_printf),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
