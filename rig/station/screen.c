/* Keys to orders, and what the station tells to 24 rows of text. */
#include "rig/station/screen.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "rig/base/text_clean.h"
#include "rig/station/letters.h"
#include "rig/station/state.h"

/* ---- what is told ---------------------------------------------------------------------------------------------- */

static const char *text_of(const struct json *object, const char *key)
{
	const struct json *node = object ? json_get(object, key) : NULL;

	return node && json_kind(node) == JSON_STRING ? json_string(node) : "";
}

static double number_of(const struct json *object, const char *key)
{
	const struct json *node = object ? json_get(object, key) : NULL;

	return node && json_kind(node) == JSON_NUMBER ? json_number(node) : NAN;
}

static bool flag_of(const struct json *object, const char *key)
{
	const struct json *node = object ? json_get(object, key) : NULL;

	return node && json_kind(node) == JSON_BOOL && json_bool(node);
}

static const struct json *part(const struct screen *s, const char *key)
{
	return s->is ? json_get(s->is, key) : NULL;
}

static bool shows(const struct screen *s, const char *view)
{
	return strcmp(text_of(s->is, "view"), view) == 0;
}

/* A word of the page; {key} in it is replaced by the member of that name, text or number. */
static void say(const struct screen *s, const char *key, const struct json *values, char *ret, size_t size)
{
	const char *word = text_of(s->words, key);
	size_t len = 0;

	if (!*word)
		word = key;
	while (*word && len + 1 < size) {
		char name[32];
		size_t n = *word == '{' ? strcspn(word + 1, "}") : 0;

		if (!n || n >= sizeof(name)) {
			ret[len++] = *word++;
			continue;
		}
		snprintf(name, sizeof(name), "%.*s", (int)n, word + 1);
		const bool detail = strcmp(name, "detail") == 0; /* as the page calls it */
		const char *value = text_of(values, detail                      ? "refused_detail"
						    : strcmp(name, "name") == 0 ? "signing"
										: name);
		const double number = number_of(values, name);

		len += (size_t)(isfinite(number) ? snprintf(ret + len, size - len, "%g", number)
						 : snprintf(ret + len, size - len, "%s", value));
		word += n + 2;
		if (len >= size)
			len = size - 1;
	}
	ret[len] = '\0';
}

static void say_joined(const struct screen *s, const char *prefix, const char *name, const struct json *values,
		       char *ret, size_t size)
{
	char key[64];

	snprintf(key, sizeof(key), "%s%s", prefix, name);
	say(s, key, values, ret, size);
}

/* ---- orders ---------------------------------------------------------------------------------------------------- */

static struct json_out *order_of(const struct screen *s, const char *what)
{
	struct json_out *out = json_out_object();

	json_out_string(out, "do", what);
	json_out_int(out, "bench", s->bench);
	return out;
}

static void give(struct screen *s, struct json_out *out)
{
	char *text = NULL;

	if (json_out_print(out, false, &text, NULL) == 0)
		s->order(s->ctx, text);
	free(text);
	json_out_free(out);
}

/* Of the run, or of the checklist before it. */
static int64_t question(const struct screen *s)
{
	double id = number_of(part(s, shows(s, "prompt") ? "prompt" : "check"), "id");

	return isfinite(id) ? (int64_t)id : 0;
}

static void give_code(struct screen *s, const char *code)
{
	struct json_out *out = order_of(s, "scan");

	json_out_string(out, "code", code);
	json_out_int(out, "id", question(s));
	give(s, out);
}

static void give_person(struct screen *s, const char *who, const char *pin)
{
	struct json_out *out = order_of(s, "sign_in");

	json_out_string(out, "who", who);
	json_out_string(out, "pin", pin);
	give(s, out);
}

static void give_decision(struct screen *s, const char *decision)
{
	struct json_out *out = order_of(s, "decide");

	json_out_string(out, "serial", s->serial);
	json_out_string(out, "decision", decision);
	json_out_string(out, "who", s->who);
	json_out_string(out, "pin", s->pin);
	json_out_string(out, "reason", s->reason);
	give(s, out);
}

/* ---- keys ------------------------------------------------------------------------------------------------------ */

static bool busy(const struct screen *s)
{
	return shows(s, "running") || shows(s, "prompt");
}

static void forget(struct screen *s)
{
	explicit_bzero(s->typed, sizeof(s->typed));
	explicit_bzero(s->pin, sizeof(s->pin));
	s->field = TYPE_CODE;
}

static void stop(struct screen *s)
{
	if (*text_of(s->is, "signing"))
		give(s, order_of(s, "sign_out"));
	forget(s);
	give(s, order_of(s, "stop"));
}

static void enter_alone(struct screen *s)
{
	struct json_out *out;

	if (question(s)) {
		out = order_of(s, "done");
		json_out_int(out, "id", question(s));
		give(s, out);
	} else if (shows(s, "armed")) {
		out = order_of(s, "start");
		json_out_string(out, "serial", text_of(s->is, "serial"));
		give(s, out);
	}
}

static bool is_one_of(const char *text, const char *const *names)
{
	for (; *names; names++)
		if (strcmp(text, *names) == 0)
			return true;
	return false;
}

/* The unit that a supervisor may decide about, as on the page: the one whose code was refused for it, or whose verdict stands. */
static const char *decidable(const struct screen *s)
{
	static const char *const refusals[] = {"no_more_attempts", "held", "rejected", NULL};
	static const char *const verdicts[] = {"fail", "held", NULL};

	if (busy(s))
		return "";
	if (is_one_of(text_of(s->is, "refused"), refusals))
		return text_of(s->is, "refused_detail");
	return shows(s, "verdict") && is_one_of(text_of(part(s, "verdict"), "word"), verdicts)
		       ? text_of(s->is, "serial")
		       : "";
}

static void begin_decision(struct screen *s)
{
	const char *serial = decidable(s);

	s->no_unit = !*serial || strlen(serial) >= sizeof(s->serial);
	if (s->no_unit)
		return;
	snprintf(s->serial, sizeof(s->serial), "%.63s", serial);
	s->field = TYPE_WHO;
}

static void end_decision(struct screen *s, char letter)
{
	static const struct {
		char letter;
		const char *word;
	} rows[] = {{'1', "retest"}, {'2', "accept"}, {'3', "reject"}};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].letter == letter)
			give_decision(s, rows[i].word);
	forget(s);
}

/* A command card is one in every field: whoever holds it up means it, whatever was asked for. */
static bool take_card(struct screen *s, const char *text)
{
	if (strcmp(text, "%SUPERVISOR") == 0) {
		forget(s);
		begin_decision(s);
		return true;
	}
	if (strcmp(text, "%SIGNOUT") == 0) {
		forget(s);
		give(s, order_of(s, "sign_out"));
		return true;
	}
	for (const struct state_card *card = state_cards; card->code; card++) {
		if (strcmp(text, card->code) != 0)
			continue;
		forget(s);
		give_code(s, text);
		return true;
	}
	return false;
}

/* What this station's scanners put around each code is none of it. */
static const char *unwrap(const struct screen *s, char *text)
{
	const char *before = text_of(s->all, "scan_prefix"), *behind = text_of(s->all, "scan_suffix");
	const size_t len = strlen(text), tail = strlen(behind);

	if (tail && len > tail && strcmp(text + len - tail, behind) == 0)
		text[len - tail] = '\0';
	return *before && strncmp(text, before, strlen(before)) == 0 && text[strlen(before)] ? text + strlen(before)
											     : text;
}

static void take_text(struct screen *s, const char *text)
{
	if (take_card(s, text))
		return;
	switch (s->field) {
	case TYPE_PIN:
		s->field = TYPE_CODE;
		give_person(s, text_of(s->is, "signing"), text);
		break;
	case TYPE_WHO:
		snprintf(s->who, sizeof(s->who), "%.63s", text);
		s->field = TYPE_SUPERVISOR_PIN;
		break;
	case TYPE_SUPERVISOR_PIN:
		snprintf(s->pin, sizeof(s->pin), "%.64s", text);
		s->field = TYPE_REASON;
		break;
	case TYPE_REASON:
		snprintf(s->reason, sizeof(s->reason), "%s", text);
		s->field = TYPE_DECISION;
		break;
	case TYPE_DECISION: end_decision(s, *text); break;
	default: give_code(s, text);
	}
}

static const char stop_card[] = "%STOP";

#define STOP_KEYS (sizeof(stop_card) - 1)

/* How much of the card, and of what a scanner puts behind it, the keys before this one were. */
static void watch_card(struct screen *s, char key)
{
	const char *behind = text_of(s->all, "scan_suffix");
	char next = '\0';

	if (key == '\r' || key == '\n' || key == '\t')
		return;
	if (s->card < STOP_KEYS)
		next = stop_card[s->card];
	else if (s->card < STOP_KEYS + strlen(behind))
		next = behind[s->card - STOP_KEYS];
	s->card = next && key == next ? s->card + 1 : key == stop_card[0];
}

static void enter(struct screen *s)
{
	char text[SCREEN_TYPED + 1];

	snprintf(text, sizeof(text), "%s", s->typed);
	explicit_bzero(s->typed, sizeof(s->typed));
	if (s->card >= STOP_KEYS)
		stop(s); /* also behind what was typed before it */
	else if (*text)
		take_text(s, unwrap(s, text));
	else if (s->field == TYPE_CODE)
		enter_alone(s);
	s->card = 0;
	explicit_bzero(text, sizeof(text));
}

/* What is asked for beside a test is not asked any more once it runs; a person's PIN is the station's to ask for. */
static void settle(struct screen *s)
{
	if (s->field > TYPE_PIN && busy(s))
		forget(s);
	if (s->field == TYPE_CODE && *text_of(s->is, "signing"))
		s->field = TYPE_PIN;
	else if (s->field == TYPE_PIN && !*text_of(s->is, "signing"))
		s->field = TYPE_CODE;
}

void screen_key(struct screen *s, char key, bool more)
{
	size_t len;

	settle(s);
	s->no_unit = false;
	len = strlen(s->typed);
	if (s->escape) { /* the rest of a key that sends several bytes: an arrow, F8 */
		s->escape = more && (key == '[' || key == 'O' || (key >= '0' && key <= '9') || key == ';');
		return;
	}
	watch_card(s, key);
	if (key == '\x1b' && more)
		s->escape = true;
	else if (key == '\x1b' || (key == ' ' && len == 0))
		stop(s);
	else if (key == '\r' || key == '\n' || key == '\t')
		enter(s);
	else if (key == '\x7f' || key == '\b')
		s->typed[len ? len - 1 : 0] = '\0';
	else if (len < SCREEN_TYPED && ((unsigned char)key >= ' ' || key == '\x1d'))
		s->typed[len] = key, s->typed[len + 1] = '\0';
}

/* ---- drawing --------------------------------------------------------------------------------------------------- */

#define REFUSAL_ROW (SCREEN_ROWS - 3) /* two rows; then what is typed, and the keys */

struct canvas {
	FILE *out;
	unsigned row; /* the next; from 1 */
	const char *colour;
};

static size_t width_of(const char *text)
{
	size_t n = 0;

	for (; *text; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}

/* One row, filled to its end; what does not fit is cut. */
static void put_row(struct canvas *c, unsigned indent, const char *text)
{
	char clean[16 * SCREEN_COLUMNS];
	size_t column = 0, len;

	if (c->row > SCREEN_ROWS)
		return;
	fprintf(c->out, "\x1b[%u;1H\x1b[0%sm", c->row++, c->colour);
	for (; column < indent; column++)
		fputc(' ', c->out);
	text_clean(text, clean, sizeof(clean)); /* what is no character is one '?', and one column */
	for (len = 0; clean[len]; len++) {
		bool begins = ((unsigned char)clean[len] & 0xc0) != 0x80;

		if (begins && column == SCREEN_COLUMNS)
			break;
		column += begins;
	}
	clean[len] = '\0';
	print_clean(c->out, clean);
	for (; column < SCREEN_COLUMNS; column++)
		fputc(' ', c->out);
}

/* Broken at blanks. */
static void put_text(struct canvas *c, const char *text)
{
	char line[4 * SCREEN_COLUMNS];

	while (*text) {
		size_t len = 0, fits = 0, columns = 0;

		for (; text[len] && columns < SCREEN_COLUMNS - 4; len++) {
			columns += ((unsigned char)text[len + 1] & 0xc0) != 0x80;
			if (text[len] == ' ' || !text[len + 1])
				fits = len + 1;
		}
		if (!fits)
			fits = len;
		snprintf(line, sizeof(line), "%.*s", (int)fits, text);
		put_row(c, 2, line);
		text += fits;
	}
}

static void put_letters(struct canvas *c, const char *word, unsigned scale)
{
	for (unsigned row = 0; row < LETTER_ROWS; row++) {
		char line[4 * SCREEN_COLUMNS * 2] = "";
		size_t len = 0;
		unsigned n;

		for (const char *at = word; *at; at += n) {
			const unsigned char *letter = letter_of(at, &n);

			for (unsigned x = 0; x <= LETTER_COLUMNS; x++)
				for (unsigned k = 0; k < scale && len + 4 < sizeof(line); k++)
					len += (size_t)sprintf(line + len, "%s",
							       x < LETTER_COLUMNS && letter[row] >> (4 - x) & 1 ? "█"
														: " ");
		}
		put_row(c, 2, line);
	}
}

/* One or two lines of big letters, as wide as they can be. */
static void put_big(struct canvas *c, char *word)
{
	char *second = strchr(word, '\n');
	size_t widest;

	if (second)
		*second++ = '\0';
	widest = width_of(word);
	if (second && width_of(second) > widest)
		widest = width_of(second);
	const unsigned scale = widest * (LETTER_COLUMNS + 1) * 2 <= SCREEN_COLUMNS - 2 ? 2 : 1;

	if (!second)
		put_row(c, 0, "");
	put_letters(c, word, scale);
	if (!second)
		return;
	put_row(c, 0, "");
	put_letters(c, second, scale);
}

static const char *colour_of(const char *word)
{
	static const char *const rows[][2] = {
		{"pass", ";30;102"},
		{"fail", ";1;97;41"},
		{"not_tested", ";30;43"},
		{"held", ";30;43"},
		{"stop_unverified", ";1;5;97;45"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (strcmp(rows[i][0], word) == 0)
			return rows[i][1];
	return "";
}

static void draw_decided(const struct screen *s, struct canvas *c, const struct json *v)
{
	char name[96], range[96] = "", line[320];
	const char *unit = text_of(v, "unit");
	const double lower = number_of(v, "lower"), upper = number_of(v, "upper");

	if (isfinite(lower) || isfinite(upper))
		say(s,
		    !isfinite(lower)   ? "at_most"
		    : !isfinite(upper) ? "at_least"
				       : "from_to",
		    v, range, sizeof(range));

	say_joined(s, "m_", text_of(v, "measurand"), NULL, name, sizeof(name));
	snprintf(line, sizeof(line), "%s %.4g %s (%s)", name, number_of(v, "value"), strcmp(unit, "1") == 0 ? "" : unit,
		 range);
	put_text(c, line);
}

static void draw_verdict(const struct screen *s, struct canvas *c)
{
	const struct json *v = part(s, "verdict");
	const char *word = text_of(v, "word"), *why = text_of(v, "why");
	char line[400];

	c->colour = colour_of(word);
	say_joined(s, "word_", word, NULL, line, sizeof(line));
	put_big(c, line);
	if (c->row < SCREEN_ROWS / 2)
		put_row(c, 0, "");
	put_row(c, 2, text_of(s->is, "serial"));
	if (*why && strcmp(word, "fail") != 0) {
		say_joined(s, "why_", why, NULL, line, sizeof(line));
		put_text(c, line);
	} else if (*text_of(v, "measurand"))
		draw_decided(s, c, v);
	else
		put_text(c, text_of(v, "reason"));
	if (strcmp(word, "fail") == 0 && *text_of(v, "fail_to"))
		snprintf(line, sizeof(line), "%s", text_of(v, "fail_to"));
	else
		say_joined(s, "todo_", word, NULL, line, sizeof(line));
	put_text(c, line);
	if (!flag_of(v, "unasked"))
		return;
	say(s, "todo_unasked", NULL, line, sizeof(line));
	put_text(c, line);
}

static void draw_figure(const struct screen *s, struct canvas *c, const char *word, const struct json *figure,
			const char *unit)
{
	char name[64], line[160];
	const double value = number_of(figure, "value"), lower = number_of(figure, "lower"),
		     upper = number_of(figure, "upper");
	const bool out = value < lower || value > upper, limited = isfinite(lower) && isfinite(upper);

	say(s, word, NULL, name, sizeof(name));
	if (isfinite(value) && !limited)
		snprintf(line, sizeof(line), "%-12s %8.2f %-4s", name, value, unit);
	else if (isfinite(value))
		snprintf(line, sizeof(line), "%-12s %8.2f %-4s [%g, %g]%s", name, value, unit, lower, upper,
			 out ? "  !" : "");
	else
		snprintf(line, sizeof(line), "%-12s        -", name);
	put_row(c, 4, line);
}

static void draw_running(const struct screen *s, struct canvas *c)
{
	const struct json *live = part(s, "live");
	char line[200], left[80] = "";
	const double seconds = number_of(live, "remaining_s");

	say(s, number_of(live, "points") > 0 ? "point" : "begins", live, line, sizeof(line));
	put_row(c, 0, "");
	put_row(c, 4, line);
	if (seconds > 0)
		snprintf(left, sizeof(left), "%.0f s", ceil(seconds));
	put_row(c, 4, left);
	if (flag_of(s->is, "stopping"))
		say(s, "stopping", NULL, line, sizeof(line));
	else if (*text_of(s->is, "hook"))
		snprintf(line, sizeof(line), "%s", text_of(s->is, "hook"));
	else
		say_joined(s, "stage_", *text_of(live, "stage") ? text_of(live, "stage") : "opening", NULL, line,
			   sizeof(line));
	put_row(c, 4, line);
	put_row(c, 0, "");
	draw_figure(s, c, "rate", live ? json_get(live, "rate") : NULL, "Hz");
	draw_figure(s, c, "depth", live ? json_get(live, "depth") : NULL, "mm");
}

static void draw_prompt(const struct screen *s, struct canvas *c)
{
	const struct json *prompt = part(s, "prompt");
	char line[300];

	put_row(c, 0, "");
	say_joined(s, "q_", text_of(prompt, "question"), prompt, line, sizeof(line));
	c->colour = ";1";
	put_text(c, line);
	c->colour = "";
	if (*text_of(prompt, "material")) {
		say(s, "q_more", prompt, line, sizeof(line));
		put_text(c, line);
	}
}

static void say_wanted(const struct screen *s, char *ret, size_t size)
{
	const struct json *check = part(s, "check");
	char of[64];

	if (!check) {
		say_joined(s, "want_", text_of(s->is, "wants"), NULL, ret, size);
		return;
	}
	say(s, "check_of", check, of, sizeof(of));
	snprintf(ret, size, "%s: %s", of, text_of(check, "text"));
}

static void draw_quiet(const struct screen *s, struct canvas *c)
{
	const bool armed = shows(s, "armed"), nobody = flag_of(s->all, "sign_in") && !*text_of(s->is, "operator");
	char line[200];

	put_row(c, 0, "");
	if (armed)
		put_row(c, 4, text_of(s->is, "product"));
	else
		put_row(c, 0, "");
	c->colour = ";1";
	if (armed)
		snprintf(line, sizeof(line), "%s", text_of(s->is, "serial"));
	else
		say(s, nobody ? "sign_in" : "scan", NULL, line, sizeof(line));
	put_row(c, 4, line);
	c->colour = "";
	if (armed && *text_of(s->is, "wants"))
		say_wanted(s, line, sizeof(line));
	else if (armed)
		snprintf(line, sizeof(line), "Enter: START");
	else if (nobody)
		line[0] = '\0';
	else
		say(s, "scan_hint", NULL, line, sizeof(line));
	put_text(c, line);
}

static void draw_head(const struct screen *s, struct canvas *c, const char *time)
{
	const bool named = shows(s, "armed") || shows(s, "running") || shows(s, "prompt");
	char line[320];

	c->colour = ";7";
	snprintf(line, sizeof(line), " %-18.30s %-30.63s %-18.30s %s", text_of(s->is, "label"),
		 named ? text_of(s->is, "serial") : "", text_of(s->is, "operator"), time);
	put_row(c, 0, line);
	c->colour = "";
}

static void draw_refusal(const struct screen *s, struct canvas *c)
{
	const char *why = s->no_unit ? "no_unit" : text_of(s->is, "refused");
	char line[300], detail[128] = "";

	c->row = REFUSAL_ROW;
	c->colour = *why ? ";1;30;103" : "";
	if (!*why) {
		if (*text_of(s->is, "asking"))
			say(s, "asking", s->is, detail, sizeof(detail));
		else if (flag_of(s->all, "devices_gone"))
			say(s, "devices_gone", NULL, detail, sizeof(detail));
		else if (flag_of(s->is, "history_gone"))
			say(s, "history_gone", NULL, detail, sizeof(detail));
		else if (flag_of(s->is, "fleet_gone"))
			say(s, "fleet_gone", NULL, detail, sizeof(detail));
		else if (*text_of(part(s, "health"), "word"))
			say_joined(s, "health_", text_of(part(s, "health"), "word"), NULL, detail, sizeof(detail));
		put_row(c, 2, detail);
		put_row(c, 0, "");
		return;
	}
	say_joined(s, "no_", why, s->is, line, sizeof(line));
	put_text(c, line);
	while (c->row < SCREEN_ROWS - 1)
		put_row(c, 0, "");
}

/* Whom a decision is about, over each of its fields. */
static void draw_decision(const struct screen *s, struct canvas *c)
{
	char name[64], line[160];

	if (s->field <= TYPE_PIN)
		return;
	say(s, "supervisor", NULL, name, sizeof(name));
	snprintf(line, sizeof(line), "%s: %s", name, s->serial);
	c->row = REFUSAL_ROW - 1;
	c->colour = ";1;7";
	put_row(c, 1, line);
	c->colour = "";
}

static void draw_input(const struct screen *s, struct canvas *c)
{
	static const char *const fields[] = {
		[TYPE_CODE] = "",
		[TYPE_PIN] = "PIN",
		[TYPE_WHO] = "supervisor_badge",
		[TYPE_SUPERVISOR_PIN] = "PIN",
		[TYPE_REASON] = "reason",
		[TYPE_DECISION] = "decide_keys",
	};
	const bool signing = *text_of(s->is, "signing") && s->field == TYPE_CODE;
	const enum screen_field field = signing ? TYPE_PIN : s->field;
	const bool hidden = field == TYPE_PIN || field == TYPE_SUPERVISOR_PIN;
	char name[160] = "", line[SCREEN_TYPED + 200];
	size_t len = strlen(s->typed);

	c->row = SCREEN_ROWS - 1;
	c->colour = ";1";
	if (field == TYPE_PIN)
		say(s, "pin_of", s->is, name, sizeof(name));
	else if (*fields[field])
		say(s, fields[field], NULL, name, sizeof(name));
	snprintf(line, sizeof(line), "%s> %.*s", name, hidden ? (int)len : SCREEN_TYPED,
		 hidden ? "****************************************************************" : s->typed);
	put_row(c, 1, line);
	c->colour = ";7";
	say(s, "keys", NULL, line, sizeof(line));
	put_row(c, 1, line);
}

static void ring(struct screen *s, FILE *out)
{
	const struct json *v = shows(s, "verdict") ? part(s, "verdict") : NULL;
	const char *word = text_of(v, "word");
	char told[sizeof(s->told)] = "";

	if (v)
		snprintf(told, sizeof(told), "%s %s", text_of(s->is, "name"), word);
	if (s->heard && *told && strcmp(told, s->told) != 0)
		fputs(strcmp(word, "pass") == 0 ? "\a" : strcmp(word, "fail") == 0 ? "\a\a" : "\a\a\a", out);
	if (*told)
		snprintf(s->told, sizeof(s->told), "%s", told);
	s->heard = true;
}

void screen_draw(struct screen *s, const char *time, FILE *out)
{
	struct canvas c = {.out = out, .row = 1, .colour = ""};

	settle(s);
	draw_head(s, &c, time);
	if (shows(s, "verdict"))
		draw_verdict(s, &c);
	else if (shows(s, "running"))
		draw_running(s, &c);
	else if (shows(s, "prompt"))
		draw_prompt(s, &c);
	else
		draw_quiet(s, &c);
	while (c.row < REFUSAL_ROW)
		put_row(&c, 0, "");
	draw_decision(s, &c);
	draw_refusal(s, &c);
	draw_input(s, &c);
	ring(s, out);
	fputs("\x1b[0m", out);
}
