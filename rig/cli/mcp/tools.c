/* The table of tools; what a client says, made into a command line. */
#include "rig/cli/mcp/tools.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "rig/base/text_clean.h"
#include "rig/cli/mcp/wire.h"
#include "rig/measure/measurand.h"

#define TEXT_MAX_BYTES 200
#define TEXTS_MAX      32
#define PATHS_MAX      1000

static const char *const charts[] = {"individuals", "means-range", "means-sd", "ewma", NULL};
static const char *const rules[] = {"western-electric", "nelson", NULL};

#define OF_RUNS                                                                                                        \
	{.name = "dut",                                                                                                \
	 .option = "dut",                                                                                              \
	 .about = "Serial number of the pen; here and below * and ? stand for letters."},                              \
		{.name = "lot", .option = "lot", .about = "Its production lot."},                                      \
		{.name = "plan", .option = "plan", .about = "Name of the plan."},                                      \
		{.name = "bench", .option = "bench", .about = "Name of the bench."},                                   \
		{.name = "operator", .option = "operator", .about = "Who ran it."},                                    \
		{.name = "device", .option = "device", .about = "Serial number of a sensor, pen or phantom in it."},   \
		{.name = "verdict", .option = "verdict", .about = "Its verdict: pass, fail, inconclusive and so on."}, \
		{.name = "status",                                                                                     \
		 .option = "status",                                                                                   \
		 .about = "What became of it: complete, interrupted and so on."},                                      \
		{.name = "since",                                                                                      \
		 .option = "since",                                                                                    \
		 .about = "Begun then or later, YYYY-MM-DD or YYYY-MM-DDTHH:MM:SS, UTC."},                             \
	{                                                                                                              \
		.name = "until", .option = "until", .about = "Begun before the end of that day or second, UTC."        \
	}

static const struct mcp_argument no_arguments[] = {{.name = NULL}};
static const struct mcp_argument check_arguments[] = {
	{.name = "plan", .kind = MCP_PATH, .required = true, .about = "The plan's file."},
	{.name = "dut", .option = "dut", .about = "Serial number of the pen that would be run."},
	{.name = NULL},
};
static const struct mcp_argument show_arguments[] = {
	{.name = "run", .kind = MCP_PATH, .required = true, .about = "The run file, NAME.penrig."},
	{.name = NULL},
};
static const struct mcp_argument history_arguments[] = {
	OF_RUNS,
	{.name = "units",
	 .option = "units",
	 .kind = MCP_FLAG,
	 .about = "How each pen stands by all of its runs, in place of the runs."},
	{.name = "results",
	 .option = "results",
	 .kind = MCP_FLAG,
	 .about = "Every result that a limit can name, in place of the runs."},
	{.name = NULL},
};
static const struct mcp_argument trend_arguments[] = {
	{.name = "measurand", .kind = MCP_WORD, .required = true, .about = "What is looked at."},
	OF_RUNS,
	{.name = "method", .option = "method", .about = "Values of this method. Default: those that a limit was for."},
	{.name = "chart",
	 .option = "chart",
	 .kind = MCP_WORD,
	 .words = charts,
	 .about = "Control chart. Default: individuals."},
	{.name = "subgroup",
	 .option = "subgroup",
	 .kind = MCP_INTEGER,
	 .lo = 2,
	 .hi = 100,
	 .about = "Values in a row that make one mean. Default: 5."},
	{.name = "lambda",
	 .option = "lambda",
	 .kind = MCP_NUMBER,
	 .lo = 0,
	 .hi = 1,
	 .about = "Weight of the newest value, for ewma. Default: 0.2."},
	{.name = "rules",
	 .option = "rules",
	 .kind = MCP_WORD,
	 .words = rules,
	 .about = "What breaks the chart's rules. Default: western-electric."},
	{.name = NULL},
};
static const struct mcp_argument compare_arguments[] = {
	{.name = "margin",
	 .option = "margin",
	 .kind = MCP_TEXTS,
	 .about = "MEASURAND=VALUE: differences up to VALUE, in its unit, do not matter."},
	{.name = "margin_percent",
	 .option = "margin-percent",
	 .kind = MCP_NUMBER,
	 .lo = 0,
	 .hi = 1000,
	 .about = "The margin where none was given, in per cent of the width between limits. Default: 10."},
	{.name = "base", .kind = MCP_PATHS, .required = true, .about = "Run files of what was before."},
	{.name = "new",
	 .kind = MCP_PATHS,
	 .required = true,
	 .dashes = true,
	 .about = "Run files of what is to be judged."},
	{.name = NULL},
};
static const struct mcp_argument run_arguments[] = {
	{.name = "plan", .kind = MCP_PATH, .required = true, .about = "The plan's file."},
	{.name = "dut", .required = true, .about = "Serial number of the pen, as it stands on it."},
	{.name = NULL},
};

const struct mcp_tool mcp_tools[] = {
	{.name = "list",
	 .title = "Devices that are plugged in",
	 .argument = no_arguments,
	 .about =
		 "The devices that are present on this computer, with the names for a bench file. Opens none of them."},
	{.name = "check",
	 .title = "Check a plan",
	 .where = true,
	 .on_bench = true,
	 .argument = check_arguments,
	 .about = "Reads a plan and says what a run of it would do: points, limits, duration, risk. exit_code 0: fit; "
		  "2: the plan or bench is wrong; 8: a run would be refused today."},
	{.name = "show",
	 .title = "Show a run",
	 .argument = show_arguments,
	 .about = "The report of a run file: verdict and reason, failures, every result with its expanded uncertainty "
		  "and limits. exit_code 6: the file is damaged or was changed."},
	{.name = "history",
	 .title = "Runs of the bench",
	 .where = true,
	 .argument = history_arguments,
	 .about = "The bench's runs that all the arguments choose, in the order of their start; or how each pen "
		  "stands."},
	{.name = "trend",
	 .title = "A measurand over many runs",
	 .where = true,
	 .argument = trend_arguments,
	 .about = "Control chart, values that break a rule, yield and capability of one measurand over many runs, for "
		  "each setpoint."},
	{.name = "compare",
	 .title = "Did a build get worse?",
	 .argument = compare_arguments,
	 .about = "Compares run files of two builds, measurand by measurand. exit_code 0: no regression; 1: something "
		  "got worse; 3: the data cannot tell."},
	{.name = "run",
	 .title = "Ask for a run",
	 .moves = true,
	 .argument = run_arguments,
	 .about = "Asks the person at the bench to allow a run of a plan; without an answer there in time there is "
		  "none. The pen moves. exit_code 0: pass; 1: the pen failed; 3: inconclusive; others: no verdict."},
	{.name = NULL},
};

const struct mcp_tool *mcp_tool_find(const char *name)
{
	for (const struct mcp_tool *t = mcp_tools; t->name; t++)
		if (strcmp(t->name, name) == 0)
			return t;
	return NULL;
}

/* ---- as the client sees it --------------------------------------------------------------------------------------- */

static void put_text_schema(struct json_out *o)
{
	json_out_string(o, "type", "string");
	json_out_int(o, "minLength", 1);
	json_out_int(o, "maxLength", TEXT_MAX_BYTES);
}

static void put_words(const struct mcp_argument *a, struct json_out *o)
{
	struct json_out *words = json_out_add_array(o, "enum");

	json_out_string(o, "type", "string");
	for (unsigned i = 0; a->words && a->words[i]; i++)
		json_out_string(words, NULL, a->words[i]);
	for (unsigned id = MEASURAND_NONE + 1; !a->words && id < MEASURANDS; id++)
		if (measurand_is_judged((enum measurand)id))
			json_out_string(words, NULL, measurand_row((enum measurand)id)->name);
}

static void put_list(const struct mcp_argument *a, struct json_out *o)
{
	struct json_out *items;

	json_out_string(o, "type", "array");
	items = json_out_add_object(o, "items");
	json_out_int(o, "minItems", 1);
	json_out_int(o, "maxItems", a->kind == MCP_PATHS ? PATHS_MAX : TEXTS_MAX);
	json_out_string(items, "type", "string");
}

static void put_argument(const struct mcp_argument *a, struct json_out *properties)
{
	struct json_out *o = json_out_add_object(properties, a->name);

	json_out_string(o, "description", a->about);
	switch (a->kind) {
	case MCP_TEXT: put_text_schema(o); break;
	case MCP_WORD: put_words(a, o); break;
	case MCP_INTEGER:
		json_out_string(o, "type", "integer");
		json_out_number(o, "minimum", a->lo, 17);
		json_out_number(o, "maximum", a->hi, 17);
		break;
	case MCP_NUMBER:
		json_out_string(o, "type", "number");
		json_out_number(o, "exclusiveMinimum", a->lo, 17);
		json_out_number(o, "maximum", a->hi, 17);
		break;
	case MCP_FLAG: json_out_string(o, "type", "boolean"); break;
	case MCP_PATH: json_out_string(o, "type", "string"); break;
	case MCP_TEXTS:
	case MCP_PATHS: put_list(a, o); break;
	}
}

static void put_output(struct json_out *tool)
{
	struct json_out *schema = json_out_add_object(tool, "outputSchema");
	struct json_out *properties, *required;

	json_out_string(schema, "type", "object");
	properties = json_out_add_object(schema, "properties");
	json_out_string(json_out_add_object(properties, "exit_code"), "type", "integer");
	json_out_string(json_out_add_object(properties, "messages"), "type", "string");
	json_out_string(json_out_add_object(properties, "output"), "description",
			"What the command prints with --json.");
	required = json_out_add_array(schema, "required");
	json_out_string(required, NULL, "exit_code");
	json_out_string(required, NULL, "output");
}

void mcp_tool_describe(const struct mcp_tool *tool, struct json_out *list)
{
	struct json_out *o = json_out_add_object(list, NULL), *schema, *properties, *required, *hints;

	json_out_string(o, "name", tool->name);
	json_out_string(o, "title", tool->title);
	json_out_string(o, "description", tool->about);
	schema = json_out_add_object(o, "inputSchema");
	json_out_string(schema, "type", "object");
	properties = json_out_add_object(schema, "properties");
	required = json_out_add_array(schema, "required");
	json_out_bool(schema, "additionalProperties", false);
	for (const struct mcp_argument *a = tool->argument; a->name; a++) {
		put_argument(a, properties);
		if (a->required)
			json_out_string(required, NULL, a->name);
	}
	put_output(o);
	hints = json_out_add_object(o, "annotations");
	json_out_bool(hints, "readOnlyHint", !tool->moves);
	json_out_bool(hints, "destructiveHint", tool->moves);
	json_out_bool(hints, "idempotentHint", !tool->moves);
	json_out_bool(hints, "openWorldHint", false);
}

/* ---- paths ------------------------------------------------------------------------------------------------------- */

static bool lies_in(const char *path, const char *root)
{
	size_t len = strlen(root);

	return strcmp(root, "/") == 0 || (strncmp(path, root, len) == 0 && path[len] == '/');
}

int mcp_path(const struct mcp_place *place, const char *path, char **ret, struct err *err)
{
	char *real;

	if (place->roots == 0)
		return err_set(err, -EACCES, "no file can be named: this server was started without --root DIR");
	real = realpath(path, NULL);
	for (unsigned i = 0; real && i < place->roots; i++) {
		if (!lies_in(real, place->root[i]))
			continue;
		*ret = real;
		return 0;
	}
	/* What is there outside of the roots, and what is not, reads the same. */
	free(real);
	return err_set(err, -EACCES, "\"%.200s\" is no file in a folder that this server may read (--root)", path);
}

/* ---- a command line ---------------------------------------------------------------------------------------------- */

struct reading {
	const struct mcp_tool *tool;
	const struct mcp_place *place;
	struct mcp_words *words;
	struct err *err;
};

static void add(struct reading *r, const struct mcp_argument *a, const char *text)
{
	if (a->dashes)
		mcp_words_add(r->words, "--");
	if (a->option)
		mcp_words_add(r->words, "--%s=%s", a->option, text);
	else
		mcp_words_add(r->words, "%s", text);
}

static int wrong(struct reading *r, const struct mcp_argument *a, const char *wanted)
{
	return err_set(r->err, -EINVAL, "%s: \"%s\" must be %s", r->tool->name, a->name, wanted);
}

static int take_text(struct reading *r, const struct mcp_argument *a, const struct json *value)
{
	if (json_kind(value) != JSON_STRING || !*json_string(value) || strlen(json_string(value)) > TEXT_MAX_BYTES ||
	    !text_is_clean(json_string(value)))
		return wrong(r, a, "a text of 1 to 200 bytes without control characters");
	add(r, a, json_string(value));
	return 0;
}

static bool is_word(const struct mcp_argument *a, const char *text)
{
	for (unsigned i = 0; a->words && a->words[i]; i++)
		if (strcmp(a->words[i], text) == 0)
			return true;
	return !a->words && measurand_is_judged(measurand_find(text));
}

static int take_word(struct reading *r, const struct mcp_argument *a, const struct json *value)
{
	if (json_kind(value) != JSON_STRING || !is_word(a, json_string(value)))
		return wrong(r, a, "one of the words that tools/list names");
	add(r, a, json_string(value));
	return 0;
}

static int take_number(struct reading *r, const struct mcp_argument *a, const struct json *value)
{
	double x = json_kind(value) == JSON_NUMBER ? json_number(value) : NAN;
	bool whole = a->kind == MCP_INTEGER;
	char text[80];

	if (!(x <= a->hi) || !(whole ? x >= a->lo && trunc(x) == x : x > a->lo)) {
		snprintf(text, sizeof(text), "%s %g to %g", whole ? "an integer from" : "a number above", a->lo, a->hi);
		return wrong(r, a, text);
	}
	snprintf(text, sizeof(text), "%.17g", x);
	add(r, a, text);
	return 0;
}

static int take_path(struct reading *r, const struct mcp_argument *a, const struct json *value)
{
	char *real = NULL;
	int rc;

	if (json_kind(value) != JSON_STRING || !*json_string(value) || strlen(json_string(value)) >= PATH_MAX)
		return wrong(r, a, "the path of a file");
	rc = mcp_path(r->place, json_string(value), &real, r->err);
	if (rc == 0)
		add(r, a, real);
	free(real);
	return rc;
}

static int take_flag(struct reading *r, const struct mcp_argument *a, const struct json *value)
{
	if (json_kind(value) != JSON_BOOL)
		return wrong(r, a, "true or false");
	if (json_bool(value))
		mcp_words_add(r->words, "--%s", a->option);
	return 0;
}

static int take_one(struct reading *r, const struct mcp_argument *a, const struct json *value)
{
	switch (a->kind) {
	case MCP_WORD: return take_word(r, a, value);
	case MCP_INTEGER:
	case MCP_NUMBER: return take_number(r, a, value);
	case MCP_FLAG: return take_flag(r, a, value);
	case MCP_PATH:
	case MCP_PATHS: return take_path(r, a, value);
	case MCP_TEXT:
	case MCP_TEXTS: break;
	}
	return take_text(r, a, value);
}

static int take(struct reading *r, const struct mcp_argument *a, const struct json *value)
{
	size_t most = a->kind == MCP_PATHS ? PATHS_MAX : TEXTS_MAX;
	struct mcp_argument each = *a;
	int rc = 0;

	if (a->kind != MCP_PATHS && a->kind != MCP_TEXTS)
		return take_one(r, a, value);
	if (json_kind(value) != JSON_ARRAY || json_size(value) == 0 || json_size(value) > most)
		return wrong(r, a, a->kind == MCP_PATHS ? "a list of 1 to 1000 paths" : "a list of 1 to 32 texts");
	for (size_t i = 0; rc == 0 && i < json_size(value); i++) {
		rc = take_one(r, &each, json_at(value, i));
		each.dashes = false;
	}
	return rc;
}

static const char *argument_name(const void *list, size_t i)
{
	return ((const struct mcp_argument *)list)[i].name;
}

static int refuse_unknown(struct reading *r, const struct json *arguments)
{
	for (size_t i = 0; arguments && i < json_size(arguments); i++) {
		const char *key = json_key_of(json_at(arguments, i));
		const struct mcp_argument *a = r->tool->argument;
		const char *near = json_nearest(key, argument_name, a);

		while (a->name && strcmp(a->name, key) != 0)
			a++;
		if (!a->name)
			return err_set(r->err, -EINVAL, "%s has no argument \"%.80s\"%s%s%s", r->tool->name, key,
				       near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
	}
	return 0;
}

static void add_place(struct reading *r)
{
	const struct mcp_place *place = r->place;

	if (r->tool->where && place->history)
		mcp_words_add(r->words, "--history=%s", place->history);
	if (r->tool->where && place->state)
		mcp_words_add(r->words, "--state=%s", place->state);
	if (r->tool->on_bench && place->bench)
		mcp_words_add(r->words, "--bench=%s", place->bench);
}

int mcp_tool_words(const struct mcp_tool *tool, const struct mcp_place *place, const struct json *arguments,
		   struct mcp_words *ret, struct err *err)
{
	struct reading r = {.tool = tool, .place = place, .words = ret, .err = err};
	int rc;

	if (arguments && json_kind(arguments) != JSON_OBJECT)
		return err_set(err, -EINVAL, "%s: \"arguments\" must be an object", tool->name);
	rc = refuse_unknown(&r, arguments);
	mcp_words_add(ret, "%s", tool->name);
	mcp_words_add(ret, "--json");
	add_place(&r);
	for (const struct mcp_argument *a = tool->argument; rc == 0 && a->name; a++) {
		const struct json *value = mcp_member(arguments, a->name);

		if (value)
			rc = take(&r, a, value);
		else if (a->required)
			rc = err_set(err, -EINVAL, "%s needs the argument \"%s\"", tool->name, a->name);
	}
	return rc == 0 && ret->out_of_memory ? err_set(err, -ENOMEM, "out of memory") : rc;
}
