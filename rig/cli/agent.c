/* `penrig agent`: does the fleet's jobs on benches of this computer until a signal ends it. What runs goes on. */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "rig/cli/kit/fleet.h"
#include "rig/cli/kit/format.h"
#include "rig/cli/kit/indexing.h"
#include "rig/cli/kit/rows.h"
#include "rig/cli/kit/signals.h"
#include "rig/cli/version.h"
#include "rig/config/bench.h"
#include "rig/fleet/agent.h"
#include "rig/record/host.h"
#include "rig/runfile/runfile.h"
#include "rig/state/state.h"

#define LEASE_S     60
#define LEASE_LO_S  3
#define LEASE_HI_S  3600
#define LABEL_BYTES 160

struct agent_options {
	const char *db, *folder, *output_dir, *history, *state, *lease, *metrics, *metrics_port, *mqtt, *mqtt_ca,
		*mqtt_password, *store_secret, *store_ca, *bandwidth;
	struct option_list label, command;
};

#define AT(member) offsetof(struct agent_options, member)
static const struct cli_option agent_table[] = {
	{.name = "label",
	 .kind = OPTION_LIST,
	 .arg = "KEY=VALUE",
	 .offset = AT(label),
	 .group = "The benches",
	 .help = "What jobs may ask for (submit --where); may be repeated. Each bench has bench=NAME, host=NAME and "
		 "phantom=SERIAL by itself."},
	{.name = "command",
	 .kind = OPTION_LIST,
	 .arg = "WORD",
	 .offset = AT(command),
	 .help = "What stands before \"run\", a word each time; {dut} becomes the serial number, {image} what "
		 "submit --image says: a bench without that gets no such job. Default: this program."},
	{.name = "metrics",
	 .kind = OPTION_TEXT,
	 .arg = "FILE",
	 .offset = AT(metrics),
	 .help = "Write how it is into FILE, as OpenMetrics text, every 15 s and when a run has ended: for "
		 "node_exporter's textfile collector, whose files are called *.prom."},
	{.name = "metrics-port",
	 .kind = OPTION_TEXT,
	 .arg = "PORT",
	 .offset = AT(metrics_port),
	 .help = "Answer http://127.0.0.1:PORT/metrics with the same, for Prometheus on this computer, or a proxy."},
	{.name = "mqtt",
	 .kind = OPTION_TEXT,
	 .arg = "URL",
	 .offset = AT(mqtt),
	 .help = "Tell an MQTT broker how each bench is, progress once a second, and verdicts: "
		 "mqtt[s]://[USER@]HOST[:PORT][/PREFIX]; nothing waits for it."},
	{.name = "mqtt-ca",
	 .kind = OPTION_TEXT,
	 .arg = "FILE",
	 .offset = AT(mqtt_ca),
	 .help = "The certificates by which the broker is known, of mqtts://. Default: those of this computer."},
	{.name = "mqtt-password",
	 .kind = OPTION_TEXT,
	 .arg = "FILE",
	 .offset = AT(mqtt_password),
	 .help = "The file, readable by its owner alone, whose first line is the password of USER."},
	{.name = "lease",
	 .kind = OPTION_TEXT,
	 .arg = "TIME",
	 .offset = AT(lease),
	 .help = "For how long a job is this bench's without a word of its agent. Default: 60s."},
	{.name = "bandwidth",
	 .kind = OPTION_TEXT,
	 .arg = "BYTES",
	 .offset = AT(bandwidth),
	 .help = "Send files with so many bytes a second at most, on average; k, M and G are 10^3, 10^6 and 10^9."},
	FLEET_STORE_ROWS(AT(store_secret), AT(store_ca)),
	FLEET_DB_ROW(AT(db)),
	{.name = "folder",
	 .kind = OPTION_TEXT,
	 .arg = "DIR",
	 .offset = AT(folder),
	 .help = "The agent's own: plans, events and logs of its runs. Default: \"agent\" in the folder of --state."},
	{.name = "output-dir",
	 .letter = 'o',
	 .kind = OPTION_TEXT,
	 .arg = "DIR",
	 .offset = AT(output_dir),
	 .help = "Where run files and reports go. Default: \"runs\" in --folder."},
	{.name = "history",
	 .kind = OPTION_TEXT,
	 .arg = "FILE",
	 .offset = AT(history),
	 .help = "The history of these runs, and the outbox. Default: the file \"history\" in the folder of --state."},
	STATE_ROW(AT(state), NULL),
	{.name = NULL},
};

struct places {
	char state[FILE_PATH_MAX], folder[FILE_PATH_MAX], output[FILE_PATH_MAX], history[FILE_PATH_MAX];
};

struct labels {
	unsigned count;
	char text[AGENT_LABELS_MAX][LABEL_BYTES];
};

struct work {
	const struct agent_options *options;
	struct agent_config config;
	struct places places;
	struct bench *bench[AGENT_BENCHES_MAX];
	struct labels labels[AGENT_BENCHES_MAX];
};

/* ---- what it is told ----------------------------------------------------------------------------------------------- */

static int place(char ret[FILE_PATH_MAX], const char *given, const char *folder, const char *name, struct err *err)
{
	int n = given ? snprintf(ret, FILE_PATH_MAX, "%s", given) : snprintf(ret, FILE_PATH_MAX, "%s/%s", folder, name);

	return n < FILE_PATH_MAX - 8 ? 0 : err_set(err, -ENAMETOOLONG, "a folder has too long a name: %.200s...", ret);
}

static int find_places(struct work *work, struct err *err)
{
	const struct agent_options *o = work->options;
	struct places *p = &work->places;
	int rc = state_folder(o->state, STATE_SYSTEM_FOLDER, p->state, err);

	if (!rc)
		rc = place(p->folder, o->folder, p->state, "agent", err);
	if (!rc)
		rc = place(p->output, o->output_dir, p->folder, "runs", err);
	return rc ? rc : history_path(o->history, o->state, STATE_SYSTEM_FOLDER, p->history, err);
}

/* A person has to stand by such a pen, and an agent is none. */
static int check_unattended(const struct bench *bench, struct err *err)
{
	const struct deadman_row *row = deadman_row((enum deadman_class)bench->pen.dead_man);

	if (row->attended)
		return err_set(err, -EINVAL,
			       "%.300s: its pen's dead-man is of class \"%s\", %s, so that somebody has to stand by "
			       "it: run it "
			       "from a terminal with `penrig run`",
			       bench->path, row->name, row->text);
	for (unsigned i = 0; i < bench->devices; i++)
		for (unsigned k = 0; k < bench->device[i].inputs.setup.count; k++)
			if (bench->device[i].inputs.setup.input[k].tried)
				return err_set(
					err, -EINVAL,
					"%.300s: its safety input \"%s\" is to be tried by hand before each run, "
					"and an agent has none: run it from a terminal with `penrig run`",
					bench->path, bench->device[i].inputs.setup.input[k].name);
	if (bench->pen.power.present)
		return err_set(err, -EINVAL,
			       "%.300s has a pen with \"power\", which asks for a hand at its dial, and an agent has "
			       "none: run it "
			       "from a terminal with `penrig run`",
			       bench->path);
	return 0;
}

__attribute__((format(printf, 2, 3))) static void label(struct labels *labels, const char *fmt, ...)
{
	va_list ap;

	if (labels->count == AGENT_LABELS_MAX)
		return;
	va_start(ap, fmt);
	vsnprintf(labels->text[labels->count++], LABEL_BYTES, fmt, ap);
	va_end(ap);
}

static void label_bench(const struct agent_options *o, const struct bench *bench, struct labels *labels)
{
	char host[64];

	host_name(host, sizeof(host));
	label(labels, "bench=%s", bench->name);
	label(labels, "host=%s", host);
	for (unsigned i = 0; i < o->command.count; i++)
		if (strstr(o->command.item[i], "{image}"))
			label(labels, "image=by-sha256");
	for (unsigned i = 0; i < bench->phantoms; i++)
		label(labels, "phantom=%s", bench->phantom[i].serial);
	for (unsigned i = 0; i < o->label.count; i++)
		label(labels, "%s", o->label.item[i]);
}

static int add_bench(struct work *work, const char *path, const struct cli_tables *tables, struct err *err)
{
	unsigned n = work->config.benches;
	struct agent_bench *to = &work->config.bench[n];
	int rc = bench_read(path, &work->bench[n], err);

	if (rc)
		return rc;
	work->config.benches++;
	rc = bench_check_drivers(work->bench[n], tables->drivers, err);
	if (!rc)
		rc = check_unattended(work->bench[n], err);
	label_bench(work->options, work->bench[n], &work->labels[n]);
	*to = (struct agent_bench){
		.file = work->bench[n]->path, .name = work->bench[n]->name, .labels = work->labels[n].count};
	for (unsigned i = 0; i < to->labels; i++)
		to->label[i] = work->labels[n].text[i];
	for (unsigned i = 0; i < n && !rc; i++)
		if (strcmp(work->bench[i]->name, work->bench[n]->name) == 0)
			rc = err_set(err, -EINVAL, "%.300s and %.300s are both called %s: one name, one bench",
				     work->bench[i]->path, path, work->bench[n]->name);
	return rc;
}

static int check_labels(const struct option_list *labels, struct err *err)
{
	for (unsigned i = 0; i < labels->count; i++)
		if (!strchr(labels->item[i], '=') || strpbrk(labels->item[i], " \t") ||
		    strlen(labels->item[i]) >= LABEL_BYTES)
			return err_set(err, -EINVAL, "--label %.80s: must be KEY=VALUE, without blanks",
				       labels->item[i]);
		else if (strncmp(labels->item[i], "image=", 6) == 0)
			return err_set(err, -EINVAL,
				       "--label %.80s: a bench that sees to images has {image} in a --command, and "
				       "the label by that",
				       labels->item[i]);
	return 0;
}

/* Bytes a second. */
static int parse_rate(const char *text, uint64_t *ret, struct err *err)
{
	static const struct {
		const char *unit;
		double times;
	} rows[] = {{"", 1}, {"k", 1e3}, {"M", 1e6}, {"G", 1e9}};
	char *end;
	double number = strtod(text, &end);

	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (end != text && strcmp(end, rows[i].unit) == 0 && number * rows[i].times >= 1e3 &&
		    number * rows[i].times <= 1e12) {
			*ret = (uint64_t)(number * rows[i].times);
			return 0;
		}
	return err_set(err, -EINVAL, "--bandwidth %.40s: must be bytes a second from 1k to 1000G, as 500k or 2M", text);
}

static int parse_port(const char *text, unsigned *ret, struct err *err)
{
	char *end;
	unsigned long port = strtoul(text, &end, 10);

	if (strspn(text, "0123456789") == 0 || *end || port < 1 || port > 65535)
		return err_set(err, -EINVAL, "--metrics-port %.40s: must be a port, 1 to 65535", text);
	*ret = (unsigned)port;
	return 0;
}

static int configure(struct work *work, const struct cli_tables *tables, const char *const *operands, unsigned count,
		     struct err *err)
{
	const struct agent_options *o = work->options;
	double lease_s = LEASE_S;
	int rc = check_labels(&o->label, err);

	if (!rc && o->lease && (parse_duration(o->lease, &lease_s) < 0 || lease_s < LEASE_LO_S || lease_s > LEASE_HI_S))
		rc = err_set(err, -EINVAL, "--lease %.40s: must be a time from %d s to %d s", o->lease, LEASE_LO_S,
			     LEASE_HI_S);
	if (!rc && !o->mqtt && (o->mqtt_ca || o->mqtt_password))
		rc = err_set(err, -EINVAL, "--mqtt-ca and --mqtt-password: of which broker? --mqtt URL names it");
	if (!rc)
		rc = find_places(work, err);
	work->config = (struct agent_config){
		.db = fleet_db(o->db),
		.folder = work->places.folder,
		.output = work->places.output,
		.history = work->places.history,
		.state = o->state,
		.version = PENRIG_VERSION,
		.metrics = o->metrics,
		.telemetry = {.url = o->mqtt, .ca = o->mqtt_ca, .secret = o->mqtt_password},
		.store = fleet_store(o->store_secret, o->store_ca),
		.lease_s = lease_s,
		.words = o->command.count,
		.word = o->command.item,
	};
	if (!rc && o->metrics_port)
		rc = parse_port(o->metrics_port, &work->config.metrics_port, err);
	if (!rc && o->bandwidth)
		rc = parse_rate(o->bandwidth, &work->config.store.rate, err);
	for (unsigned i = 0; i < count && !rc; i++)
		rc = add_bench(work, operands[i], tables, err);
	return rc;
}

/* ---- the agent ----------------------------------------------------------------------------------------------------- */

static void say(void *ctx, const char *text)
{
	(void)ctx;
	print_clean(stdout, text);
	fputc('\n', stdout);
	fflush(stdout);
}

static int take_in(void *ctx, struct history *history, const char *run_file, struct err *err)
{
	(void)ctx;
	return indexing_take_file(history, run_file, err);
}

static bool holds_nothing(void *ctx, const char *run_file)
{
	(void)ctx;
	return runfile_holds_nothing(run_file);
}

static void on_signal(void *ctx, int number)
{
	(void)number;
	loop_stop(ctx);
}

static int turn(struct loop *loop, struct agent *agent, struct err *err)
{
	struct signals signals;
	int rc = signals_open(&signals, loop, on_signal, loop, err);

	if (rc)
		return rc;
	rc = loop_run(loop);
	if (rc < 0)
		err_set(err, rc, "the loop cannot go on: %s", strerror(-rc));
	signals_close(&signals);
	return rc ? rc : agent_failure(agent, err);
}

static int serve(const struct work *work, const struct cli_tables *tables, struct err *err)
{
	const struct agent_host host = {.say = say, .take_in = take_in, .holds_nothing = holds_nothing};
	struct agent *agent = NULL;
	struct loop *loop = NULL;
	int rc = signals_block(err);

	if (!rc)
		rc = loop_new(tables->clock, tables->clock_ctx, &loop, err);
	if (!rc)
		rc = agent_open(&work->config, loop, &host, &agent, err);
	for (unsigned i = 0; i < work->config.benches && !rc; i++) {
		printf("%s: waits for jobs\n", work->config.bench[i].name);
		fflush(stdout);
	}
	if (!rc)
		rc = turn(loop, agent, err);
	agent_close(agent);
	loop_free(loop);
	return rc;
}

static int agent_run(const struct cli_tables *tables, const void *options, const char *const *operands, unsigned count)
{
	static struct work work;
	struct err err = {""};
	int rc;

	work = (struct work){.options = options};
	rc = configure(&work, tables, operands, count, &err);
	if (!rc)
		rc = serve(&work, tables, &err);
	for (unsigned i = 0; i < work.config.benches; i++)
		bench_free(work.bench[i]);
	return rc ? cli_error(fleet_exit_code(rc), "%s", err.text) : EXIT_PASS;
}

const struct command command_agent = {
	.name = "agent",
	.operands = "BENCH...",
	.operands_min = 1,
	.operands_max = AGENT_BENCHES_MAX,
	.group = "Many benches",
	.summary = "Do the jobs of a fleet on benches of this computer",
	.description =
		"Takes jobs from the fleet's server for each BENCH (a bench file), as long as it runs, one at a "
		"time for each. A job "
		"is a \"penrig run\" of its own: it goes on when the agent ends or dies, and the next start of "
		"the agent takes it "
		"over. Every run stands in the bench's history and in the outbox there until the server has "
		"confirmed it, so a "
		"server that is away costs nothing but time.\n\n"
		"A bench whose pen somebody has to stand by (dead-man of class host or none), or whose safety inputs "
		"are to be tried by hand, is refused. Behind a run that a safety input ended it takes no further "
		"job for that bench until a person has deleted the file that it names.\n\n"
		"The exit code is 0 when a signal ended it, 2 for wrong usage, a bench file that is wrong, a "
		"login that may not or "
		"tables that do not fit, 5 where another agent has the folder or has taken over the bench, 6 "
		"storage, 7 internal "
		"error.",
	.example = "  penrig agent bench-3.json --db service=penrig --label model=X2\n",
	.options = agent_table,
	.options_size = sizeof(struct agent_options),
	.run = agent_run,
};
