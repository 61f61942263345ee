/* Expressions, alternatives and verbs of a profile, and the rules that hold for them. */
#include "drivers/profile/alternative.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TIMEOUT_DEFAULT_MS 400
#define TIMEOUT_MIN_MS     20
#define TIMEOUT_MAX_MS     10000
#define GROUP_DEPTH        3 /* groups within one another */

#define TEXT_OF_(value)    #value
#define TEXT_OF(macro)     TEXT_OF_(macro)

#define SIZE(type, member) sizeof(((struct type *)0)->member)

static const char *const group_words[GROUPS] = {
	[GROUP_NOTHING] = "-",        [GROUP_VALUE] = "value",      [GROUP_VALUE + 1] = "value2",
	[GROUP_VALUE + 2] = "value3", [GROUP_VALUE + 3] = "value4", [GROUP_SIGN] = "sign",
	[GROUP_UNIT] = "unit",        [GROUP_STATE] = "state",      [GROUP_MAKER] = "maker",
	[GROUP_MODEL] = "model",      [GROUP_SERIAL] = "serial",    [GROUP_FIRMWARE] = "firmware",
};

static const char *const verb_words[VERBS] = {
	[VERB_IDENTIFY] = "identify", [VERB_UNIT] = "unit",   [VERB_ZERO] = "zero",
	[VERB_READ] = "read",         [VERB_START] = "start", [VERB_STOP] = "stop",
};

const char *profile_verb_name(enum profile_verb verb)
{
	return verb_words[verb];
}

int bytes_read(const struct json_doc *doc, const struct json *node, const char *key, uint8_t *ret, unsigned max,
	       unsigned *ret_len, struct err *err)
{
	size_t len;

	if (json_kind(node) != JSON_STRING || strlen(json_string(node)) > max)
		return json_error(doc, node, err, "\"%s\" is a string of at most %u bytes, such as \"\\r\\n\"", key,
				  max);
	len = strlen(json_string(node));
	memcpy(ret, json_string(node), len);
	*ret_len = (unsigned)len;
	return 0;
}

/* ---- expressions ------------------------------------------------------------------------------------------------ */

/* Walks over one bracket expression, `at` on its "["; returns the index of its "]", or of the text's end. A "]" that stands
 * first is a member (POSIX 9.3.5). */
static size_t bracket_end(const char *text, size_t at)
{
	size_t i = at + 1;

	i += text[i] == '^';
	i += text[i] == ']';
	while (text[i] && text[i] != ']')
		i++;
	return i;
}

/* What an expression holds up to some place, outside of brackets. */
struct walked {
	bool repeats[GROUP_DEPTH + 1]; /* of each group that is open, and of the whole: a + or * stands in it */
	bool atom_repeats;             /* the same of what a + behind it would repeat */
	unsigned depth, groups;
};

/* A library may compile what + repeats twice: repeats of repeats would double with each. */
static const char *step_repeat(struct walked *w)
{
	if (w->atom_repeats)
		return "repeats of what holds a repeat itself, as (a+)+ or a+*,";
	w->atom_repeats = w->repeats[w->depth] = true;
	return NULL;
}

static const char *step_open(struct walked *w)
{
	if (w->depth == GROUP_DEPTH || w->groups == PROFILE_GROUPS_MAX)
		return "more than " TEXT_OF(PROFILE_GROUPS_MAX) " groups, or more than " TEXT_OF(
			GROUP_DEPTH) " within one another,";
	w->groups++;
	w->repeats[++w->depth] = w->atom_repeats = false;
	return NULL;
}

static void step_close(struct walked *w)
{
	if (w->depth == 0)
		return; /* no expression: the library will say so */
	w->atom_repeats = w->repeats[w->depth--];
	w->repeats[w->depth] |= w->atom_repeats;
}

static const char *step(struct walked *w, char c)
{
	switch (c) {
	case '{': return "repetition counts in braces";
	case '+':
	case '*': return step_repeat(w);
	case '?': return NULL; /* the atom stays */
	case '(': return step_open(w);
	case ')': step_close(w); return NULL;
	default: w->atom_repeats = false; return NULL;
	}
}

/* What must not stand in an expression outside of brackets, before a library sees it; NULL: nothing of that kind. */
static const char *costly(const char *text)
{
	struct walked w = {.depth = 0};

	for (size_t i = 0; text[i]; i++) {
		const char *cost = NULL;

		if (text[i] == '\\' && isdigit((unsigned char)text[i + 1]))
			return "back-references";
		if (text[i] != '[' && text[i] != '\\')
			cost = step(&w, text[i]);
		else
			w.atom_repeats = false;
		if (cost)
			return cost;
		if (text[i] == '[')
			i = bracket_end(text, i);
		else if (text[i] == '\\' && text[i + 1])
			i++;
		if (!text[i])
			break;
	}
	return NULL;
}

/* Not one that is a member of a bracket expression or escaped. */
static bool ends_in_dollar(const char *text)
{
	bool dollar = false;

	for (size_t i = 0; text[i]; i++) {
		dollar = text[i] == '$';
		if (text[i] == '[')
			i = bracket_end(text, i);
		else if (text[i] == '\\' && text[i + 1])
			i++;
		if (!text[i])
			break;
	}
	return dollar;
}

/* "^a$|b" holds a line in its first branch alone. */
static bool has_open_branch(const char *text)
{
	int depth = 0;

	for (size_t i = 0; text[i]; i++) {
		if (text[i] == '[')
			i = bracket_end(text, i);
		else if (text[i] == '\\' && text[i + 1])
			i++;
		else if (text[i] == '|' && depth == 0)
			return true;
		else
			depth += (text[i] == '(') - (text[i] == ')');
		if (!text[i])
			break;
	}
	return false;
}

int pattern_read(const struct json_doc *doc, const struct json *node, char ret_text[PROFILE_PATTERN_MAX + 1],
		 regex_t *ret, struct err *err)
{
	const char *text = json_kind(node) == JSON_STRING ? json_string(node) : NULL, *cost;
	char why[100];
	regex_t regex;

	if (!text || strlen(text) > PROFILE_PATTERN_MAX)
		return json_error(doc, node, err, "an expression is a string of at most %d bytes", PROFILE_PATTERN_MAX);
	if (text[0] != '^' || !ends_in_dollar(text) || has_open_branch(text))
		return json_error(
			doc, node, err,
			"an expression must hold the whole line, from ^ to $, or half a line would do; branches go "
			"into parentheses: ^(a|b)$");
	cost = costly(text);
	if (cost)
		return json_error(doc, node, err, "%s are not allowed here: write the part out, or use + or *", cost);
	int status = regcomp(&regex, text, REG_EXTENDED);
	if (status) {
		regerror(status, &regex, why, sizeof(why));
		return json_error(doc, node, err, "this is no POSIX extended regular expression: %s", why);
	}
	strcpy(ret_text, text);
	*ret = regex;
	return 0;
}

/* ---- one alternative -------------------------------------------------------------------------------------------- */

static const char *group_at(const void *list, size_t i)
{
	(void)list;
	return i < GROUPS ? group_words[i] : NULL;
}

static int read_group(const struct json_doc *doc, const struct json *node, struct profile_alternative *a,
		      struct err *err)
{
	const char *word = json_kind(node) == JSON_STRING ? json_string(node) : "";
	unsigned group = 0;

	while (group < GROUPS && strcmp(group_words[group], word) != 0)
		group++;
	if (group == GROUPS) {
		const char *near = json_nearest(word, group_at, NULL);
		return json_error(doc, node, err, "\"%.20s\" names no part of a line%s%s%s", word,
				  near ? "; did you mean \""
				       : ": value, value2, value3, value4, sign, unit, state, maker, "
					 "model, serial, firmware, or - for one that is not used",
				  near ? near : "", near ? "\"?" : "");
	}
	if (group != GROUP_NOTHING && a->has[group])
		return json_error(doc, node, err, "\"%s\" stands twice in this list", word);
	a->has[group] = true;
	a->group[a->groups++] = (enum profile_group)group;
	return 0;
}

static int count_values(const struct json_doc *doc, const struct json *node, struct profile_alternative *a,
			struct err *err)
{
	for (unsigned i = 0; i < PROFILE_VALUES_MAX; i++) {
		if (!a->has[GROUP_VALUE + i])
			continue;
		if (i != a->values)
			return json_error(doc, node, err, "\"%s\" stands here without \"%s\"",
					  group_words[GROUP_VALUE + i], group_words[GROUP_VALUE + a->values]);
		a->values++;
	}
	if (a->values > 1 && a->has[GROUP_SIGN])
		return json_error(doc, node, err, "\"sign\" belongs to a line of one value");
	return 0;
}

static int read_groups(const struct json_doc *doc, const struct json *node, struct profile_alternative *a,
		       struct err *err)
{
	const struct json *list = json_get(node, "groups");
	size_t count = list ? json_size(list) : 0;
	int ret = 0;

	if (list && json_kind(list) != JSON_ARRAY)
		return json_error(doc, list, err, "\"groups\" is a list of names, one for each ( ) of the expression");
	if (count != a->regex.re_nsub || count > PROFILE_GROUPS_MAX)
		return json_error(
			doc, list ? list : json_get(node, "match"), err,
			"the expression has %zu groups in parentheses and \"groups\" names %zu: one name for each, - "
			"for one that is not used, %d at most",
			a->regex.re_nsub, count, PROFILE_GROUPS_MAX);
	for (size_t i = 0; i < count && ret == 0; i++)
		ret = read_group(doc, json_at(list, i), a, err);
	return ret ? ret : count_values(doc, list, a, err);
}

/* A number that nobody gave a unit would have to be guessed. */
static int check_unit(const struct json_doc *doc, const struct json *node, const struct profile *profile,
		      const struct profile_alternative *a, struct err *err)
{
	if (a->unit[0] && !profile_unit(profile, a->unit))
		return json_error(doc, json_get(node, "unit"), err, "\"units\" has no \"%s\"", a->unit);
	if (a->unit[0] && a->has[GROUP_UNIT])
		return json_error(doc, json_get(node, "unit"), err,
				  "the line names its unit, and \"unit\" does too: leave this one out");
	if (a->values == 0 || a->unit[0] || a->has[GROUP_UNIT] || profile->unit_by_bench)
		return 0;
	return json_error(doc, node, err,
			  "nobody says the unit of this value: name the group that holds it (\"unit\"), or write "
			  "\"unit\": ... where "
			  "the protocol knows one alone, or \"unit_by\": \"bench\" at the top");
}

static int check_alternative(const struct json_doc *doc, const struct json *node, struct profile *profile,
			     bool measured, const struct profile_alternative *a, struct err *err)
{
	bool told = a->values || a->has[GROUP_STATE] || a->state != PROFILE_STABLE || a->refused[0];

	if (!measured && a->values)
		return json_error(doc, node, err, "a value belongs into the answer of \"read\" or into \"stream\"");
	if (measured && !told)
		return json_error(doc, node, err,
				  "this line gives no \"value\" and no \"state\": what does it say of a reading?");
	if (a->has[GROUP_STATE] && profile->states == 0)
		return json_error(doc, node, err, "\"states\" at the top must say what the words of \"state\" mean");
	if (a->values && profile->values && a->values != profile->values)
		return json_error(doc, node, err, "a reading has %u value%s elsewhere in this profile, and %u here",
				  profile->values, profile->values == 1 ? "" : "s", a->values);
	if (a->values)
		profile->values = a->values;
	return check_unit(doc, node, profile, a, err);
}

static const char *const state_words[PROFILE_STATES + 1] = {
	[PROFILE_STABLE] = "stable",       [PROFILE_UNSTABLE] = "unstable", [PROFILE_OVERLOAD] = "overload",
	[PROFILE_UNDERLOAD] = "underload", [PROFILE_BUSY] = "busy",
};

const char *profile_state_name(enum profile_state state)
{
	return state_words[state];
}

struct alternative_text {
	const struct json *match, *groups;
	char unit[PROFILE_WORD_MAX], refused[PROFILE_TEXT_MAX];
	int state;
};

#define IN(member) offsetof(struct alternative_text, member)
static const struct json_field alternative_fields[] = {
	{.key = "match", .kind = FIELD_NODE, .offset = IN(match), .required = true},
	{.key = "groups", .kind = FIELD_NODE, .offset = IN(groups)},
	{.key = "unit", .kind = FIELD_STRING, .offset = IN(unit), .size = PROFILE_WORD_MAX, .lo = 1},
	{.key = "refused", .kind = FIELD_STRING, .offset = IN(refused), .size = PROFILE_TEXT_MAX, .lo = 1},
	{.key = "state", .kind = FIELD_WORD, .offset = IN(state), .words = state_words},
	{.key = NULL},
};
#undef IN

/* The expression is the list's to free from here on. */
static int read_alternative(const struct json_doc *doc, const struct json *node, struct profile *profile, bool measured,
			    struct profile_alternatives *list, struct err *err)
{
	struct alternative_text text = {.state = PROFILE_STABLE};
	struct profile_alternative *a = &list->at[list->count];
	int ret = json_read_object(doc, node, alternative_fields, &text, err);

	if (ret == 0)
		ret = pattern_read(doc, text.match, a->pattern, &a->regex, err);
	if (ret)
		return ret;
	list->count++;
	a->state = (enum profile_state)text.state;
	memcpy(a->unit, text.unit, sizeof(a->unit));
	memcpy(a->refused, text.refused, sizeof(a->refused));
	ret = read_groups(doc, node, a, err);
	return ret ? ret : check_alternative(doc, node, profile, measured, a, err);
}

int alternatives_read(const struct json_doc *doc, const struct json *node, struct profile *profile, bool measured,
		      struct profile_alternatives *ret, struct err *err)
{
	size_t count = json_kind(node) == JSON_ARRAY ? json_size(node) : 0;
	int status = 0;

	if (count == 0 || count > PROFILE_ALTERNATIVES_MAX)
		return json_error(doc, node, err,
				  "\"any\" is a list of 1 to %d forms of the line, {\"match\": \"^...$\", ...}",
				  PROFILE_ALTERNATIVES_MAX);
	ret->at = calloc(count, sizeof(*ret->at));
	if (!ret->at)
		return err_set(err, -ENOMEM, "no memory for a profile");
	for (size_t i = 0; i < count && status == 0; i++)
		status = read_alternative(doc, json_at(node, i), profile, measured, ret, err);
	return status;
}

void alternatives_release(struct profile_alternatives *alternatives)
{
	for (unsigned i = 0; i < alternatives->count; i++)
		regfree(&alternatives->at[i].regex);
	free(alternatives->at);
	*alternatives = (struct profile_alternatives){.count = 0};
}

/* ---- verbs ------------------------------------------------------------------------------------------------------ */

struct line_text {
	int64_t timeout_ms;
	const struct json *any;
};

static int read_line(const struct json_doc *doc, const struct json *node, struct profile *profile, bool measured,
		     struct profile_line *ret, struct err *err)
{
	static const struct json_field fields[] = {
		{.key = "timeout_ms",
		 .kind = FIELD_INT,
		 .offset = offsetof(struct line_text, timeout_ms),
		 .lo = TIMEOUT_MIN_MS,
		 .hi = TIMEOUT_MAX_MS,
		 .unit = "ms"},
		{.key = "any", .kind = FIELD_NODE, .offset = offsetof(struct line_text, any), .required = true},
		{.key = NULL},
	};
	struct line_text text = {.timeout_ms = TIMEOUT_DEFAULT_MS};
	int status = json_read_object(doc, node, fields, &text, err);

	if (status)
		return status;
	ret->timeout_ns = (uint64_t)text.timeout_ms * NS_PER_MS;
	return alternatives_read(doc, text.any, profile, measured, &ret->any, err);
}

struct command_text {
	const struct json *send, *lines;
	int64_t settle_ms;
};

#define IN(member) offsetof(struct command_text, member)
static const struct json_field command_fields[] = {
	{.key = "send", .kind = FIELD_NODE, .offset = IN(send), .required = true},
	{.key = "settle_ms", .kind = FIELD_INT, .offset = IN(settle_ms), .lo = 0, .hi = TIMEOUT_MAX_MS, .unit = "ms"},
	{.key = "lines", .kind = FIELD_NODE, .offset = IN(lines)},
	{.key = NULL},
};
#undef IN

static int read_lines(const struct json_doc *doc, const struct json *node, struct profile *profile, bool measured,
		      struct profile_command *command, struct err *err)
{
	size_t count = json_kind(node) == JSON_ARRAY ? json_size(node) : 0;
	int status = 0;

	if (count == 0 || count > PROFILE_LINES_MAX)
		return json_error(doc, node, err,
				  "\"lines\" is a list of 1 to %d lines of the answer, {\"any\": [...]}",
				  PROFILE_LINES_MAX);
	for (size_t i = 0; i < count && status == 0; i++) {
		command->lines++;
		status = read_line(doc, json_at(node, i), profile, measured && i + 1 == count, &command->line[i], err);
	}
	return status;
}

static int read_send(const struct json_doc *doc, const struct json *node, const struct json *send_end,
		     struct profile_command *command, struct err *err)
{
	unsigned end_len = 0;
	int status =
		bytes_read(doc, node, "send", command->send, PROFILE_BYTES_MAX - PROFILE_MARK_MAX, &command->len, err);

	if (status == 0)
		status = bytes_read(doc, send_end, "send_end", command->send + command->len, PROFILE_MARK_MAX, &end_len,
				    err);
	command->len += end_len;
	if (status == 0 && command->len == 0)
		status = json_error(doc, node, err, "a verb sends one byte at least");
	return status;
}

static int read_verb(const struct json_doc *doc, const struct json *node, const struct json *send_end,
		     struct profile *profile, enum profile_verb verb, struct err *err)
{
	struct profile_command *command = &profile->verb[verb];
	struct command_text text = {.settle_ms = -1};
	int status = json_read_object(doc, node, command_fields, &text, err);

	if (status)
		return status;
	command->there = true;
	command->settle_ns = text.settle_ms > 0 ? (uint64_t)text.settle_ms * NS_PER_MS : 0;
	status = read_send(doc, text.send, send_end, command, err);
	if (status)
		return status;
	if (text.lines && text.settle_ms >= 0)
		return json_error(doc, json_get(node, "settle_ms"), err,
				  "\"settle_ms\" is for a verb that is not answered: leave it out beside \"lines\"");
	if (text.lines)
		return read_lines(doc, text.lines, profile, verb == VERB_READ, command, err);
	if (verb == VERB_READ || verb == VERB_IDENTIFY)
		return json_error(doc, node, err, "\"lines\" is missing: what does the device answer to \"%s\"?",
				  verb_words[verb]);
	if (text.settle_ms < 0)
		return json_error(
			doc, node, err,
			"neither \"lines\" nor \"settle_ms\": say what is answered, or for how long the line is "
			"left alone when nothing is");
	return 0;
}

static const char *verb_at(const void *list, size_t i)
{
	(void)list;
	return i < VERBS ? verb_words[i] : NULL;
}

static int check_verbs(const struct json_doc *doc, const struct json *node, const struct profile *profile,
		       struct err *err)
{
	if (profile->verb[VERB_START].there != profile->verb[VERB_STOP].there)
		return json_error(doc, node, err,
				  "\"start\" and \"stop\" go together: a stream that was started must be ended");
	return 0;
}

int verbs_read(const struct json_doc *doc, const struct json *node, const struct json *send_end,
	       struct profile *profile, struct err *err)
{
	int status = 0;

	if (json_kind(node) != JSON_OBJECT)
		return json_error(doc, node, err, "\"verbs\" is an object: { \"read\": { ... }, ... }");
	for (size_t i = 0; i < json_size(node) && status == 0; i++) {
		const struct json *member = json_at(node, i);
		unsigned verb = 0;
		while (verb < VERBS && strcmp(verb_words[verb], json_key_of(member)) != 0)
			verb++;
		const char *near = json_nearest(json_key_of(member), verb_at, NULL);
		if (verb == VERBS)
			return json_key_error(doc, member, err, "unknown verb \"%.20s\"%s%s%s", json_key_of(member),
					      near ? "; did you mean \"" : ": identify, unit, zero, read, start, stop",
					      near ? near : "", near ? "\"?" : "");
		status = read_verb(doc, member, send_end, profile, (enum profile_verb)verb, err);
	}
	return status ? status : check_verbs(doc, node, profile, err);
}
