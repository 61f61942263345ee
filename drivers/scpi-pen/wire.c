/* The pen's text protocol, encoded and decoded. Every reader takes the whole field or nothing: half a number is no
 * number. Leaves out what a line means for the device: that is device.c. */
#include "drivers/scpi-pen/wire.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define EXACT_MAX 9007199254740992.0 /* 2^53: integers up to here are exact as doubles */

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
	int n = snprintf(buffer, size, "%s%s%s;:SYST:TAG? %u\n", form->before, number, form->after ? form->after : "",
			 (unsigned)tag);
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

static bool digit(char c)
{
	return c >= '0' && c <= '9';
}

static const char *skip_digits(const char *p)
{
	while (digit(*p))
		p++;
	return p;
}

/* Blanks before a value stand in for a sign or align it. Behind one they are refused: a last zero of which one bit
 * flipped is a blank, and the number a tenth of itself. */
static const char *skip_blanks(const char *p)
{
	while (*p == ' ' || *p == '\t')
		p++;
	return p;
}

static const char *skip_sign(const char *p)
{
	return p + (*p == '+' || *p == '-');
}

/* The end of an NR1, NR2 or NR3 that starts at p, NULL where none does. strtod() alone would take "0x10" and leave
 * "1e" half read. */
static const char *number_end(const char *p)
{
	p = skip_sign(p);
	const char *whole = p;

	p = skip_digits(p);
	size_t digits = (size_t)(p - whole);
	if (*p == '.') {
		const char *fraction = ++p;
		p = skip_digits(p);
		digits += (size_t)(p - fraction);
	}
	if (digits == 0)
		return NULL;
	if (*p == 'e' || *p == 'E') {
		p = skip_sign(p + 1);
		if (!digit(*p))
			return NULL;
		p = skip_digits(p);
	}
	return p;
}

/* SCPI-99 volume 1, 7.2.1.4 and 7.2.1.5: what is no figure, in short and long form. C's printf() signs an infinity. */
static const struct no_figure {
	const char *word;
	double value;
} no_figures[] = {
	{"NINFINITY", -INFINITY},
	{"NINF", -INFINITY},
	{"-INFINITY", -INFINITY},
	{"-INF", -INFINITY},
	{"+INFINITY", INFINITY},
	{"+INF", INFINITY},
	{"INFINITY", INFINITY},
	{"INF", INFINITY},
	{"+NAN", NAN},
	{"-NAN", NAN},
	{"NAN", NAN},
};

static const char *word_end(const char *p, double *ret)
{
	size_t len = strcspn(p, ",");

	for (unsigned i = 0; i < sizeof(no_figures) / sizeof(no_figures[0]); i++) {
		if (strlen(no_figures[i].word) != len || strncasecmp(p, no_figures[i].word, len) != 0)
			continue;
		*ret = no_figures[i].value;
		return p + len;
	}
	return NULL;
}

static bool about(double value, double special)
{
	return fabs(value - special) <= 1e-6 * fabs(special);
}

/* Numbers that stand for no number. What lies beyond them has no meaning: false. */
static bool without_specials(double value, double *ret)
{
	if (about(value, SCPI_NOT_A_NUMBER))
		*ret = NAN;
	else if (about(fabs(value), SCPI_INFINITY))
		*ret = copysign(INFINITY, value);
	else if (fabs(value) < SCPI_INFINITY)
		*ret = value;
	else
		return false;
	return true;
}

static bool read_number_until(const char *field, char stop, const char **ret_end, double *ret)
{
	double value;
	const char *start = skip_blanks(field), *end = word_end(start, &value);

	if (!end) {
		end = number_end(start);
		if (!end || !without_specials(strtod(start, NULL), &value))
			return false;
	}
	if (*end != stop)
		return false;
	*ret = value;
	*ret_end = end;
	return true;
}

bool scpi_read_number(const char *field, double *ret)
{
	const char *end;

	return read_number_until(field, '\0', &end, ret);
}

/* Integers are NR1; one that comes as NR2 or NR3 is taken where it is exact. */
static bool read_uint_until(const char *field, char stop, const char **ret_end, uint64_t *ret)
{
	const char *start = skip_blanks(field), *first = start + (*start == '+'), *end = skip_digits(first);
	double number;

	if (end == first || *end != stop) {
		if (!read_number_until(field, stop, &end, &number) || !(number >= 0 && number <= EXACT_MAX) ||
		    number != floor(number) || *start == '-')
			return false;
		*ret = (uint64_t)number;
		*ret_end = end;
		return true;
	}
	errno = 0;
	unsigned long long value = strtoull(first, NULL, 10);
	if (errno)
		return false;
	*ret = value;
	*ret_end = end;
	return true;
}

bool scpi_read_uint(const char *field, uint64_t *ret)
{
	const char *end;

	return read_uint_until(field, '\0', &end, ret);
}

bool scpi_read_bool(const char *field, bool *ret)
{
	const char *p = skip_blanks(field);

	p += *p == '+';
	if ((p[0] != '0' && p[0] != '1') || p[1] != '\0')
		return false;
	*ret = p[0] == '1';
	return true;
}

/* The text between the quotes at *p, a doubled quote in it for one, and *p moved behind the last. Longer text is cut
 * where `cut` allows it. */
static bool read_string(const char **p, char *text, size_t size, bool cut)
{
	const char *from = skip_blanks(*p);
	size_t len = 0;

	if (*from++ != '"')
		return false;
	for (; *from != '"' || from[1] == '"'; from++) {
		if (*from == '\0' || (len + 1 >= size && !cut))
			return false;
		if (len + 1 < size)
			text[len++] = *from;
		from += *from == '"';
	}
	text[len] = '\0';
	*p = from + 1;
	return true;
}

bool scpi_read_error(const char *field, struct scpi_error *ret)
{
	struct scpi_error error = {0};
	uint64_t magnitude;
	const char *p = skip_blanks(field);
	bool negative = *p == '-';

	p = skip_sign(p);
	if (!digit(*p) || !read_uint_until(p, ',', &p, &magnitude) || magnitude > 32768)
		return false;
	p++;
	if (!read_string(&p, error.text, sizeof(error.text), true) || *p)
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

	if (!read_string(&field, cartridge.id, sizeof(cartridge.id), false) || *field != ',')
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
	struct scpi_readings readings;
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
