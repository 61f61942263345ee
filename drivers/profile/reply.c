/* A line meets the forms that are awaited, then the errors, then what may come unasked. */
#include "drivers/profile/reply.h"

#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DIGITS_MAX 15 /* decimal digits that a double keeps */

bool reply_number(const char *text, char decimal, double *ret)
{
	char plain[DIGITS_MAX + 4];
	unsigned n = 0, digits = 0, marks = 0;

	text += strspn(text, " ");
	if (*text == '+' || *text == '-') {
		plain[n++] = *text++;
		text += strspn(text, " ");
	}
	for (; isdigit((unsigned char)*text) || *text == decimal; text++) {
		bool mark = *text == decimal;
		marks += mark;
		digits += !mark;
		if (marks > 1 || digits > DIGITS_MAX)
			return false;
		plain[n++] = mark ? '.' : *text;
	}
	text += strspn(text, " ");
	if (*text || digits == 0)
		return false;
	plain[n] = '\0';
	*ret = strtod(plain, NULL); /* "." in every locale: penrig sets none */
	return true;
}

/* One part of a line, without blanks around it; false: it is longer than `size` takes. */
static bool part_of(const char *line, const regmatch_t *at, char *ret, size_t size)
{
	regoff_t from = at->rm_so, to = at->rm_eo;

	while (from < to && line[from] == ' ')
		from++;
	while (to > from && line[to - 1] == ' ')
		to--;
	if (from < 0 || (size_t)(to - from) >= size) {
		ret[0] = '\0';
		return from < 0;
	}
	memcpy(ret, line + from, (size_t)(to - from));
	ret[to - from] = '\0';
	return true;
}

struct parts {
	char text[GROUPS][REPLY_TEXT_MAX];
};

static bool take_parts(const struct profile_alternative *form, const char *line, const regmatch_t *at,
		       struct parts *ret)
{
	for (unsigned i = 0; i < form->groups; i++)
		if (!part_of(line, &at[i + 1], ret->text[form->group[i]], REPLY_TEXT_MAX))
			return false;
	return true;
}

static bool find_word(const struct profile_word *words, unsigned count, const char *text, int *ret)
{
	for (unsigned i = 0; i < count; i++) {
		if (strcmp(words[i].text, text) == 0) {
			*ret = words[i].means;
			return true;
		}
	}
	return false;
}

static const char *read_state(const struct profile *profile, const struct profile_alternative *form,
			      const struct parts *parts, struct reading *ret)
{
	int state = (int)form->state;

	if (form->has[GROUP_STATE] && !find_word(profile->state, profile->states, parts->text[GROUP_STATE], &state))
		return "its state is none of the profile's \"states\"";
	ret->state = (enum profile_state)state;
	return NULL;
}

static bool has_value(enum profile_state state)
{
	return state == PROFILE_STABLE || state == PROFILE_UNSTABLE;
}

static const char *read_unit(const struct profile *profile, const struct profile_alternative *form,
			     const struct parts *parts, const char *bench_unit, const struct profile_unit **ret)
{
	const char *text = form->has[GROUP_UNIT] ? parts->text[GROUP_UNIT] : form->unit[0] ? form->unit : bench_unit;

	if (!text[0])
		return "it names no unit, and none is guessed";
	*ret = profile_unit(profile, text);
	return *ret ? NULL : "its unit is none of the profile's \"units\", and none is guessed";
}

static const char *read_values(const struct profile *profile, const struct profile_alternative *form,
			       const struct parts *parts, const char *bench_unit, struct reading *ret)
{
	const struct profile_unit *unit = NULL;
	const char *odd = read_unit(profile, form, parts, bench_unit, &unit);
	int sign = 1;

	if (odd)
		return odd;
	if (form->has[GROUP_SIGN] && !find_word(profile->sign, profile->signs, parts->text[GROUP_SIGN], &sign))
		return "its sign is none of the profile's \"signs\"";
	for (unsigned i = 0; i < form->values; i++) {
		double number;
		const char *text = parts->text[GROUP_VALUE + i];
		if (!reply_number(text, profile->decimal_comma ? ',' : '.', &number))
			return "its value is no number";
		if (form->has[GROUP_SIGN] && (text[0] == '-' || text[0] == '+'))
			return "its value has a sign beside the sign";
		ret->value[i] = unit->offset + unit->factor * (sign * number);
	}
	snprintf(ret->unit, sizeof(ret->unit), "%s", unit->text);
	ret->values = form->values;
	return NULL;
}

/* NULL, or what is odd about a line that has the form. */
static const char *read_form(const struct profile *profile, const struct profile_alternative *form, const char *line,
			     const regmatch_t *at, const char *bench_unit, struct reply *ret)
{
	struct parts parts = {{""}};
	const char *odd = take_parts(form, line, at, &parts) ? NULL : "a part of it is too long";

	if (!odd)
		odd = read_state(profile, form, &parts, &ret->reading);
	if (!odd && form->values && has_value(ret->reading.state))
		odd = read_values(profile, form, &parts, bench_unit, &ret->reading);
	memcpy(ret->maker, parts.text[GROUP_MAKER], REPLY_TEXT_MAX);
	memcpy(ret->model, parts.text[GROUP_MODEL], REPLY_TEXT_MAX);
	memcpy(ret->serial, parts.text[GROUP_SERIAL], REPLY_TEXT_MAX);
	memcpy(ret->firmware, parts.text[GROUP_FIRMWARE], REPLY_TEXT_MAX);
	return odd;
}

/* The first form that fits counts, also where something of it is odd: another one that fits too is not what was meant. */
static bool meet_awaited(const struct profile *profile, const struct profile_alternatives *awaited,
			 const char *bench_unit, const char *line, struct reply *ret)
{
	regmatch_t at[PROFILE_GROUPS_MAX + 1];

	for (unsigned i = 0; i < awaited->count; i++) {
		const struct profile_alternative *form = &awaited->at[i];
		if (regexec(&form->regex, line, form->groups + 1, at, 0) != 0)
			continue;
		ret->form = form;
		ret->means = read_form(profile, form, line, at, bench_unit, ret);
		ret->kind = ret->means ? REPLY_ODD : form->refused[0] ? REPLY_REFUSED : REPLY_DONE;
		if (ret->kind == REPLY_REFUSED)
			ret->means = form->refused;
		if (ret->kind != REPLY_DONE)
			ret->reading.values = 0;
		return true;
	}
	return false;
}

static const struct profile_error *find_line(const struct profile_error *lines, unsigned count, const char *line)
{
	for (unsigned i = 0; i < count; i++)
		if (regexec(&lines[i].regex, line, 0, NULL, 0) == 0)
			return &lines[i];
	return NULL;
}

void reply_read(const struct profile *profile, const struct profile_alternatives *awaited, const char *bench_unit,
		const char *line, struct reply *ret)
{
	*ret = (struct reply){.kind = REPLY_ODD};
	if (awaited && meet_awaited(profile, awaited, bench_unit, line, ret))
		return;
	const struct profile_error *error = find_line(profile->error, profile->errors, line);
	if (error) {
		ret->kind = REPLY_ERROR;
		ret->means = error->means;
	} else if (find_line(profile->ignore, profile->ignores, line)) {
		ret->kind = REPLY_IGNORED;
	}
}
