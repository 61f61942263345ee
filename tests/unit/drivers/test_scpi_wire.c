/* The pen's text protocol as a codec: against docs/protocols/vectors, in pieces, and against garbage. */
#include "drivers/scpi-pen/wire.h"
#include "fake_link.h"
#include "rig/driver/ieee488.h"

static void underscores_to_spaces(char *text)
{
	if (strcmp(text, "-") == 0)
		*text = '\0';
	for (; *text; text++)
		if (*text == '_')
			*text = ' ';
}

static void check_value(double value, const char *expected)
{
	char text[40];

	snprintf(text, sizeof(text), "%.9g", value);
	assert_string_equal(isnan(value) ? "nan" : text, expected);
}

/* True when `field` is accepted; the values are then compared with the vector's. */
static bool read_field(const char *kind, const char *field, char **values, bool compare)
{
	double number;
	uint64_t uint;
	bool on, ok;
	struct scpi_error error;
	struct scpi_identity identity;
	struct scpi_cartridge cartridge;
	struct scpi_readings readings;
	const char *data;
	char text[64];

	if (strcmp(kind, "header") == 0) {
		ok = ieee488_data(field, values[0], &data);
		if (ok && compare)
			assert_string_equal(data, values[1]);
	} else if (strcmp(kind, "number") == 0) {
		ok = scpi_read_number(field, &number);
		if (ok && compare)
			check_value(number, values[0]);
	} else if (strcmp(kind, "bool") == 0) {
		ok = scpi_read_bool(field, &on);
		if (ok && compare)
			assert_int_equal(on, atoi(values[0]));
	} else if (strcmp(kind, "uint") == 0) {
		ok = scpi_read_uint(field, &uint);
		snprintf(text, sizeof(text), "%llu", ok ? (unsigned long long)uint : 0);
		if (ok && compare)
			assert_string_equal(text, values[0]);
	} else if (strcmp(kind, "error") == 0) {
		ok = scpi_read_error(field, &error);
		if (ok && compare) {
			assert_int_equal(error.code, atoi(values[0]));
			assert_string_equal(error.text, values[1]);
		}
	} else if (strcmp(kind, "idn") == 0) {
		ok = scpi_read_identity(field, &identity);
		if (ok && compare) {
			assert_string_equal(identity.maker, values[0]);
			assert_string_equal(identity.model, values[1]);
			assert_string_equal(identity.serial, values[2]);
			assert_string_equal(identity.firmware, values[3]);
		}
	} else if (strcmp(kind, "cart") == 0) {
		ok = scpi_read_cartridge(field, &cartridge);
		if (ok && compare) {
			assert_string_equal(cartridge.id, values[0]);
			assert_int_equal(cartridge.needles, atoi(values[1]));
			assert_int_equal(cartridge.strokes, atoi(values[2]));
		}
	} else {
		assert_string_equal(kind, "all");
		ok = scpi_read_readings(field, &readings);
		if (ok && compare) {
			check_value(readings.rate_hz, values[0]);
			check_value(readings.motor_c, values[1]);
			check_value(readings.handle_c, values[2]);
			check_value(readings.volts_v, values[3]);
			check_value(readings.current_a, values[4]);
		}
	}
	return ok;
}

static void test_reading_vectors(void **state)
{
	static struct vectors v;
	unsigned accepted = 0, refused = 0;

	(void)state;
	vectors_open(&v, "scpi-pen-readings.txt");
	while (vectors_next(&v)) {
		char field[SCPI_LINE_MAX + 1];
		field[from_hex(v.words[2], (uint8_t *)field, sizeof(field) - 1)] = '\0';
		bool accept = strcmp(v.words[0], "accept") == 0;
		for (int i = 3; i < v.count; i++)
			underscores_to_spaces(v.words[i]);
		if (read_field(v.words[1], field, v.words + 3, accept) != accept)
			fail_msg("%s %s '%s'", v.words[0], v.words[1], field);
		accepted += accept;
		refused += !accept;
	}
	assert_true(accepted > 55 && refused > 85);
}

/* What penrig sends is what the document says that it sends. */
static void test_conversation_vector(void **state)
{
	static struct vectors v;
	static const struct {
		enum scpi_line line;
		double value;
		uint16_t tag;
	} said[] = {
		{SCPI_OPEN, 0, 1},         {SCPI_IDENTIFY, 0, 2},   {SCPI_CARTRIDGE, 0, 4}, {SCPI_SET_RATE, 120, 5},
		{SCPI_SET_DEPTH, 1.25, 6}, {SCPI_SET_DEPTH, 3, 12}, {SCPI_STOP, 0, 11},
	};
	bool inside = false;
	unsigned n = 0;

	(void)state;
	vectors_open(&v, "scpi-pen.txt");
	while (vectors_next(&v)) {
		uint8_t bytes[512];
		char line[SCPI_LINE_MAX + 2];
		if (strcmp(v.words[0], "case") == 0)
			inside = strcmp(v.words[1], "conversation") == 0;
		if (!inside || strcmp(v.words[0], ">") != 0)
			continue;
		assert_true(n < sizeof(said) / sizeof(said[0]));
		size_t len = scpi_encode(said[n].line, said[n].value, said[n].tag, line, sizeof(line));
		assert_int_equal(len, from_hex(v.words[1], bytes, sizeof(bytes)));
		assert_memory_equal(line, bytes, len);
		n++;
	}
	assert_int_equal(n, sizeof(said) / sizeof(said[0]));
}

static void test_encode_fits(void **state)
{
	char line[SCPI_LINE_MAX + 2], small[20] = "untouched";

	(void)state;
	for (int i = 0; i < SCPI_LINES; i++) {
		size_t len = scpi_encode((enum scpi_line)i, -1.23456789e-100, 65535, line, sizeof(line));
		assert_true(len > 0 && len <= SCPI_LINE_MAX + 1);
		assert_int_equal(line[len - 1], '\n');
		assert_null(memchr(line, '\n', len - 1));
		assert_non_null(strstr(line, ";:SYST:TAG? 65535\n"));
	}
	assert_int_equal(scpi_encode(SCPI_RUN, 0, 1, small, sizeof(small)), 0);
	scpi_encode(SCPI_SET_RATE, 116.66666, 7, line, sizeof(line));
	assert_string_equal(line, "*CLS;:SOUR:FREQ 116.667;:SYST:ERR?;:SOUR:FREQ?;:SYST:TAG? 7\n");
	scpi_encode(SCPI_DEADMAN, 500, 7, line, sizeof(line));
	assert_string_equal(line, "*CLS;:SYST:DEAD 500;:SYST:ERR?;:SYST:DEAD?;:SYST:TAG? 7\n");
	assert_true(scpi_as_sent(116.66666) == 116.667);
}

static void test_split(void **state)
{
	char *fields[SCPI_FIELDS_MAX];
	char plain[] = "0,\"No error\";120;5", quoted[] = "\"a;b\",1,2;3", open[] = "\"a;b", empty[] = "",
	     eight[] = "1;2;3;4;5;6;7;8", nine[] = "1;2;3;4;5;6;7;8;9";

	(void)state;
	assert_int_equal(scpi_split(plain, fields), 3);
	assert_string_equal(fields[0], "0,\"No error\"");
	assert_string_equal(fields[2], "5");
	assert_int_equal(scpi_split(quoted, fields), 2);
	assert_string_equal(fields[1], "3");
	assert_int_equal(scpi_split(open, fields), -1);
	assert_int_equal(scpi_split(empty, fields), 1);
	assert_int_equal(scpi_split(eight, fields), 8);
	assert_int_equal(scpi_split(nine, fields), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reading_vectors),
		cmocka_unit_test(test_conversation_vector),
		cmocka_unit_test(test_encode_fits),
		cmocka_unit_test(test_split),
	};
	(void)fake_table;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
