/* See wire.h. Reports name their fields, and which there are changes from one to the next. */
#include "drivers/grbl/wire.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define POSITION_MAX 1e5

static bool begins(const char *line, const char *with)
{
	return strncmp(line, with, strlen(with)) == 0;
}

/* All of the text is a whole number below 1000. */
static bool whole(const char *text, const char *end, unsigned *ret)
{
	unsigned n = 0;

	if (text == end || end - text > 3)
		return false;
	for (; text < end; text++) {
		if (!isdigit((unsigned char)*text))
			return false;
		n = n * 10 + (unsigned)(*text - '0');
	}
	*ret = n;
	return true;
}

/* A decimal number as GRBL writes it; *at behind it. No exponent, no hexadecimal, no "nan". */
static bool decimal(const char **at, double *ret)
{
	const char *p = *at;
	char *end;

	if (*p == '-')
		p++;
	if (!isdigit((unsigned char)*p) || strspn(p, "0123456789.") > 12)
		return false;
	*ret = strtod(*at, &end);
	if (end != p + strspn(p, "0123456789.") || fabs(*ret) > POSITION_MAX)
		return false;
	*at = end;
	return true;
}

static enum grbl_state state_of(const char *text, size_t len)
{
	static const struct {
		const char *name;
		enum grbl_state state;
	} rows[] = {{"Idle", GRBL_IDLE}, {"Run", GRBL_RUN},       {"Hold", GRBL_HELD},
		    {"Jog", GRBL_JOG},   {"Alarm", GRBL_ALARMED}, {"Home", GRBL_RUN}};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t n = strlen(rows[i].name);
		if (len >= n && strncmp(text, rows[i].name, n) == 0 && (len == n || text[n] == ':'))
			return rows[i].state;
	}
	return GRBL_OTHER;
}

static bool read_position(const char *text, double ret[GRBL_AXES], const char **end)
{
	for (int i = 0; i < GRBL_AXES; i++) {
		if (i > 0 && *text++ != ',')
			return false;
		if (!decimal(&text, &ret[i]))
			return false;
	}
	*end = text;
	return true;
}

/* "<Idle|MPos:0.000,0.000,0.000|FS:0,0>" */
static bool read_report(const char *line, struct grbl_said *ret)
{
	size_t len = strlen(line), field;
	const char *end;

	if (line[0] != '<' || len < 3 || line[len - 1] != '>')
		return false;
	field = strcspn(line + 1, "|>");
	ret->kind = GRBL_REPORT;
	ret->state = state_of(line + 1, field);
	for (const char *p = line + 1 + field; *p == '|'; p += 1 + strcspn(p + 1, "|>")) {
		if (!begins(p + 1, "MPos:"))
			continue;
		if (ret->has_position || !read_position(p + 6, ret->position_mm, &end) || (*end != '|' && *end != '>'))
			return false;
		ret->has_position = true;
	}
	return true;
}

static bool read_setting(const char *line, struct grbl_said *ret)
{
	const char *equals = strchr(line, '='), *at = equals ? equals + 1 : line;

	if (line[0] != '$' || !equals || !whole(line + 1, equals, &ret->number) || !decimal(&at, &ret->value))
		return false;
	ret->kind = GRBL_SETTING;
	return *at == '\0' || *at == ' ';
}

static bool read_numbered(const char *line, const char *word, enum grbl_kind kind, struct grbl_said *ret)
{
	const char *number = line + strlen(word);

	ret->kind = kind;
	return begins(line, word) && whole(number, number + strlen(number), &ret->number);
}

struct grbl_said grbl_read(const char *line)
{
	struct grbl_said said = {.kind = GRBL_NONSENSE};

	if (strcmp(line, "ok") == 0) {
		said.kind = GRBL_OK;
	} else if (begins(line, "Grbl ")) {
		said.kind = GRBL_BANNER;
		snprintf(said.text, sizeof(said.text), "%.*s", (int)strcspn(line + 5, " ["), line + 5);
	} else if (line[0] == '[' && line[strlen(line) - 1] == ']') {
		said.kind = GRBL_REMARK;
		snprintf(said.text, sizeof(said.text), "%.*s", (int)(strlen(line) - 2), line + 1);
	} else if (!read_numbered(line, "error:", GRBL_ERROR, &said) &&
		   !read_numbered(line, "ALARM:", GRBL_ALARM, &said) && !read_report(line, &said) &&
		   !read_setting(line, &said)) {
		said = (struct grbl_said){.kind = GRBL_NONSENSE};
	}
	return said;
}

const char *grbl_error(unsigned number)
{
	switch (number) {
	case 1: return "a letter is missing";
	case 2: return "a number has no form";
	case 3: return "it does not know this command";
	case 5: return "homing is off: set $22=1";
	case 8: return "it is not at rest";
	case 9: return "it is locked: an alarm stands, or it jogs";
	case 15: return "the target lies beyond its travel";
	case 20: return "it does not know this G-code";
	case 22: return "no feed rate is set";
	default: return "see its document";
	}
}

const char *grbl_alarm(unsigned number)
{
	switch (number) {
	case 1: return "a limit switch was hit: it is jammed, or has lost its position";
	case 2: return "the target lies beyond its travel: look at \"zero_mm\" and \"mm_per_mm\"";
	case 3: return "it was reset while it moved: its position is lost";
	case 6:
	case 7:
	case 8:
	case 9: return "homing has failed: no limit switch was found";
	default: return "see its document";
	}
}

size_t grbl_move(char axis, double position_mm, double feed_mm_min, char ret[GRBL_LINE_MAX])
{
	if (!strchr("XYZ", axis) || !axis || !(fabs(position_mm) < POSITION_MAX) ||
	    !(feed_mm_min > 0 && feed_mm_min < POSITION_MAX))
		return 0;
	return (size_t)snprintf(ret, GRBL_LINE_MAX, "G90 G21 G1 %c%.3f F%.1f\n", axis, position_mm, feed_mm_min);
}
