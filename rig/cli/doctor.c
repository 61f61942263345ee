/* `penrig doctor`: would a run start on this computer, and what mends it where not. Moves no pen. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "rig/base/json.h"
#include "rig/cli/doctor_devices.h"
#include "rig/cli/kit/command.h"
#include "rig/cli/kit/keeping.h"
#include "rig/cli/kit/reference.h"
#include "rig/cli/kit/rows.h"
#include "rig/cli/kit/table.h"
#include "rig/cli/version.h"
#include "rig/session/queue.h"
#include "rig/system/computer.h"

struct doctor_options {
	const char *dut, *folder, *root, *state, *history;
	bool no_open, json, csv;
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
	{.name = "state",
	 .arg = "DIR",
	 .kind = OPTION_TEXT,
	 .offset = offsetof(struct doctor_options, state),
	 .help = "Where is kept what outlives a run. Default: /var/lib/penrig where it stands, else the user's own "
		 "state folder."},
	{.name = "history",
	 .arg = "FILE",
	 .kind = OPTION_TEXT,
	 .offset = offsetof(struct doctor_options, history),
	 .help = "The history that tells of the reference pen. Default: the file \"history\" in the folder of "
		 "--state."},
	{.name = "no-open",
	 .kind = OPTION_FLAG,
	 .offset = offsetof(struct doctor_options, no_open),
	 .help = "Open no device: what can be seen from outside is looked at alone."},
	{.name = "json",
	 .kind = OPTION_FLAG,
	 .offset = offsetof(struct doctor_options, json),
	 .help = "One JSON object on standard output."},
	CSV_ROW(offsetof(struct doctor_options, csv)),
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

/* ---- what a run would stand on ------------------------------------------------------------------------------------ */

static void check_reference(const struct doctor *d, const struct indexing *where, uint64_t wall_ns)
{
	const struct bench *bench = d->bench;
	struct record_golden golden = {.asked = false};
	struct err err;

	if (reference_stand_on(bench, d->dut ? d->dut : "", where, wall_ns, &golden, NULL, &err) < 0)
		set_code(diagnosis_add(d->findings, DIAGNOSIS_FAULT, "reference pen", bench->path, "%s", err.text),
			 EXIT_REFUSED);
	else if (golden.asked)
		diagnosis_add(d->findings, golden.valid ? DIAGNOSIS_GOOD : DIAGNOSIS_WARNING, "reference pen",
			      bench->path, "%s: %s%s", golden.pen, golden.valid ? "" : "not required: ", golden.text);
}

/* What is approved is the plan, too, and the phantoms that it uses. */
static void check_control(const struct doctor *d)
{
	if (d->bench->production)
		diagnosis_add(d->findings, DIAGNOSIS_UNKNOWN, "change control", d->bench->path,
			      "not looked at: this bench runs approved files only, and which plan is not known here");
}

/* A plan that tests the timer itself needs no earlier proof. */
static void check_proof(const struct doctor *d, struct state *state, uint64_t wall_ns)
{
	struct plan *plan = calloc(1, sizeof(*plan));
	struct record_proof proof = {.wanted = false};
	struct err err;
	int rc = plan ? keeping_proof(state, plan, d->bench, wall_ns, &proof, &err)
		      : err_set(&err, -ENOMEM, "out of memory");

	if (rc < 0)
		diagnosis_add(d->findings, DIAGNOSIS_UNKNOWN, "dead-man", d->bench->path, "%s", err.text);
	else if (proof.run[0])
		diagnosis_add(d->findings, DIAGNOSIS_GOOD, "dead-man", d->bench->path,
			      "the supply's timer was tested in run %s, %.19sZ", proof.run, proof.utc);
	else if (proof.wanted)
		diagnosis_add(d->findings, DIAGNOSIS_WARNING, "dead-man", d->bench->path,
			      "nothing shows that the timer of the pen's power supply stops it: %s; only a plan with "
			      "\"tests\": {\"dead_man\": true} can pass",
			      proof.why);
	free(plan);
}

static void check_state(const struct doctor *d, const struct indexing *where, uint64_t wall_ns)
{
	struct state *state = NULL;
	struct err err;

	if (keeping_open(where->state, d->bench->path, &state, &err) < 0)
		set_code(diagnosis_add(d->findings, where->state ? DIAGNOSIS_FAULT : DIAGNOSIS_WARNING, "state",
				       d->bench->path, "%s", err.text),
			 EXIT_STORAGE);
	int rc = state && d->tables->honest ? keeping_check_last(state, wall_ns, &err) : 0;
	if (rc)
		set_code(diagnosis_add(d->findings, DIAGNOSIS_FAULT, rc == -EKEYEXPIRED ? "clock" : "state",
				       d->bench->path, "%s", err.text),
			 rc == -EKEYEXPIRED ? EXIT_REFUSED : EXIT_STORAGE);
	check_proof(d, state, wall_ns);
	state_close(state);
}

/* ---- its devices -------------------------------------------------------------------------------------------------- */

/* A bench that a run holds is not disturbed, and whoever waits for it is not overtaken. */
static void with_the_lock(const struct doctor *d, bool open)
{
	struct bench_lock *lock = NULL;
	struct err err;

	if (!open) {
		doctor_devices(d, false);
		return;
	}
	int status = bench_queue_pass(d->bench->path, &lock, &err);
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

static void check_bench(struct doctor *d, const char *path, const struct indexing *where, bool open)
{
	uint64_t wall_ns = d->tables->clock->wall_ns(d->tables->clock_ctx);
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
		check_control(d);
		check_reference(d, where, wall_ns);
		check_state(d, where, wall_ns);
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

static const struct table_column columns[] = {
	{"state", TABLE_STRING, NULL}, {"check", TABLE_STRING, NULL},  {"subject", TABLE_STRING, NULL},
	{"text", TABLE_STRING, NULL},  {"remedy", TABLE_STRING, NULL}, {.path = NULL},
};
const struct table table_doctor = {"doctor", "findings", columns};

static int print_form(const struct diagnoses *findings, int code, bool csv, struct err *err)
{
	struct json_out *root = json_out_object(), *list;
	enum diagnosis_state worst = diagnoses_worst(findings);

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
	return table_print(root, &table_doctor, csv, err);
}

static int doctor_run(const struct cli_tables *tables, const void *options, const char *const *operands, unsigned count)
{
	const struct doctor_options *o = options;
	const char *bench = count ? operands[0] : getenv("PENRIG_BENCH");
	const char *root = o->root ? o->root : "", *folder = o->folder ? o->folder : ".";
	struct diagnoses *findings = calloc(1, sizeof(*findings));
	struct doctor d = {.tables = tables, .root = root, .dut = o->dut, .findings = findings};
	const struct indexing where = {.history = o->history, .state = o->state};
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
		check_bench(&d, bench, &where, !o->no_open);
	int code = exit_code_of(findings);
	if (!o->json && !o->csv)
		print_text(findings);
	else if (print_form(findings, code, o->csv, &err) < 0)
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
		"its devices: plugged in, permission, holder, kernel driver, latency timer, autosuspend, ModemManager, "
		"calibration dates; and at what a run on it would stand on: the reference pen's pass, the bench's "
		"state, the proof of its dead-man. Then it opens each device and asks it who it is; a pen is ordered "
		"off with that and never run, and a bench that a run holds, or that one waits for, is left alone. "
		"BENCH: the environment's PENRIG_BENCH where none is given.\n\n"
		"Each finding is good, a warning (a run starts, and may be worse for it), unknown or a fault, with the "
		"command that mends it. Exit code 0: a run would start; 3: that could not be seen (as the approvals of "
		"a bench in production, which hang on the plan); else that with which a run would end.",
	.example = "  penrig doctor bench-3.json\n  penrig doctor bench-3.json --json | jq -r '.findings[] | "
		   "select(.remedy) | .remedy'\n",
	.options = doctor_table,
	.options_size = sizeof(struct doctor_options),
	.run = doctor_run,
};
