/* `penrig submit`: puts a job, and follows it to the end where that is asked for. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rig/cli/kit/fleet.h"
#include "rig/cli/kit/format.h"
#include "rig/cli/kit/labels.h"
#include "rig/cli/kit/signals.h"
#include "rig/config/plan.h"
#include "rig/fleet/reserve.h"
#include "rig/fleet/submit.h"
#include "rig/fleet/words.h"

#define LOOK_NS      (10 * NS_PER_S) /* without a note; a sixth of the submitter's lease */
#define AGAIN_NS     (2 * NS_PER_S)  /* a server that is away */
#define FETCHES      30              /* of files that do not come, AGAIN_NS apart: then it is an error */
#define ATTEMPTS     5
#define ATTEMPTS_HI  1000
#define PRIORITY_HI  1000
#define GROUP_BYTES  60
#define AT_MOST_HI_S (30 * 24 * 3600.0)

struct submit_options {
	const char *db, *dut, *lot, *priority, *deadline, *attempts, *output_dir, *exclusive, *reservation, *at_most,
		*image, *store_secret, *store_ca;
	struct option_list where, report;
	bool wait, quiet;
};

static const char *const report_words[] = {"json", "junit", "text", "html", "csv", "tap", "prom", NULL};

#define AT(member) offsetof(struct submit_options, member)
static const struct cli_option submit_table[] = {
	{.name = "dut",
	 .letter = 'd',
	 .kind = OPTION_TEXT,
	 .arg = "SERIAL",
	 .offset = AT(dut),
	 .group = "What is tested",
	 .help = "Serial number of the pen under test. Required."},
	{.name = "lot", .kind = OPTION_TEXT, .arg = "LOT", .offset = AT(lot), .help = "Production lot of the pen."},
	{.name = "image",
	 .kind = OPTION_TEXT,
	 .arg = "SHA256",
	 .offset = AT(image),
	 .help = "What is to be on the pen, 64 hex digits: for benches whose agent knows how it gets there ({image} in "
		 "its "
		 "--command)."},
	{.name = "where",
	 .letter = 'w',
	 .kind = OPTION_LIST,
	 .arg = "KEY=VALUE",
	 .offset = AT(where),
	 .help = "Labels that the bench must have, several with blanks between them or given again; site=NAME is the "
		 "site. "
		 "Default: any bench of the only site that this login has."},
	{.name = "priority",
	 .kind = OPTION_TEXT,
	 .arg = "N",
	 .offset = AT(priority),
	 .group = "When",
	 .help = "Higher goes first, -1000 to 1000, default 0: a step is worth ten minutes of waiting, so that every "
		 "job has its turn."},
	{.name = "deadline",
	 .kind = OPTION_TEXT,
	 .arg = "TIME",
	 .offset = AT(deadline),
	 .help = "Not started any more when TIME is over (90s, 15m, 2h)."},
	{.name = "exclusive",
	 .kind = OPTION_TEXT,
	 .arg = "GROUP",
	 .offset = AT(exclusive),
	 .help = "Not while another job of this group runs: a phantom or a cartridge that several benches share."},
	{.name = "at-most",
	 .kind = OPTION_TEXT,
	 .arg = "TIME",
	 .offset = AT(at_most),
	 .help = "Its run is interrupted when it has lasted so long, whatever became of agent and server, and the "
		 "group of a bench that is silent since is free: only where the pen stops without its computer. "
		 "Default: no bound."},
	{.name = "reservation",
	 .kind = OPTION_TEXT,
	 .arg = "N",
	 .offset = AT(reservation),
	 .help = "On the bench that is reserved so, and only while it is. Default: the environment's "
		 "PENRIG_RESERVATION, which penrig reserve sets."},
	{.name = "attempts",
	 .kind = OPTION_TEXT,
	 .arg = "N",
	 .offset = AT(attempts),
	 .help = "How often it is given out before it is given up, where runs were interrupted or agents died. "
		 "Default: 5."},
	{.name = "wait",
	 .kind = OPTION_FLAG,
	 .offset = AT(wait),
	 .group = "To the end",
	 .help = "Follow it, fetch the run file and its reports, and end with the run's own exit code. A signal "
		 "cancels the job; "
		 "so does, a minute later, the death of this program, unless it runs by then."},
	{.name = "report",
	 .letter = 'r',
	 .kind = OPTION_LIST,
	 .arg = "FORMAT",
	 .offset = AT(report),
	 .words = report_words,
	 .help = "One more report beside the JSON one: junit, text, html, csv, tap, prom. May be repeated."},
	{.name = "output-dir",
	 .letter = 'o',
	 .kind = OPTION_TEXT,
	 .arg = "DIR",
	 .offset = AT(output_dir),
	 .help = "Of --wait: where the files go. Default: the current folder."},
	{.name = "quiet",
	 .letter = 'q',
	 .kind = OPTION_FLAG,
	 .offset = AT(quiet),
	 .help = "Of --wait: say only how it ended."},
	FLEET_STORE_ROWS(AT(store_secret), AT(store_ca)),
	FLEET_DB_ROW(AT(db)),
	{.name = NULL},
};

struct waiting {
	const struct submit_options *options;
	const struct submission *submission;
	struct server *server;
	struct loop *loop;
	struct loop_timer timer;
	int64_t job; /* 0: not put yet */
	struct job_state state;
	bool away, done;
	unsigned fetched; /* tries that the store of files has failed */
	int signal, watched;
	int rc;
	struct err err;
};

/* ---- what is asked for --------------------------------------------------------------------------------------------- */

struct wish {
	struct submission submission;
	char token[UUID_TEXT];
	struct labels labels;
	struct plan *plan;
};

static int number_of(const char *option, const char *text, int lo, int hi, int *ret, struct err *err)
{
	char *end;

	if (!text)
		return 0;
	errno = 0;
	long n = strtol(text, &end, 10);
	if (errno || end == text || *end || n < lo || n > hi)
		return err_set(err, -EINVAL, "%s %.40s: must be a whole number from %d to %d", option, text, lo, hi);
	*ret = (int)n;
	return 0;
}

static int read_image(struct submission *s, const char *image, struct err *err)
{
	s->image = image ? image : "";
	if (image && (strlen(image) != 64 || strspn(image, "0123456789abcdef") != 64))
		return err_set(err, -EINVAL,
			       "--image %.80s: must be a SHA-256, 64 digits in lower case, as sha256sum tells it",
			       image);
	return 0;
}

static int read_aim(struct submission *s, const struct submit_options *o, struct err *err)
{
	const char *held = o->reservation ? o->reservation : getenv(RESERVE_ENVIRONMENT);
	char *end;

	s->exclusive = o->exclusive ? o->exclusive : "";
	if (read_image(s, o->image, err) < 0)
		return -EINVAL;
	if (strlen(s->exclusive) > GROUP_BYTES || (o->exclusive && !*o->exclusive))
		return err_set(err, -EINVAL, "--exclusive: a group's name has 1 to %d bytes", GROUP_BYTES);
	if (o->at_most && (parse_duration(o->at_most, &s->at_most_s) < 0 || s->at_most_s > AT_MOST_HI_S))
		return err_set(err, -EINVAL,
			       "--at-most %.40s: must be a time up to 30 days, for example 90s, 15m or 2h", o->at_most);
	if (!held || !*held)
		return 0;
	errno = 0;
	s->reservation = strtoll(held, &end, 10);
	return errno || *end || s->reservation < 1
		       ? err_set(err, -EINVAL, "--reservation %.40s: must be the number that penrig reserve says", held)
		       : 0;
}

/* The plan is read here as well: one that is wrong is told of now, and not by a bench. */
static int make_wish(struct wish *wish, const struct submit_options *o, const char *path, struct err *err)
{
	struct submission *s = &wish->submission;
	size_t len;
	int rc = plan_read(path, &wish->plan, err);

	*s = (struct submission){.token = wish->token,
				 .reports = o->report.count,
				 .report = o->report.item,
				 .dut = o->dut,
				 .lot = o->lot ? o->lot : "",
				 .attempts = ATTEMPTS,
				 .waits = o->wait};
	if (!rc && (!o->dut || !*o->dut))
		rc = err_set(err, -EINVAL, "--dut is missing: --dut SERIAL names the pen under test");
	if (!rc && (strlen(o->dut) > 63 || strlen(s->lot) > 20))
		rc = err_set(err, -EINVAL, "--dut has at most 63 bytes, --lot 20");
	if (!rc)
		rc = labels_read(&o->where, &wish->labels, err);
	if (!rc)
		rc = read_aim(s, o, err);
	if (!rc)
		rc = number_of("--priority", o->priority, -PRIORITY_HI, PRIORITY_HI, &s->priority, err);
	if (!rc)
		rc = number_of("--attempts", o->attempts, 1, ATTEMPTS_HI, &s->attempts, err);
	if (!rc && o->deadline && parse_duration(o->deadline, &s->deadline_s) < 0)
		rc = err_set(err, -EINVAL, "--deadline %.40s: must be a time above zero, for example 90s, 15m or 2h",
			     o->deadline);
	if (!rc)
		rc = uuid_draw(wish->token, err);
	if (rc)
		return rc;
	s->site = wish->labels.site;
	s->need = wish->labels.need;
	s->needs = wish->labels.needs;
	s->plan = json_text(wish->plan->doc, &len);
	s->plan_name = wish->plan->name;
	return 0;
}

/* ---- following ----------------------------------------------------------------------------------------------------- */

static void tell(struct waiting *w, const struct job_state *now)
{
	if (w->options->quiet || (strcmp(now->state, w->state.state) == 0 && strcmp(now->bench, w->state.bench) == 0))
		return;
	if (strcmp(now->state, "leased") == 0)
		fprintf(stderr, "job %lld: runs on %s\n", (long long)w->job, now->bench);
	else if (strcmp(now->state, "ready") == 0)
		fprintf(stderr, "job %lld: waits%s%s\n", (long long)w->job, *now->reason ? "; " : "", now->reason);
}

static void got(void *ctx, const char *path)
{
	struct waiting *w = ctx;

	if (!w->options->quiet)
		printf("%s\n", path);
}

static int put(struct waiting *w)
{
	int rc = w->job ? 0 : submit_put(w->server, w->submission, &w->job, &w->err);

	if (!rc && *w->state.state == '\0' && !w->options->quiet)
		fprintf(stderr, "job %lld\n", (long long)w->job);
	return rc;
}

/* What the run came to is known by then; its files may come later. */
static int fetch(struct waiting *w)
{
	const struct submit_options *o = w->options;
	const struct depot_config store = fleet_store(o->store_secret, o->store_ca);
	int rc = submit_fetch(w->server, w->job, o->output_dir ? o->output_dir : ".", &store, got, w, &w->err);

	return rc == -EAGAIN && ++w->fetched >= FETCHES ? -EIO : rc;
}

static int step(struct waiting *w)
{
	struct job_state now;
	char state[16];
	int rc = put(w);

	if (!rc && w->signal)
		rc = submit_cancel(w->server, w->job, "whoever waited for it was told to end", state, &w->err);
	if (w->signal) {
		w->done = !rc;
		return rc;
	}
	if (!rc)
		rc = submit_follow(w->server, w->job, &now, &w->err);
	if (!rc)
		rc = server_ask(w->server, "SELECT expire()", NULL, 0, NULL, &w->err);
	if (rc)
		return rc;
	tell(w, &now);
	w->state = now;
	if (now.closed && *now.run_id)
		rc = fetch(w);
	w->done = now.closed && !rc;
	return rc;
}

static void on_note(void *ctx, int fd, short revents)
{
	struct waiting *w = ctx;

	(void)fd;
	(void)revents;
	if (server_heard(w->server))
		loop_timer_at(w->loop, &w->timer, 0);
	else if (server_fd(w->server) != w->watched)
		loop_fd_remove(w->loop, w->watched);
}

static void look(void *ctx, uint64_t now_ns)
{
	struct waiting *w = ctx;

	if (w->watched >= 0)
		loop_fd_remove(w->loop, w->watched);
	int rc = step(w);
	if (rc && !server_may_pass(rc)) {
		w->rc = rc;
		w->done = true;
	}
	if (rc && server_may_pass(rc) && !w->away)
		cli_error(0, "%s; it is tried again", w->err.text);
	w->away = rc != 0;
	w->watched = server_fd(w->server);
	if (w->watched >= 0 && loop_fd_add(w->loop, w->watched, POLLIN, on_note, w) < 0)
		w->watched = -1;
	if (w->done)
		loop_stop(w->loop);
	else
		loop_timer_at(w->loop, &w->timer,
			      now_ns + (w->away                   ? AGAIN_NS
					: server_heard(w->server) ? 0
								  : LOOK_NS));
}

/* A second one does not wait for the server: the lease runs out by itself. */
static void on_signal(void *ctx, int number)
{
	struct waiting *w = ctx;

	if (w->signal || !w->job)
		loop_stop(w->loop);
	w->signal = number;
	loop_timer_at(w->loop, &w->timer, 0);
}

static int follow(struct waiting *w, const struct cli_tables *tables)
{
	struct signals signals;
	int rc = signals_block(&w->err);

	if (!rc)
		rc = loop_new(tables->clock, tables->clock_ctx, &w->loop, &w->err);
	if (rc)
		return rc;
	w->timer = (struct loop_timer){.fn = look, .ctx = w};
	server_listen(w->server, "penrig_done");
	rc = signals_open(&signals, w->loop, on_signal, w, &w->err);
	if (!rc) {
		loop_timer_at(w->loop, &w->timer, 0);
		rc = loop_run(w->loop);
		if (rc < 0)
			err_set(&w->err, rc, "the loop cannot go on: %s", strerror(-rc));
		signals_close(&signals);
	}
	loop_timer_cancel(w->loop, &w->timer);
	loop_free(w->loop);
	return rc ? rc : w->rc;
}

/* ---- how it ended -------------------------------------------------------------------------------------------------- */

/* Without a run that answers it nobody knows anything of the pen; nothing moved, or what moved was cut short. */
static int conclude(const struct waiting *w)
{
	const struct job_state *s = &w->state;

	if (w->signal && !w->job)
		return cli_error(128 + w->signal, "no job was submitted, or it ends by itself in a minute");
	if (w->signal)
		return cli_error(128 + w->signal, "job %lld is cancelled%s", (long long)w->job,
				 w->done ? "" : ", or will be in a minute: the server was not told");
	if (strcmp(s->state, "done") == 0) {
		printf("job %lld: exit code %d on %s%s%s\n", (long long)w->job, s->exit_code, s->bench,
		       *s->reason ? ": " : "", s->reason);
		return s->exit_code;
	}
	return cli_error(s->exit_code > 0 ? s->exit_code : EXIT_REFUSED, "job %lld: %s%s%s", (long long)w->job,
			 s->state, *s->reason ? ": " : "", s->reason);
}

static int do_wish(const struct wish *wish, const struct submit_options *o, const struct cli_tables *tables)
{
	struct waiting w = {.options = o, .submission = &wish->submission, .watched = -1};
	int code = EXIT_PASS;
	int rc = fleet_open(o->db, submit_needs(w.submission), NULL, &w.server, &w.err);

	if (!rc && o->wait)
		rc = follow(&w, tables);
	else if (!rc)
		rc = submit_put(w.server, w.submission, &w.job, &w.err);
	server_free(w.server);
	if (rc)
		return cli_error(fleet_exit_code(rc), "%s", w.err.text);
	if (o->wait)
		code = conclude(&w);
	else
		printf("%lld\n", (long long)w.job);
	return code;
}

static int submit_run(const struct cli_tables *tables, const void *options, const char *const *operands, unsigned count)
{
	struct wish wish = {.plan = NULL};
	struct err err = {""};
	int rc = make_wish(&wish, options, operands[0], &err);
	int code = rc ? cli_error(cli_exit_code(rc), "%s", err.text) : do_wish(&wish, options, tables);

	(void)count;
	labels_free(&wish.labels);
	plan_free(wish.plan);
	return code;
}

const struct command command_submit = {
	.name = "submit",
	.operands = "PLAN",
	.operands_min = 1,
	.operands_max = 1,
	.summary = "Have a pen tested by any bench of a fleet that fits",
	.description = "Puts a job: PLAN on the pen --dut, at a bench that has every label of --where. Prints its "
		       "number; with --wait follows "
		       "it to its end, which is what a CI job without a bench calls. Standard output is then the files "
		       "and how it ended.\n\n"
		       "The exit code without --wait is 0 when the job is there, 2 wrong usage, plan or login, 6 the "
		       "server is not reached. "
		       "With --wait it is that of the run that answered the job, or of one that could not begin; 8 the "
		       "job ended without a "
		       "run: its deadline passed, somebody cancelled it, or it was given up; 128+n signal n, and the "
		       "job is cancelled.",
	.example = "  penrig submit smoke.json --dut SN-0417 --where \"site=A model=X2\" --wait --report junit "
		   "--output-dir out\n",
	.options = submit_table,
	.options_size = sizeof(struct submit_options),
	.run = submit_run,
};
