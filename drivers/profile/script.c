/* Lines of the file against the driver: what it sends, what it then makes of what came. */
#include "drivers/profile/script.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "drivers/profile/device.h"
#include "rig/driver/lines.h"

#define PATIENCE_NS   (15 * NS_PER_S) /* longer than any answer may take, twice, with its rest */
#define LINE_MAX      512
#define CASE_NAME_MAX 64
#define WRITTEN_MAX   4096
#define READINGS_MAX  64
#define WHY_MAX       500
#define NOTES_MAX     2048

struct got_reading {
	uint32_t flags;
	unsigned values;
	int32_t count[DEVICE_SITES_MAX];
};

/* One play of one case. */
struct play {
	struct link link; /* first: the link that the driver holds */
	struct link_sink sink;
	struct device *device;
	uint64_t now_ns;
	bool bytewise;
	uint8_t written[WRITTEN_MAX];
	size_t written_len, read_to;
	bool ready, lost, done;
	int ready_status, done_status;
	char text[ERR_TEXT_MAX]; /* of what failed last */
	char notes[NOTES_MAX];
	struct got_reading reading[READINGS_MAX];
	unsigned readings, readings_read;
	unsigned line;
	char why[WHY_MAX]; /* empty: as recorded so far */
};

struct section {
	char name[CASE_NAME_MAX];
	unsigned line; /* its head's */
	const char *from, *to;
	bool fresh; /* does not begin with the opening */
};

struct script {
	const struct device_told *told;
	struct section opening;
};

/* ---- the link --------------------------------------------------------------------------------------------------- */

static struct play *playing; /* links are opened by name alone */

static int play_open(struct loop *loop, const char *uri, const struct link_wants *wants, const struct link_sink *sink,
		     struct link **ret, struct err *err)
{
	(void)loop, (void)uri, (void)wants, (void)err;
	playing->sink = *sink;
	*ret = &playing->link;
	return 0;
}

static void play_close(struct link *link)
{
	(void)link;
}

static int play_write(struct link *link, const uint8_t *data, size_t len, uint64_t deadline_ns, link_done_fn done,
		      void *ctx)
{
	struct play *play = (struct play *)link;

	(void)deadline_ns, (void)done, (void)ctx;
	if (len > WRITTEN_MAX - play->written_len)
		return -ENOBUFS;
	memcpy(play->written + play->written_len, data, len);
	play->written_len += len;
	return 0;
}

static void play_identity(const struct link *link, struct link_identity *ret)
{
	(void)link;
	*ret = (struct link_identity){.uri = "serial:by-id=dialogue"};
}

static void play_counters(const struct link *link, struct link_counters *ret)
{
	(void)link;
	*ret = (struct link_counters){.counters_known = false};
}

static const struct link_ops play_link = {
	.name = "dialogue",
	.scheme = "serial",
	.open = play_open,
	.close = play_close,
	.write = play_write,
	.identity = play_identity,
	.counters = play_counters,
};
static const struct link_ops *const play_links[] = {&play_link, NULL};

/* ---- what the driver tells -------------------------------------------------------------------------------------- */

static void on_ready(void *ctx, int status, const struct err *err)
{
	struct play *play = ctx;

	play->ready = true;
	play->ready_status = status;
	if (status)
		snprintf(play->text, sizeof(play->text), "%s", err->text);
}

static void on_block(void *ctx, const struct sample_block *block)
{
	struct play *play = ctx;

	if (play->readings == READINGS_MAX)
		return;
	struct got_reading *got = &play->reading[play->readings++];
	*got = (struct got_reading){.flags = block->flags, .values = block->channels};
	memcpy(got->count, block->counts, block->channels * sizeof(*got->count));
}

static void on_event(void *ctx, uint32_t condition, const char *text)
{
	struct play *play = ctx;
	size_t at = strlen(play->notes);

	(void)condition;
	snprintf(play->notes + at, sizeof(play->notes) - at, "%s; ", text);
}

static void on_lost(void *ctx, int status, const struct err *err)
{
	struct play *play = ctx;

	(void)status;
	play->lost = true;
	snprintf(play->text, sizeof(play->text), "%s", err->text);
}

static void on_done(void *ctx, int status, const struct err *err)
{
	struct play *play = ctx;

	play->done = true;
	play->done_status = status;
	if (status)
		snprintf(play->text, sizeof(play->text), "%s", err->text);
}

/* ---- time ------------------------------------------------------------------------------------------------------- */

static void tick(struct play *play)
{
	play->now_ns += DRIVER_TICK_NS;
	if (play->device)
		driver_profile.on_tick(play->device, play->now_ns);
}

__attribute__((format(printf, 2, 3))) static void fail(struct play *play, const char *fmt, ...)
{
	char text[WHY_MAX - 32];
	va_list args;

	if (play->why[0])
		return;
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	snprintf(play->why, sizeof(play->why), "line %u: %s", play->line, text);
}

static bool sent_something(const struct play *play)
{
	return play->written_len > play->read_to;
}

static bool is_ready(const struct play *play)
{
	return play->ready;
}

static bool is_lost(const struct play *play)
{
	return play->lost;
}

static bool is_done(const struct play *play)
{
	return play->done;
}

static bool wait_until(struct play *play, bool (*is)(const struct play *play))
{
	uint64_t end_ns = play->now_ns + PATIENCE_NS;

	while (!is(play) && play->now_ns < end_ns)
		tick(play);
	return is(play);
}

/* ---- one line of the file --------------------------------------------------------------------------------------- */

static int hex_digit(char c)
{
	return isdigit((unsigned char)c)    ? c - '0'
	       : isxdigit((unsigned char)c) ? tolower((unsigned char)c) - 'a' + 10
					    : -1;
}

/* \r \n \t \e \\ \xNN; false: something else stands behind a backslash. */
static bool unescape(const char *text, uint8_t ret[LINE_MAX], size_t *ret_len)
{
	static const char letters[] = "rnte\\", bytes[] = "\r\n\t\033\\";
	size_t len = 0;

	for (; *text; text++) {
		const char *letter = text[0] == '\\' && text[1] ? strchr(letters, text[1]) : NULL;
		if (text[0] != '\\') {
			ret[len++] = (uint8_t)*text;
		} else if (letter) {
			ret[len++] = (uint8_t)bytes[letter - letters];
			text++;
		} else if (text[1] == 'x' && hex_digit(text[2]) >= 0 && hex_digit(text[3]) >= 0) {
			ret[len++] = (uint8_t)(hex_digit(text[2]) << 4 | hex_digit(text[3]));
			text += 3;
		} else {
			return false;
		}
	}
	*ret_len = len;
	return true;
}

static void show(const uint8_t *bytes, size_t len, char *ret, size_t size)
{
	lines_show_bytes((const char *)bytes, len, ret, size);
}

static void expect_sent(struct play *play, const char *text)
{
	uint8_t bytes[LINE_MAX];
	char wanted[150], got[150];
	size_t len = 0;

	if (!unescape(text, bytes, &len)) {
		fail(play, "behind a backslash stand r, n, t, e, \\ or xNN");
		return;
	}
	bool sent = wait_until(play, sent_something);
	size_t there = play->written_len - play->read_to;
	show(bytes, len, wanted, sizeof(wanted));
	show(play->written + play->read_to, there, got, sizeof(got));
	if (!sent)
		fail(play, "\"%s\" should be sent, and nothing was%s%s", wanted, play->text[0] ? ": " : "", play->text);
	else if (there < len || memcmp(play->written + play->read_to, bytes, len) != 0)
		fail(play, "\"%s\" should be sent, and \"%s\" was", wanted, got);
	else
		play->read_to += len;
}

static void send_bytes(struct play *play, const char *text)
{
	uint8_t bytes[LINE_MAX];
	size_t len = 0, step;

	if (!unescape(text, bytes, &len)) {
		fail(play, "behind a backslash stand r, n, t, e, \\ or xNN");
		return;
	}
	step = play->bytewise ? 1 : len;
	for (size_t at = 0; at < len; at += step)
		play->sink.bytes(play->sink.ctx, bytes + at, step, false, play->now_ns);
}

static uint32_t flag_of(const char *word)
{
	static const struct {
		const char *word;
		uint32_t flag;
	} rows[] = {{"unstable", SAMPLE_UNSTABLE},
		    {"gap", SAMPLE_GAP},
		    {"overload", SAMPLE_OVER_RANGE},
		    {"underload", SAMPLE_OVER_RANGE}};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (strcmp(rows[i].word, word) == 0)
			return rows[i].flag;
	return 0;
}

struct wanted_reading {
	double value[DEVICE_SITES_MAX];
	unsigned values;
	char unit[16];
	uint32_t flags;
	int beyond; /* 1 overload, -1 underload */
};

static bool read_wanted(const char *text, struct wanted_reading *ret)
{
	char copy[LINE_MAX], *state = NULL;

	*ret = (struct wanted_reading){.values = 0};
	snprintf(copy, sizeof(copy), "%s", text);
	for (char *word = strtok_r(copy, " ", &state); word; word = strtok_r(NULL, " ", &state)) {
		char *end;
		double value = strtod(word, &end);
		if (flag_of(word))
			ret->flags |= flag_of(word);
		else if (!*end && ret->values < DEVICE_SITES_MAX)
			ret->value[ret->values++] = value;
		else if (!ret->unit[0] && strlen(word) < sizeof(ret->unit))
			strcpy(ret->unit, word);
		else
			return false;
		ret->beyond += (strcmp(word, "overload") == 0) - (strcmp(word, "underload") == 0);
	}
	return ret->beyond ? !ret->values : ret->values && ret->unit[0];
}

/* NULL, or what is wrong with it. */
static const char *compare(const struct play *play, const struct got_reading *got, const struct wanted_reading *wanted)
{
	unsigned count;
	const struct channel *channel = driver_profile.channels(play->device, &count);

	if (wanted->beyond)
		return got->count[0] == wanted->beyond * INT32_MAX ? NULL : "the reading does not stand at that end";
	if (got->values != wanted->values)
		return "the reading has another number of values";
	if (strcmp(channel->unit, wanted->unit) != 0)
		return "the channel has another unit";
	for (unsigned i = 0; i < count; i++)
		if (fabs(got->count[i] * channel[i].scale - wanted->value[i]) > 1.01 * channel[i].scale)
			return "the reading is another one";
	return NULL;
}

static void expect_reading(struct play *play, const char *text)
{
	struct wanted_reading wanted;
	unsigned count;
	const struct channel *channel = driver_profile.channels(play->device, &count);

	if (!read_wanted(text, &wanted)) {
		fail(play,
		     "a reading is written as \"1.25 N\", with unstable or gap behind it, or as overload or underload");
		return;
	}
	if (play->readings_read == play->readings) {
		fail(play, "no reading came%s%s", play->text[0] ? ": " : "", play->text);
		return;
	}
	const struct got_reading *got = &play->reading[play->readings_read++];
	const char *wrong = compare(play, got, &wanted);
	if (!wrong && got->flags != wanted.flags)
		wrong = "its flags are others";
	if (wrong)
		fail(play, "%s: %.10g %s, flags 0x%x", wrong, got->count[0] * channel->scale, channel->unit,
		     got->flags);
}

static void expect_text(struct play *play, bool came, const char *what, const char *text)
{
	if (!came)
		fail(play, "%s did not happen", what);
	else if (!strstr(play->text, text))
		fail(play, "\"%s\" should stand in: %s", text, play->text);
}

static void begin_stream(struct play *play)
{
	play->done = false;
	driver_profile.stream->start(play->device, on_done, play);
	tick(play);
}

static void expect_ready(struct play *play)
{
	if (!wait_until(play, is_ready))
		fail(play, "the device did not become ready");
	else if (play->ready_status)
		fail(play, "the device did not open: %s%s", play->notes, play->text);
	else
		begin_stream(play);
}

static void expect_failure(struct play *play, const char *text)
{
	bool came = wait_until(play, is_ready) && play->ready_status;

	expect_text(play, came, "a failure to open", text);
}

static void expect_identity(struct play *play, const char *text)
{
	const struct device_identity *own = driver_profile.identity(play->device);
	const struct {
		const char *word, *value;
	} rows[] = {
		{"maker ", own->maker}, {"model ", own->model}, {"serial ", own->serial}, {"firmware ", own->firmware}};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t len = strlen(rows[i].word);
		if (strncmp(text, rows[i].word, len) != 0)
			continue;
		if (strcmp(text + len, rows[i].value) != 0)
			fail(play, "%sis \"%s\"", rows[i].word, rows[i].value);
		return;
	}
	fail(play, "\"is\" goes with maker, model, serial or firmware");
}

static void do_verb(struct play *play, const char *text)
{
	play->done = false;
	play->text[0] = '\0';
	if (strcmp(text, "zero") == 0)
		driver_profile.profiles->zero(play->device, on_done, play);
	else if (strcmp(text, "stop") == 0)
		driver_profile.stream->stop(play->device, on_done, play);
	else
		fail(play, "\"do\" goes with zero or stop");
}

static void expect_done(struct play *play, const char *text)
{
	if (!wait_until(play, is_done))
		fail(play, "the verb was not done");
	else if (play->done_status)
		fail(play, "the verb failed: %s", play->text);
	(void)text;
}

static void expect_refused(struct play *play, const char *text)
{
	expect_text(play, wait_until(play, is_done) && play->done_status, "a refusal", text);
}

static void expect_lost(struct play *play, const char *text)
{
	expect_text(play, wait_until(play, is_lost), "the loss of the device", text);
	play->lost = false;
}

static void expect_note(struct play *play, const char *text)
{
	if (!strstr(play->notes, text))
		fail(play, "no event says \"%s\"; there were: %s", text, play->notes);
}

static void pass_time(struct play *play, const char *text)
{
	uint64_t end_ns = play->now_ns + (uint64_t)atoi(text) * NS_PER_MS;

	while (play->now_ns < end_ns)
		tick(play);
}

static void expect_quiet(struct play *play, const char *text)
{
	pass_time(play, text);
	if (sent_something(play))
		fail(play, "nothing should be sent for %s ms", text);
}

static void ready_word(struct play *play, const char *text)
{
	(void)text;
	expect_ready(play);
}

static const struct word {
	const char *word;
	void (*act)(struct play *play, const char *text);
} words[] = {
	{">", expect_sent},        {"<", send_bytes},           {"=", expect_reading},   {"ready", ready_word},
	{"fails", expect_failure}, {"lost", expect_lost},       {"is", expect_identity}, {"do", do_verb},
	{"done", expect_done},     {"refused", expect_refused}, {"note", expect_note},   {"wait", pass_time},
	{"quiet", expect_quiet},
};

#define WORDS (sizeof(words) / sizeof(words[0]))

static const struct word *word_of(const char *line, const char **ret_text)
{
	for (size_t i = 0; i < WORDS; i++) {
		size_t len = strlen(words[i].word);
		if (strncmp(line, words[i].word, len) != 0 || (line[len] && line[len] != ' '))
			continue;
		*ret_text = line[len] ? line + len + 1 : line + len;
		return &words[i];
	}
	return NULL;
}

/* ---- the file --------------------------------------------------------------------------------------------------- */

/* The line at *from, without its end; false behind the last. Lines that are empty or begin with # are the caller's to skip. */
static bool next_line(const char **from, const char *to, char ret[LINE_MAX], unsigned *number)
{
	const char *end;
	size_t len;

	if (*from >= to)
		return false;
	end = memchr(*from, '\n', (size_t)(to - *from));
	len = (size_t)((end ? end : to) - *from);
	(*number)++;
	snprintf(ret, LINE_MAX, "%.*s", (int)(len < LINE_MAX ? len : LINE_MAX - 1), *from);
	*from = end ? end + 1 : to;
	return true;
}

static bool is_blank(const char *line)
{
	return !line[0] || line[0] == '#';
}

static bool is_head(const char *line)
{
	return strcmp(line, "opening") == 0 || strncmp(line, "case ", 5) == 0 || strncmp(line, "fresh ", 6) == 0;
}

/* "with unit N", "with rate 23", "with gravity 9.81", "with sites handle tip". */
static bool take_with(const char *line, struct device_told *told)
{
	char copy[LINE_MAX], *state = NULL;

	if (strncmp(line, "with ", 5) != 0)
		return false;
	snprintf(copy, sizeof(copy), "%s", line + 5);
	char *what = strtok_r(copy, " ", &state), *value = what ? strtok_r(NULL, " ", &state) : NULL;
	if (!value)
		return false;
	if (strcmp(what, "unit") == 0)
		snprintf(told->unit, sizeof(told->unit), "%.15s", value);
	else if (strcmp(what, "rate") == 0)
		told->rate_hz = strtod(value, NULL);
	else if (strcmp(what, "gravity") == 0)
		told->gravity_m_s2 = strtod(value, NULL);
	else if (strcmp(what, "sites") == 0)
		for (told->sites = 0; value && told->sites < DEVICE_SITES_MAX; value = strtok_r(NULL, " ", &state))
			snprintf(told->site[told->sites++], sizeof(told->site[0]), "%.15s", value);
	else
		return false;
	if (told->sites)
		told->roles = ROLE_BIT(ROLE_THERMOMETER);
	return true;
}

static void play_lines(struct play *play, const struct section *section)
{
	const char *from = section->from, *text;
	char line[LINE_MAX];
	unsigned number = section->line;
	struct device_told ignored = {.roles = 0};

	while (!play->why[0] && next_line(&from, section->to, line, &number)) {
		play->line = number;
		if (is_blank(line) || take_with(line, &ignored))
			continue;
		const struct word *word = word_of(line, &text);
		if (word && !play->device && word->act != expect_failure)
			fail(play, "the device did not open: %s", play->text);
		else if (word)
			word->act(play, text);
		else
			fail(play,
			     "unknown line \"%.60s\": one begins with >, <, =, ready, fails, lost, is, do, done, "
			     "refused, note, "
			     "wait or quiet",
			     line);
	}
}

static void gather_with(const struct section *section, struct device_told *told)
{
	const char *from = section->from;
	char line[LINE_MAX];
	unsigned number = 0;

	while (next_line(&from, section->to, line, &number))
		(void)take_with(line, told);
}

static void end_play(struct play *play)
{
	if (play->readings_read < play->readings)
		fail(play, "%u readings more than recorded", play->readings - play->readings_read);
	if (play->lost)
		fail(play, "the device was lost: %s", play->text);
}

static void play_case(const struct script *script, const struct section *section, bool bytewise, char why[WHY_MAX])
{
	struct play *play = calloc(1, sizeof(*play));
	struct device_told told = *script->told;
	struct err err;

	assert(play);
	if (!section->fresh)
		gather_with(&script->opening, &told);
	gather_with(section, &told);
	play->link.ops = &play_link;
	play->bytewise = bytewise;
	play->now_ns = NS_PER_S;
	play->line = section->line;
	playing = play;
	const struct device_open open = {
		.links = play_links,
		.uri = "serial:by-id=dialogue",
		.told = &told,
		.host = {.ctx = play, .ready = on_ready, .block = on_block, .event = on_event, .lost = on_lost}};
	play->ready_status = driver_profile.open(&open, play->now_ns, &play->device, &err);
	if (play->ready_status) {
		play->ready = true;
		snprintf(play->text, sizeof(play->text), "%s", err.text);
	}
	tick(play);
	if (!section->fresh)
		play_lines(play, &script->opening);
	play_lines(play, section);
	if (play->ready_status && !play->why[0] && !section->fresh)
		fail(play, "%s", play->text);
	end_play(play);
	driver_profile.close(play->device);
	memcpy(why, play->why, WHY_MAX);
	free(play);
}

static void rehearse_case(const struct script *script, const struct section *section, struct rehearsal *ret)
{
	char why[WHY_MAX];

	play_case(script, section, false, why);
	if (!why[0])
		play_case(script, section, true, why);
	ret->cases++;
	ret->failed += why[0] != '\0';
	if (ret->each)
		ret->each(ret->ctx, section->name, section->line, why);
}

/* The section that begins at *from, which is then behind it. */
static bool next_section(const char **from, const char *to, unsigned *number, struct section *ret)
{
	const char *before;
	char line[LINE_MAX];
	bool found = false;

	while (!found && next_line(from, to, line, number))
		found = is_head(line);
	if (!found)
		return false;
	*ret = (struct section){.line = *number, .from = *from, .fresh = line[0] == 'f'};
	snprintf(ret->name, sizeof(ret->name), "%.60s", strchr(line, ' ') ? strchr(line, ' ') + 1 : "opening");
	for (before = *from; next_line(from, to, line, number); before = *from) {
		if (!is_head(line))
			continue;
		*from = before;
		(*number)--;
		break;
	}
	ret->to = *from;
	return true;
}

int script_rehearse(const struct device_told *told, const char *file, const char *dialogue, size_t len,
		    struct rehearsal *ret, struct err *err)
{
	struct script script = {.told = told, .opening = {.from = dialogue, .to = dialogue}};
	const char *from = dialogue, *to = dialogue + len;
	struct section section;
	unsigned number = 0;

	ret->cases = ret->failed = 0;
	while (next_section(&from, to, &number, &section)) {
		if (strcmp(section.name, "opening") == 0)
			script.opening = section;
		else
			rehearse_case(&script, &section, ret);
	}
	if (ret->cases == 0)
		return err_set(err, -EINVAL, "%s: this dialogue has no \"case\" and no \"fresh\": nothing to try",
			       file);
	return 0;
}
