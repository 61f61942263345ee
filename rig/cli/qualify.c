/* `penrig qualify`: is the program that is installed here the one that was validated, and does it do what is required of it? */
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "reports/report.h"
#include "rig/base/meaning.h"
#include "rig/cli/kit/keys.h"
#include "rig/cli/kit/naming.h"
#include "rig/cli/kit/rows.h"
#include "rig/cli/kit/sealing.h"
#include "rig/cli/qualify/qualify.h"
#include "rig/cli/version.h"
#include "rig/config/control.h"
#include "rig/measure/method.h"
#include "rig/record/record.h"
#include "rig/station/supervise.h"

#define RECORD   "record.json"
#define PROTOCOL "protocol.html"

struct qualify_options {
	const char *output, *against, *bench, *history, *state, *keys, *sign, *name, *password_file, *operator_name;
	struct option_list only, public_key;
	int meaning;
	bool list, quiet;
};

#define AT(member) offsetof(struct qualify_options, member)
static const struct cli_option qualify_table[] = {
	{.name = "output",
	 .letter = 'o',
	 .kind = OPTION_TEXT,
	 .arg = "DIR",
	 .offset = AT(output),
	 .group = "Output",
	 .help = "The folder that is made, for record.json, protocol.html and the evidence. Default: "
		 "qualification-PART-TIME here."},
	{.name = "list",
	 .kind = OPTION_FLAG,
	 .offset = AT(list),
	 .help = "Check nothing: print the requirements, where each is stated and which check shows it."},
	{.name = "quiet",
	 .letter = 'q',
	 .kind = OPTION_FLAG,
	 .offset = AT(quiet),
	 .help = "Print only what does not hold."},
	{.name = "only",
	 .kind = OPTION_LIST,
	 .arg = "ID",
	 .offset = AT(only),
	 .group = "What is checked",
	 .help = "This requirement, or those whose names begin so; may be repeated. What is left out leaves the "
		 "qualification "
		 "incomplete."},
	{.name = "against",
	 .kind = OPTION_TEXT,
	 .arg = "FILE",
	 .offset = AT(against),
	 .help = "Of iq: an earlier record.json, signed; every file must be the same."},
	{.name = "public-key",
	 .kind = OPTION_LIST,
	 .arg = "FILE",
	 .offset = AT(public_key),
	 .help = "A public key that is trusted for --against; may be repeated."},
	{.name = "keys",
	 .kind = OPTION_TEXT,
	 .arg = "DIR",
	 .offset = AT(keys),
	 .help = "A folder of public keys that are trusted. Default: the environment's PENRIG_KEYS."},
	{.name = "bench",
	 .letter = 'b',
	 .kind = OPTION_TEXT,
	 .arg = "FILE",
	 .offset = AT(bench),
	 .help = "Of pq with run files: the bench file whose reference pen made them. Default: the environment's "
		 "PENRIG_BENCH, else the one that the first of them names."},
	{.name = "history",
	 .kind = OPTION_TEXT,
	 .arg = "FILE",
	 .offset = AT(history),
	 .help = "Of pq with run files: the bench's history, which knows the runs that were left out. Default: the "
		 "file \"history\" in the folder of --state."},
	STATE_ROW(AT(state), NULL),
	{.name = "operator",
	 .kind = OPTION_TEXT,
	 .arg = "NAME",
	 .offset = AT(operator_name),
	 .group = "For the record",
	 .help = "Who runs it."},
	{.name = "sign",
	 .kind = OPTION_TEXT,
	 .arg = "KEY",
	 .offset = AT(sign),
	 .help = "Sign record and protocol with this person's secret key."},
	{.name = "meaning",
	 .kind = OPTION_WORD,
	 .arg = "WORD",
	 .offset = AT(meaning),
	 .words = meaning_words,
	 .help = "What the signature says, as of penrig sign. Default: approved."},
	{.name = "password-file",
	 .kind = OPTION_TEXT,
	 .arg = "FILE",
	 .offset = AT(password_file),
	 .help = "The key's password is the first line of FILE. Default: asked for on the terminal."},
	{.name = NULL},
};
#undef AT

static const struct part {
	const char *name, *title;
	const struct requirement *requirement;
} parts[] = {
	{"iq", "Installation qualification", requirements_iq},
	{"oq", "Operational qualification", requirements_oq},
	{"pq", "Performance qualification, by runs of the reference pen", requirements_pq_pen},
	{"pq", "Performance qualification, on the virtual bench", requirements_pq_virtual},
};

/* ---- where and when ----------------------------------------------------------------------------------------------- */

__attribute__((format(printf, 3, 4))) static void fact(struct qualification *r, const char *name, const char *fmt, ...)
{
	va_list ap;

	if (r->facts == QUALIFICATION_FACTS_MAX)
		return;
	va_start(ap, fmt);
	snprintf(r->fact[r->facts].name, sizeof(r->fact->name), "%s", name);
	vsnprintf(r->fact[r->facts].value, sizeof(r->fact->value), fmt, ap);
	va_end(ap);
	r->facts++;
}

/* What stands behind "KEY=" or "KEY : " of a file of lines. */
static void fact_of(struct qualification *r, const char *name, const char *path, const char *key)
{
	FILE *in = fopen(path, "re");
	char line[512];

	while (in && fgets(line, sizeof(line), in)) {
		if (strncmp(line, key, strlen(key)) != 0)
			continue;
		const char *value = line + strlen(key) + strspn(line + strlen(key), " \t:=\"");
		fact(r, name, "%.*s", (int)strcspn(value, "\"\n"), value);
		break;
	}
	if (in)
		fclose(in);
}

static void facts(struct qualification *r)
{
	struct record *now = record_new();
	struct utsname host;

	if (now) {
		version_record(now);
		fact(r, "program", "penrig %s (%s)", now->software_version, now->software_build);
	}
	record_free(now);
	fact(r, "method", "%d", METHOD_VERSION);
	if (uname(&host) == 0) {
		fact(r, "host", "%s", host.nodename);
		fact(r, "kernel", "%s %s %s %s", host.sysname, host.release, host.version, host.machine);
	}
	fact_of(r, "system", "/etc/os-release", "PRETTY_NAME");
	fact_of(r, "processor", "/proc/cpuinfo", "model name");
	fact_of(r, "memory", "/proc/meminfo", "MemTotal");
	fact_of(r, "machine id", "/etc/machine-id", "");
}

/* The folder share/penrig of this installation. */
static int find_share(struct qualify *q, struct err *err)
{
	char path[QUALIFY_PATH_MAX], whole[PATH_MAX];
	const char *slash;

	snprintf(q->program, sizeof(q->program), "%s", own_program());
	slash = strrchr(q->program, '/');
	if (!slash)
		return err_set(err, -ENOENT, "cannot tell where this program is: is /proc mounted?");
	snprintf(path, sizeof(path), "%.*s/../share/penrig", (int)(slash - q->program), q->program);
	if (!realpath(path, whole) || strlen(whole) >= sizeof(q->share))
		return err_set(err, -ENOENT,
			       "%.300s is not installed: there is no ../share/penrig beside its folder; install it "
			       "first (make "
			       "install, or the package), then qualify what is installed",
			       q->program);
	snprintf(q->share, sizeof(q->share), "%.*s", FILE_PATH_MAX - 1, whole);
	return 0;
}

static int make_output(struct qualify *q, const struct qualify_options *o, const char *part, struct err *err)
{
	char name[FILE_PATH_MAX], whole[PATH_MAX], stamp[32];
	unsigned n = 0;

	for (const char *at = q->record.started_utc; *at; at++) /* 20261129T122706Z */
		if (*at != '-' && *at != ':')
			stamp[n++] = *at;
	stamp[n] = '\0';
	snprintf(name, sizeof(name), "qualification-%s-%s", part, stamp);
	if (o->output && strlen(o->output) >= sizeof(name) / 2)
		return err_set(err, -ENAMETOOLONG, "--output: a path of less than %zu bytes", sizeof(name) / 2);
	if (o->output)
		snprintf(name, sizeof(name), "%s", o->output);
	if (access(name, F_OK) == 0)
		return err_set(err, -EEXIST, "%.300s is there already: a record is never written over", name);
	int rc = disk_make_folder(name, err);
	if (rc)
		return rc;
	if (!realpath(name, whole) || strlen(whole) >= sizeof(q->output))
		return err_set(err, -ENAMETOOLONG, "%.300s: its whole path is too long", name);
	snprintf(q->output, sizeof(q->output), "%.*s", FILE_PATH_MAX - 1, whole);
	return 0;
}

/* ---- checking ----------------------------------------------------------------------------------------------------- */

static bool wanted(const struct qualify_options *o, const char *id)
{
	for (unsigned i = 0; i < o->only.count; i++)
		if (strncmp(id, o->only.item[i], strlen(o->only.item[i])) == 0)
			return true;
	return o->only.count == 0;
}

static void say(const struct qualified_requirement *r, bool quiet)
{
	static const char *const words[] = {"holds", "left out", "NOT SHOWN", "BROKEN"};

	if (quiet && r->state < QUALIFIED_UNKNOWN)
		return;
	printf("%-9s %s\n", words[r->state], r->text);
	for (unsigned i = 0; i < r->count; i++) {
		if (r->evidence[i].state < QUALIFIED_UNKNOWN)
			continue;
		printf("          ");
		print_clean(stdout, r->evidence[i].what);
		printf("\n            required: ");
		print_clean(stdout, r->evidence[i].wanted);
		printf("\n            found:    ");
		print_clean(stdout, r->evidence[i].found);
		fputc('\n', stdout);
	}
}

static int check_all(struct qualify *q, const struct qualify_options *o, const struct requirement *list,
		     struct err *err)
{
	struct qualification *record = &q->record;
	unsigned count = 0;

	while (list[count].id)
		count++;
	record->requirement = calloc(count, sizeof(*record->requirement));
	if (!record->requirement)
		return err_set(err, -ENOMEM, "out of memory");
	for (unsigned i = 0; i < count; i++) {
		struct qualified_requirement *r = &record->requirement[record->requirements++];

		*r = (struct qualified_requirement){
			.id = list[i].id, .text = list[i].text, .basis = list[i].basis, .how = list[i].how};
		q->now = r;
		if (!o->quiet)
			printf("%s  ", r->id);
		fflush(stdout);
		if (!wanted(o, r->id))
			r->state = QUALIFIED_LEFT_OUT;
		else
			list[i].check(q, list[i].argument);
		if (r->state != QUALIFIED_LEFT_OUT && r->count == 0)
			evidence(q, QUALIFIED_UNKNOWN, "the check", "finds something to look at", "nothing");
		say(r, o->quiet);
	}
	return q->no_memory ? err_set(err, -ENOMEM, "out of memory") : 0;
}

/* ---- the record --------------------------------------------------------------------------------------------------- */

static int save_page(struct qualify *q, const char *record_text, const char *path, struct err *err)
{
	char sum[DIGEST_HEX], *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return err_set(err, -ENOMEM, "out of memory");
	digest_text(record_text, strlen(record_text), sum);
	int rc = qualification_page(&q->record, sum, out, err);
	if (fclose(out) != 0 && !rc)
		rc = err_set(err, -ENOMEM, "out of memory");
	if (!rc)
		rc = report_save_text(text, path, err);
	free(text);
	return rc;
}

static int sign_one(const struct qualify *q, const char *path, const struct signing_key *key, const char *signer,
		    const char *meaning, struct err *err)
{
	char target[QUALIFY_PATH_MAX + 32], *text = NULL;
	const struct approval_words words = {.meaning = meaning,
					     .signer = signer,
					     .reason = "",
					     .wall_ns = q->tables->clock->wall_ns(q->tables->clock_ctx)};
	int rc = approval_make(path, key, &words, &text, err);

	snprintf(target, sizeof(target), "%s" MINISIG_EXTENSION, path);
	if (!rc)
		rc = report_save_text(text, target, err);
	free(text);
	return rc;
}

static int save(struct qualify *q, const struct qualify_options *o, const struct signing_key *key, const char *signer,
		struct err *err)
{
	char record[QUALIFY_PATH_MAX], page[QUALIFY_PATH_MAX], *text = NULL;

	seal_time(q->tables->clock->wall_ns(q->tables->clock_ctx), q->record.ended_utc);
	snprintf(record, sizeof(record), "%s/" RECORD, q->output);
	snprintf(page, sizeof(page), "%s/" PROTOCOL, q->output);
	int rc = qualification_json(&q->record, &text, err);
	if (!rc)
		rc = report_save_text(text, record, err);
	if (!rc)
		rc = save_page(q, text, page, err);
	free(text);
	if (!rc && key)
		rc = sign_one(q, record, key, signer, meaning_words[o->meaning], err);
	if (!rc && key)
		rc = sign_one(q, page, key, signer, meaning_words[o->meaning], err);
	return rc;
}

/* ---- the command -------------------------------------------------------------------------------------------------- */

static const struct part *part_of(const char *name, unsigned runs)
{
	for (unsigned i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (strcmp(parts[i].name, name) == 0 && !(parts[i].requirement == requirements_pq_pen && runs == 0))
			return &parts[i];
	return NULL;
}

static int list_requirements(const char *name)
{
	for (unsigned i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (strcmp(parts[i].name, name) != 0)
			continue;
		printf("%s\n", parts[i].title);
		for (const struct requirement *r = parts[i].requirement; r->id; r++)
			printf("%s  %s\n       stated in: %s\n       checked by: %s\n", r->id, r->text, r->basis,
			       r->how);
	}
	return EXIT_PASS;
}

static int prepare(struct qualify *q, const struct qualify_options *o, const char *name, struct signing_key **key,
		   char *signer, struct err *err)
{
	const struct part *part = part_of(name, q->runs);
	int rc = record_text("--operator", o->operator_name, q->record.by, sizeof(q->record.by), err);

	if (!rc && q->runs && strcmp(name, "pq") != 0)
		rc = err_set(err, -EINVAL, "%s takes no run files: those of the reference pen go with pq", name);
	if (!rc && o->against && strcmp(name, "iq") != 0)
		rc = err_set(err, -EINVAL, "--against goes with iq");
	if (!rc && (o->bench || o->history || o->state) && !q->runs)
		rc = err_set(err, -EINVAL, "--bench, --history and --state go with the run files of pq");
	for (unsigned i = 0; i < o->only.count && part && !rc; i++) {
		const struct requirement *r = part->requirement;
		while (r->id && strncmp(r->id, o->only.item[i], strlen(o->only.item[i])) != 0)
			r++;
		if (!r->id)
			rc = err_set(
				err, -EINVAL,
				"--only %.40s: no requirement's name begins so; penrig qualify %s --list names them",
				o->only.item[i], name);
	}
	if (!rc && o->sign)
		rc = keys_load(o->sign, o->password_file, key, err);
	if (!rc && o->sign)
		rc = keys_signer(*key, false, NULL, signer, err);
	if (!rc)
		rc = find_share(q, err);
	return rc ? rc : make_output(q, o, name, err);
}

static int end_of(const struct qualify *q)
{
	enum qualified state = qualification_state(&q->record);

	printf("\n%s: %s\nrecord:   %s/" RECORD "\nprotocol: %s/" PROTOCOL "\n", q->record.title,
	       qualification_verdict(&q->record), q->output, q->output);
	return state == QUALIFIED_HOLDS ? EXIT_PASS : state == QUALIFIED_BROKEN ? EXIT_FAIL : EXIT_INCONCLUSIVE;
}

static int qualify_run(const struct cli_tables *tables, const void *options, const char *const *operands,
		       unsigned count)
{
	const struct qualify_options *o = options;
	const struct part *part = part_of(operands[0], count - 1);
	struct qualify *q = calloc(1, sizeof(*q));
	struct signing_key *key = NULL;
	char signer[KEY_OWNER_MAX] = "";
	struct err err = {""};

	if (!q)
		return cli_error(EXIT_INTERNAL, "out of memory");
	*q = (struct qualify){.tables = tables,
			      .run = operands + 1,
			      .runs = count - 1,
			      .against = o->against,
			      .bench = o->bench,
			      .history = o->history,
			      .state = o->state,
			      .keys = o->keys,
			      .public_key = &o->public_key};
	int rc = part ? 0 : err_set(&err, -EINVAL, "qualify %.40s: one of iq, oq and pq", operands[0]);
	if (part && o->list) {
		free(q);
		return list_requirements(part->name);
	}
	seal_time(tables->clock->wall_ns(tables->clock_ctx), q->record.started_utc);
	if (!rc)
		rc = prepare(q, o, part->name, &key, signer, &err);
	if (!rc) {
		q->record.part = part->name;
		q->record.title = part->title;
		q->record.anomaly = known_anomalies;
		facts(&q->record);
		rc = check_all(q, o, part->requirement, &err);
	}
	if (!rc)
		rc = save(q, o, key, signer, &err);
	int code = rc ? cli_error(rc == -EPERM || rc == -ENOKEY ? EXIT_USAGE : cli_exit_code(rc), "%s", err.text)
		      : end_of(q);
	signing_key_free(key);
	qualification_free(&q->record);
	free(q);
	return code;
}

const struct command command_qualify = {
	.name = "qualify",
	.operands = "iq|oq|pq [RUNFILE...]",
	.operands_min = 1,
	.operands_max = OPERANDS_MAX,
	.summary = "Show that the program installed here is what it shall be",
	.description = "Checks the installed program, without its source, against a table of requirements, and writes "
		       "a record and a "
		       "protocol that an auditor can read (ISO 13485, 4.1.6 and 7.6): each requirement with where it "
		       "is stated, what was "
		       "looked at, what was required and what was found; this host; the list of known anomalies.\n\n"
		       "iq: every program, library and data file is the one that its package, or make install, "
		       "brought; with --against, the one of "
		       "an earlier record. oq: figures that others published, recordings whose results are kept, "
		       "altered records, wrong plans, "
		       "and runs on the virtual bench with pens and faults that are known, some two minutes. pq: runs "
		       "of the bench's reference pen that "
		       "are given (penrig golden makes them), held against the bench file and its history, or without "
		       "any three virtual pens in order and one that "
		       "is not.\n\n"
		       "Nothing that exists is written over. Sign with --sign, or later with penrig sign, each of the "
		       "two files.\n\n"
		       "Exit code: 0 qualified; 1 a requirement is broken; 3 one could not be shown, or was left out; "
		       "2 wrong usage, or not "
		       "installed; 6 nothing can be written.",
	.example = "  penrig qualify iq --sign meier.key -o iq-2026\n"
		   "  penrig qualify oq && penrig qualify pq out/GOLDEN-01-*.penrig\n"
		   "  penrig qualify iq --against iq-2026/record.json --keys /etc/penrig/keys\n",
	.options = qualify_table,
	.options_size = sizeof(struct qualify_options),
	.run = qualify_run,
};
