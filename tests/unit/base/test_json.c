/* Strict JSON: each trap of the parser underneath, each message with its line and column, tables, and the writer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rig/base/json.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static struct json_doc *parsed(const char *text)
{
	struct json_doc *doc = NULL;
	struct err err = {""};

	if (json_parse("f.json", text, strlen(text), &doc, &err))
		fail_msg("%s refused: %s", text, err.text);
	return doc;
}

static void accepts(void **state)
{
	static const char *const texts[] = {
		"{}",
		"[]",
		"0",
		"-0",
		"1.5e-3",
		"true",
		"null",
		"\"\"",
		" [1, 2 ,3]\r\n",
		"{\"a\": {\"b\": [true, false, null]}}",
		"\"\\u00e9\\ud83d\\ude00\\n\\\"\\\\\\/\"",
		"\"h\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\"",
		"// only\n1",
		"/* a */1// b",
		"\"// no comment /* neither */\"",
		"9007199254740992",
		"10000000000000000",
		"0.1e0",
		"[/*,*/1]",
		"0e5",
		"[0.0, 5]",
		"[0e1, 5]",
		"[-9007199254740992]",
		"{\"a\": 1, \"A\": 2}",
	};

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++)
		json_doc_free(parsed(texts[i]));
}

static const struct refusal {
	const char *text, *message; /* the whole message, as a person sees it */
} refusals[] = {
	/* what the parser underneath would take */
	{"{\"a\": 1,\n \"b\": 2,\n  \"a\": 3}",
	 "f.json:3:3: key \"a\" is here for the second time (first at line 1): keep one"},
	{"{\"a\": 1, \"\\u0061\": 3}",
	 "f.json:1:10: key \"a\" is here for the second time (first at line 1): keep one"},
	{"[{\"x\": {\"k\": 1, \"j\": 0, \"k\": 2}}]",
	 "f.json:1:25: key \"k\" is here for the second time (first at line 1): keep one"},
	{"{} x", "f.json:1:4: the file should end here: this stands behind its last }"},
	{"[1]\n]", "f.json:2:1: the file should end here: this stands behind its last ]"},
	{"[01]", "f.json:1:2: a number has no leading zeros: write 1, or \"01\" if it is a name"},
	{"[-007.5]", "f.json:1:2: a number has no leading zeros: write -7.5, or \"-007.5\" if it is a name"},
	{"[1e999]", "f.json:1:2: 1e999 is beyond the largest number (1.8e308)"},
	{"[-1e999]", "f.json:1:2: -1e999 is beyond the largest number (1.8e308)"},
	{"[1e-999]", "f.json:1:2: 1e-999 cannot be kept digit by digit: write it as a string in double quotes"},
	{"[9007199254740993]",
	 "f.json:1:2: 9007199254740993 cannot be kept digit by digit: write it as a string in double quotes"},
	{"[0.1234567890123456789012345678901234567890123456789012345678901234]",
	 "f.json:1:2: a number of 66 characters: at most 63; 17 digits are all that counts"},
	{"\"\xC3\x28\"", "f.json:1:2: byte 0xc3 is not UTF-8: save the file as UTF-8"},
	{"// \xE9\n1", "f.json:1:4: byte 0xe9 is not UTF-8: save the file as UTF-8"},
	{"\"\xC0\xAF\"", "f.json:1:2: byte 0xc0 is not UTF-8: save the file as UTF-8"},
	{"\"\xE0\x80\xAF\"", "f.json:1:2: byte 0xe0 is not UTF-8: save the file as UTF-8"},
	{"\"\xED\xA0\x80\"", "f.json:1:2: byte 0xed is not UTF-8: save the file as UTF-8"},
	{"\"\xF4\x90\x80\x80\"", "f.json:1:2: byte 0xf4 is not UTF-8: save the file as UTF-8"},
	{"\"\xE2\x82", "f.json:1:2: byte 0xe2 is not UTF-8: save the file as UTF-8"},
	{"\xEF\xBB\xBF{}", "f.json:1:1: the file starts with a byte-order mark: save it as UTF-8 without one"},
	{"\"a\\u0000b\"", "f.json:1:3: \\u0000 cannot stand in a string"},
	{"\"\\ud800\"", "f.json:1:2: half of a surrogate pair: write the character itself"},
	{"\"\\ude00\"", "f.json:1:2: half of a surrogate pair: write the character itself"},
	{"\"\\ud800\\u0041\"", "f.json:1:2: half of a surrogate pair: write the character itself"},
	{"\"\\u12g4\"", "f.json:1:2: \\u takes four hexadecimal digits"},
	{"\"a\\x\"", "f.json:1:3: a backslash before x: write \\\\ for a backslash"},
	{"\"a\tb\"", "f.json:1:3: a control character (0x09) in a string: write \\t for a tab"},
	{"[1\x01]", "f.json:1:3: a control character (0x01): take it away"},
	/* what people write */
	{"", "f.json:1:1: there is nothing in this file: an object, { ... }, should stand here"},
	{" // nothing\n", "f.json:1:1: there is nothing in this file: an object, { ... }, should stand here"},
	{"{\"a\": 1,}", "f.json:1:8: the comma before } is one too many: take it away"},
	{"[1, 2 ,\n]", "f.json:1:7: the comma before ] is one too many: take it away"},
	{"{\"a\": 1\n \"b\": 2}", "f.json:2:2: a comma is missing before this"},
	{"[1 2]", "f.json:1:4: a comma is missing before this"},
	{"[1; 2]", "f.json:1:3: ';' here: a comma or ] should follow"},
	{"{a: 1}", "f.json:1:2: a key stands in double quotes: write \"a\""},
	{"{'a': 1}", "f.json:1:2: a key in double quotes should stand here"},
	{"{\"a\" 1}", "f.json:1:5: a colon is missing behind this key"},
	{"{\"a\": 'b'}", "f.json:1:7: text stands in double quotes, not in single ones"},
	{"{\"a\": demo}", "f.json:1:7: text stands in double quotes: write \"demo\""},
	{"[True]", "f.json:1:2: True: write true, in small letters"},
	{"[NaN]", "f.json:1:2: NaN is not a number: leave the key out, or write a finite number"},
	{"[-Infinity]", "f.json:1:2: -Infinity is not a number: leave the key out, or write a finite number"},
	{"[+1]", "f.json:1:2: a number has no plus sign: write 1"},
	{"[.5]", "f.json:1:2: a number starts with a digit: write 0.5"},
	{"[-.5]", "f.json:1:2: a number starts with a digit: write -0.5"},
	{"[5.]", "f.json:1:2: a decimal point needs a digit behind it: write 5.0"},
	{"[0x1F]", "f.json:1:2: 0x1F is not a number; units stand in the key, text in double quotes"},
	{"[1.5mm]", "f.json:1:2: 1.5mm is not a number; units stand in the key, text in double quotes"},
	{"[-]", "f.json:1:2: - is not a number; units stand in the key, text in double quotes"},
	{"[1e]", "f.json:1:2: 1e is not a number; units stand in the key, text in double quotes"},
	{"[,1]", "f.json:1:2: ',' here: a value should stand here"},
	{"{\"a\": [1, 2}", "f.json:1:12: '}' here: a comma or ] should follow"},
	{"{\"a\": {\n\"b\": 1", "f.json:1:7: this object has no end: a } is missing"},
	{"[1,", "f.json:1:1: this list has no end: a ] is missing"},
	{"[", "f.json:1:1: this list has no end: a ] is missing"},
	{"{", "f.json:1:1: this object has no end: a } is missing"},
	{"{\"a\":", "f.json:1:1: this object has no end: a } is missing"},
	{"{\"a", "f.json:1:2: this string has no end: a closing \" is missing"},
	{"[\"a,\n\"b\"]", "f.json:1:2: this string does not end on its line: a closing \" is missing"},
	{"\"\\", "f.json:1:2: a backslash before nothing: write \\\\ for a backslash"},
	{"\n/* ab", "f.json:2:1: this comment has no end: write */ behind it"},
	{"1 /", "f.json:1:3: the file should end here: this stands behind its last }"},
	/* columns count characters, not bytes, and comments move nothing */
	{"{\"\xC3\xA9\xE2\x82\xAC\": x}", "f.json:1:8: text stands in double quotes: write \"x\""},
	{"/* \xE2\x82\xAC\xE2\x82\xAC */ x", "f.json:1:10: text stands in double quotes: write \"x\""},
	{"/* one\n two */ [1, // three \"\n x]", "f.json:3:2: text stands in double quotes: write \"x\""},
};

static void refuses(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(refusals); i++) {
		struct json_doc *doc = (struct json_doc *)&doc;
		struct err err = {""};
		int ret = json_parse("f.json", refusals[i].text, strlen(refusals[i].text), &doc, &err);
		if (ret != -EINVAL)
			fail_msg("%s gave %d", refusals[i].text, ret);
		assert_string_equal(err.text, refusals[i].message);
		assert_ptr_equal(doc, &doc); /* untouched */
	}
}

static void refuses_nul_bytes(void **state)
{
	struct json_doc *doc;
	struct err err;

	(void)state;
	assert_int_equal(json_parse("f.json", "1\0 2", 4, &doc, &err), -EINVAL);
	assert_string_equal(err.text, "f.json:1:2: a control character (0x00): take it away");
	assert_int_equal(json_parse("f.json", "1\0", 2, &doc, NULL), -EINVAL);
}

static void every_prefix_is_refused_or_parsed(void **state)
{
	static const char whole[] = "{\"a\": [1.5e3, \"\\u00e9\xC3\xA9\", {\"b\": null}], /* c */ \"d\": true} // e";
	size_t body = strlen(whole) - 5;

	(void)state;
	for (size_t n = 0; n <= strlen(whole); n++) {
		char *copy = malloc(n ? n : 1); /* exact size: reading past the end is seen by a sanitizer */
		struct json_doc *doc = NULL;
		memcpy(copy, whole, n);
		int ret = json_parse("f.json", copy, n, &doc, NULL);
		assert_int_equal(ret, n >= body && n != body + 2 ? 0 : -EINVAL);
		json_doc_free(doc);
		free(copy);
	}
}

static uint64_t splitmix64(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9E3779B97F4A7C15);

	z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
	z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
	return z ^ z >> 31;
}

/* What the scanner lets through, the parser underneath must take (else -ENOMEM), and it must survive writing and
 * reading. */
static void mutations_meet_one_judgement(void **state)
{
	static const char seed_text[] =
		"{\"a\":[1.5e3,-0,\"\\u00e9\\ud83d\\ude00\\n\xC3\xA9\",{\"b\":null}],/*c*/\"d\":true,\"e\":[]}//f";
	static const char bytes[] = "{}[]:,\"\\/*0123456789.eE+-tfnu \n\xC3\xA9\xED\xF4";
	uint64_t random = 1;
	unsigned accepted = 0;

	(void)state;
	for (unsigned i = 0; i < 30000; i++) {
		char text[sizeof(seed_text)];
		struct json_doc *doc = NULL, *again = NULL;
		memcpy(text, seed_text, sizeof(text));
		for (unsigned n = 1 + splitmix64(&random) % 3; n > 0; n--)
			text[splitmix64(&random) % (sizeof(text) - 1)] =
				bytes[splitmix64(&random) % (sizeof(bytes) - 1)];
		int ret = json_parse("f.json", text, sizeof(text) - 1, &doc, NULL);
		if (ret && ret != -EINVAL)
			fail_msg("%s gave %d", text, ret);
		if (ret)
			continue;
		struct json_out *root = json_out_object();
		char *printed_text = NULL;
		json_out_copy(root, "x", json_root(doc));
		assert_int_equal(json_out_print(root, i % 2, &printed_text, NULL), 0);
		assert_int_equal(json_parse("g.json", printed_text, strlen(printed_text), &again, NULL), 0);
		assert_int_equal(json_size(json_get(json_root(again), "x")), json_size(json_root(doc)));
		free(printed_text);
		json_out_free(root);
		json_doc_free(again);
		json_doc_free(doc);
		accepted++;
	}
	assert_true(accepted > 1000 && accepted < 29000);
}

static void depth_is_bounded(void **state)
{
	char text[2 * JSON_DEPTH_MAX + 3];
	struct json_doc *doc;
	struct err err;

	(void)state;
	memset(text, '[', JSON_DEPTH_MAX);
	memset(text + JSON_DEPTH_MAX, ']', JSON_DEPTH_MAX);
	assert_int_equal(json_parse("f.json", text, (size_t)2 * JSON_DEPTH_MAX, &doc, NULL), 0);
	json_doc_free(doc);
	memset(text, '[', JSON_DEPTH_MAX + 1);
	memset(text + JSON_DEPTH_MAX + 1, ']', JSON_DEPTH_MAX + 1);
	assert_int_equal(json_parse("f.json", text, (size_t)2 * JSON_DEPTH_MAX + 2, &doc, &err), -EINVAL);
	assert_string_equal(err.text, "f.json:1:33: nested more than 32 deep");
}

static void size_is_bounded(void **state)
{
	char *text = malloc(JSON_FILE_MAX + 1);
	struct json_doc *doc;
	struct err err;

	(void)state;
	memset(text, ' ', JSON_FILE_MAX + 1);
	text[0] = '1';
	assert_int_equal(json_parse("f.json", text, JSON_FILE_MAX, &doc, NULL), 0);
	json_doc_free(doc);
	assert_int_equal(json_parse("f.json", text, JSON_FILE_MAX + 1, &doc, &err), -E2BIG);
	assert_string_equal(err.text, "f.json: 4194305 bytes; at most 4194304 are read");
	free(text);
}

static void tree_access(void **state)
{
	static const char text[] = "{\"a\": [1, 2.5, \"x\"], // c\n \"A\": true, \"n\": null, \"o\": {\"p\": -3}}";
	struct json_doc *doc = parsed(text);
	const struct json *root = json_root(doc), *a = json_get(root, "a");
	unsigned line, column;
	size_t len;

	(void)state;
	assert_int_equal(json_kind(root), JSON_OBJECT);
	assert_int_equal(json_size(root), 4);
	assert_int_equal(json_kind(a), JSON_ARRAY);
	assert_int_equal(json_size(a), 3);
	assert_true(json_number(json_at(a, 0)) == 1 && json_number(json_at(a, 1)) == 2.5);
	assert_string_equal(json_string(json_at(a, 2)), "x");
	assert_null(json_at(a, 3));
	assert_null(json_key_of(json_at(a, 0)));
	assert_true(json_bool(json_get(root, "A"))); /* case counts */
	assert_null(json_get(root, "N"));
	assert_null(json_get(a, "a"));
	assert_int_equal(json_kind(json_get(root, "n")), JSON_NULL);
	assert_string_equal(json_key_of(json_at(root, 3)), "o");
	json_position(json_get(json_get(root, "o"), "p"), &line, &column);
	assert_int_equal(line, 2);
	assert_int_equal(column, 35);
	assert_string_equal(json_text(doc, &len), text);
	assert_int_equal(len, strlen(text));
	assert_string_equal(json_file(doc), "f.json");
	json_doc_free(doc);
}

static void files(void **state)
{
	char path[] = "/tmp/penrig-json-XXXXXX", wanted[100];
	int fd = mkstemp(path);
	struct json_doc *doc;
	struct err err;

	(void)state;
	assert_int_equal(write(fd, "{\"a\":\n x}", 9), 9);
	assert_int_equal(json_read(path, &doc, &err), -EINVAL);
	snprintf(wanted, sizeof(wanted), "%s:2:2: text stands in double quotes: write \"x\"", path);
	assert_string_equal(err.text, wanted);
	assert_int_equal(pwrite(fd, "1", 1, 7), 1);
	assert_int_equal(json_read(path, &doc, &err), 0);
	json_doc_free(doc);
	assert_int_equal(ftruncate(fd, JSON_FILE_MAX + 1), 0);
	assert_int_equal(json_read(path, &doc, &err), -E2BIG);
	close(fd);
	unlink(path);
	assert_int_equal(json_read(path, &doc, &err), -ENOENT);
	snprintf(wanted, sizeof(wanted), "cannot read %s: No such file or directory", path);
	assert_string_equal(err.text, wanted);
	assert_int_equal(json_read("/tmp", &doc, &err), -EISDIR);
}

struct target {
	char name[8];
	double depth_mm;
	int64_t count;
	bool on;
	int order;
	char date[11];
	const struct json *node;
	int custom;
};

static int read_custom(const struct json_doc *doc, const struct json *node, void *dst, struct err *err)
{
	if (json_kind(node) != JSON_ARRAY)
		return json_error(doc, node, err, "a list, please");
	*(int *)dst = (int)json_size(node);
	return 0;
}

static const char *const orders[] = {"as_written", "up_down", "random", NULL};
static const struct json_field table[] = {
	{.key = "name",
	 .kind = FIELD_STRING,
	 .offset = offsetof(struct target, name),
	 .size = 8,
	 .required = true,
	 .lo = 1},
	{.key = "depth_mm",
	 .kind = FIELD_NUMBER,
	 .offset = offsetof(struct target, depth_mm),
	 .lo = 0,
	 .hi = 3,
	 .unit = "mm"},
	{.key = "count", .kind = FIELD_INT, .offset = offsetof(struct target, count)},
	{.key = "on", .kind = FIELD_BOOL, .offset = offsetof(struct target, on)},
	{.key = "order", .kind = FIELD_WORD, .offset = offsetof(struct target, order), .words = orders},
	{.key = "date", .kind = FIELD_DATE, .offset = offsetof(struct target, date)},
	{.key = "node", .kind = FIELD_NODE, .offset = offsetof(struct target, node)},
	{.key = "custom", .kind = FIELD_CUSTOM, .offset = offsetof(struct target, custom), .read = read_custom},
	{.key = NULL},
};

static void table_fills_the_struct(void **state)
{
	struct target t = {.count = 42, .order = 2};
	struct json_doc *doc = parsed("{\"name\": \"1234567\", \"depth_mm\": 3, \"on\": true, \"order\": \"up_down\", "
				      "\"date\": \"2024-02-29\", \"node\": null, \"custom\": [1, 2]}");

	(void)state;
	assert_int_equal(json_read_object(doc, json_root(doc), table, &t, NULL), 0);
	assert_string_equal(t.name, "1234567");
	assert_true(t.depth_mm == 3);
	assert_int_equal(t.count, 42); /* absent: the default stays */
	assert_true(t.on);
	assert_int_equal(t.order, 1);
	assert_string_equal(t.date, "2024-02-29");
	assert_int_equal(json_kind(t.node), JSON_NULL);
	assert_int_equal(t.custom, 2);
	json_doc_free(doc);
}

static const struct refusal table_refusals[] = {
	{"{\"name\": \"a\",\n  \"dpeth_mm\": 1}", "f.json:2:3: unknown key \"dpeth_mm\"; did you mean \"depth_mm\"?"},
	{"{\"name\": \"a\", \"Depth_MM\": 1}", "f.json:1:15: unknown key \"Depth_MM\"; did you mean \"depth_mm\"?"},
	{"{\"name\": \"a\", \"depth_um\": 1}", "f.json:1:15: unknown key \"depth_um\"; did you mean \"depth_mm\"?"},
	{"{\"name\": \"a\", \"colour\": 1}",
	 "f.json:1:15: unknown key \"colour\"; here may stand \"name\", \"depth_mm\", \"count\", \"on\", \"order\", "
	 "\"date\", \"node\", \"custom\""},
	{"{}", "f.json:1:1: \"name\" is missing here: a string"},
	{"[]", "f.json:1:1: an object, { ... }, should stand here, not a list"},
	{"{\"name\": 1}", "f.json:1:10: \"name\" must be a string, not a number"},
	{"{\"name\": \"\"}", "f.json:1:10: \"name\" is empty; write something between the quotes"},
	{"{\"name\": \"12345678\"}", "f.json:1:10: \"name\" is 8 bytes long; at most 7 fit"},
	{"{\"name\": \"a\\u001bb\"}", "f.json:1:10: \"name\" holds a control character (0x1b)"},
	{"{\"name\": \"a\", \"depth_mm\": 3.0000001}",
	 "f.json:1:27: \"depth_mm\" is 3.0000001 mm; allowed is 0 to 3 mm"},
	{"{\"name\": \"a\", \"depth_mm\": -1e-9}", "f.json:1:27: \"depth_mm\" is -1e-09 mm; allowed is 0 to 3 mm"},
	{"{\"name\": \"a\", \"depth_mm\": \"1.5\"}",
	 "f.json:1:27: \"depth_mm\" must be a number in mm: write 1.5 without quotes"},
	{"{\"name\": \"a\", \"depth_mm\": \"1.5 mm\"}",
	 "f.json:1:27: \"depth_mm\" must be a number in mm, not a string"},
	{"{\"name\": \"a\", \"depth_mm\": null}",
	 "f.json:1:27: \"depth_mm\" must be a number in mm, not null; leave the key out where there is none"},
	{"{\"name\": \"a\", \"count\": 1.5}", "f.json:1:24: \"count\" is 1.5; it must be a whole number"},
	{"{\"name\": \"a\", \"count\": 1e300}", "f.json:1:24: \"count\" is 1e+300; whole numbers go to 2^53"},
	{"{\"name\": \"a\", \"count\": true}", "f.json:1:24: \"count\" must be a whole number, not true or false"},
	{"{\"name\": \"a\", \"on\": 1}", "f.json:1:21: \"on\" must be true or false, not a number"},
	{"{\"name\": \"a\", \"order\": \"updown\"}", "f.json:1:24: \"order\" is \"updown\"; did you mean \"up_down\"?"},
	{"{\"name\": \"a\", \"order\": \"x\"}",
	 "f.json:1:24: \"order\" is \"x\"; write one of \"as_written\", \"up_down\", \"random\""},
	{"{\"name\": \"a\", \"date\": \"2026-02-29\"}",
	 "f.json:1:23: \"date\" is \"2026-02-29\", no date of the calendar; write YYYY-MM-DD, as in 2026-03-31"},
	{"{\"name\": \"a\", \"date\": \"26-1-1\"}",
	 "f.json:1:23: \"date\" is \"26-1-1\", no date of the calendar; write YYYY-MM-DD, as in 2026-03-31"},
	{"{\"name\": \"a\", \"date\": 20260101}", "f.json:1:23: \"date\" must be a date, \"YYYY-MM-DD\", not a number"},
	{"{\"name\": \"a\", \"custom\": {}}", "f.json:1:25: a list, please"},
};

static void table_refuses(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(table_refusals); i++) {
		struct json_doc *doc = parsed(table_refusals[i].text);
		struct target t = {.name = ""};
		struct err err = {""};
		assert_int_equal(json_read_object(doc, json_root(doc), table, &t, &err), -EINVAL);
		assert_string_equal(err.text, table_refusals[i].message);
		json_doc_free(doc);
	}
}

static void dates(void **state)
{
	static const char *const good[] = {"2000-02-29", "2099-12-31", "0001-01-01", "2026-04-30"};
	static const char *const bad[] = {"1900-02-29", "2026-00-10",  "2026-13-01", "2026-04-31",
					  "2026-01-00", "0000-01-01",  "2026-1-01",  "2026/01/01",
					  "2026-01-1",  "2026-01-011", "",           "2026--1-01"};

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++)
		assert_true(json_date_valid(good[i]));
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_false(json_date_valid(bad[i]));
}

static char *printed(struct json_out *root, bool indented)
{
	char *text = NULL;
	struct err err = {""};

	if (json_out_print(root, indented, &text, &err))
		fail_msg("%s", err.text);
	json_out_free(root);
	return text;
}

static void writes(void **state)
{
	struct json_out *root = json_out_object(), *list;
	char *text;

	(void)state;
	json_out_string(root, "s", "tab\t\"q\" \xC3\xA9");
	json_out_string(root, "none", NULL);
	json_out_int(root, "i", -9007199254740991);
	json_out_u64(root, "u", UINT64_MAX);
	json_out_bool(root, "b", false);
	json_out_null(root, "z");
	list = json_out_add_array(root, "l");
	json_out_number(list, NULL, 0.1, 17);
	json_out_number(list, NULL, 120.0000001, 6);
	json_out_number(list, NULL, -0.0, 17);
	json_out_number(list, NULL, 1.0 / 3, 17);
	json_out_string(json_out_add_object(list, NULL), "k", ":\t");
	text = printed(root, false);
	assert_string_equal(text, "{\"s\":\"tab\\t\\\"q\\\" \xC3\xA9\",\"none\":null,\"i\":-9007199254740991,"
				  "\"u\":\"18446744073709551615\",\"b\":false,\"z\":null,"
				  "\"l\":[0.1,120,0,0.3333333333333333,{\"k\":\":\\t\"}]}");
	free(text);
}

static void indents_by_spaces(void **state)
{
	struct json_out *root = json_out_object();
	char *text;

	(void)state;
	json_out_string(json_out_add_object(root, "a"), "k", "x:\ty");
	text = printed(root, true);
	assert_string_equal(text, "{\n  \"a\": {\n    \"k\": \"x:\\ty\"\n  }\n}");
	free(text);
}

static void numbers_survive(void **state)
{
	static const double values[] = {
		5e-324, 1.7976931348623157e308, 0.1 + 0.2,          1 + 0x1p-52, 1 - 0x1p-53, 4.35, 1e22,
		1e23,   123456789012345680.0,   -116.66666666666667};

	(void)state;
	for (size_t i = 0; i < COUNT(values); i++) {
		struct json_out *root = json_out_array();
		json_out_number(root, NULL, values[i], 17);
		char *text = printed(root, false);
		struct json_doc *doc = parsed(text);
		assert_true(json_number(json_at(json_root(doc), 0)) == values[i]);
		json_doc_free(doc);
		free(text);
	}
}

static void copies(void **state)
{
	struct json_doc *doc =
		parsed("{\"a\": [1.10, 1e2, -0.30000000000000004, true, null], // gone\n \"b\": {\"c\": \"d\\n\"}}");
	struct json_out *root = json_out_object();
	char *text;

	(void)state;
	json_out_copy(root, "plan", json_root(doc));
	text = printed(root, false);
	assert_string_equal(text,
			    "{\"plan\":{\"a\":[1.10,1e2,-0.30000000000000004,true,null],\"b\":{\"c\":\"d\\n\"}}}");
	free(text);
	json_doc_free(doc);
}

static void refuse_to_write(void (*add)(struct json_out *), const char *message)
{
	struct json_out *root = json_out_object();
	char *text = (char *)&text;
	struct err err = {""};

	add(root);
	json_out_number(root, "later", NAN, 6); /* the first error stays */
	assert_int_equal(json_out_print(root, false, &text, &err), -EINVAL);
	assert_string_equal(err.text, message);
	assert_ptr_equal(text, &text);
	json_out_free(root);
}

static void add_nan(struct json_out *out)
{
	json_out_number(json_out_add_array(out, "list"), NULL, NAN, 17);
}

static void add_inf(struct json_out *out)
{
	json_out_number(json_out_add_object(out, "o"), "depth_mm", -INFINITY, 6);
}

static void add_large(struct json_out *out)
{
	json_out_int(out, "count", INT64_C(1) << 53);
}

static void add_twice(struct json_out *out)
{
	json_out_bool(out, "a", true);
	json_out_bool(out, "A", true);
	json_out_bool(out, "a", true);
}

static void add_bad_utf8(struct json_out *out)
{
	json_out_string(out, "operator", "J\xF6rg");
}

static void add_bad_key(struct json_out *out)
{
	json_out_bool(out, "\xFF", true);
}

static void add_keyless(struct json_out *out)
{
	json_out_bool(out, NULL, true);
}

static void refuses_to_write(void **state)
{
	(void)state;
	refuse_to_write(add_nan, "an element of a list: nan is not a JSON number");
	refuse_to_write(add_inf, "depth_mm: -inf is not a JSON number");
	refuse_to_write(add_large, "count: 9007199254740992 is too large for a JSON number");
	refuse_to_write(add_twice, "a: this key is written twice");
	refuse_to_write(add_bad_utf8, "operator: byte 0xf6 at 1 is not UTF-8");
	refuse_to_write(add_bad_key, "a key that is not UTF-8");
	refuse_to_write(add_keyless, "an element of a list: a key belongs to an object, and only there");
}

static void null_parents_are_harmless(void **state)
{
	struct json_doc *doc = parsed("{\"a\": [1]}");
	char *text = NULL;

	(void)state;
	assert_null(json_out_add_object(NULL, "a"));
	json_out_number(NULL, "a", NAN, 17);
	json_out_string(NULL, "a", "\xFF");
	json_out_int(NULL, "a", INT64_MAX);
	json_out_copy(NULL, "a", json_root(doc));
	assert_int_equal(json_out_print(NULL, false, &text, NULL), -ENOMEM);
	json_out_free(NULL);
	json_doc_free(NULL);
	json_doc_free(doc);
}

/* ---- a tree as rows ------------------------------------------------------------------------------------------------ */

struct seen_rows {
	unsigned rows;
	char text[400];
};

static int see_row(void *ctx, const char *const *cell)
{
	struct seen_rows *seen = ctx;

	seen->rows++;
	for (; *cell; cell++) {
		strcat(seen->text, *cell);
		strcat(seen->text, "|");
	}
	return 0;
}

static void rows_of_a_tree(void **state)
{
	static const char *const paths[] = {"n", "^unit", "deep/value", "words", "yes", "none", "gone", NULL};
	struct json_out *root = json_out_object(), *series = json_out_add_array(root, "series");
	struct seen_rows seen = {0}, outer = {0}, itself = {0};
	struct err err = {""};

	(void)state;
	for (int s = 0; s < 2; s++) {
		struct json_out *one = json_out_add_object(series, NULL);
		json_out_string(one, "unit", s ? "Hz" : "mm");
		struct json_out *values = json_out_add_array(one, "values");
		for (int i = 0; i < 2 - s; i++) {
			struct json_out *row = json_out_add_object(values, NULL);
			json_out_int(row, "n", i + 10 * s);
			json_out_number(json_out_add_object(row, "deep"), "value", 0.1, 17);
			struct json_out *words = json_out_add_array(row, "words");
			json_out_string(words, NULL, "a");
			json_out_string(words, NULL, "b");
			json_out_bool(row, "yes", i == 0);
			json_out_null(row, "none");
		}
	}
	assert_int_equal(json_out_rows(root, "series/values", paths, see_row, &seen, &err), 0);
	assert_string_equal(seen.text, "0|mm|0.1|a b|true|||1|mm|0.1|a b|false|||10|Hz|0.1|a b|true|||");
	assert_int_equal(json_out_rows(root, "series", (const char *const[]){"unit", NULL}, see_row, &outer, &err), 0);
	assert_string_equal(outer.text, "mm|Hz|");
	assert_int_equal(json_out_rows(root, "", (const char *const[]){"unit", NULL}, see_row, &itself, &err), 0);
	assert_int_equal(itself.rows, 1);
	json_out_number(root, "nan", NAN, 17);
	assert_int_equal(json_out_rows(root, "series", paths, see_row, &outer, &err), -EINVAL);
	json_out_free(root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(accepts),
		cmocka_unit_test(refuses),
		cmocka_unit_test(refuses_nul_bytes),
		cmocka_unit_test(every_prefix_is_refused_or_parsed),
		cmocka_unit_test(mutations_meet_one_judgement),
		cmocka_unit_test(depth_is_bounded),
		cmocka_unit_test(size_is_bounded),
		cmocka_unit_test(tree_access),
		cmocka_unit_test(files),
		cmocka_unit_test(table_fills_the_struct),
		cmocka_unit_test(table_refuses),
		cmocka_unit_test(dates),
		cmocka_unit_test(writes),
		cmocka_unit_test(indents_by_spaces),
		cmocka_unit_test(numbers_survive),
		cmocka_unit_test(copies),
		cmocka_unit_test(refuses_to_write),
		cmocka_unit_test(null_parents_are_harmless),
		cmocka_unit_test(rows_of_a_tree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
