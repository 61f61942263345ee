/* NPY: each type in each byte order, both orders of storage, records, all three formats, and headers that are not right. */
#include "tests/unit/offline/recordings.h"

static void begin(unsigned format, const char *header)
{
	size_t length = strlen(header);
	made.n = 0;
	add("\x93NUMPY", 6);
	add_number(format, 1);
	add_number(0, 1);
	add_number(length, format == 1 ? 2 : 4);
	add_text(header);
}

static void begin_type(const char *type, const char *shape)
{
	char header[256];
	snprintf(header, sizeof(header), "{'descr': '%s', 'fortran_order': False, 'shape': (%s), }   \n", type, shape);
	begin(1, header);
}

static void hear_all(uint32_t room)
{
	hear(&reader_npy, made.n, room, false);
}

static void assert_values(unsigned columns, unsigned rows, const double *value)
{
	assert_int_equal(heard.rc, 0);
	assert_int_equal(heard.layout.columns, columns);
	assert_int_equal(heard.rows, rows);
	for (unsigned i = 0; i < columns * rows; i++)
		assert_true(heard.value[i] == value[i]);
}

static void test_each_type_in_each_byte_order(void **state)
{
	static const struct {
		const char *type;
		const void *bytes;
		unsigned n;
		double value;
		unsigned bits;
		double offset;
	} types[] = {
		{"|i1", "\xFE", 1, -2, 8, 0},
		{"|u1", "\xFE", 1, 126, 8, 128},
		{"<i2", "\xFE\xFF", 2, -2, 16, 0},
		{">i2", "\xFF\xFE", 2, -2, 16, 0},
		{"<u2", "\x01\x80", 2, 1, 16, 32768},
		{">u2", "\x80\x01", 2, 1, 16, 32768},
		{"<i4", "\x01\x02\x00\x80", 4, -2147483135, 32, 0},
		{">i4", "\x80\x00\x02\x01", 4, -2147483135, 32, 0},
		{"<u4", "\x00\x00\x00\x00", 4, -2147483648.0, 32, 2147483648.0},
		{"<i8", "\xFD\xFF\xFF\xFF\xFF\xFF\xFF\xFF", 8, -3, 0, 0},
		{">i8", "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFD", 8, -3, 0, 0},
		{"<u8", "\x00\x00\x00\x00\x00\x00\x00\x80", 8, 9223372036854775808.0, 0, 0},
		{"<f4", "\x00\x00\xC0\xBF", 4, -1.5, 0, 0},
		{">f4", "\xBF\xC0\x00\x00", 4, -1.5, 0, 0},
		{"<f8", "\x00\x00\x00\x00\x00\x00\xF8\xBF", 8, -1.5, 0, 0},
		{">f8", "\xBF\xF8\x00\x00\x00\x00\x00\x00", 8, -1.5, 0, 0},
	};
	(void)state;
	for (unsigned i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		begin_type(types[i].type, "1,");
		add(types[i].bytes, types[i].n);
		hear_all(1);
		assert_values(1, 1, &types[i].value);
		assert_int_equal(heard.layout.column[0].bits, types[i].bits);
		assert_int_equal(heard.layout.column[0].integer, types[i].bits != 0);
		assert_true(heard.layout.column[0].offset == types[i].offset && heard.layout.column[0].scale == 1);
		assert_true(isnan(heard.layout.rate_hz) && heard.layout.rows == 1);
	}
}

static void test_both_orders_of_storage(void **state)
{
	(void)state;
	for (unsigned fortran = 0; fortran < 2; fortran++) {
		char header[128];
		snprintf(header, sizeof(header), "{\"shape\": (3000, 3), \"descr\":\"<i2\",'fortran_order':%s}\n",
			 fortran ? "True" : "False");
		begin(2, header);
		for (unsigned i = 0; i < 9000; i++)
			add_number(fortran ? i % 3000 * 3 + i / 3000 : i, 2);
		for (uint32_t room = 3; room < 30000; room = room * 4 + 1) {
			hear_all(room);
			assert_int_equal(heard.rc, 0);
			assert_int_equal(heard.rows, 3000);
			for (unsigned i = 0; i < 9000; i++)
				assert_true(heard.value[i] == i);
		}
	}
}

static void test_records_of_numbers(void **state)
{
	(void)state;
	begin(3, "{'descr': [('index', '<u8'), ('time_s', '<f8'), ('force', '>i2')], 'fortran_order': False, 'shape': "
		 "(2,)}\n");
	for (unsigned i = 0; i < 2; i++) {
		double time_s = i * 0.5;
		add_number(i + 7, 8);
		add(&time_s, 8);
		add(i ? "\x00\x05" : "\xFF\xFF", 2);
	}
	hear_all(4);
	assert_values(3, 2, (double[]){7, 0, -1, 8, 0.5, 5});
	assert_string_equal(heard.layout.column[2].name, "force");
	assert_true(heard.layout.time_column == 1 && heard.layout.time_unit_s == 1);
	assert_false(heard.layout.column[1].integer);
	assert_true(heard.layout.column[2].integer);
}

#define REST ", 'fortran_order': False, 'shape': (1,)}\n"
#define TYPE "{'descr': '<i2', 'fortran_order': False, 'shape': "

static void test_headers_that_are_not_right(void **state)
{
	static const struct {
		const char *header, *why;
	} bad[] = {
		{"{'descr': '|O'" REST, "holds \"|O\""},
		{"{'descr': '<f2'" REST, "holds \"<f2\""},
		{"{'descr': '<c8'" REST, "holds \"<c8\""},
		{"{'descr': '<i3'" REST, "holds \"<i3\""},
		{"{'descr': '|i2'" REST, "holds \"|i2\""},
		{"{'descr': '<i16'" REST, "holds \"<i16\""},
		{"{'descr': ''" REST, "holds \"\""},
		{"{'descr': []" REST, "a record without columns"},
		{"{'descr': [('a', '<i2', (3,))]" REST, "must be one number"},
		{"{'descr': [(('title', 'a'), '<i2')]" REST, "a word in quotes"},
		{"{'descr': [('a', '<i2') ('b', '<i2')]" REST, "a comma"},
		{"{'descr': <i2" REST, "a word in quotes"},
		{"{'descr': '<i2' 'fortran_order': False}\n", "a comma"},
		{"{'descr': '<i2', 'fortran_order': 0, 'shape': (1,)}\n", "True or False"},
		{"{'descr': '<i2', 'descr': '<i2'" REST, "was there before"},
		{"{'descr': '<i2', 'order': 1}\n", "a key that NPY does not have"},
		{"{'descr': '<i2', 'shape': (1,)}\n", "has no \"fortran_order\""},
		{"{}\n", "has no \"descr\""},
		{TYPE "(1)}\n", "a comma"},
		{TYPE "()}\n", "a single number"},
		{TYPE "(1, 1, 1)}\n", "more than two dimensions"},
		{TYPE "(-1,)}\n", "a size"},
		{TYPE "(99999999999999999999,)}\n", "a size"},
		{TYPE "(4611686018427387904, 64)}\n", "truncated"},
		{TYPE "(9223372036854775807,)}\n", "truncated"},
		{TYPE "(2,)}\n", "truncated: its header says 2 rows, 1 are there"},
		{TYPE "(0,)}\n", "bytes behind its 0 rows"},
		{TYPE "(1, 0)}\n", "1 to 64 columns"},
		{TYPE "(2, 65)}\n", "has 2 rows and 65 columns"},
		{TYPE "(1,)} x\n", "it should end here"},
		{TYPE "(1,)}", "it should end here"},
		{"['descr']\n", "a dictionary"},
	};
	(void)state;
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		begin(1, bad[i].header);
		add_number(1, 2);
		hear_all(100);
		assert_refused(bad[i].why);
	}
	begin_type("<i2", "1,");
	add_number(1, 2);
	made.bytes[6] = 4;
	hear_all(10);
	assert_refused("NPY format 4.0");
	made.bytes[6] = 2; /* four bytes of length: those of the text behind it as well */
	hear_all(10);
	assert_refused("1 to 65536 can be right");
}

static void test_a_number_that_is_none(void **state)
{
	(void)state;
	begin_type("<f4", "2,");
	add("\x00\x00\x80\x3F\x00\x00\xC0\x7F", 8);
	hear_all(10);
	assert_refused("row 2, column 1 is no finite number");
	hear(&reader_npy, made.n, 10, true);
	assert_true(heard.rows == 2 && heard.value[0] == 1 && isnan(heard.value[1]));
}

static void test_a_file_that_ends_anywhere(void **state)
{
	(void)state;
	for (unsigned format = 1; format <= 3; format++) {
		begin(format, "{'descr': '<i2', 'fortran_order': True, 'shape': (2, 2), }\n");
		for (unsigned i = 0; i < 4; i++)
			add_number(i, 2);
		hear_all(10);
		assert_values(2, 2, (double[]){0, 2, 1, 3});
		for (size_t n = 0; n < made.n; n++) {
			hear(&reader_npy, n, 10, false);
			assert_refused("truncated");
		}
	}
}

static void test_a_header_with_any_byte_changed(void **state)
{
	(void)state;
	begin(1, "{'descr': [('a', '<i2'), ('b', '<f4')], 'fortran_order': False, 'shape': (2,), }\n");
	for (unsigned i = 0; i < 12; i++)
		add_number(i, 1);
	for (size_t at = 6; at < made.n - 12; at++) {
		uint8_t was = made.bytes[at];
		for (unsigned value = 0; value < 256; value += 13) {
			made.bytes[at] = (uint8_t)value;
			hear_all(128);
			assert_true(heard.rc == -EINVAL || (heard.rc == 0 && heard.rows == 2));
		}
		made.bytes[at] = was;
	}
}

static void test_counts_that_an_export_made_physical(void **state)
{
	static const char json[] =
		"{\"kind\":\"penrig/export/1\",\"rate_hz\":5000,\"channels\":[{\"name\":\"force\",\"unit\":\"N\","
		"\"bits\":24,\"scale\":0.0003,\"offset\":0.5}]}";
	double counts[] = {-8388608, 17, 8388607}, value;
	char beside[80];
	(void)state;
	snprintf(beside, sizeof(beside), "%s.json", made_path);
	write_file(beside, json, strlen(json));
	for (unsigned between = 0; between < 2; between++) {
		begin(1, "{'descr': [('force', '<f8')], 'fortran_order': False, 'shape': (3,), }\n");
		for (unsigned i = 0; i < 3; i++) {
			value = 0.5 + 0.0003 * (counts[i] + 0.4 * between);
			add(&value, 8);
		}
		hear_all(2);
		if (between)
			assert_refused("row 1, column 1 lies between two counts");
		else
			assert_values(1, 3, counts);
		const struct recording_column *c = &heard.layout.column[0];
		assert_true(c->integer && c->bits == 24 && c->scale == 0.0003 && c->offset == 0.5 &&
			    heard.layout.rate_hz == 5000);
	}
	unlink(beside);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_type_in_each_byte_order),
		cmocka_unit_test(test_both_orders_of_storage),
		cmocka_unit_test(test_records_of_numbers),
		cmocka_unit_test(test_headers_that_are_not_right),
		cmocka_unit_test(test_a_number_that_is_none),
		cmocka_unit_test(test_a_file_that_ends_anywhere),
		cmocka_unit_test(test_a_header_with_any_byte_changed),
		cmocka_unit_test(test_counts_that_an_export_made_physical),
	};
	return cmocka_run_group_tests(tests, make_path, remove_path);
}
