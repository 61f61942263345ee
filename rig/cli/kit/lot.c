/* Several run files in one page: each verified, read and let go; then what the figures of all of them say together. */
#include "rig/cli/kit/lot.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "reports/html/lot.h"
#include "reports/report.h"
#include "rig/cli/kit/keys.h"
#include "rig/cli/kit/sealing.h"
#include "rig/cli/version.h"
#include "rig/judge/verdict.h"
#include "rig/offline/reopen.h"
#include "rig/study/capability.h"

#define CONFIDENCE  0.95
#define CAPABLE_MIN 3 /* values from which on a capability is told */

/* What was said of a run after its end. */
struct afterwards {
	char text[300];
	enum outcome worst;
};

__attribute__((format(printf, 2, 3))) static void tell(struct afterwards *a, const char *fmt, ...)
{
	size_t at = strlen(a->text);
	va_list ap;

	at += (size_t)snprintf(a->text + at, sizeof(a->text) - at, "%s", at ? "; " : "");
	va_start(ap, fmt);
	if (at < sizeof(a->text))
		vsnprintf(a->text + at, sizeof(a->text) - at, fmt, ap);
	va_end(ap);
}

static int on_judged(void *ctx, const struct record_judged *judged)
{
	struct afterwards *a = ctx;

	tell(a, "%.60s by %.60s", verdict_row(judged->dut_verdict, judged->on_statement)->name, judged->limits_name);
	a->worst = judged->dut_verdict > a->worst ? judged->dut_verdict : a->worst;
	return 0;
}

static void tell_rejections(const struct record *record, struct afterwards *a)
{
	for (unsigned i = 0; i < record->seals; i++) {
		const struct record_seal *seal = &record->seal[i];
		if (strcmp(seal->meaning, "rejected") != 0)
			continue;
		tell(a, "rejected by %.60s%s", seal->signer,
		     seal->state == SEAL_HOLDS ? "" : ", by a key that is not trusted here");
		a->worst = OUTCOME_FAIL;
	}
}

/* ---- each once ---------------------------------------------------------------------------------------------------- */

struct named {
	char name[128], started_utc[32], host[64], head[SHA256_HEX];
};

/* What stands on the page, before anything is counted: its runs, and the earlier parts that they went on with. */
struct inside {
	unsigned runs, parts;
	struct named *run, *part;
};

static void inside_free(struct inside *in)
{
	free(in->run);
	free(in->part);
}

static int put_named(struct named **list, unsigned *count, const struct named *n, struct err *err)
{
	struct named *more = realloc(*list, (*count + 1) * sizeof(*more));

	if (!more)
		return err_set(err, -ENOMEM, "out of memory");
	*list = more;
	more[(*count)++] = *n;
	return 0;
}

static int note_run(struct inside *in, const struct record *r, struct err *err)
{
	struct named n = {.name = ""};

	snprintf(n.name, sizeof(n.name), "%s", r->name);
	snprintf(n.started_utc, sizeof(n.started_utc), "%s", r->started_utc);
	snprintf(n.host, sizeof(n.host), "%s", r->host);
	snprintf(n.head, sizeof(n.head), "%s", r->journal_head);
	for (unsigned i = 0; i < in->runs; i++) {
		const struct named *other = &in->run[i];
		bool same = strcmp(other->name, n.name) == 0 && strcmp(other->started_utc, n.started_utc) == 0 &&
			    strcmp(other->host, n.host) == 0;
		if (same || (n.head[0] && strcmp(other->head, n.head) == 0))
			return err_set(err, -EINVAL,
				       "the run %.100s is named twice, and would count twice: name each run once",
				       n.name);
	}
	int rc = put_named(&in->run, &in->runs, &n, err);
	for (unsigned i = 0; i < r->sessions && !rc; i++) {
		snprintf(n.name, sizeof(n.name), "%s", r->session[i].name);
		snprintf(n.started_utc, sizeof(n.started_utc), "%s", r->session[i].started_utc);
		rc = put_named(&in->part, &in->parts, &n, err);
	}
	return rc;
}

static int note(struct inside *in, const char *path, struct err *err)
{
	struct runfile_reader *reader = NULL;
	struct record *record = NULL;
	int rc = reopen(path, &reader, &record, err);

	if (!rc)
		rc = note_run(in, record, err);
	runfile_reader_free(reader);
	record_free(record);
	return rc;
}

/* Another run of the page went on with it, and holds all that it measured. */
static bool is_part(const struct inside *in, const struct record *r)
{
	for (unsigned i = 0; i < in->parts; i++)
		if (strcmp(in->part[i].name, r->name) == 0 && strcmp(in->part[i].started_utc, r->started_utc) == 0)
			return true;
	return false;
}

/* ---- taken in ----------------------------------------------------------------------------------------------------- */

static int add(struct lot *lot, const struct inside *in, const char *path, struct err *err)
{
	const char *slash = strrchr(path, '/');
	struct runfile_reader *reader = NULL;
	struct record *record = NULL;
	struct afterwards after = {.worst = OUTCOME_PASS};
	int rc = reopen(path, &reader, &record, err);

	if (!rc)
		rc = runfile_verify(reader, err);
	if (!rc)
		rc = runfile_each_judged(reader, on_judged, &after, err);
	if (!rc)
		rc = keys_read_seals(reader, record, err);
	if (!rc) {
		tell_rejections(record, &after);
		if (is_part(in, record))
			tell(&after, "another run went on with it, and has its figures");
		rc = lot_add(lot,
			     &(struct lot_run){.record = record,
					       .path = slash ? slash + 1 : path,
					       .later = after.text,
					       .worst_later = after.worst,
					       .part = is_part(in, record)},
			     err);
	}
	runfile_reader_free(reader);
	record_free(record);
	return rc;
}

/* How far the spread of all of them is from their nearer limit. */
static void say_capability(struct lot *lot, unsigned i)
{
	struct lot_group g;
	char text[240];
	double mean = 0.0, squares = 0.0;

	lot_group(lot, i, &g);
	for (unsigned k = 0; k < g.values; k++)
		mean += g.value[k] / g.values;
	for (unsigned k = 0; k < g.values; k++)
		squares += (g.value[k] - mean) * (g.value[k] - mean);
	double sd = g.values > 1 ? sqrt(squares / (g.values - 1.0)) : NAN;
	const char *unit = strcmp(g.unit, "1") == 0 ? "" : g.unit;
	int n = snprintf(text, sizeof(text), "n %u", g.values);
	if (g.values)
		n += snprintf(text + n, sizeof(text) - (size_t)n, ", mean %.6g%s%s", mean, *unit ? " " : "", unit);
	if (sd > 0.0)
		n += snprintf(text + n, sizeof(text) - (size_t)n, ", s %.4g%s%s", sd, *unit ? " " : "", unit);
	if (sd > 0.0 && g.values >= CAPABLE_MIN && !g.limits_differ) {
		struct interval ppk =
			capability_nearer(mean, g.values, sd, g.values - 1.0, g.lower, g.upper, CONFIDENCE);
		snprintf(text + n, sizeof(text) - (size_t)n, "; Ppk %.3g (95 %%: %.3g to %.3g)", ppk.value, ppk.lo,
			 ppk.hi);
	}
	lot_say(lot, i, text);
}

static int save(struct lot *lot, const char *made, const char *output, struct err *err)
{
	char part[FILE_PATH_MAX + 16];

	if (strcmp(output, "-") == 0)
		return lot_write(lot, made, stdout, err);
	if ((size_t)snprintf(part, sizeof(part), "%s.part", output) >= sizeof(part))
		return err_set(err, -ENAMETOOLONG, "--output: the path is too long");
	FILE *out = fopen(part, "we");
	int rc = out ? lot_write(lot, made, out, err)
		     : err_set(err, -errno, "%.300s cannot be made: %s", output, strerror(errno));
	if (out && !rc && (fflush(out) != 0 || fsync(fileno(out)) != 0))
		rc = err_set(err, -EIO, "%.300s cannot be written: %s", output, strerror(errno));
	if (out && fclose(out) != 0 && !rc)
		rc = err_set(err, -EIO, "%.300s cannot be written: %s", output, strerror(errno));
	if (!rc && rename(part, output) != 0)
		rc = err_set(err, -errno, "%.300s cannot be written: %s", output, strerror(errno));
	if (rc && out)
		unlink(part);
	return rc;
}

int lot_report(const char *const *paths, unsigned count, const char *output, bool force, uint64_t wall_ns)
{
	bool file = strcmp(output, "-") != 0;
	struct record now = {.name = ""};
	struct inside in = {.runs = 0};
	struct lot *lot = NULL;
	struct err err = {""};
	char made[200], utc[32];

	if (file && !force && access(output, F_OK) == 0)
		return cli_error(EXIT_USAGE,
				 "%.300s is there already: --force replaces it, --output names another file", output);
	version_record(&now);
	seal_time(wall_ns, utc);
	snprintf(made, sizeof(made), "%s by penrig %s (%s)", utc, now.software_version, now.software_build);
	int rc = lot_new(&lot, &err);
	for (unsigned i = 0; i < count && !rc; i++)
		if ((rc = note(&in, paths[i], &err)) < 0)
			err_prefix(&err, "%.200s: no page is written", paths[i]);
	for (unsigned i = 0; i < count && !rc; i++)
		if ((rc = add(lot, &in, paths[i], &err)) < 0)
			err_prefix(&err, "%.200s: no page is written", paths[i]);
	for (unsigned i = 0; !rc && i < lot_groups(lot); i++)
		say_capability(lot, i);
	if (!rc)
		rc = save(lot, made, output, &err);
	lot_free(lot);
	inside_free(&in);
	if (rc)
		return cli_error(rc == -EBADMSG ? EXIT_STORAGE : cli_exit_code(rc), "%s", err.text);
	if (file) {
		fputs("report:   ", stdout);
		print_clean(stdout, output);
		fputc('\n', stdout);
	}
	return EXIT_PASS;
}
