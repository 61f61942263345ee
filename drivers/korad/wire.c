/* Answers have no end and no check: each reader takes what came until silence, whole, or nothing. */
#include "drivers/korad/wire.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define STATUS_ON 0x40

static const struct korad_model models[] = {
	{"KA3003P", 30, 3}, {"KD3003P", 30, 3}, {"KA3005P", 30, 5}, {"KD3005P", 30, 5}, {"KA3010P", 30, 10},
	{"KA6002P", 60, 2}, {"KA6003P", 60, 3}, {"KD6003P", 60, 3}, {"KA6005P", 60, 5}, {"72-2535", 30, 3},
	{"72-2540", 30, 5}, {"72-2545", 60, 2}, {"72-2550", 60, 3}, {.name = NULL},
};

static const char *const makers[] = {"KORAD", "TENMA", "RND", "VELLEMAN", "Stamos", NULL};

static const char *const texts[KORAD_ASKS] = {
	[KORAD_OFF] = "OUT0",     [KORAD_ON] = "OUT1",      [KORAD_IDENTIFY] = "*IDN?", [KORAD_STATUS] = "STATUS?",
	[KORAD_SET_V] = "VSET1?", [KORAD_SET_A] = "ISET1?", [KORAD_VOLTS] = "VOUT1?",
};

bool korad_answers(enum korad_ask ask)
{
	return ask >= KORAD_IDENTIFY;
}

size_t korad_encode(enum korad_ask ask, double value, char *buffer, size_t size)
{
	char text[16];
	int len;

	if (ask == KORAD_SET_VOLTS && value >= 0 && value < 99.994)
		len = snprintf(text, sizeof(text), "VSET1:%05.2f", round(value / KORAD_STEP_V) * KORAD_STEP_V);
	else if (ask == KORAD_SET_AMPS && value >= 0 && value < 9.9994)
		len = snprintf(text, sizeof(text), "ISET1:%05.3f", round(value / KORAD_STEP_A) * KORAD_STEP_A);
	else if (ask < KORAD_ASKS && texts[ask])
		len = snprintf(text, sizeof(text), "%s", texts[ask]);
	else
		return 0;
	if ((size_t)len > size)
		return 0;
	memcpy(buffer, text, (size_t)len);
	return (size_t)len;
}

const struct korad_model *korad_model_named(const char *name)
{
	for (const struct korad_model *model = models; model->name; model++)
		if (strcmp(model->name, name) == 0)
			return model;
	return NULL;
}

/* ---- answers --------------------------------------------------------------------------------------------------- */

static bool is_of_family(const char *text)
{
	for (const char *const *maker = makers; *maker; maker++)
		if (strncmp(text, *maker, strlen(*maker)) == 0)
			return true;
	return false;
}

/* Some firmwares end with bytes 01 or BC, or a NUL: what is no text ends it. */
static void keep_text(const uint8_t *answer, size_t len, char ret[KORAD_ANSWER_MAX + 1])
{
	size_t n = 0;

	while (n < len && n < KORAD_ANSWER_MAX && answer[n] >= ' ' && answer[n] <= '~') {
		ret[n] = (char)answer[n];
		n++;
	}
	while (n > 0 && ret[n - 1] == ' ')
		n--;
	ret[n] = '\0';
}

bool korad_read_identity(const uint8_t *answer, size_t len, struct korad_identity *ret)
{
	char text[KORAD_ANSWER_MAX + 1];

	if (len > KORAD_ANSWER_MAX)
		return false;
	keep_text(answer, len, text);
	if (!is_of_family(text))
		return false;
	*ret = (struct korad_identity){.model = NULL};
	for (const struct korad_model *model = models; model->name && !ret->model; model++)
		if (strstr(text, model->name))
			ret->model = model;
	char *serial = strstr(text, " SN:");
	if (serial) {
		snprintf(ret->serial, sizeof(ret->serial), "%.39s", serial + 4);
		*serial = '\0';
	}
	snprintf(ret->text, sizeof(ret->text), "%.39s", text);
	return true;
}

bool korad_read_on(const uint8_t *answer, size_t len, bool *ret)
{
	if (len != 1)
		return false;
	*ret = answer[0] & STATUS_ON;
	return true;
}

/* Four digits and a point in its place. */
static bool read_digits(const uint8_t *answer, unsigned point, double step, double *ret)
{
	unsigned value = 0;

	for (unsigned i = 0; i < 5; i++) {
		if (i == point ? answer[i] != '.' : !isdigit(answer[i]))
			return false;
		if (i != point)
			value = value * 10 + (unsigned)(answer[i] - '0');
	}
	*ret = value * step;
	return true;
}

bool korad_read_volts(const uint8_t *answer, size_t len, double *ret)
{
	return len == 5 && read_digits(answer, 2, KORAD_STEP_V, ret);
}

bool korad_read_amps(const uint8_t *answer, size_t len, double *ret)
{
	return (len == 5 || len == 6) && read_digits(answer, 1, KORAD_STEP_A, ret);
}
