/* Lines of SCPI power supplies, encoded and decoded. Every reader takes the whole line or nothing. */
#include "drivers/scpi-power/wire.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "rig/driver/ieee488.h"

/* ---- the dialects ---------------------------------------------------------------------------------------------- */

#define NSEL ":INST:NSEL #;"

const struct power_dialect power_dialects[] = {
	{
		.name = "rigol-dp800",
		.maker = "RIGOL",
		.model = {{"DP811", 1, {{40, 10}}},
			  {"DP811A", 1, {{40, 10}}},
			  {"DP821", 2, {{60, 1}, {8, 10}}},
			  {"DP821A", 2, {{60, 1}, {8, 10}}},
			  {"DP831", 2, {{8, 5}, {30, 2}}},
			  {"DP831A", 2, {{8, 5}, {30, 2}}},
			  {"DP832", 3, {{30, 3}, {30, 3}, {5, 3}}},
			  {"DP832A", 3, {{30, 3}, {30, 3}, {5, 3}}},
			  {.name = NULL}},
		.line = {[POWER_OFF] = NSEL ":OUTP OFF;:OUTP?",
			 [POWER_ON] = NSEL ":OUTP ON;:OUTP?",
			 [POWER_OUTPUT] = NSEL ":OUTP?",
			 [POWER_SET_VOLTS] = "*CLS;" NSEL ":SOUR:VOLT @;:SYST:ERR?",
			 [POWER_CHECK_VOLTS] = NSEL ":SOUR:VOLT?",
			 [POWER_SET_AMPS] = "*CLS;" NSEL ":SOUR:CURR @;:SYST:ERR?",
			 [POWER_CHECK_AMPS] = NSEL ":SOUR:CURR?",
			 [POWER_VOLTS] = NSEL ":MEAS:VOLT?",
			 [POWER_AMPS] = NSEL ":MEAS:CURR?"},
		.step_v = 0.001,
		.step_a = 0.001,
	},
	{
		.name = "keysight-e36300",
		.maker = "KEYSIGHT",
		.model = {{"E36311A", 2, {{6.18, 5.15}, {25.75, 1.03}}},
			  {"E36312A", 3, {{6.18, 5.15}, {25.75, 1.03}, {25.75, 1.03}}},
			  {"E36313A", 3, {{6.18, 10.3}, {25.75, 2.06}, {25.75, 2.06}}},
			  {.name = NULL}},
		.line = {[POWER_OFF] = NSEL ":OUTP:STAT OFF;:OUTP:STAT?",
			 [POWER_ON] = NSEL ":OUTP:STAT ON;:OUTP:STAT?",
			 [POWER_OUTPUT] = NSEL ":OUTP:STAT?",
			 [POWER_SET_VOLTS] = "*CLS;" NSEL ":SOUR:VOLT @;:SYST:ERR?",
			 [POWER_CHECK_VOLTS] = NSEL ":SOUR:VOLT?",
			 [POWER_SET_AMPS] = "*CLS;" NSEL ":SOUR:CURR @;:SYST:ERR?",
			 [POWER_CHECK_AMPS] = NSEL ":SOUR:CURR?",
			 [POWER_VOLTS] = NSEL ":MEAS:VOLT?",
			 [POWER_AMPS] = NSEL ":MEAS:CURR?"},
		.step_v = 0.001,
		.step_a = 0.001,
	},
	{
		/* The same lines, but it sets in steps of 10 mV and 10 mA. */
		.name = "rigol-dp700",
		.maker = "RIGOL",
		.model = {{"DP711", 1, {{30, 5}}}, {"DP712", 1, {{50, 3}}}, {.name = NULL}},
		.line = {[POWER_OFF] = NSEL ":OUTP OFF;:OUTP?",
			 [POWER_ON] = NSEL ":OUTP ON;:OUTP?",
			 [POWER_OUTPUT] = NSEL ":OUTP?",
			 [POWER_SET_VOLTS] = "*CLS;" NSEL ":SOUR:VOLT @;:SYST:ERR?",
			 [POWER_CHECK_VOLTS] = NSEL ":SOUR:VOLT?",
			 [POWER_SET_AMPS] = "*CLS;" NSEL ":SOUR:CURR @;:SYST:ERR?",
			 [POWER_CHECK_AMPS] = NSEL ":SOUR:CURR?",
			 [POWER_VOLTS] = NSEL ":MEAS:VOLT?",
			 [POWER_AMPS] = NSEL ":MEAS:CURR?"},
		.step_v = 0.01,
		.step_a = 0.01,
	},
	{
		/* Its third output is on or off only, and does not stand in the status word. */
		.name = "siglent-spd",
		.maker = "SIGLENT",
		.model = {{"SPD3303C", 2, {{32, 3.2}, {32, 3.2}}},
			  {"SPD3303X", 2, {{32, 3.2}, {32, 3.2}}},
			  {"SPD3303X-E", 2, {{32, 3.2}, {32, 3.2}}},
			  {.name = NULL}},
		.line = {[POWER_OFF] = "OUTP CH#,OFF;:SYST:STAT?",
			 [POWER_ON] = "OUTP CH#,ON;:SYST:STAT?",
			 [POWER_OUTPUT] = "SYST:STAT?",
			 [POWER_SET_VOLTS] = "CH#:VOLT @;:SYST:ERR?",
			 [POWER_CHECK_VOLTS] = "CH#:VOLT?",
			 [POWER_SET_AMPS] = "CH#:CURR @;:SYST:ERR?",
			 [POWER_CHECK_AMPS] = "CH#:CURR?",
			 [POWER_VOLTS] = "MEAS:VOLT? CH#",
			 [POWER_AMPS] = "MEAS:CURR? CH#"},
		.output_form = POWER_STATUS,
		.output_bit = 4,
		.step_v = 0.001,
		.step_a = 0.001,
	},
	{
		.name = "keithley-2200",
		.maker = "KEITHLEY",
		.model = {{"2200-20-5", 1, {{20, 5}}},
			  {"2200-30-5", 1, {{30, 5}}},
			  {"2200-32-3", 1, {{32, 3}}},
			  {"2200-60-2", 1, {{60, 2.5}}},
			  {"2200-72-1", 1, {{72, 1.2}}},
			  {.name = NULL}},
		.line = {[POWER_OFF] = ":OUTP OFF;:OUTP?",
			 [POWER_ON] = ":OUTP ON;:OUTP?",
			 [POWER_OUTPUT] = ":OUTP?",
			 [POWER_SET_VOLTS] = "*CLS;:SOUR:VOLT @;:SYST:ERR?",
			 [POWER_CHECK_VOLTS] = ":SOUR:VOLT?",
			 [POWER_SET_AMPS] = "*CLS;:SOUR:CURR @;:SYST:ERR?",
			 [POWER_CHECK_AMPS] = ":SOUR:CURR?",
			 [POWER_VOLTS] = ":MEAS:VOLT?",
			 [POWER_AMPS] = ":MEAS:CURR?",
			 [POWER_SET_TIMER] = ":OUTP:TIM:DEL @;:OUTP:TIM ON;:OUTP:TIM:DEL?",
			 [POWER_TIMER] = ":OUTP:TIM?",
			 [POWER_TIMER_TIME] = ":OUTP:TIM:DEL?",
			 [POWER_TIMER_OFF] = ":OUTP:TIM OFF;:OUTP:TIM?",
			 [POWER_FEED] = ":OUTP:TIM:DEL @;:OUTP:TIM:DEL?"},
		.step_v = 0.001,
		.step_a = 0.001,
		.step_s = 0.01,
		.timer_min_s = 0.01,
		.timer_max_s = 60000,
	},
	{.name = NULL},
};

static bool begins(const char *text, const char *head)
{
	return strncasecmp(text, head, strlen(head)) == 0;
}

const struct power_dialect *power_dialect_of(const struct power_identity *identity,
					     const struct power_model **ret_model)
{
	for (const struct power_dialect *d = power_dialects; d->name; d++)
		for (const struct power_model *m = d->model; m->name && begins(identity->maker, d->maker); m++)
			if (strcasecmp(identity->model, m->name) == 0) {
				if (ret_model)
					*ret_model = m;
				return d;
			}
	return NULL;
}

const struct power_dialect *power_dialect_named(const char *name)
{
	for (const struct power_dialect *d = power_dialects; d->name; d++)
		if (strcmp(name, d->name) == 0)
			return d;
	return NULL;
}

/* ---- requests -------------------------------------------------------------------------------------------------- */

double power_step(const struct power_dialect *dialect, enum power_line line)
{
	switch (line) {
	case POWER_SET_VOLTS: return dialect->step_v;
	case POWER_SET_AMPS: return dialect->step_a;
	case POWER_SET_TIMER:
	case POWER_FEED: return dialect->step_s;
	default: return 0;
	}
}

/* The nearest, never the lower: 3.3 / 0.001 is a little less than 3300. */
double power_as_sent(const struct power_dialect *dialect, enum power_line line, double value)
{
	double step = power_step(dialect, line);

	return step > 0 ? round(value / step) * step : value;
}

size_t power_encode(const struct power_dialect *dialect, enum power_line line, unsigned output, double value,
		    char *buffer, size_t size)
{
	const char *form = line == POWER_IDENTIFY ? "*IDN?" : dialect->line[line];
	size_t n = 0;

	if (!form)
		return 0;
	for (; *form; form++) {
		char piece[32] = {*form, '\0'};
		if (*form == '#')
			snprintf(piece, sizeof(piece), "%u", output);
		else if (*form == '@')
			snprintf(piece, sizeof(piece), "%.3f", power_as_sent(dialect, line, value));
		size_t len = strlen(piece);
		if (n + len + 2 > size)
			return 0;
		memcpy(buffer + n, piece, len);
		n += len;
	}
	buffer[n++] = '\n';
	buffer[n] = '\0';
	return n;
}

/* The question is the last unit of its line. */
size_t power_encode_unasked(const struct power_dialect *dialect, enum power_line line, unsigned output, double value,
			    char *buffer, size_t size)
{
	size_t n = power_encode(dialect, line, output, value, buffer, size);
	char *question = n ? strrchr(buffer, ';') : NULL;

	if (!question)
		return 0;
	strcpy(question, "\n");
	return strlen(buffer);
}

/* ---- answers --------------------------------------------------------------------------------------------------- */

static const char *skip_blanks(const char *p)
{
	while (*p == ' ' || *p == '\t')
		p++;
	return p;
}

const char *power_answer(const struct power_dialect *dialect, enum power_line line, unsigned output, const char *said)
{
	char asked[POWER_LINE_MAX];
	const char *ret;

	return power_encode(dialect, line, output, 0, asked, sizeof(asked)) && ieee488_data(said, asked, &ret) ? ret
													       : NULL;
}

bool power_read_number(const char *line, double *ret)
{
	const char *at = line;
	double value;

	if (!ieee488_number(&at, true, &value) || !ieee488_at_end(at) || !isfinite(value))
		return false;
	*ret = value;
	return true;
}

/* Of a line, without the blanks around it; "" where it is longer than any word here. */
static void word_of(const char *line, char ret[8])
{
	const char *start = skip_blanks(line);
	size_t len = strlen(start);

	while (len && (start[len - 1] == ' ' || start[len - 1] == '\t'))
		len--;
	if (len > 7)
		len = 0;
	memcpy(ret, start, len);
	ret[len] = '\0';
}

bool power_read_switch(const char *line, bool *ret)
{
	char word[8];

	word_of(line, word);
	bool on = strcmp(word, "1") == 0 || strcasecmp(word, "ON") == 0;
	if (!on && strcmp(word, "0") != 0 && strcasecmp(word, "OFF") != 0)
		return false;
	*ret = on;
	return true;
}

static bool read_status(const char *line, unsigned long *ret)
{
	char word[8];

	word_of(line, word);
	size_t digits = strspn(word[0] ? word + 2 : word, "0123456789abcdefABCDEF");
	if (strncasecmp(word, "0x", 2) != 0 || digits == 0 || word[2 + digits])
		return false;
	*ret = strtoul(word + 2, NULL, 16);
	return true;
}

bool power_read_coupled(const struct power_dialect *dialect, const char *line)
{
	unsigned long status;

	return dialect->output_form == POWER_STATUS && read_status(line, &status) && (status >> 2 & 3) > 1;
}

bool power_read_output(const struct power_dialect *dialect, unsigned output, const char *line, bool *ret)
{
	unsigned long status;

	if (dialect->output_form == POWER_WORD)
		return power_read_switch(line, ret);
	if (!read_status(line, &status) || (status >> 2 & 3) != 1)
		return false; /* in series or parallel another output may feed the same terminals */
	*ret = status >> (dialect->output_bit + output - 1) & 1;
	return true;
}

bool power_read_error(const char *line, int *ret_code, char ret_text[POWER_TEXT_MAX])
{
	const char *start = skip_blanks(line), *digits = start + (*start == '+' || *start == '-');
	const char *end = digits + strspn(digits, "0123456789");

	if (end == digits || end - digits > 5 || (*end != ',' && *end != ' ') || !*skip_blanks(end + 1))
		return false; /* a bare number is an answer to another question */
	end = skip_blanks(end);
	end += *end == ',';
	end = skip_blanks(end);
	end += *end == '"';
	*ret_code = atoi(start);
	snprintf(ret_text, POWER_TEXT_MAX, "%s", end);
	ret_text[strcspn(ret_text, "\"")] = '\0';
	return true;
}

/* The text up to the next comma or the end, without blanks around it; false where it is empty. */
static bool take_field(const char **at, char ret[POWER_TEXT_MAX], bool *cut)
{
	const char *start = skip_blanks(*at);
	size_t len = strcspn(start, ",");

	*at = start + len + (start[len] == ',');
	while (len && start[len - 1] == ' ')
		len--;
	if (len == 0)
		return false;
	*cut = *cut || len >= POWER_TEXT_MAX;
	len = len < POWER_TEXT_MAX ? len : POWER_TEXT_MAX - 1;
	memcpy(ret, start, len);
	ret[len] = '\0';
	return true;
}

bool power_read_identity(const char *line, struct power_identity *ret)
{
	struct power_identity said = {.cut = false};
	const char *at = line;

	if (!take_field(&at, said.maker, &said.cut) || !take_field(&at, said.model, &said.cut) ||
	    !take_field(&at, said.serial, &said.cut) || !take_field(&at, said.firmware, &said.cut))
		return false;
	if (begins(said.model, "MODEL "))
		memmove(said.model, said.model + 6, strlen(said.model + 6) + 1);
	*ret = said;
	return true;
}
