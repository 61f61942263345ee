/* `penrig doctor`: would a run start on this computer, and what mends it where not. Moves no pen. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "rig/base/json.h"
#include "rig/cli/doctor_devices.h"
#include "rig/cli/kit/command.h"
#include "rig/cli/kit/keeping.h"
#include "rig/cli/version.h"
#include "rig/session/lock.h"
#include "rig/system/computer.h"

struct doctor_options {
	const char *dut, *folder, *root;
	bool no_open, json;
};

static const struct cli_option doctor_table[] = {
	{.name = "dut",
	 .arg = "SERIAL",
	 .kind = OPTION_TEXT,
	 .offset = offsetof(struct doctor_options, dut),
	 .help = "The pen in the clamp. Default: whichever pen of this bench's kind is plugged in."},
	{.name = "output-dir",
	 .arg = "FOLDER",
	 .kind = OPTION_TEXT,
	 .offset = offsetof(struct doctor_options, folder),
	 .help = "Where runs will be written: its disk is tried. Default: here."},
	{.name = "no-open",
	 .kind = OPTION_FLAG,
	 .offset = offsetof(struct doctor_options, no_open),
	 .help = "Open no device: what can be seen from outside is looked at alone."},
	{.name = "json",
	 .kind = OPTION_FLAG,
	 .offset = offsetof(struct doctor_options, json),
	 .help = "One JSON object on standard output."},
	{.name = "root",
	 .arg = "FOLDER",
	 .kind = OPTION_TEXT,
	 .offset = offsetof(struct doctor_options, root),
	 .hidden = true,
	 .help = "Look at /sys, /proc, /dev and /etc under this folder."},
	{.name = NULL},
};

/* ---- the bench ---------------------------------------------------------------------------------------------------- */

static void set_code(struct diagnosis *f, int exit_code)
{
	if (f)
		f->exit_code = exit_code;
}

static void check_dates(const struct doctor *d)
{
	const struct cli_tables *tables = d->tables;
	uint64_t wall_ns = tables->clock->wall_ns(tables->clock_ctx);
	time_t seconds = (time_t)(wall_ns / NS_PER_S);
	struct record now = {.name = ""};
	struct err err;
	char today[11];
	struct tm tm;

	gmtime_r(&seconds, &tm);
	strftime(today, sizeof(today), "%Y-%m-%d", &tm);
	version_record(&now);
	if (bench_check_version(d->bench, now.software_version, &err) < 0)
		set_code(diagnosis_add(d->findings, DIAGNOSIS_FAULT, "version", d->bench->path, "%s", err.text),
			 EXIT_REFUSED);
	if (keeping_check_made(tables->made_ns, wall_ns, &err) < 0) {
		struct diagnosis *f = diagnosis_add(d->findings, DIAGNOSIS_FAULT, "clock", "", "%s", err.text);
		set_code(f, EXIT_REFUSED);
		diagnosis_mend(f, "sudo timedatectl set-ntp true");
	}
	if (bench_check_due(d->bench, today, &err) < 0)
		set_code(diagnosis_add(d->findings, DIAGNOSIS_FAULT, "calibration", d->bench->path, "%s", err.text),
			 EXIT_REFUSED);
	else
		diagnosis_add(d->findings, DIAGNOSIS_GOOD, "calibration", d->bench->path, "none is overdue");
}

/* A bench that a run holds is not disturbed. */
static void with_the_lock(const struct doctor *d, bool open)
{
	struct bench_lock *lock = NULL;
	struct err err;

	if (!open) {
		doctor_devices(d, false);
		return;
	}
	int status = bench_lock_take(d->bench->path, &lock, &err);
	if (status) {
		set_code(diagnosis_add(d->findings, status == -EBUSY ? DIAGNOSIS_FAULT : DIAGNOSIS_UNKNOWN, "bench",
				       d->bench->path, "%s", err.text),
			 EXIT_BUSY);
		doctor_devices(d, false);
		return;
	}
	if (*bench_lock_left(lock))
		diagnosis_add(
			d->findings, DIAGNOSIS_WARNING, "bench", d->bench->path,
			"the last run did not come to its end: the next one sees first that its pen stands still");
	doctor_devices(d, true);
	bench_lock_keep(lock);
}

static void check_bench(struct doctor *d, const char *path, bool open)
{
	struct bench *bench = NULL;
	struct err err;
	int status = bench_read(path, &bench, &err);

	if (!status)
		status = bench_check_drivers(bench, d->tables->drivers, &err);
	if (status) {
		set_code(diagnosis_add(d->findings, DIAGNOSIS_FAULT, "bench", path, "%s", err.text), EXIT_USAGE);
	} else {
		d->bench = bench;
		diagnosis_add(d->findings, DIAGNOSIS_GOOD, "bench", path, "it reads");
		check_dates(d);
		with_the_lock(d, open);
	}
	bench_free(bench);
}

/* ---- what is told ------------------------------------------------------------------------------------------------- */

static int exit_code_of(const struct diagnoses *findings)
{
	enum diagnosis_state worst = diagnoses_worst(findings);

	for (unsigned i = 0; i < findings->count; i++)
		if (findings->finding[i].state == DIAGNOSIS_FAULT)
			return findings->finding[i].exit_code ? findings->finding[i].exit_code : EXIT_REFUSED;
	return worst == DIAGNOSIS_UNKNOWN ? EXIT_INCONCLUSIVE : EXIT_PASS;
}

static void print_finding(const struct diagnosis *f)
{
	printf("  %-8s %-14s ", diagnosis_states[f->state], f->check);
	print_clean(stdout, f->text);
	if (*f->remedy) {
		fputs("\n           mend it:       ", stdout);
		print_clean(stdout, f->remedy);
	}
	fputc('\n', stdout);
}

static void print_text(const struct diagnoses *findings)
{
	static const char *const ends[] = {"a run would start", "a run would start; see the warnings",
					   "whether a run would start could not be seen", "A RUN WOULD NOT START"};
	const char *subject = NULL;

	for (unsigned i = 0; i < findings->count; i++) {
		const struct diagnosis *f = &findings->finding[i];
		if (!subject || strcmp(subject, f->subject) != 0) {
			subject = f->subject;
			print_clean(stdout, *subject ? subject : "this computer");
			fputc('\n', stdout);
		}
		print_finding(f);
	}
	printf("\n%s\n", ends[diagnoses_worst(findings)]);
}

static int print_json(const struct diagnoses *findings, int code, struct err *err)
{
	struct json_out *root = json_out_object(), *list;
	enum diagnosis_state worst = diagnoses_worst(findings);
	char *text = NULL;

	json_out_string(root, "kind", "penrig/doctor/1");
	if (worst == DIAGNOSIS_UNKNOWN)
		json_out_null(root, "would_start");
	else
		json_out_bool(root, "would_start", worst != DIAGNOSIS_FAULT);
	json_out_int(root, "exit_code", code);
	list = json_out_add_array(root, "findings");
	for (unsigned i = 0; i < findings->count; i++) {
		const struct diagnosis *f = &findings->finding[i];
		struct json_out *o = json_out_add_object(list, NULL);
		json_out_string(o, "state", diagnosis_states[f->state]);
		json_out_string(o, "check", f->check);
		json_out_string(o, "subject", *f->subject ? f->subject : NULL);
		json_out_string(o, "text", f->text);
		json_out_string(o, "remedy", *f->remedy ? f->remedy : NULL);
	}
	int status = json_out_print(root, true, &text, err);
	if (status == 0)
		puts(text);
	free(text);
	json_out_free(root);
	return status;
}

static int doctor_run(const struct cli_tables *tables, const void *options, const char *const *operands, unsigned count)
{
	const struct doctor_options *o = options;
	const char *bench = count ? operands[0] : getenv("PENRIG_BENCH");
	const char *root = o->root ? o->root : "", *folder = o->folder ? o->folder : ".";
	struct diagnoses *findings = calloc(1, sizeof(*findings));
	struct doctor d = {.tables = tables, .root = root, .dut = o->dut, .findings = findings};
	struct computer computer;
	struct err err;

	if (!findings)
		return cli_error(EXIT_INTERNAL, "out of memory");
	computer_read(root, folder, &computer);
	computer_check(&computer, folder, findings);
	for (unsigned i = 0; i < findings->count; i++)
		if (findings->finding[i].state == DIAGNOSIS_FAULT)
			findings->finding[i].exit_code = EXIT_STORAGE;
	d.modem_manager = computer.modem_manager;
	if (bench && *bench)
		check_bench(&d, bench, !o->no_open);
	int code = exit_code_of(findings);
	if (!o->json)
		print_text(findings);
	else if (print_json(findings, code, &err) < 0)
		code = cli_error(EXIT_INTERNAL, "%s", err.text);
	free(findings);
	return code;
}

const struct command command_doctor = {
	.name = "doctor",
	.operands = "[BENCH]",
	.operands_max = 1,
	.summary = "Say whether a run would start here, and what mends it where not",
	.description =
		"Looks at this computer (clock, real-time rights, disk), and with a bench file at that and at each of "
		"its "
		"devices: plugged in, permission, holder, kernel driver, latency timer, autosuspend, ModemManager, "
		"calibration dates. Then it opens each device and asks it who it is; a pen is ordered off with that "
		"and never "
		"run, and a bench that a run holds is left alone. BENCH: the environment's PENRIG_BENCH where none is "
		"given.\n\n"
		"Each finding is good, a warning (a run starts, and may be worse for it), unknown or a fault, with the "
		"command "
		"that mends it. Exit code 0: a run would start; 3: that could not be seen; else that with which a run "
		"would "
		"end.",
	.example = "  penrig doctor bench-3.json\n  penrig doctor bench-3.json --json | jq -r '.findings[] | "
		   "select(.remedy) | .remedy'\n",
	.options = doctor_table,
	.options_size = sizeof(struct doctor_options),
	.run = doctor_run,
};
