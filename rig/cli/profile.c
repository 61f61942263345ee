/* `penrig profile`: the profiles that are shipped, whether one of your own reads, and how a device answers by it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rig/base/json.h"
#include "rig/cli/kit/command.h"
#include "rig/cli/kit/opening.h"
#include "rig/cli/kit/table.h"

#define READINGS_DEFAULT 5
#define READINGS_MAX     10000
#define PATIENCE_NS      (60 * NS_PER_S) /* of a test at a device, beyond what its readings take */
#define DIALOGUE_MAX     (1u << 20)

struct profile_options {
	const char *unit, *gravity, *rate, *baud, *readings;
	struct option_list sites;
	bool zero;
	bool json, csv;
};

#define AT(member) offsetof(struct profile_options, member)
static const struct cli_option profile_table[] = {
	{.name = "unit",
	 .kind = OPTION_TEXT,
	 .arg = "UNIT",
	 .offset = AT(unit),
	 .help = "The unit that the device is set to, where its lines name none."},
	{.name = "gravity",
	 .kind = OPTION_TEXT,
	 .arg = "M/S2",
	 .offset = AT(gravity),
	 .help = "The local acceleration of free fall: a balance's grams are shown as newtons."},
	{.name = "site",
	 .kind = OPTION_LIST,
	 .arg = "SITE",
	 .offset = AT(sites),
	 .help = "A thermometer: what a value is of, handle, tip or ambient; once for each value of a line."},
	{.name = "rate",
	 .kind = OPTION_TEXT,
	 .arg = "HZ",
	 .offset = AT(rate),
	 .help = "Readings a second. More than the profile asks for one by one means its stream."},
	{.name = "baud",
	 .kind = OPTION_TEXT,
	 .arg = "BAUD",
	 .offset = AT(baud),
	 .help = "Baud rate, where the device is not set to the profile's."},
	{.name = "readings",
	 .kind = OPTION_TEXT,
	 .arg = "N",
	 .offset = AT(readings),
	 .help = "How many readings of a device are shown. Default: 5."},
	{.name = "zero",
	 .kind = OPTION_FLAG,
	 .offset = AT(zero),
	 .help = "Sets the device's zero first, and says how that went. Nothing else changes a device."},
	{.name = "json",
	 .kind = OPTION_FLAG,
	 .offset = AT(json),
	 .help = "With list: JSON on standard output instead."},
	{.name = "csv", .kind = OPTION_FLAG, .offset = AT(csv), .help = "With list: the rows as CSV instead."},
	{.name = NULL},
};
#undef AT

/* ---- which profile ---------------------------------------------------------------------------------------------- */

struct subject {
	const struct driver *driver;
	const struct profile_options *options;
	struct device_told told;
	struct json_doc *doc;
	char *dialogue; /* of a file; NULL: the shipped one's */
};

static const struct driver *find_driver(const struct cli_tables *tables)
{
	for (unsigned i = 0; tables->drivers[i]; i++)
		if (tables->drivers[i]->profiles)
			return tables->drivers[i];
	return NULL;
}

static int number_of(const char *option, const char *text, double least, double most, double *ret, struct err *err)
{
	char *end;

	if (!text)
		return 0;
	double value = strtod(text, &end);
	if (end == text || *end || !(value >= least && value <= most))
		return err_set(err, -EINVAL, "--%s takes a number from %g to %g", option, least, most);
	*ret = value;
	return 0;
}

static int fill_told(struct subject *s, const char *name, struct err *err)
{
	struct device_told *told = &s->told;
	const struct profile_options *o = s->options;
	int rc = number_of("gravity", o->gravity, 9.76, 9.84, &told->gravity_m_s2, err);

	if (rc == 0)
		rc = number_of("rate", o->rate, 0.05, 2000, &told->rate_hz, err);
	if (rc < 0)
		return rc;
	told->profile = name;
	told->roles = o->sites.count ? ROLE_BIT(ROLE_THERMOMETER) : ROLE_BIT(ROLE_REFERENCE);
	snprintf(told->unit, sizeof(told->unit), "%s", o->unit ? o->unit : "");
	if (o->sites.count > DEVICE_SITES_MAX)
		return err_set(err, -EINVAL, "--site may be given %d times at most", DEVICE_SITES_MAX);
	for (unsigned i = 0; i < o->sites.count; i++)
		snprintf(told->site[told->sites++], sizeof(told->site[0]), "%s", o->sites.item[i]);
	if (!strchr(name, '/') && !strchr(name, '.'))
		return 0;
	rc = json_read(name, &s->doc, err);
	if (rc == -ENOENT || rc == -EACCES || rc == -EISDIR)
		return err_set(err, rc, "cannot read %s: %s", name, strerror(-rc));
	if (rc == 0)
		told->text = json_text(s->doc, &told->len);
	return rc;
}

/* What a bench must say beside it is not asked of one that is only looked at. */
static int look_at(struct subject *s, struct profile_facts *facts, struct err *err)
{
	return s->driver->profiles->check(&s->told, facts, err);
}

static void release(struct subject *s)
{
	json_doc_free(s->doc);
	free(s->dialogue);
}

/* ---- list and check --------------------------------------------------------------------------------------------- */

/* A unit and sites that fit do not matter where a profile is only described. */
static int describe(const struct driver *driver, const char *name, const char *text, size_t len,
		    struct profile_facts *ret, struct err *err)
{
	static const char *const units[] = {"", "N", "mm", "g", "degC"};
	int rc = -EINVAL;

	for (unsigned i = 0; i < sizeof(units) / sizeof(units[0]) && rc == -EINVAL; i++) {
		struct device_told told = {
			.profile = name, .text = text, .len = len, .roles = ROLE_BIT(ROLE_REFERENCE)};
		struct err why = {""};
		snprintf(told.unit, sizeof(told.unit), "%s", units[i]);
		rc = driver->profiles->check(&told, ret, &why);
		if (i == 0 || rc == 0)
			*err = why;
	}
	return rc;
}

static const struct table_column columns[] = {
	{"profile", TABLE_STRING, NULL},      {"measures", TABLE_STRING, NULL},
	{"sure", TABLE_STRING, NULL},         {"devices", TABLE_STRING, NULL},
	{"reads_per_s", TABLE_NUMBER, "1/s"}, {"samples_per_s", TABLE_NUMBER, "1/s"},
	{"sha256", TABLE_STRING, NULL},       {.path = NULL},
};
const struct table table_profile = {"profile list", "", columns};

static int print_profiles(const struct driver *driver, bool csv)
{
	struct json_out *list = json_out_array();
	struct err err = {""};

	for (unsigned i = 0; driver->profiles->shipped(i); i++) {
		struct json_out *o = json_out_add_object(list, NULL);
		struct profile_facts facts;

		if (describe(driver, driver->profiles->shipped(i)->name, NULL, 0, &facts, &err) < 0) {
			json_out_free(list);
			return cli_error(EXIT_INTERNAL, "%s", err.text);
		}
		json_out_string(o, "profile", facts.name);
		json_out_string(o, "measures", facts.measures);
		json_out_string(o, "sure", facts.sure);
		json_out_string(o, "devices", facts.title);
		json_out_number(o, "reads_per_s", facts.reads_per_s, 17);
		json_out_number(o, "samples_per_s", facts.samples_per_s, 17);
		json_out_string(o, "sha256", facts.sha256);
	}
	return table_print(list, &table_profile, csv, &err) == 0 ? EXIT_PASS : cli_error(EXIT_INTERNAL, "%s", err.text);
}

static int list_profiles(const struct driver *driver)
{
	printf("%-18s %-12s %-9s %s\n", "profile", "measures", "sure", "devices");
	for (unsigned i = 0; driver->profiles->shipped(i); i++) {
		const struct shipped_profile *shipped = driver->profiles->shipped(i);
		struct profile_facts facts;
		struct err err;

		if (describe(driver, shipped->name, NULL, 0, &facts, &err) < 0)
			return cli_error(EXIT_INTERNAL, "%s: %s", shipped->name, err.text);
		printf("%-18s %-12s %-9s %s\n", facts.name, facts.measures, facts.sure, facts.title);
	}
	printf("\nsure: of all that a profile says, how sure the least sure thing is. tried: seen by a client that "
	       "somebody else "
	       "wrote;\nown: the format is the profile's; document: read in a public one; memory: try it at the device "
	       "first\n");
	return EXIT_PASS;
}

static int check_profile(struct subject *s)
{
	struct profile_facts facts;
	struct err err = {""};

	if (describe(s->driver, s->told.profile, s->told.text, s->told.len, &facts, &err) < 0)
		return cli_error(EXIT_USAGE, "%s", err.text);
	printf("%s: %s\nmeasures %s; sure: %s; ", facts.name, facts.title, facts.measures, facts.sure);
	if (facts.reads_per_s > 0)
		printf("asked up to %g times a second", facts.reads_per_s);
	if (facts.samples_per_s > 0)
		printf("%sa stream of %g readings a second", facts.reads_per_s > 0 ? ", or " : "", facts.samples_per_s);
	printf("\nsha256 %s\n", facts.sha256);
	return EXIT_PASS;
}

/* ---- test against the dialogue ---------------------------------------------------------------------------------- */

static void each_case(void *ctx, const char *name, unsigned line, const char *why)
{
	(void)ctx;
	fputs(*why ? "FAIL  " : "ok    ", stdout);
	print_clean(stdout, name);
	if (*why) {
		printf(" (line %u)\n      ", line);
		print_clean(stdout, why);
	}
	fputc('\n', stdout);
}

/* The file beside the profile: .json makes way for .dialogue. */
static int read_dialogue(struct subject *s, char *path, size_t size, struct err *err)
{
	const char *name = s->told.profile, *dot = strrchr(name, '.');
	int stem = dot && strcmp(dot, ".json") == 0 ? (int)(dot - name) : (int)strlen(name);
	size_t len = 0;

	snprintf(path, size, "%.*s.dialogue", stem, name);
	FILE *file = fopen(path, "re");
	if (!file)
		return err_set(
			err, -errno,
			"cannot read %.300s: %s; a dialogue stands beside its profile (docs/profiles.md); or give a "
			"LINK to try it at the device",
			path, strerror(errno));
	s->dialogue = calloc(1, DIALOGUE_MAX + 1);
	if (s->dialogue)
		len = fread(s->dialogue, 1, DIALOGUE_MAX + 1, file);
	fclose(file);
	if (!s->dialogue)
		return err_set(err, -ENOMEM, "out of memory");
	return len > DIALOGUE_MAX ? err_set(err, -E2BIG, "%.300s: more than 1 MiB", path) : 0;
}

static int test_dialogue(struct subject *s)
{
	struct rehearsal rehearsal = {.each = each_case};
	const char *text = NULL;
	char path[512];
	struct err err = {""};
	int rc = 0;

	snprintf(path, sizeof(path), "%.500s", s->told.profile);
	if (s->told.text)
		rc = read_dialogue(s, path, sizeof(path), &err);
	for (unsigned i = 0; !s->told.text && s->driver->profiles->shipped(i); i++)
		if (strcmp(s->driver->profiles->shipped(i)->name, s->told.profile) == 0)
			text = s->driver->profiles->shipped(i)->dialogue;
	if (rc == 0 && !text && !s->dialogue)
		rc = look_at(s, NULL, &err); /* says that it is not there, and what may be meant */
	if (rc == 0) {
		text = s->dialogue ? s->dialogue : text;
		rc = s->driver->profiles->rehearse(&s->told, path, text, strlen(text), &rehearsal, &err);
	}
	if (rc < 0)
		return cli_error(EXIT_USAGE, "%s", err.text);
	printf("%u of %u cases went as recorded\n", rehearsal.cases - rehearsal.failed, rehearsal.cases);
	return rehearsal.failed ? EXIT_FAIL : EXIT_PASS;
}

/* ---- test at a device ------------------------------------------------------------------------------------------- */

enum stage { OPENING, ZEROING, STARTING, READING, STOPPING };

struct trial {
	struct subject *subject;
	struct loop *loop;
	struct loop_timer timer;
	struct device *device;
	enum stage stage;
	unsigned wanted, seen;
	uint64_t end_ns;
	int code;
};

static void end_trial(struct trial *t, int code)
{
	t->code = code;
	loop_stop(t->loop);
}

/* Bytes of the device stand escaped in these texts. */
static void complain(struct trial *t, int status, const char *text)
{
	printf("FAIL  ");
	print_clean(stdout, text);
	putchar('\n');
	end_trial(t, status == -ENODEV || status == -ETIMEDOUT ? EXIT_DEVICE_LOST : EXIT_FAIL);
}

static void on_stopped(void *ctx, int status, const struct err *err)
{
	struct trial *t = ctx;

	if (status) {
		complain(t, status, err->text);
		return;
	}
	printf("ok    stop\n");
	end_trial(t, EXIT_PASS);
}

static void on_started(void *ctx, int status, const struct err *err)
{
	struct trial *t = ctx;

	if (status) {
		complain(t, status, err->text);
		return;
	}
	printf("ok    start\n");
	t->stage = t->stage == STARTING ? READING : t->stage;
}

static void start(struct trial *t)
{
	t->stage = STARTING;
	t->subject->driver->stream->start(t->device, on_started, t);
}

static void on_zeroed(void *ctx, int status, const struct err *err)
{
	struct trial *t = ctx;

	if (status) {
		complain(t, status, err->text);
		return;
	}
	printf("ok    zero\n");
	start(t);
}

static void print_identity(const struct trial *t)
{
	const struct device_identity *id = t->subject->driver->identity(t->device);
	unsigned count;
	const struct channel *channels = t->subject->driver->channels(t->device, &count);

	printf("ok    open: ");
	print_clean(stdout, *id->maker ? id->maker : "maker not told");
	fputs(", ", stdout);
	print_clean(stdout, *id->model ? id->model : "model not told");
	fputs(", serial number ", stdout);
	print_clean(stdout, *id->serial ? id->serial : "not told");
	for (unsigned i = 0; i < count; i++)
		printf("%s%s in %s", i ? ", " : "; ", channels[i].name, channels[i].unit);
	printf(", %g a second\n", channels->rate_hz);
}

static void on_ready(void *ctx, int status, const struct err *err)
{
	struct trial *t = ctx;

	if (status) {
		complain(t, status, err->text);
		return;
	}
	print_identity(t);
	if (!t->subject->options->zero) {
		start(t);
		return;
	}
	t->stage = ZEROING;
	t->subject->driver->profiles->zero(t->device, on_zeroed, t);
}

static void on_block(void *ctx, const struct sample_block *block)
{
	struct trial *t = ctx;
	unsigned count;
	const struct channel *channels = t->subject->driver->channels(t->device, &count);

	if (t->stage == STOPPING || t->seen == t->wanted)
		return;
	t->seen++;
	printf("ok    reading %u:", t->seen);
	for (unsigned i = 0; i < count; i++)
		printf(" %.9g", channels[i].offset + channels[i].scale * block->counts[i]);
	printf(" %s%s%s%s\n", channels->unit, block->flags & SAMPLE_UNSTABLE ? ", unstable" : "",
	       block->flags & SAMPLE_OVER_RANGE ? ", BEYOND ITS RANGE" : "",
	       block->flags & SAMPLE_GAP ? ", behind a gap" : "");
}

static void on_event(void *ctx, uint32_t condition, const char *text)
{
	(void)ctx, (void)condition;
	printf("note  ");
	print_clean(stdout, text);
	putchar('\n');
}

static void on_lost(void *ctx, int status, const struct err *err)
{
	complain(ctx, status, err->text);
}

static void on_tick(void *ctx, uint64_t now_ns)
{
	struct trial *t = ctx;
	const struct driver *driver = t->subject->driver;

	if (t->device)
		driver->on_tick(t->device, now_ns);
	if (t->stage == READING && t->seen == t->wanted) {
		t->stage = STOPPING;
		driver->stream->stop(t->device, on_stopped, t);
	}
	if (now_ns > t->end_ns)
		complain(t, -ETIMEDOUT, "the device gave fewer readings than were asked for, and the time is over");
	loop_timer_at(t->loop, &t->timer, now_ns + DRIVER_TICK_NS);
}

static int open_trial(struct trial *t, const struct cli_tables *tables, const char *link, struct err *err)
{
	struct subject *s = t->subject;
	double baud = 0, readings = READINGS_DEFAULT;
	int rc = number_of("baud", s->options->baud, LINK_BAUD_MIN, LINK_BAUD_MAX, &baud, err);

	if (rc == 0)
		rc = number_of("readings", s->options->readings, 1, READINGS_MAX, &readings, err);
	if (rc == 0)
		rc = look_at(s, NULL, err);
	if (rc == 0)
		rc = link_uri_check(tables->links, link, err);
	if (rc == 0)
		rc = opening_loop(tables, &t->loop, err);
	if (rc < 0)
		return rc;
	t->wanted = (unsigned)readings;
	t->end_ns = loop_now_ns(t->loop) + PATIENCE_NS + t->wanted * 20 * NS_PER_S;
	const struct device_open open = {
		.links = tables->links,
		.loop = t->loop,
		.uri = link,
		.settings = {.baud = (uint32_t)baud},
		.rate_hz = s->told.rate_hz,
		.told = &s->told,
		.host = {.ctx = t, .ready = on_ready, .block = on_block, .event = on_event, .lost = on_lost}};
	return s->driver->open(&open, loop_now_ns(t->loop), &t->device, err);
}

static int exit_of(int rc)
{
	return rc == -EBUSY ? EXIT_BUSY : rc == -ENODEV || rc == -EIO ? EXIT_DEVICE_LOST : EXIT_USAGE;
}

static int test_device(struct subject *s, const struct cli_tables *tables, const char *link)
{
	struct trial t = {.subject = s, .timer = {.fn = on_tick, .ctx = &t}, .code = EXIT_INTERNAL};
	struct err err = {""};
	int rc = open_trial(&t, tables, link, &err);

	if (rc < 0) {
		t.code = cli_error(exit_of(rc), "%s", err.text);
	} else {
		loop_timer_at(t.loop, &t.timer, loop_now_ns(t.loop));
		loop_run(t.loop);
		loop_timer_cancel(t.loop, &t.timer);
		s->driver->close(t.device);
	}
	loop_free(t.loop);
	return t.code;
}

/* ---- the command ------------------------------------------------------------------------------------------------ */

static int profile_run(const struct cli_tables *tables, const void *options, const char *const *operands,
		       unsigned count)
{
	const struct profile_options *o = options;
	struct subject s = {.driver = find_driver(tables), .options = options};
	const char *verb = operands[0];
	struct err err = {""};
	int code;

	if (!s.driver)
		return cli_error(EXIT_INTERNAL, "no driver of this penrig takes profiles");
	if (strcmp(verb, "list") == 0 && count == 1)
		return o->json || o->csv ? print_profiles(s.driver, o->csv) : list_profiles(s.driver);
	if (o->json || o->csv)
		return cli_error(EXIT_USAGE, "--json and --csv go with list");
	bool check = strcmp(verb, "check") == 0 && count == 2, test = strcmp(verb, "test") == 0 && count >= 2;
	if (!check && !test)
		return cli_error(EXIT_USAGE, "profile %.40s: list; check PROFILE; test PROFILE [LINK]", verb);
	if (fill_told(&s, operands[1], &err) < 0)
		code = cli_error(EXIT_USAGE, "%s", err.text);
	else if (check)
		code = check_profile(&s);
	else if (count == 2)
		code = test_dialogue(&s);
	else
		code = test_device(&s, tables, operands[2]);
	release(&s);
	return code;
}

const struct command command_profile = {
	.name = "profile",
	.operands = "list | check PROFILE | test PROFILE [LINK]",
	.operands_min = 1,
	.operands_max = 3,
	.summary = "Text instruments by profile: list, check and test profiles",
	.description =
		"A profile is a JSON file that says how a gauge, a balance or a thermometer speaks: what to send, and "
		"how its "
		"lines are read. PROFILE is the name of a shipped one, or a file of your own by its path, such as "
		"./my-gauge.json.\n\n"
		"list: those that are shipped, and how sure what they say is.\n\n"
		"check: whether a profile reads. A mistake is told as FILE:LINE:COLUMN with what to write instead.\n\n"
		"test: without LINK against the recorded dialogue beside it (my-gauge.dialogue), case by case. With "
		"the LINK "
		"of a device (as in a bench file; `penrig list` names them) it is opened, read and stopped; where a "
		"verb fails, what "
		"was sent and what came back is told, every byte that is no text as \\xNN. Only --zero changes a "
		"device.\n\n"
		"Exit code: 0; 1 a case, or a verb of the device, did not go as the profile says; 2 wrong usage, or a "
		"profile that does not read; 4 the device is gone or silent; 5 somebody holds it.",
	.example = "  penrig profile list\n"
		   "  penrig profile test mt-sics\n"
		   "  penrig profile test mt-sics serial:0403:6001:B021 --gravity 9.81\n"
		   "  penrig profile check ./my-gauge.json && penrig profile test ./my-gauge.json\n",
	.options = profile_table,
	.options_size = sizeof(struct profile_options),
	.run = profile_run,
};
