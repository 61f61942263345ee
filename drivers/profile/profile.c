/* Reads a profile. What its lines look like is read in alternative.c. */
#include "drivers/profile/profile.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "drivers/profile/alternative.h"
#include "rig/base/digest.h"

#define SIZE(type, member) sizeof(((struct type *)0)->member)
#define IN(member)         offsetof(struct profile_text, member)

static_assert(SIZE(profile, digest) == DIGEST_HEX, "a digest as text");

static const char *const measures_words[PROFILE_MEASURES + 1] = {
	[PROFILE_FORCE] = "force",
	[PROFILE_MASS] = "mass",
	[PROFILE_LENGTH] = "length",
	[PROFILE_TEMPERATURE] = "temperature",
};
static const char *const measures_units[PROFILE_MEASURES] = {
	[PROFILE_FORCE] = "N",
	[PROFILE_MASS] = "g",
	[PROFILE_LENGTH] = "mm",
	[PROFILE_TEMPERATURE] = "degC",
};
static const char *const sure_words[SURES + 1] = {
	[SURE_TRIED] = "tried",
	[SURE_OWN] = "own",
	[SURE_DOCUMENT] = "document",
	[SURE_MEMORY] = "memory",
};
static const char *const decimal_words[] = {".", ",", NULL};
static const char *const unit_by_words[] = {"line", "bench", NULL};
static const char *const parity_words[] = {"none", "odd", "even", "mark", "space", NULL};

/* The file as it is read; what depends on something else waits here until that is known. */
struct profile_text {
	struct profile *profile;
	int measures, decimal, unit_by;
	const struct json *send_end, *errors, *ignore, *verbs, *stream, *units;
};

const char *profile_measures_name(enum profile_measures m)
{
	return measures_words[m];
}

const char *profile_measures_unit(enum profile_measures m)
{
	return measures_units[m];
}

const char *profile_sure_name(enum profile_sure sure)
{
	return sure_words[sure];
}

enum profile_sure profile_sure(const struct profile *p)
{
	enum profile_sure least = SURE_TRIED;

	for (unsigned i = 0; i < p->facts; i++)
		least = p->fact[i].sure > least ? p->fact[i].sure : least;
	return least;
}

const struct profile_unit *profile_unit(const struct profile *profile, const char *text)
{
	for (unsigned i = 0; i < profile->units; i++)
		if (strcmp(profile->unit[i].text, text) == 0)
			return &profile->unit[i];
	return NULL;
}

/* ---- small parts ------------------------------------------------------------------------------------------------ */

static int read_kind(const struct json_doc *doc, const struct json *node, void *dst, struct err *err)
{
	(void)dst;
	if (json_kind(node) != JSON_STRING || strcmp(json_string(node), PROFILE_KIND) != 0)
		return json_error(doc, node, err, "this is no profile of this version: \"kind\" must be \"%s\"",
				  PROFILE_KIND);
	return 0;
}

/* "$schema", for editors. */
static int read_schema(const struct json_doc *doc, const struct json *node, void *dst, struct err *err)
{
	(void)dst;
	return json_kind(node) == JSON_STRING ? 0 : json_error(doc, node, err, "\"$schema\" is a string");
}

static int read_name(const struct json_doc *doc, const struct json *node, void *dst, struct err *err)
{
	struct profile *p = ((struct profile_text *)dst)->profile;
	const char *name = json_kind(node) == JSON_STRING ? json_string(node) : "";

	if (!*name || strlen(name) >= sizeof(p->name) ||
	    strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") != strlen(name))
		return json_error(doc, node, err, "\"name\" is 1 to %zu of a-z, 0-9 and -, as \"my-gauge\"",
				  sizeof(p->name) - 1);
	strcpy(p->name, name);
	return 0;
}

static int read_title(const struct json_doc *doc, const struct json *node, void *dst, struct err *err)
{
	struct profile *p = ((struct profile_text *)dst)->profile;
	const char *text = json_kind(node) == JSON_STRING ? json_string(node) : "";

	for (const char *c = text; *c; c++)
		if (!isprint((unsigned char)*c))
			return json_error(doc, node, err, "\"title\" is one line of printable ASCII");
	if (!*text || strlen(text) >= sizeof(p->title))
		return json_error(doc, node, err, "\"title\" says in 1 to %zu characters which devices these are",
				  sizeof(p->title) - 1);
	strcpy(p->title, text);
	return 0;
}

struct fact_text {
	struct profile_fact fact;
	int sure;
};

static int read_facts(const struct json_doc *doc, const struct json *node, void *dst, struct err *err)
{
	static const struct json_field fields[] = {
		{.key = "what",
		 .kind = FIELD_STRING,
		 .offset = offsetof(struct fact_text, fact.what),
		 .size = PROFILE_TEXT_MAX,
		 .required = true,
		 .lo = 1},
		{.key = "source",
		 .kind = FIELD_STRING,
		 .offset = offsetof(struct fact_text, fact.source),
		 .size = PROFILE_SOURCE_MAX,
		 .required = true,
		 .lo = 1},
		{.key = "sure",
		 .kind = FIELD_WORD,
		 .offset = offsetof(struct fact_text, sure),
		 .words = sure_words,
		 .required = true},
		{.key = NULL},
	};
	struct profile *p = ((struct profile_text *)dst)->profile;
	size_t count = json_kind(node) == JSON_ARRAY ? json_size(node) : 0;

	if (count == 0 || count > PROFILE_FACTS_MAX)
		return json_error(doc, node, err,
				  "\"facts\" is a list of 1 to %d objects {\"what\": ..., \"source\": ..., \"sure\": "
				  "...}: where does "
				  "each thing in this file come from?",
				  PROFILE_FACTS_MAX);
	for (size_t i = 0; i < count; i++) {
		struct fact_text text = {.sure = SURE_MEMORY};
		int status = json_read_object(doc, json_at(node, i), fields, &text, err);
		if (status)
			return status;
		text.fact.sure = (enum profile_sure)text.sure;
		p->fact[p->facts++] = text.fact;
	}
	return 0;
}

struct serial_text {
	int64_t baud, data_bits, stop_bits, open_wait_ms;
	int parity;
};

static int read_serial(const struct json_doc *doc, const struct json *node, void *dst, struct err *err)
{
#define AT(member) offsetof(struct serial_text, member)
	static const struct json_field fields[] = {
		{.key = "baud",
		 .kind = FIELD_INT,
		 .offset = AT(baud),
		 .required = true,
		 .lo = LINK_BAUD_MIN,
		 .hi = LINK_BAUD_MAX},
		{.key = "data_bits", .kind = FIELD_INT, .offset = AT(data_bits), .lo = 7, .hi = 8},
		{.key = "stop_bits", .kind = FIELD_INT, .offset = AT(stop_bits), .lo = 1, .hi = 2},
		{.key = "parity", .kind = FIELD_WORD, .offset = AT(parity), .words = parity_words},
		{.key = "open_wait_ms",
		 .kind = FIELD_INT,
		 .offset = AT(open_wait_ms),
		 .lo = 0,
		 .hi = (double)(LINK_WAIT_MAX_NS / NS_PER_MS),
		 .unit = "ms"},
		{.key = NULL},
	};
#undef AT
	struct profile *p = ((struct profile_text *)dst)->profile;
	struct serial_text text = {.data_bits = 8, .stop_bits = 1, .parity = 0};
	int status = json_read_object(doc, node, fields, &text, err);

	if (status == 0)
		p->line = (struct link_settings){.baud = (uint32_t)text.baud,
						 .data_bits = (uint8_t)text.data_bits,
						 .stop_bits = (uint8_t)text.stop_bits,
						 .parity = (enum link_parity)(text.parity + LINK_PARITY_NONE),
						 .wait_ns = (uint64_t)text.open_wait_ms * NS_PER_MS};
	return status;
}

/* ---- the frame -------------------------------------------------------------------------------------------------- */

struct frame_text {
	const struct json *send_end, *start, *end, *skip;
	int64_t length;
};

static int take_frame(const struct json_doc *doc, const struct frame_text *text, struct profile_frame *f,
		      struct err *err)
{
	int status = 0;

	if (text->start)
		status = bytes_read(doc, text->start, "start", f->start, PROFILE_MARK_MAX, &f->start_len, err);
	if (status == 0 && text->end)
		status = bytes_read(doc, text->end, "end", f->end, PROFILE_MARK_MAX, &f->end_len, err);
	if (status == 0 && text->skip)
		status = bytes_read(doc, text->skip, "skip", f->skip, PROFILE_MARK_MAX, &f->skip_len, err);
	f->length = (unsigned)text->length;
	return status;
}

static int check_frame(const struct json_doc *doc, const struct json *node, const struct profile_frame *f,
		       struct err *err)
{
	if ((f->end_len > 0) == (f->length > 0))
		return json_error(doc, node, err,
				  "how does a line end? write \"end\", such as \"\\r\\n\", or \"length\" where nothing "
				  "ends it but "
				  "its number of bytes; not both");
	for (unsigned i = 0; i < f->skip_len; i++)
		if (memchr(f->end, f->skip[i], f->end_len) || memchr(f->start, f->skip[i], f->start_len))
			return json_error(
				doc, json_get(node, "skip"), err,
				"a byte that is skipped stands in \"start\" or \"end\" too: it would never be seen");
	return 0;
}

static int read_frame(const struct json_doc *doc, const struct json *node, void *dst, struct err *err)
{
#define AT(member) offsetof(struct frame_text, member)
	static const struct json_field fields[] = {
		{.key = "send_end", .kind = FIELD_NODE, .offset = AT(send_end), .required = true},
		{.key = "start", .kind = FIELD_NODE, .offset = AT(start)},
		{.key = "end", .kind = FIELD_NODE, .offset = AT(end)},
		{.key = "skip", .kind = FIELD_NODE, .offset = AT(skip)},
		{.key = "length", .kind = FIELD_INT, .offset = AT(length), .lo = 1, .hi = PROFILE_FRAME_MAX},
		{.key = NULL},
	};
#undef AT
	struct profile_text *text = dst;
	struct frame_text frame = {.send_end = NULL};
	int status = json_read_object(doc, node, fields, &frame, err);

	if (status == 0)
		status = take_frame(doc, &frame, &text->profile->frame, err);
	if (status)
		return status;
	text->send_end = frame.send_end;
	return check_frame(doc, node, &text->profile->frame, err);
}

struct pace_text {
	int64_t between_ms;
	double reads_per_s;
};

static int read_pace(const struct json_doc *doc, const struct json *node, void *dst, struct err *err)
{
	static const struct json_field fields[] = {
		{.key = "between_ms",
		 .kind = FIELD_INT,
		 .offset = offsetof(struct pace_text, between_ms),
		 .lo = 0,
		 .hi = 5000,
		 .unit = "ms"},
		{.key = "reads_per_s",
		 .kind = FIELD_NUMBER,
		 .offset = offsetof(struct pace_text, reads_per_s),
		 .lo = 0.05,
		 .hi = PROFILE_READS_MAX_PER_S,
		 .unit = "readings per second"},
		{.key = NULL},
	};
	struct profile *p = ((struct profile_text *)dst)->profile;
	struct pace_text text = {.reads_per_s = p->reads_per_s};
	int status = json_read_object(doc, node, fields, &text, err);

	if (status)
		return status;
	if (text.reads_per_s * (double)text.between_ms > 1000)
		return json_error(doc, json_get(node, "reads_per_s"), err,
				  "%g readings a second leave %.0f ms for each, and \"between_ms\" is %d",
				  text.reads_per_s, 1000 / text.reads_per_s, (int)text.between_ms);
	p->between_ns = (uint64_t)text.between_ms * NS_PER_MS;
	p->reads_per_s = text.reads_per_s;
	return 0;
}

/* ---- words ------------------------------------------------------------------------------------------------------ */

static int check_word(const struct json_doc *doc, const struct json *member, unsigned count, struct err *err)
{
	const char *word = json_key_of(member);

	if (count == PROFILE_WORDS_MAX)
		return json_key_error(doc, member, err, "more than %d words", PROFILE_WORDS_MAX);
	if (strlen(word) >= PROFILE_WORD_MAX)
		return json_key_error(doc, member, err, "\"%.40s\" is longer than %d bytes", word,
				      PROFILE_WORD_MAX - 1);
	return 0;
}

/* A factor, or [factor, offset] for temperatures. */
static int read_factor(const struct json_doc *doc, const struct json *member, struct profile_unit *ret, struct err *err)
{
	bool pair = json_kind(member) == JSON_ARRAY && json_size(member) == 2 &&
		    json_kind(json_at(member, 0)) == JSON_NUMBER && json_kind(json_at(member, 1)) == JSON_NUMBER;

	if (!pair && json_kind(member) != JSON_NUMBER)
		return json_error(doc, member, err,
				  "a unit is a factor, such as 1000, or [factor, offset] for a temperature scale");
	ret->factor = json_number(pair ? json_at(member, 0) : member);
	ret->offset = pair ? json_number(json_at(member, 1)) : 0;
	if (!(fabs(ret->factor) >= 1e-12 && fabs(ret->factor) <= 1e12 && fabs(ret->offset) <= 1e6))
		return json_error(doc, member, err, "a factor from 1e-12 to 1e12 and an offset up to 1e6 are taken");
	return 0;
}

static int read_units(const struct json_doc *doc, const struct json *node, struct profile *p, struct err *err)
{
	int status = 0;

	if (json_kind(node) != JSON_OBJECT || json_size(node) == 0)
		return json_error(
			doc, node, err,
			"\"units\" is an object: each unit as the device writes it, and what it is in %s: {\"%s\": 1}",
			measures_units[p->measures], measures_units[p->measures]);
	for (size_t i = 0; i < json_size(node) && status == 0; i++) {
		const struct json *member = json_at(node, i);
		const char *word = json_key_of(member);
		status = check_word(doc, member, p->units, err);
		if (status == 0 && (!*word || *word == ' ' || word[strlen(word) - 1] == ' '))
			return json_key_error(doc, member, err, "write a unit without blanks around it");
		if (status == 0)
			status = read_factor(doc, member, &p->unit[p->units], err);
		if (status == 0)
			strcpy(p->unit[p->units++].text, word);
	}
	return status;
}

static int read_states(const struct json_doc *doc, const struct json *node, void *dst, struct err *err)
{
	struct profile *p = ((struct profile_text *)dst)->profile;

	if (json_kind(node) != JSON_OBJECT || json_size(node) == 0)
		return json_error(doc, node, err, "\"states\" is an object: {\"S\": \"stable\", \"D\": \"unstable\"}");
	for (size_t i = 0; i < json_size(node); i++) {
		const struct json *member = json_at(node, i);
		const char *means = json_kind(member) == JSON_STRING ? json_string(member) : "";
		unsigned state = 0;
		int status = check_word(doc, member, p->states, err);
		if (status)
			return status;
		while (state < PROFILE_STATES && strcmp(profile_state_name((enum profile_state)state), means) != 0)
			state++;
		if (state == PROFILE_STATES)
			return json_error(doc, member, err, "a state is stable, unstable, overload, underload or busy");
		strcpy(p->state[p->states].text, json_key_of(member));
		p->state[p->states++].means = (int)state;
	}
	return 0;
}

static int read_signs(const struct json_doc *doc, const struct json *node, void *dst, struct err *err)
{
	struct profile *p = ((struct profile_text *)dst)->profile;

	if (json_kind(node) != JSON_OBJECT || json_size(node) == 0)
		return json_error(doc, node, err, "\"signs\" is an object: {\"0\": 1, \"1\": -1}");
	for (size_t i = 0; i < json_size(node); i++) {
		const struct json *member = json_at(node, i);
		int status = check_word(doc, member, p->signs, err);
		if (status)
			return status;
		if (json_kind(member) != JSON_NUMBER || fabs(json_number(member)) != 1)
			return json_error(doc, member, err, "a sign is 1 or -1");
		strcpy(p->sign[p->signs].text, json_key_of(member));
		p->sign[p->signs++].means = (int)json_number(member);
	}
	return 0;
}

/* ---- error replies and lines that nobody asked for -------------------------------------------------------------- */

static int read_error(const struct json_doc *doc, const struct json *node, struct profile *p, struct err *err)
{
	struct error_text {
		const struct json *match;
		char means[PROFILE_TEXT_MAX];
	} text = {.match = NULL};
	static const struct json_field fields[] = {
		{.key = "match", .kind = FIELD_NODE, .offset = offsetof(struct error_text, match), .required = true},
		{.key = "means",
		 .kind = FIELD_STRING,
		 .offset = offsetof(struct error_text, means),
		 .size = PROFILE_TEXT_MAX,
		 .required = true,
		 .lo = 1},
		{.key = NULL},
	};
	struct profile_error *error = &p->error[p->errors];
	int status = json_read_object(doc, node, fields, &text, err);

	if (status == 0)
		status = pattern_read(doc, text.match, error->pattern, &error->regex, err);
	if (status)
		return status;
	p->errors++;
	memcpy(error->means, text.means, sizeof(error->means));
	return 0;
}

static int read_errors(const struct json_doc *doc, const struct json *node, struct profile *p, struct err *err)
{
	int status = 0;

	if (json_kind(node) != JSON_ARRAY || json_size(node) > PROFILE_WORDS_MAX)
		return json_error(doc, node, err,
				  "\"errors\" is a list of {\"match\": \"^...$\", \"means\": ...}, %d at most",
				  PROFILE_WORDS_MAX);
	for (size_t i = 0; i < json_size(node) && status == 0; i++)
		status = read_error(doc, json_at(node, i), p, err);
	return status;
}

static int read_ignore(const struct json_doc *doc, const struct json *node, struct profile *p, struct err *err)
{
	int status = 0;

	if (json_kind(node) != JSON_ARRAY || json_size(node) > PROFILE_WORDS_MAX)
		return json_error(doc, node, err, "\"ignore\" is a list of expressions, %d at most", PROFILE_WORDS_MAX);
	for (size_t i = 0; i < json_size(node) && status == 0; i++) {
		struct profile_error *line = &p->ignore[p->ignores];
		status = pattern_read(doc, json_at(node, i), line->pattern, &line->regex, err);
		p->ignores += status == 0;
	}
	return status;
}

/* ---- the stream ------------------------------------------------------------------------------------------------- */

struct stream_text {
	double samples_per_s;
	const struct json *any;
};

static int read_stream(const struct json_doc *doc, const struct json *node, struct profile *p, struct err *err)
{
	static const struct json_field fields[] = {
		{.key = "samples_per_s",
		 .kind = FIELD_NUMBER,
		 .offset = offsetof(struct stream_text, samples_per_s),
		 .required = true,
		 .lo = 0.05,
		 .hi = PROFILE_SAMPLES_MAX_PER_S,
		 .unit = "readings per second"},
		{.key = "any", .kind = FIELD_NODE, .offset = offsetof(struct stream_text, any), .required = true},
		{.key = NULL},
	};
	struct stream_text text = {.any = NULL};
	int status = json_read_object(doc, node, fields, &text, err);

	if (status)
		return status;
	p->samples_per_s = text.samples_per_s;
	p->unasked = !p->verb[VERB_START].there;
	if (p->frame.length)
		return json_error(doc, node, err,
				  "lines of a stream need an end: where one begins could not be told by \"length\"");
	if (p->unasked && p->verb[VERB_READ].there)
		return json_error(doc, node, err,
				  "without \"start\" this device streams by itself, and an answer to \"read\" could "
				  "not be told from "
				  "its lines: leave \"read\" out");
	return alternatives_read(doc, text.any, p, true, &p->sample, err);
}

/* ---- all of it -------------------------------------------------------------------------------------------------- */

static const struct json_field profile_fields[] = {
	{.key = "kind", .kind = FIELD_CUSTOM, .required = true, .read = read_kind},
	{.key = "name", .kind = FIELD_CUSTOM, .required = true, .read = read_name},
	{.key = "title", .kind = FIELD_CUSTOM, .required = true, .read = read_title},
	{.key = "facts", .kind = FIELD_CUSTOM, .required = true, .read = read_facts},
	{.key = "measures", .kind = FIELD_WORD, .offset = IN(measures), .words = measures_words, .required = true},
	{.key = "serial", .kind = FIELD_CUSTOM, .required = true, .read = read_serial},
	{.key = "frame", .kind = FIELD_CUSTOM, .required = true, .read = read_frame},
	{.key = "pace", .kind = FIELD_CUSTOM, .read = read_pace},
	{.key = "decimal", .kind = FIELD_WORD, .offset = IN(decimal), .words = decimal_words},
	{.key = "unit_by", .kind = FIELD_WORD, .offset = IN(unit_by), .words = unit_by_words},
	{.key = "units", .kind = FIELD_NODE, .offset = IN(units), .required = true},
	{.key = "states", .kind = FIELD_CUSTOM, .read = read_states},
	{.key = "signs", .kind = FIELD_CUSTOM, .read = read_signs},
	{.key = "errors", .kind = FIELD_NODE, .offset = IN(errors)},
	{.key = "ignore", .kind = FIELD_NODE, .offset = IN(ignore)},
	{.key = "verbs", .kind = FIELD_NODE, .offset = IN(verbs)},
	{.key = "stream", .kind = FIELD_NODE, .offset = IN(stream)},
	{.key = "$schema", .kind = FIELD_CUSTOM, .read = read_schema},
	{.key = NULL},
};

/* A sign that stands in a group of its own is "+", "-", or nothing where the profile does not say otherwise. */
static void default_signs(struct profile *p)
{
	static const struct profile_word usual[] = {{"+", 1}, {"", 1}, {"-", -1}};

	if (p->signs)
		return;
	memcpy(p->sign, usual, sizeof(usual));
	p->signs = sizeof(usual) / sizeof(usual[0]);
}

/* In the order in which one part needs the other. */
static int read_parts(struct profile *p, const struct profile_text *text, struct err *err)
{
	const struct json_doc *doc = p->doc;
	int status = read_units(doc, text->units, p, err);

	default_signs(p);
	if (status == 0 && text->errors)
		status = read_errors(doc, text->errors, p, err);
	if (status == 0 && text->ignore)
		status = read_ignore(doc, text->ignore, p, err);
	if (status == 0 && text->verbs)
		status = verbs_read(doc, text->verbs, text->send_end, p, err);
	if (status == 0 && text->stream)
		status = read_stream(doc, text->stream, p, err);
	return status;
}

static int check_whole(const struct profile *p, struct err *err)
{
	const struct json *root = json_root(p->doc);

	if (p->verb[VERB_START].there && p->samples_per_s == 0)
		return json_error(p->doc, json_get(json_get(root, "verbs"), "start"), err,
				  "\"stream\" is missing: what are the lines that come after \"start\"?");
	if (!p->verb[VERB_READ].there && p->samples_per_s == 0)
		return json_error(p->doc, root, err,
				  "neither a verb \"read\" nor a \"stream\": there would be nothing to measure");
	if (p->values == 0)
		return json_error(p->doc, root, err, "no line of this profile has a \"value\"");
	return 0;
}

static int read_profile(struct profile *p, struct err *err)
{
	struct profile_text text = {.profile = p};
	int status = json_read_object(p->doc, json_root(p->doc), profile_fields, &text, err);

	if (status)
		return status;
	p->measures = (enum profile_measures)text.measures;
	p->decimal_comma = text.decimal == 1;
	p->unit_by_bench = text.unit_by == 1;
	status = read_parts(p, &text, err);
	return status ? status : check_whole(p, err);
}

int profile_parse(const char *file, const char *text, size_t len, struct profile **ret, struct err *err)
{
	struct profile *p = calloc(1, sizeof(*p));

	if (!p)
		return err_set(err, -ENOMEM, "%s: no memory for a profile", file);
	p->reads_per_s = 2;
	int status = json_parse(file, text, len, &p->doc, err);
	if (status == 0)
		status = read_profile(p, err);
	if (status) {
		profile_free(p);
		return status;
	}
	digest_text(text, len, p->digest);
	*ret = p;
	return 0;
}

void profile_free(struct profile *p)
{
	if (!p)
		return;
	for (unsigned verb = 0; verb < VERBS; verb++)
		for (unsigned i = 0; i < p->verb[verb].lines; i++)
			alternatives_release(&p->verb[verb].line[i].any);
	alternatives_release(&p->sample);
	for (unsigned i = 0; i < p->errors; i++)
		regfree(&p->error[i].regex);
	for (unsigned i = 0; i < p->ignores; i++)
		regfree(&p->ignore[i].regex);
	json_doc_free(p->doc);
	free(p);
}
