/* The pen's text protocol, encoded and decoded. Every reader takes the whole field or nothing: half a number is no
 * number. Leaves out what a line means for the device: that is device.c. */
#include "drivers/scpi-pen/wire.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rig/driver/ieee488.h"

#define TAG_QUESTION "SYST:TAG?"
#define QUESTION_MAX 32

struct line_form {
	const char *before, *after; /* around the value; after NULL: the line has no value */
	unsigned answers;
	bool whole; /* the value is an integer */
};

static const struct line_form forms[SCPI_LINES] = {
	[SCPI_REOPEN] = {.before = "*CLS;:OUTP?;:OUTP?;:OUTP OFF;:OUTP?", .answers = 3},
	[SCPI_OPEN] = {.before = "*CLS;:OUTP OFF;:OUTP?", .answers = 1},
	[SCPI_IDENTIFY] = {.before = "*IDN?", .answers = 1},
	[SCPI_LIMITS] = {.before = "SOUR:FREQ? MIN;:SOUR:FREQ? MAX;:SOUR:DEPT? MIN;:SOUR:DEPT? MAX", .answers = 4},
	[SCPI_CARTRIDGE] = {.before = "SYST:CART?;:SYST:UPT?", .answers = 2},
	[SCPI_SET_RATE] = {.before = "*CLS;:SOUR:FREQ ", .after = ";:SYST:ERR?;:SOUR:FREQ?", .answers = 2},
	[SCPI_SET_DEPTH] = {.before = "*CLS;:SOUR:DEPT ", .after = ";:SYST:ERR?;:SOUR:DEPT?", .answers = 2},
	[SCPI_DEADMAN] = {.before = "*CLS;:SYST:DEAD ",
			  .after = ";:SYST:ERR?;:SYST:DEAD?",
			  .answers = 2,
			  .whole = true},
	[SCPI_RUN] = {.before = "*CLS;:OUTP ON;:SYST:ERR?;:OUTP?", .answers = 2},
	[SCPI_HEARTBEAT] = {.before = "SYST:HEAR;:OUTP?;:STAT:QUES:COND?;:SYST:UPT?", .answers = 3},
	[SCPI_TELEMETRY] = {.before = "MEAS:ALL?;:OUTP?;:STAT:QUES:COND?;:SYST:UPT?", .answers = 4},
	[SCPI_STOP] = {.before = "OUTP OFF;:OUTP?", .answers = 1},
};

size_t scpi_encode(enum scpi_line line, double value, uint16_t tag, char *buffer, size_t size)
{
	const struct line_form *form = &forms[line];
	char number[32] = "";

	if (form->after)
		snprintf(number, sizeof(number), form->whole ? "%.0f" : "%.6g", value);
	int n = snprintf(buffer, size, "%s%s%s;:" TAG_QUESTION " %u\n", form->before, number,
			 form->after ? form->after : "", (unsigned)tag);
	return n > 0 && (size_t)n < size ? (size_t)n : 0;
}

unsigned scpi_answers(enum scpi_line line)
{
	return forms[line].answers;
}

double scpi_as_sent(double value)
{
	char number[32];

	snprintf(number, sizeof(number), "%.6g", value);
	return strtod(number, NULL);
}

int scpi_split(char *line, char *fields[SCPI_FIELDS_MAX])
{
	int n = 0;
	bool quoted = false;

	fields[n++] = line;
	for (char *p = line; *p; p++) {
		if (*p == '"')
			quoted = !quoted;
		if (*p != ';' || quoted)
			continue;
		if (n == SCPI_FIELDS_MAX)
			return -1;
		*p = '\0';
		fields[n++] = p + 1;
	}
	return quoted ? -1 : n;
}

/* The unit behind *at that is a question, with its '?' and parameters; false: there is none left. */
static bool next_question(const char **at, char *ret, size_t size)
{
	while (**at) {
		size_t len = strcspn(*at, ";");
		bool asks = memchr(*at, '?', len) != NULL;

		snprintf(ret, size, "%.*s", (int)len, *at);
		*at += len + ((*at)[len] == ';');
		if (asks)
			return true;
	}
	return false;
}

bool scpi_skip_headers(enum scpi_line line, char *fields[SCPI_FIELDS_MAX])
{
	const char *const parts[] = {forms[line].before, forms[line].after};
	char question[QUESTION_MAX];
	unsigned n = 0;

	for (unsigned i = 0; i < 2; i++)
		for (const char *at = parts[i]; at && next_question(&at, question, sizeof(question)); n++) {
			const char *data;
			if (!ieee488_data(fields[n], question, &data))
				return false;
			fields[n] += data - fields[n];
		}
	return true;
}

bool scpi_read_tag(const char *field, uint16_t *ret)
{
	const char *data;
	uint64_t tag;

	if (!ieee488_data(field, TAG_QUESTION, &data) || !scpi_read_uint(data, &tag) || tag > UINT16_MAX)
		return false;
	*ret = (uint16_t)tag;
	return true;
}

/* The unit's data, up to `stop`: nothing may stand behind them. A last zero of which one bit flipped is a blank, and the
 * number a tenth of itself. */
static bool stops(const char *end, char stop, const char **ret_end)
{
	*ret_end = end;
	return *end == stop;
}

static bool read_number_until(const char *data, char stop, const char **ret_end, double *ret)
{
	double value;

	if (!ieee488_number(&data, false, &value) || !stops(data, stop, ret_end))
		return false;
	*ret = value;
	return true;
}

bool scpi_read_number(const char *field, double *ret)
{
	const char *end;

	return read_number_until(field, '\0', &end, ret);
}

static bool read_uint_until(const char *data, char stop, const char **ret_end, uint64_t *ret)
{
	uint64_t value;

	if (!ieee488_uint(&data, &value) || !stops(data, stop, ret_end))
		return false;
	*ret = value;
	return true;
}

bool scpi_read_uint(const char *field, uint64_t *ret)
{
	const char *end;

	return read_uint_until(field, '\0', &end, ret);
}

bool scpi_read_bool(const char *field, bool *ret)
{
	const char *p = field + strspn(field, " \t");

	p += *p == '+';
	if ((p[0] != '0' && p[0] != '1') || p[1] != '\0')
		return false;
	*ret = p[0] == '1';
	return true;
}

bool scpi_read_error(const char *field, struct scpi_error *ret)
{
	struct scpi_error error = {0};
	uint64_t magnitude;
	const char *p = field + strspn(field, " \t");
	bool negative = *p == '-';

	p += *p == '+' || *p == '-';
	if (!(*p >= '0' && *p <= '9') || !read_uint_until(p, ',', &p, &magnitude) || magnitude > 32768)
		return false;
	p++;
	if (!ieee488_string(&p, error.text, sizeof(error.text), true) || *p)
		return false;
	error.code = negative ? -(int)magnitude : (int)magnitude;
	*ret = error;
	return true;
}

bool scpi_read_identity(const char *field, struct scpi_identity *ret)
{
	struct scpi_identity identity = {0};
	char *const texts[] = {identity.maker, identity.model, identity.serial, identity.firmware};

	for (unsigned i = 0; i < 4; i++) {
		size_t len = strcspn(field, ",");
		if (len >= SCPI_TEXT_MAX || (field[len] == ',') != (i < 3))
			return false;
		memcpy(texts[i], field, len);
		field += len + (i < 3);
	}
	*ret = identity;
	return true;
}

bool scpi_read_cartridge(const char *field, struct scpi_cartridge *ret)
{
	struct scpi_cartridge cartridge = {0};
	uint64_t needles;

	if (!ieee488_string(&field, cartridge.id, sizeof(cartridge.id), false) || *field != ',')
		return false;
	if (!read_uint_until(field + 1, ',', &field, &needles) || needles > UINT32_MAX)
		return false;
	if (!read_uint_until(field + 1, '\0', &field, &cartridge.strokes))
		return false;
	cartridge.needles = (uint32_t)needles;
	*ret = cartridge;
	return true;
}

bool scpi_read_readings(const char *field, struct scpi_readings *ret)
{
	struct scpi_readings readings = {0};
	double *const values[] = {&readings.rate_hz, &readings.motor_c, &readings.handle_c, &readings.volts_v,
				  &readings.current_a};

	for (unsigned i = 0; i < 5; i++) {
		if (!read_number_until(field, i < 4 ? ',' : '\0', &field, values[i]))
			return false;
		if (!isfinite(*values[i]))
			*values[i] = NAN;
		field++;
	}
	*ret = readings;
	return true;
}
