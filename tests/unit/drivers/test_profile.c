/* Profiles: what is refused of a file, what is refused of a bench, and that every shipped one does what its dialogue says. */
#include "fake_link.h"

#include "drivers/profile/device.h"
#include "drivers/profile/frame.h"
#include "drivers/profile/profile.h"
#include "drivers/profile/reply.h"

#define GOOD                                                                                                           \
	"{\"kind\": \"penrig/profile/1\", \"name\": \"t\", \"title\": \"a gauge\", \"measures\": \"force\",\n"         \
	"\"facts\": [{\"what\": \"all\", \"source\": \"this test\", \"sure\": \"own\"}],\n"                            \
	"\"serial\": {\"baud\": 9600}, \"frame\": {\"send_end\": \"\\r\", \"end\": \"\\r\\n\"},\n"                     \
	"\"units\": {\"N\": 1, \"kgf\": 9.80665}, \"states\": {\"S\": \"stable\", \"D\": \"unstable\"},\n"             \
	"\"verbs\": {\"read\": {\"send\": \"?\", \"lines\": [{\"any\": [\n"                                            \
	"{\"match\": \"^([SD]) (-?[0-9.]+) ([A-Za-z]+)$\", \"groups\": [\"state\", \"value\", \"unit\"]}]}]}}}\n"

/* GOOD with one piece of it in another form. */
static char *changed(const char *from, const char *to)
{
	static char text[4096];
	const char *at = strstr(GOOD, from);

	assert_non_null(at);
	snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - GOOD), GOOD, to, at + strlen(from));
	return text;
}

static int parse(const char *text, struct profile **ret, struct err *err)
{
	return profile_parse("p.json", text, strlen(text), ret, err);
}

static void check_refused(const char *from, const char *to, const char *said)
{
	struct profile *profile = NULL;
	struct err err = {""};

	if (parse(changed(from, to), &profile, &err) != -EINVAL)
		fail_msg("taken: %s", changed(from, to));
	assert_null(profile);
	if (!strstr(err.text, said) || strncmp(err.text, "p.json:", 7) != 0)
		fail_msg("\"%s\" is not said: %s", said, err.text);
}

static void test_bad_profiles(void **state)
{
	static const struct {
		const char *from, *to, *said;
	} rows[] = {
		{"penrig/profile/1", "penrig/profile/2", "p.json:1:10: this is no profile of this version"},
		{"\"t\"", "\"T\"", "\"name\" is 1 to 31 of a-z"},
		{"\"a gauge\"", "\"a \\u0007 gauge\"", "printable ASCII"},
		{"\"measures\"", "\"mesures\"", "unknown key \"mesures\"; did you mean \"measures\"?"},
		{"\"force\"", "\"torque\"", "force"},
		{"\"own\"", "\"sure\"", "write one of \"tried\""},
		{"\"end\": \"\\r\\n\"", "\"end\": \"\"", "how does a line end?"},
		{"\"end\": \"\\r\\n\"", "\"end\": \"\\r\\n\", \"length\": 7", "not both"},
		{"\"end\": \"\\r\\n\"", "\"end\": \"\\r\\n\", \"skip\": \"\\n\"", "it would never be seen"},
		{"\"end\": \"\\r\\n\"", "\"end\": \"12345\"", "at most 4 bytes"},
		{"9600}", "100}", "300"},
		{"\"N\": 1,", "\"N\": \"1\",", "a unit is a factor"},
		{"\"N\": 1,", "\"N\": 0,", "a factor from 1e-12"},
		{"\"N\": 1,", "\" N\": 1,", "without blanks around it"},
		{"\"unstable\"", "\"shaky\"", "a state is stable, unstable, overload, underload or busy"},
		{"^([SD])", "([SD])", "from ^ to $"},
		{"+)$", "+)", "from ^ to $"},
		{"+)$", "+)[$]", "from ^ to $"},
		{"+)$", "+)\\\\$", "from ^ to $"},
		{"+)$", "+)$|^x$", "branches go into parentheses"},
		{"[0-9.]+", "[0-9.]{1,9}", "repetition counts in braces are not allowed"},
		{"^([SD])", "^([SD])\\\\1", "back-references are not allowed"},
		{"^([SD])", "^(([SD])", "no POSIX extended regular expression"},
		{"\"unit\"]", "\"unit\", \"sign\"]", "has 3 groups in parentheses and \"groups\" names 4"},
		{"\"unit\"]", "\"value\"]", "\"value\" stands twice"},
		{"\"unit\"]", "\"unti\"]", "did you mean \"unit\"?"},
		{"\"value\", \"unit\"", "\"value2\", \"unit\"", "\"value2\" stands here without \"value\""},
		{"\"value\", \"unit\"", "\"value\", \"-\"", "nobody says the unit of this value"},
		{"^([SD]) (-?[0-9.]+) ([A-Za-z]+)$\", \"groups\": [\"state\", \"value\"",
		 "^([+-])([0-9.]+) ([0-9.]+) ([A-Z]+)$\", \"groups\": [\"sign\", \"value\", \"value2\"",
		 "\"sign\" belongs to a line of one value"},
		{"\"unit\"]}", "\"unit\"], \"unit\": \"N\"}", "leave this one out"},
		{"\"unit\"]}", "\"-\"], \"unit\": \"lbf\"}", "\"units\" has no \"lbf\""},
		{"\"states\": {\"S\": \"stable\", \"D\": \"unstable\"},\n", "", "\"states\" at the top must say"},
		{"[\"state\", \"value\", \"unit\"]", "[\"-\", \"-\", \"-\"]", "gives no \"value\" and no \"state\""},
		{"\"read\": {", "\"raed\": {", "unknown verb \"raed\"; did you mean \"read\"?"},
		{"\"read\": {", "\"start\": {\"send\": \"A\", \"settle_ms\": 0}, \"read\": {",
		 "\"start\" and \"stop\" go together"},
		{"\"read\": {", "\"zero\": {\"send\": \"Z\"}, \"read\": {", "neither \"lines\" nor \"settle_ms\""},
		{"\"send\": \"?\",", "\"send\": \"?\", \"settle_ms\": 5,", "leave it out beside \"lines\""},
		{"\"any\": [", "\"timeout_ms\": 5, \"any\": [", "20"},
		{"\"units\"", "\"pace\": {\"between_ms\": 500, \"reads_per_s\": 3}, \"units\"",
		 "leave 333 ms for each"},
		{"\"units\"",
		 "\"stream\": {\"samples_per_s\": 5, \"any\": [{\"match\": \"^x$\", \"state\": \"busy\"}]}, \"units\"",
		 "leave \"read\" out"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check_refused(rows[i].from, rows[i].to, rows[i].said);
}

/* Compiled, the deepest of these would take gigabytes. */
static void test_costly_expressions(void **state)
{
	static const struct {
		const char *from, *to, *said;
	} rows[] = {
		{"[0-9.]+)", "([0-9.]+)+)", "holds a repeat itself"},
		{"[0-9.]+)", "([0-9.]+x)*)", "holds a repeat itself"},
		{"[0-9.]+)", "([0-9.]+)?+)", "holds a repeat itself"},
		{"[0-9.]+)", "((a*)b)+)", "holds a repeat itself"},
		{"[0-9.]+)", "[0-9.]++)", "holds a repeat itself"},
		{"[0-9.]+)", "((((((((((((((((((((a+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)", "within one another"},
		{"[0-9.]+)", "[0-9.]+(((a))))", "within one another"},
		{"[0-9.]+)", "[0-9.]+)(a)(b)(c)(d)(e)(f)(g)", "more than 9 groups"},
		{"\"units\"", "\"errors\": [{\"match\": \"^((a+)+)+$\", \"means\": \"x\"}], \"units\"",
		 "holds a repeat itself"},
		{"\"units\"", "\"ignore\": [\"^((a+)+)+$\"], \"units\"", "holds a repeat itself"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check_refused(rows[i].from, rows[i].to, rows[i].said);

	struct profile *profile = NULL;
	struct err err = {""};
	const char *most = "\"ignore\": [\"^(((a+)))(b)+(c)?d+(e)(f)(g)(h)$\"], \"units\"";
	assert_int_equal(parse(changed("\"units\"", most), &profile, &err), 0);
	profile_free(profile);
}

static void test_good_profile(void **state)
{
	struct profile *p = NULL;
	struct err err = {""};
	struct reply reply;

	(void)state;
	assert_int_equal(parse(GOOD, &p, &err), 0);
	assert_int_equal(strlen(p->digest), 64);
	assert_int_equal(profile_sure(p), SURE_OWN);
	const struct profile_alternatives *any = &p->verb[VERB_READ].line[0].any;
	reply_read(p, any, "", "D 2 kgf", &reply);
	assert_int_equal(reply.kind, REPLY_DONE);
	assert_int_equal(reply.reading.state, PROFILE_UNSTABLE);
	assert_true(reply.reading.value[0] == 2 * 9.80665);
	reply_read(p, any, "N", "S 2 lbf", &reply); /* a unit of the bench takes no other's place */
	assert_int_equal(reply.kind, REPLY_ODD);
	assert_int_equal(reply.reading.values, 0);
	reply_read(p, any, "", "S 2.0.0 N", &reply);
	assert_int_equal(reply.kind, REPLY_ODD);
	assert_string_equal(reply.means, "its value is no number");
	reply_read(p, any, "", "S 2 N ", &reply);
	assert_int_equal(reply.kind, REPLY_ODD);
	assert_null(reply.form);
	profile_free(p);
}

/* A number beside the word that says there is none. */
static void test_value_beyond(void **state)
{
	struct profile *p = NULL;
	struct err err = {""};
	struct reply reply;

	(void)state;
	assert_int_equal(parse(changed("\"unstable\"", "\"overload\""), &p, &err), 0);
	reply_read(p, &p->verb[VERB_READ].line[0].any, "", "D 2 kgf", &reply);
	assert_int_equal(reply.kind, REPLY_DONE);
	assert_int_equal(reply.reading.state, PROFILE_OVERLOAD);
	assert_int_equal(reply.reading.values, 0);
	profile_free(p);
}

static void test_numbers(void **state)
{
	static const struct {
		const char *text;
		char decimal;
		bool good;
		double value;
	} rows[] = {
		{"1.5", '.', true, 1.5},
		{"  1.5 ", '.', true, 1.5},
		{"- 23.02", '.', true, -23.02},
		{"+0001.278", '.', true, 1.278},
		{"1,5", ',', true, 1.5},
		{"1.5", ',', false, 0},
		{"1,5", '.', false, 0},
		{".5", '.', true, 0.5},
		{"5.", '.', true, 5},
		{".", '.', false, 0},
		{"", '.', false, 0},
		{"-", '.', false, 0},
		{"1e5", '.', false, 0},
		{"nan", '.', false, 0},
		{"inf", '.', false, 0},
		{"0x10", '.', false, 0},
		{"1.2.3", '.', false, 0},
		{"--1", '.', false, 0},
		{"1 2", '.', false, 0},
		{"999999999999999", '.', true, 999999999999999.0},
		{"1000000000000000", '.', false, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		double value = 77;
		if (reply_number(rows[i].text, rows[i].decimal, &value) != rows[i].good)
			fail_msg("\"%s\"", rows[i].text);
		assert_true(value == (rows[i].good ? rows[i].value : 77));
	}
}

/* ---- what a bench says ------------------------------------------------------------------------------------------ */

static void test_bench_against_profile(void **state)
{
	const uint32_t heat = ROLE_BIT(ROLE_THERMOMETER), reference = ROLE_BIT(ROLE_REFERENCE);
	const struct {
		struct device_told told;
		const char *said; /* NULL: taken */
	} rows[] = {
		{{.roles = reference, .profile = "mt-sics"}, NULL},
		{{.roles = reference, .profile = "mt-sics", .gravity_m_s2 = 9.81, .rate_hz = 4}, NULL},
		{{.roles = reference, .profile = "mt-sics", .rate_hz = 23}, NULL},
		{{.roles = reference, .profile = "mt-sics", .rate_hz = 4.5}, "has 23 readings a second, not 4.5"},
		{{.roles = reference, .profile = "sauter-fh", .unit = "N", .rate_hz = 6},
		 "asked 5 times a second at most"},
		{{.roles = reference, .profile = "mt-sisc"}, "did you mean \"mt-sics\"?"},
		{{.roles = reference, .profile = "zzzzzzzzz"}, "`penrig profile list` names them"},
		{{.roles = ROLE_BIT(ROLE_LOAD_SENSOR), .profile = "omega-al6", .unit = "N", .rate_hz = 1200},
		 "no stroke rate can come of profile \"omega-al6\": it gives at most 1200 readings a second"},
		{{.roles = ROLE_BIT(ROLE_DISPLACEMENT), .profile = "sylvac", .unit = "mm"},
		 "no stroke depth can come of profile \"sylvac\": it gives at most 4 readings a second, which is 10 a "
		 "stroke "
		 "up to 0.4 Hz only"},
		{{.roles = reference, .profile = "sauter-fh"}, "name no unit, and none is guessed"},
		{{.roles = reference, .profile = "sauter-fh", .unit = "g"}, "knows no unit \"g\""},
		{{.roles = reference, .profile = "mt-sics", .unit = "g"}, "leave \"unit\" out"},
		{{.roles = reference, .profile = "sylvac", .unit = "mm", .gravity_m_s2 = 9.81}, "is for balances"},
		{{.roles = heat, .profile = "mt-sics", .sites = 1, .site = {"tip"}},
		 "needs one that measures temperature"},
		{{.roles = heat, .profile = "board-thermometer", .sites = 3, .site = {"handle", "tip", "ambient"}},
		 NULL},
		{{.roles = heat, .profile = "board-thermometer", .sites = 1, .site = {"handle"}},
		 "has 3 values, and \"sites\" names 1"},
		{{.roles = reference, .profile = "board-thermometer", .sites = 1, .site = {"tip"}}, "for thermometers"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct err err = {""};
		int status = driver_profile.profiles->check(&rows[i].told, NULL, &err);
		assert_int_equal(status == 0, rows[i].said == NULL);
		if (rows[i].said && !strstr(err.text, rows[i].said))
			fail_msg("\"%s\" is not said: %s", rows[i].said, err.text);
	}
}

/* ---- dialogues -------------------------------------------------------------------------------------------------- */

static unsigned reported;

static void each_case(void *ctx, const char *name, unsigned line, const char *why)
{
	reported++;
	if (*why)
		print_error("%s: %s (line %u): %s\n", (const char *)ctx, name, line, why);
}

static void test_shipped(void **state)
{
	unsigned n = 0;

	(void)state;
	for (const struct shipped_profile *p; (p = driver_profile.profiles->shipped(n)); n++) {
		struct device_told told = {.roles = ROLE_BIT(ROLE_REFERENCE), .profile = p->name};
		struct rehearsal rehearsal = {.ctx = (void *)p->name, .each = each_case};
		struct err err = {""};
		reported = 0;
		assert_int_equal(driver_profile.profiles->rehearse(&told, p->name, p->dialogue, strlen(p->dialogue),
								   &rehearsal, &err),
				 0);
		assert_true(rehearsal.cases >= 2);
		assert_int_equal(rehearsal.failed, 0);
		assert_int_equal(reported, rehearsal.cases);
	}
	assert_int_equal(n, 13);
}

static void keep_why(void *ctx, const char *name, unsigned line, const char *why)
{
	(void)name;
	assert_true(line > 0);
	snprintf(ctx, 600, "%s", why);
}

/* A dialogue that does not fit is told, whatever it is of. */
static void test_dialogue_that_fails(void **state)
{
	static const struct {
		const char *dialogue, *said;
	} rows[] = {
		{"case a\n> ?\\r\n< S 1 N\\r\\n\nready\n> ?\\r\n< S 1 N\\r\\n\n= 2 N\n",
		 "the reading is another one: 1 N"},
		{"case a\n> ?\\r\n< S 1 N\\r\\n\nready\n> ?\\r\n< S 1 N\\r\\n\n= 1 g\n",
		 "the channel has another unit"},
		{"case a\n> ?\\r\n< S 1 N\\r\\n\nready\n> ?\\r\n< D 1 N\\r\\n\n= 1 N\n", "its flags are others"},
		{"case a\n> ?\\r\n< S 1 N\\r\\n\nready\n> ?\\r\n< S 1 N\\r\\n\n", "1 readings more than recorded"},
		{"case a\n> ?\\r\n< S 1 N\\r\\n\nready\n= 1 N\n", "no reading came"},
		{"case a\n> X\\r\n", "\"X\\x0d\" should be sent, and \"?\\x0d\" was"},
		{"case a\nready\n", "did not open"},
		{"case a\nnonsense\n", "unknown line \"nonsense\""},
		{"case a\n< \\q\n", "behind a backslash"},
		{"case a\n> ?\\r\n< S 1 N\\r\\n\nready\ndo zero\nrefused no such verb\nquiet 10000\n",
		 "nothing should be sent"},
		{"case a\nfails never\n", "\"never\" should stand in: the instrument has not answered"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct device_told told = {
			.roles = ROLE_BIT(ROLE_REFERENCE), .profile = "p.json", .text = GOOD, .len = strlen(GOOD)};
		char why[600] = "";
		struct rehearsal rehearsal = {.ctx = why, .each = keep_why};
		struct err err = {""};
		assert_int_equal(driver_profile.profiles->rehearse(&told, "d", rows[i].dialogue,
								   strlen(rows[i].dialogue), &rehearsal, &err),
				 0);
		if (rehearsal.cases != 1 || rehearsal.failed != 1)
			fail_msg("went well: %s", rows[i].dialogue);
		if (!strstr(why, rows[i].said))
			fail_msg("\"%s\" is not said: %s", rows[i].said, why);
	}
	struct device_told told = {
		.roles = ROLE_BIT(ROLE_REFERENCE), .profile = "p.json", .text = GOOD, .len = strlen(GOOD)};
	struct rehearsal rehearsal = {.cases = 9};
	struct err err = {""};
	assert_int_equal(driver_profile.profiles->rehearse(&told, "d", "# nothing\n", 10, &rehearsal, &err), -EINVAL);
	assert_non_null(strstr(err.text, "nothing to try"));
}

/* Two lines for one answer: accepted, then done; and the second may be long in coming, or say no. Decimal commas. */
static void test_two_lines_and_commas(void **state)
{
	static const char profile[] =
		"{\"kind\": \"penrig/profile/1\", \"name\": \"two\", \"title\": \"two lines\", \"measures\": "
		"\"mass\",\n"
		"\"facts\": [{\"what\": \"Z_A, Z_D\", \"source\": \"instruments.md, Radwag\", \"sure\": "
		"\"document\"}],\n"
		"\"serial\": {\"baud\": 9600}, \"frame\": {\"send_end\": \"\\r\\n\", \"end\": \"\\r\\n\"},\n"
		"\"decimal\": \",\", \"units\": {\"g\": 1},\n"
		"\"verbs\": {\"zero\": {\"send\": \"Z\", \"lines\": [{\"any\": [{\"match\": \"^Z A$\"}, {\"match\": "
		"\"^Z I$\", "
		"\"refused\": \"not now\"}]}, {\"timeout_ms\": 5000, \"any\": [{\"match\": \"^Z D$\"}, {\"match\": "
		"\"^Z \\\\^$\", "
		"\"refused\": \"beyond its range\"}]}]},\n"
		"\"read\": {\"send\": \"SI\", \"lines\": [{\"any\": [{\"match\": \"^SI *(-?[0-9,]+) (g)$\", "
		"\"groups\": [\"value\", "
		"\"unit\"]}]}]}}}";
	static const char dialogue[] =
		"opening\n> SI\\r\\n\n< SI 1,25 g\\r\\n\nready\n> SI\\r\\n\n< SI -0,5 g\\r\\n\n= -0.5 g\n"
		"case done\ndo zero\n> Z\\r\\n\n< Z A\\r\\n\nwait 4500\n< Z D\\r\\n\ndone\n"
		"case refused late\ndo zero\n> Z\\r\\n\n< Z A\\r\\nZ ^\\r\\n\nrefused beyond its range\n"
		"case refused at once\ndo zero\n> Z\\r\\n\n< Z I\\r\\n\nrefused not now\n"
		"case accepted alone is not done\ndo zero\n> Z\\r\\n\n< Z A\\r\\n\n> Z\\r\\n\n< Z A\\r\\n\nlost "
		"has not answered within 5400 ms\n";
	struct device_told told = {
		.roles = ROLE_BIT(ROLE_REFERENCE), .profile = "two.json", .text = profile, .len = strlen(profile)};
	struct rehearsal rehearsal = {.ctx = (void *)"two", .each = each_case};
	struct err err = {""};

	(void)state;
	if (driver_profile.profiles->rehearse(&told, "two", dialogue, strlen(dialogue), &rehearsal, &err))
		fail_msg("%s", err.text);
	assert_int_equal(rehearsal.cases, 4);
	assert_int_equal(rehearsal.failed, 0);
}

/* ---- the driver's life ------------------------------------------------------------------------------------------ */

static struct device *open_gauge(void)
{
	const struct device_told told = {
		.roles = ROLE_BIT(ROLE_REFERENCE), .profile = "p.json", .text = GOOD, .len = strlen(GOOD)};
	const struct device_open open = {.links = fake_table,
					 .uri = "serial:by-id=TEST",
					 .settings = {.baud = 1200},
					 .told = &told,
					 .host = test_host};
	struct device *device = NULL;
	struct err err = {""};

	heard = (struct heard){.ready = 0};
	assert_int_equal(driver_profile.open(&open, NS_PER_S, &device, &err), 0);
	driver_profile.on_tick(device, NS_PER_S);
	return device;
}

static void answer(const char *text, uint64_t now_ns)
{
	arrive(text, strlen(text), SIZE_MAX, now_ns);
}

static void test_close_at_any_time(void **state)
{
	struct outcome outcome = {.calls = 0};
	struct device *device = open_gauge();

	(void)state;
	driver_profile.close(device); /* while opening */
	assert_int_equal(heard.ready, 0);

	device = open_gauge();
	assert_int_equal(fake.wants.serial.baud, 1200); /* the bench's before the profile's */
	answer("S 1 N\r\n", NS_PER_S);
	assert_int_equal(heard.ready, 1);
	inside_verb = true;
	driver_profile.stream->start(device, on_done, &outcome);
	inside_verb = false;
	driver_profile.close(device); /* a start that was not told yet */
	assert_int_equal(outcome.calls, 1);
	assert_int_equal(outcome.status, -ECANCELED);

	device = open_gauge();
	answer("S 1 N\r\n", NS_PER_S);
	outcome = (struct outcome){.calls = 0};
	inside_verb = true;
	driver_profile.stream->start(device, on_done, &outcome);
	inside_verb = false;
	driver_profile.on_tick(device, NS_PER_S + 5 * NS_PER_MS);
	assert_int_equal(outcome.calls, 1);
	assert_int_equal(outcome.status, 0);
	driver_profile.close(device); /* a reading is asked for */
	assert_false(fake.open);
}

/* What is asked for is missed when it does not come; of what streams nobody knows. */
static void test_whose_losses_are_not_seen(void **state)
{
	static const struct {
		double rate_hz;
		bool streams;
	} rows[] = {{0, false}, {1, false}, {23, true}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct device_told told = {.roles = ROLE_BIT(ROLE_REFERENCE),
						 .profile = "mt-sics",
						 .gravity_m_s2 = 9.81,
						 .rate_hz = rows[i].rate_hz};
		const struct device_open open = {
			.links = fake_table, .uri = "serial:by-id=TEST", .told = &told, .host = test_host};
		struct device *device = NULL;
		struct err err = {""};

		if (driver_profile.open(&open, NS_PER_S, &device, &err) != 0)
			fail_msg("%s", err.text);
		assert_int_equal(strstr(driver_profile.identity(device)->loss, "no number") != NULL, rows[i].streams);
		driver_profile.close(device);
	}
}

static void test_nothing_after_stop(void **state)
{
	struct outcome outcome = {.calls = 0};
	struct device *device = open_gauge();

	(void)state;
	answer("S 1 N\r\n", NS_PER_S);
	driver_profile.stream->start(device, NULL, NULL);
	driver_profile.on_tick(device, NS_PER_S + 5 * NS_PER_MS);
	driver_profile.stream->stop(device, on_done, &outcome);
	driver_profile.on_tick(device, NS_PER_S + 10 * NS_PER_MS);
	assert_int_equal(outcome.calls, 1);
	answer("S 1 N\r\n", NS_PER_S + 11 * NS_PER_MS); /* the answer that was under way */
	assert_int_equal(heard.blocks, 0);
	for (unsigned i = 0; i < 1000; i++)
		driver_profile.on_tick(device, NS_PER_S + (15 + 5 * i) * NS_PER_MS);
	assert_int_equal(fake.writes, 2); /* the opening's, and the one under way */
	driver_profile.close(device);
}

static void test_frames_cut_anywhere(void **state)
{
	static const struct profile_frame sma = {.start = "\n", .start_len = 1, .end = "\r", .end_len = 1};
	static const struct profile_frame pair = {.start = "<>", .start_len = 2, .end = "\r\n", .end_len = 2};
	struct frame frame = {.len = 0};
	size_t used;
	char text[600];

	(void)state;
	assert_int_equal(frame_feed(&frame, &sma, (const uint8_t *)"x\ny\nz\r", 6, &used), FRAME_LINE);
	assert_string_equal(frame.text, "z");
	assert_int_equal(frame.dropped, 1); /* "y", which lost its end; "x" was none */
	frame = (struct frame){.len = 0};
	assert_int_equal(frame_feed(&frame, &pair, (const uint8_t *)"<<>a\r<\r\n", 8, &used), FRAME_DROPPED);
	assert_int_equal(used, 8);
	memset(text, 'a', sizeof(text));
	for (size_t len = PROFILE_FRAME_MAX - 1; len < PROFILE_FRAME_MAX + 8; len++) {
		const struct profile_frame crlf = {.end = "\r\n", .end_len = 2};
		frame = (struct frame){.len = 0};
		assert_int_equal(frame_feed(&frame, &crlf, (const uint8_t *)text, len, &used), FRAME_MORE);
		assert_int_equal(frame_feed(&frame, &crlf, (const uint8_t *)"\r\n", 2, &used),
				 len > PROFILE_FRAME_MAX ? FRAME_DROPPED : FRAME_LINE);
		assert_int_equal(frame_feed(&frame, &crlf, (const uint8_t *)"b\r\n", 3, &used), FRAME_LINE);
		assert_string_equal(frame.text, "b");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bad_profiles),
		cmocka_unit_test(test_costly_expressions),
		cmocka_unit_test(test_good_profile),
		cmocka_unit_test(test_value_beyond),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_bench_against_profile),
		cmocka_unit_test(test_shipped),
		cmocka_unit_test(test_dialogue_that_fails),
		cmocka_unit_test(test_two_lines_and_commas),
		cmocka_unit_test(test_close_at_any_time),
		cmocka_unit_test(test_whose_losses_are_not_seen),
		cmocka_unit_test(test_nothing_after_stop),
		cmocka_unit_test(test_frames_cut_anywhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
