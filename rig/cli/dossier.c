/* `penrig dossier`: all runs of a unit or a lot in one folder that can be handed over: run files, reports, a page, the keys, and
 * a list of what there is. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "reports/html/dossier.h"
#include "rig/base/digest.h"
#include "rig/base/disk.h"
#include "rig/cli/dossier_runs.h"
#include "rig/cli/kit/indexing.h"
#include "rig/cli/kit/keys.h"
#include "rig/cli/kit/pdf.h"
#include "rig/cli/kit/rows.h"
#include "rig/cli/kit/sealing.h"
#include "rig/cli/version.h"
#include "rig/history/unit.h"
#include "rig/judge/verdict.h"
#include "rig/offline/reopen.h"

#define PATH_ROOM   (PATH_MAX + 300)
#define MANIFEST    "manifest.txt"
#define PAGE        "dossier.html"
#define PRINTED     "dossier.pdf"
#define DECIDED_MAX 256 /* later verdicts, and dispositions, of one run */
#define OUTPUT_MAX  1000

struct dossier_options {
	const char *output, *keys, *history, *state;
	bool pdf;
};

#define AT(member) offsetof(struct dossier_options, member)
static const struct cli_option dossier_table[] = {
	{.name = "output",
	 .letter = 'o',
	 .kind = OPTION_TEXT,
	 .arg = "DIR",
	 .offset = AT(output),
	 .help = "The folder that is made; it may not be there. Required."},
	{.name = "pdf",
	 .kind = OPTION_FLAG,
	 .offset = AT(pdf),
	 .help = "The page as PDF/A-3b too, dossier.pdf, by Debian's weasyprint: for an archive that takes nothing "
		 "else."},
	{.name = "keys",
	 .kind = OPTION_TEXT,
	 .arg = "DIR",
	 .offset = AT(keys),
	 .help = "Seals are checked against every NAME.pub of DIR, and these keys are copied. Default: the "
		 "environment's PENRIG_KEYS."},
	{.name = "history",
	 .kind = OPTION_TEXT,
	 .arg = "FILE",
	 .offset = AT(history),
	 .help = "The history that knows the runs of a unit or lot. Default: the file \"history\" in the folder of "
		 "--state."},
	STATE_ROW(AT(state), NULL),
	{.name = NULL},
};

struct making {
	const struct dossier_options *options;
	const char *keys; /* folder; NULL: none */
	struct keyring ring;
	struct dossier_sources sources;
	struct dossier *page;
	struct unit unit;
	char doubt[160]; /* a run of that unit, and why nobody knows what it said; "": none */
	FILE *manifest;
	unsigned put, missing, unsound;
};

/* ---- files -------------------------------------------------------------------------------------------------------- */

/* "DIR/name", and its line of the manifest. */
static int list_file(struct making *m, const char *name, struct err *err)
{
	char path[PATH_ROOM], hex[DIGEST_HEX], bytes[65536];
	uint8_t sum[DIGEST_BYTES];
	struct digest digest;
	size_t n;

	snprintf(path, sizeof(path), "%s/%s", m->options->output, name);
	FILE *in = fopen(path, "re");
	if (!in)
		return err_set(err, -errno, "%.300s cannot be read: %s", path, strerror(errno));
	digest_begin(&digest);
	while ((n = fread(bytes, 1, sizeof(bytes), in)) > 0)
		digest_raw(&digest, bytes, n);
	digest_end(&digest, sum);
	digest_hex(sum, hex);
	int rc = ferror(in) ? err_set(err, -EIO, "%.300s cannot be read", path) : 0;
	fclose(in);
	fprintf(m->manifest, "%s  %s\n", hex, name);
	return rc;
}

static int copy_file(struct making *m, const char *from, const char *name, struct err *err)
{
	char to[OUTPUT_MAX + PATH_ROOM];

	if ((size_t)snprintf(to, sizeof(to), "%s/%s", m->options->output, name) >= sizeof(to))
		return err_set(err, -ENAMETOOLONG, "%.300s: too long a path", name);
	int rc = disk_copy(from, to);
	return rc ? err_set(err, rc, "%.300s cannot be copied to %.300s: %s", from, to, strerror(-rc))
		  : list_file(m, name, err);
}

static bool is_there(const struct making *m, const char *name)
{
	char path[OUTPUT_MAX + PATH_ROOM];

	snprintf(path, sizeof(path), "%s/%s", m->options->output, name);
	return access(path, F_OK) == 0;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

/* Every file of a folder that begins and ends so, into a folder of the dossier. */
static int copy_like(struct making *m, const char *folder, const char *begin, const char *end, const char *into,
		     struct err *err)
{
	struct dirent **entry;
	int count = scandir(folder, &entry, NULL, by_name), rc = 0;

	if (count < 0)
		return err_set(err, -errno, "the folder %.300s cannot be read: %s", folder, strerror(errno));
	for (int i = 0; i < count; i++) {
		const char *name = entry[i]->d_name;
		size_t len = strlen(name);
		char from[PATH_ROOM], to[PATH_ROOM]; /* within the dossier */

		if (!rc && name[0] != '.' && strncmp(name, begin, strlen(begin)) == 0 && len >= strlen(end) &&
		    strcmp(name + len - strlen(end), end) == 0) {
			snprintf(from, sizeof(from), "%s/%s", folder, name);
			snprintf(to, sizeof(to), "%s/%s", into, name);
			rc = is_there(m, to) ? 0 : copy_file(m, from, to, err); /* by another run of its chain */
		}
		free(entry[i]);
	}
	free(entry);
	return rc;
}

static int make_folder(const struct making *m, const char *name, struct err *err)
{
	char path[PATH_ROOM];

	snprintf(path, sizeof(path), "%s%s%s", m->options->output, *name ? "/" : "", name);
	return disk_make_folder(path, err);
}

/* The run file with all that stands beside it under its name: reports, seals, signatures, a killed run's log. */
static int copy_run(struct making *m, const char *path, const char *into, struct err *err)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	char folder[PATH_ROOM], begin[FILE_PATH_MAX];

	snprintf(folder, sizeof(folder), "%.*s", slash ? (int)(slash - path) + (slash == path) : 1, slash ? path : ".");
	snprintf(begin, sizeof(begin), "%.*s.", (int)(strlen(name) - strlen(RUNFILE_EXTENSION)), name);
	int rc = make_folder(m, into, err);
	return rc ? rc : copy_like(m, folder, begin, "", into, err);
}

/* ---- a run -------------------------------------------------------------------------------------------------------- */

struct decided {
	unsigned dispositions, judged;
	struct disposition disposition[DECIDED_MAX];
	struct record_judged verdict[DECIDED_MAX];
};

static int on_disposition(void *ctx, const struct disposition *disposition)
{
	struct decided *d = ctx;

	if (d->dispositions == DECIDED_MAX)
		return -E2BIG; /* what is left out could be what decides */
	d->disposition[d->dispositions++] = *disposition;
	return 0;
}

static int on_judged(void *ctx, const struct record_judged *judged)
{
	struct decided *d = ctx;

	if (d->judged == DECIDED_MAX)
		return -E2BIG;
	d->verdict[d->judged++] = *judged;
	return 0;
}

static void end_unit(struct making *m)
{
	struct unit *u = &m->unit;
	enum unit_standing standing;
	char why[400];

	if (!*u->dut)
		return;
	unit_end(u);
	standing = u->standing;
	snprintf(why, sizeof(why), "%s%s%s", u->decided_by, u->decided_why[0] ? ": " : "", u->decided_why);
	if (m->doubt[0] && standing < UNIT_INCONCLUSIVE) {
		standing = UNIT_INCONCLUSIVE;
		snprintf(why, sizeof(why), "%s", m->doubt);
	}
	dossier_unit(m->page, u->dut, unit_standing_name(standing), why);
	*u = (struct unit){.runs = 0};
	m->doubt[0] = '\0';
}

/* Nobody knows what an altered file said, nor whether it was a failure: no pass of its unit stands beside it. */
static void add_to_unit(struct making *m, const struct history_run *run, bool sound)
{
	struct history_run counted = *run;

	if (*m->unit.dut && strcmp(m->unit.dut, run->dut) != 0)
		end_unit(m);
	if (!sound && unit_standing_of(run->verdict, run->later) < UNIT_INCONCLUSIVE) {
		counted.verdict = unit_standing_name(UNIT_INCONCLUSIVE);
		counted.later = "";
		counted.reason = "its file is altered or damaged, or cannot be read";
		counted.disposition = DISPOSITIONS;
	}
	unit_add(&m->unit, &counted);
	if (!sound)
		snprintf(m->doubt, sizeof(m->doubt), "%.100s: its file is altered or damaged, or cannot be read",
			 run->name);
}

/* As the history has it. What a file of no history says is not known where it is not sound. */
static void add_row_to_unit(struct making *m, const struct dossier_source *s, bool sound)
{
	const struct history_run unread = {.name = s->root,
					   .dut = s->dut,
					   .plan = s->plan,
					   .plan_sha256 = s->plan_sha256,
					   .started = s->started,
					   .verdict = "",
					   .later = "",
					   .reason = "",
					   .disposition = DISPOSITIONS};
	struct history_run run = s->known ? s->row : unread;

	run.again = s->again;
	if (s->known || (!sound && *s->dut))
		add_to_unit(m, &run, sound);
}

/* The worst of what was judged later, as the history has it. */
static const struct record_judged *worst_of(const struct decided *d)
{
	const struct record_judged *worst = NULL;

	for (unsigned i = 0; i < d->judged; i++)
		if (!worst || d->verdict[i].dut_verdict >= worst->dut_verdict)
			worst = &d->verdict[i];
	return worst;
}

/* As its file says, or the history, if that knows worse. */
static void add_run_to_unit(struct making *m, const struct dossier_source *s, const struct record *r,
			    const struct decided *d, bool sound)
{
	const struct record_judged *worst = worst_of(d);
	const struct disposition *last = d->dispositions ? &d->disposition[d->dispositions - 1] : NULL;
	const struct record_file *plan = record_file_of(r, "plan");
	const struct history_run run = {.name = r->name,
					.host = r->host,
					.started = r->started_utc,
					.ended = r->ended_utc,
					.path = "",
					.dut = r->dut,
					.lot = r->lot,
					.plan = r->plan_name,
					.plan_sha256 = plan ? plan->sha256 : "",
					.bench = r->bench_name,
					.operator_name = r->operator_name,
					.verdict = verdict_name(r),
					.status = run_status_name(r->run_status),
					.reason = r->verdict_reason,
					.software = r->software_version,
					.origin = r->origin.path,
					.recording = r->origin.sha256,
					.again = s->again,
					.later =
						worst ? verdict_row(worst->dut_verdict, worst->on_statement)->name : "",
					.later_why = worst ? worst->verdict_reason : "",
					.disposition = last ? last->kind : DISPOSITIONS,
					.disposed_by = last ? last->by : "",
					.disposed_why = last ? last->reason : "",
					.disposed_utc = last ? last->utc : ""};

	if (s->known && unit_standing_of(s->row.verdict, s->row.later) > unit_standing_of(run.verdict, run.later))
		add_row_to_unit(m, s, sound);
	else
		add_to_unit(m, &run, sound);
}

static int read_run(struct making *m, const struct dossier_source *s, const char *path, const char *within,
		    struct decided *d, struct err *err)
{
	struct runfile_reader *reader = NULL;
	struct record *record = NULL;
	struct err why = {""};
	uint64_t behind;
	int rc = reopen(path, &reader, &record, err), sound = rc ? 0 : runfile_verify(reader, &why);

	if (!rc && !sound && (sound = runfile_verify_pages(reader, &why)) == -EAGAIN)
		sound = 0; /* a killed run's log: by its rows */
	if (!rc)
		rc = runfile_seals(reader, &m->ring, record, &behind, err);
	if (rc >= 0 && (rc = runfile_each_disposition(reader, on_disposition, d, err)) >= 0)
		rc = runfile_each_judged(reader, on_judged, d, err);
	if (rc >= 0) {
		const struct dossier_run run = {.record = record,
						.path = within,
						.checked = sound ? why.text : "as it was written",
						.sound = sound == 0,
						.dispositions = d->dispositions,
						.disposition = d->disposition,
						.judged = d->judged,
						.verdict = d->verdict};
		dossier_add(m->page, &run);
		add_run_to_unit(m, s, record, d, sound == 0);
		m->put++;
		m->unsound += sound != 0;
	}
	runfile_reader_free(reader);
	record_free(record);
	return rc < 0 ? rc : 0;
}

static int is_readable(const struct dossier_source *s, struct err *why)
{
	if (s->replaced)
		return err_set(why, -ENOENT, "%.300s: it is the file of another run now, and not of %.100s", s->path,
			       s->row.name);
	return access(s->path, R_OK) == 0 ? 0 : err_set(why, -errno, "%.300s: %s", s->path, strerror(errno));
}

/* What the history knows of it counts all the same. there: its file is, and could not be read. */
static void miss_run(struct making *m, const struct dossier_source *s, bool there, int reason, const struct err *why)
{
	const char *slash = strrchr(s->path, '/');

	m->missing++;
	m->unsound += reason == -EBADMSG || reason == -ENOTSUP;
	dossier_missing(m->page, slash ? slash + 1 : s->path, why->text);
	cli_error(0, "%s; it is told as missing", why->text);
	add_row_to_unit(m, s, !there);
}

/* What cannot be read is told, and the others are put together all the same. */
static int put_run(struct making *m, const struct dossier_source *s, struct err *err)
{
	const char *slash = strrchr(s->path, '/');
	struct decided *d = calloc(1, sizeof(*d));
	char into[32], within[PATH_ROOM], copy[2 * PATH_ROOM];
	struct err why = {""};

	if (!d)
		return err_set(err, -ENOMEM, "out of memory");
	snprintf(into, sizeof(into), "runs/%04u", s->folder);
	snprintf(within, sizeof(within), "%s/%s", into, slash ? slash + 1 : s->path);
	snprintf(copy, sizeof(copy), "%s/%s", m->options->output, within);
	int read = is_readable(s, &why);
	bool there = !read;
	int rc = read || s->twice ? 0 : copy_run(m, s->path, into, err);
	if (!rc && !read && s->twice)
		add_row_to_unit(m, s, true);
	else if (!rc && !read)
		read = read_run(m, s, copy, within, d, &why);
	free(d);
	if (!rc && read < 0)
		miss_run(m, s, there, read, &why);
	return rc;
}

/* ---- the command -------------------------------------------------------------------------------------------------- */

static int write_page(struct making *m, const char *utc, struct err *err)
{
	char path[PATH_ROOM], made[200];
	struct record now = {.name = ""};

	version_record(&now);
	snprintf(made, sizeof(made), "%s by penrig %s (%s)", utc, now.software_version, now.software_build);
	snprintf(path, sizeof(path), "%s/" PAGE, m->options->output);
	FILE *out = fopen(path, "we");
	if (!out)
		return err_set(err, -errno, "%.300s cannot be made: %s", path, strerror(errno));
	int rc = dossier_write(m->page, made, out, err);
	if (fclose(out) != 0 && !rc)
		rc = err_set(err, -errno, "%.300s cannot be written: %s", path, strerror(errno));
	return rc ? rc : list_file(m, PAGE, err);
}

static int write_pdf(struct making *m, struct err *err)
{
	char page[PATH_ROOM], path[PATH_ROOM];

	snprintf(page, sizeof(page), "%s/" PAGE, m->options->output);
	snprintf(path, sizeof(path), "%s/" PRINTED, m->options->output);
	FILE *out = fopen(path, "we");
	if (!out)
		return err_set(err, -errno, "%.300s cannot be made: %s", path, strerror(errno));
	int rc = pdf_archive(page, out, err);
	if (fclose(out) != 0 && !rc)
		rc = err_set(err, -errno, "%.300s cannot be written: %s", path, strerror(errno));
	return rc ? rc : list_file(m, PRINTED, err);
}

static int put_keys(struct making *m, struct err *err)
{
	if (!m->keys)
		return 0;
	int rc = make_folder(m, "keys", err);
	return rc ? rc : copy_like(m, m->keys, "", PUBLIC_EXTENSION, "keys", err);
}

static int make(struct making *m, const char *utc, struct err *err)
{
	char path[PATH_ROOM];
	int rc = make_folder(m, "runs", err);

	snprintf(path, sizeof(path), "%s/" MANIFEST, m->options->output);
	if (!rc && !(m->manifest = fopen(path, "we")))
		rc = err_set(err, -errno, "%.300s cannot be made: %s", path, strerror(errno));
	for (unsigned i = 0; i < m->sources.count && !rc; i++)
		rc = put_run(m, &m->sources.item[i], err);
	end_unit(m);
	if (!rc)
		rc = put_keys(m, err);
	if (!rc)
		rc = write_page(m, utc, err);
	if (!rc && m->options->pdf)
		rc = write_pdf(m, err);
	if (m->manifest && (fclose(m->manifest) != 0 || disk_sync_file(path) != 0) && !rc)
		rc = err_set(err, -EIO, "%.300s cannot be written: %s", path, strerror(errno));
	return rc;
}

static int begin(struct making *m, const char *const *operands, unsigned count, struct err *err)
{
	const struct dossier_options *o = m->options;
	const char *own = getenv("PENRIG_KEYS");
	char title[200];

	if (!o->output)
		return err_set(err, -EINVAL, "--output is missing: the folder that is made");
	if (access(o->output, F_OK) == 0)
		return err_set(err, -EEXIST, "%.300s is there already: a dossier is never written over", o->output);
	if (strlen(o->output) > OUTPUT_MAX)
		return err_set(err, -ENAMETOOLONG, "--output: a path of at most %d bytes", OUTPUT_MAX);
	int rc = o->pdf ? pdf_archive_check(err) : 0;
	if (rc)
		return rc;
	m->keys = o->keys ? o->keys : own && *own ? own : NULL;
	snprintf(title, sizeof(title), "%.80s%s", operands[0], count > 1 ? " and others" : "");
	rc = keys_trusted(NULL, o->keys, &m->ring, err);
	if (!rc)
		rc = dossier_choose(&m->sources, &(struct indexing){.history = o->history, .state = o->state}, operands,
				    count, err);
	return rc ? rc : dossier_new(title, &m->page, err);
}

static int say_end(const struct making *m)
{
	printf("dossier:  %s: %u runs, " PAGE ", %s" MANIFEST "\n", m->options->output, m->put,
	       m->options->pdf ? PRINTED ", " : "");
	if (m->unsound)
		return cli_error(EXIT_STORAGE, "%u of them %s altered or damaged, as the page says", m->unsound,
				 m->unsound == 1 ? "is" : "are");
	if (m->missing)
		return cli_error(EXIT_INCONCLUSIVE, "%u runs that are known of are missing, as the page says",
				 m->missing);
	return EXIT_PASS;
}

static int dossier_cli_run(const struct cli_tables *tables, const void *options, const char *const *operands,
			   unsigned count)
{
	struct making *m = calloc(1, sizeof(*m));
	struct err err = {0};
	char utc[32];

	if (!m)
		return cli_error(EXIT_INTERNAL, "out of memory");
	m->options = options;
	seal_time(tables->clock->wall_ns(tables->clock_ctx), utc);
	int rc = begin(m, operands, count, &err);
	if (!rc)
		rc = make(m, utc, &err);
	int code = rc < 0 ? cli_error(rc == -EEXIST || rc == -ENOSYS ? EXIT_USAGE : cli_exit_code(rc), "%s", err.text)
			  : say_end(m);
	dossier_sources_free(&m->sources);
	dossier_free(m->page);
	free(m);
	return code;
}

const struct command command_dossier = {
	.name = "dossier",
	.operands = "SERIAL|LOT|RUNFILE...",
	.operands_min = 1,
	.operands_max = OPERANDS_MAX,
	.summary = "Put all runs of a unit or lot together, to be handed over",
	.description =
		"Makes a folder with every run file of the units that are named, or of all units of a lot, whether "
		"the run carries it or not, as the history knows them, and with all that stands beside them under "
		"their names: reports, seals, signatures, later verdicts. "
		"dossier.html says how each unit stands by these runs, and of each run what became of it, what was "
		"not well, attempts made again, approvals and seals, calibrations, and deviations: overrides, "
		"interruptions, dispositions, statements. Runs of which one went on with another lie in one folder. "
		"manifest.txt lists each file with its SHA-256, as sha256sum "
		"does; sign it with penrig sign.\n\n"
		"Each copy is verified as penrig verify does. A run that the history knows and whose file is not where "
		"it was stands there as missing, and its verdict counts for its unit; beside one that was altered "
		"no unit passes; runs of other benches, which the history does not know, do not: name "
		"their run files.\n\n"
		"Exit code: 0; 2 wrong usage, a name that nobody knows, a folder that is there already, or no program "
		"for --pdf; 3 a run is "
		"missing; 6 a run file is altered or damaged, or something could not be written. The dossier is made "
		"in "
		"the last two cases, too, and says it.",
	.example = "  penrig dossier SN-0417 -o SN-0417.dossier --keys /etc/penrig/keys\n"
		   "  penrig dossier L7 -o L7.dossier && penrig sign L7.dossier/manifest.txt --key meier.key\n",
	.options = dossier_table,
	.options_size = sizeof(struct dossier_options),
	.run = dossier_cli_run,
};
