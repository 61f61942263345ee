/* `penrig batch`: plans by pens by builds, through a night; goes on where it was killed. */
#include "rig/cli/batch.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rig/cli/kit/hook.h"
#include "rig/cli/kit/rows.h"
#include "rig/cli/kit/signals.h"
#include "rig/cli/kit/table.h"
#include "rig/history/unit.h"
#include "rig/session/queue.h"

#define TROUBLES_MAX  3 /* jobs in a row without a verdict, after which nobody waits for the morning */
#define BISECT_SKIP   125
#define BISECT_END    128  /* and above: git ends the bisection */
#define PROGRESS_LINE 4096 /* bytes; every character of its texts may be escaped */

struct batch_options {
	const char *state, *history, *operator_name;
	bool check, json, csv, no_input;
	int exit_map;
};

static const char *const map_words[] = {"none", "git-bisect", NULL};

#define BATCH_AT(member) offsetof(struct batch_options, member)
static const struct cli_option batch_table[] = {
	{.name = "check",
	 .kind = OPTION_FLAG,
	 .offset = BATCH_AT(check),
	 .group = "What is done",
	 .help = "Run nothing: print the order of the jobs, when the last one ends, and what would be short by then: "
		 "calibrations, the reference pen's pass, strokes of phantoms, disk."},
	{.name = "operator",
	 .kind = OPTION_TEXT,
	 .arg = "NAME",
	 .offset = BATCH_AT(operator_name),
	 .group = "For the record",
	 .help = "Who runs the tests."},
	STATE_ROW(BATCH_AT(state), NULL),
	{.name = "history",
	 .kind = OPTION_TEXT,
	 .arg = "FILE",
	 .offset = BATCH_AT(history),
	 .help = "The history that the runs go into. Default: the file \"history\" in the folder of --state."},
	{.name = "exit-map",
	 .kind = OPTION_WORD,
	 .arg = "MAP",
	 .offset = BATCH_AT(exit_map),
	 .words = map_words,
	 .group = "Behaviour",
	 .help = "git-bisect: 0 all passed, 1 something failed, 125 (skip this commit) where the rig could not tell, "
		 "128 "
		 "(which ends the bisection) where the pen may still run or \"after\" failed. Default: none."},
	{.name = "no-input",
	 .kind = OPTION_FLAG,
	 .offset = BATCH_AT(no_input),
	 .help = "Ask nothing. A plan that needs the operator's hand ends the batch."},
	{.name = "json",
	 .kind = OPTION_FLAG,
	 .offset = BATCH_AT(json),
	 .help = "The report as JSON on standard output."},
	CSV_ROW(BATCH_AT(csv)),
	{.name = NULL},
};

const char *const batch_state_name[BATCH_STATES] = {"open", "run", "hook_failed", "not_ready"};
const char *const batch_class_name[BATCH_CLASSES] = {"pass", "fail", "inconclusive", "without a verdict", "open"};

enum batch_class batch_class_of(const struct batch_done *d)
{
	if (d->state == JOB_OPEN)
		return CLASS_OPEN;
	if (d->state != JOB_RUN)
		return CLASS_NO_VERDICT;
	if (unit_standing_of(d->verdict, "") == UNIT_FAIL) /* proven, however the run ended */
		return CLASS_FAIL;
	return d->code == EXIT_PASS           ? CLASS_PASS
	       : d->code == EXIT_FAIL         ? CLASS_FAIL
	       : d->code == EXIT_INCONCLUSIVE ? CLASS_INCONCLUSIVE
					      : CLASS_NO_VERDICT;
}

int batch_exit_code(const struct batch_course *c)
{
	unsigned count[BATCH_CLASSES] = {0};

	for (unsigned i = 0; i < c->jobs; i++)
		count[batch_class_of(&c->done[i])]++;
	if (c->signal)
		return 128 + c->signal;
	if (count[CLASS_FAIL])
		return EXIT_FAIL;
	if (c->ended)
		return c->ended;
	return count[CLASS_PASS] == c->jobs ? EXIT_PASS : EXIT_INCONCLUSIVE;
}

struct night {
	const struct cli_tables *tables;
	const struct batch_options *options;
	struct batch_course course;
	char folder[FILE_PATH_MAX]; /* of the batch file: where hooks run */
	int progress_fd, log_fd, signal_fd;
	unsigned troubles; /* jobs in a row */
};

static int define(struct batch_course *c, struct err *err)
{
	int rc = batch_define(c, err);

	if (!rc && batch_jobs(c->batch, &c->job, &c->jobs) < 0)
		rc = err_set(err, -ENOMEM, "out of memory");
	if (!rc && !(c->done = calloc(c->jobs, sizeof(*c->done))))
		rc = err_set(err, -ENOMEM, "out of memory");
	return rc;
}

/* ---- what was done before ------------------------------------------------------------------------------------------ */

static void text_into(const struct json *object, const char *key, char *ret, size_t size)
{
	const struct json *node = json_get(object, key);

	snprintf(ret, size, "%s", node && json_kind(node) == JSON_STRING ? json_string(node) : "");
}

/* What has a verdict stays; what the rig could not do is tried again. A line that was cut by a kill says nothing. */
static void take_line(struct batch_course *c, const char *line, size_t len)
{
	struct json_doc *doc;
	struct batch_done done = {.state = JOB_RUN};

	if (json_parse("progress", line, len, &doc, NULL) < 0)
		return;
	const struct json *root = json_root(doc), *job = json_get(root, "job"), *code = json_get(root, "exit_code");
	const struct json *waited = json_get(root, "waited_s");
	if (job && json_kind(job) == JSON_NUMBER && code && json_kind(code) == JSON_NUMBER && json_number(job) >= 1 &&
	    json_number(job) <= c->jobs) {
		struct batch_done *kept = &c->done[(unsigned)json_number(job) - 1];
		done.code = (int)json_number(code);
		done.waited_s = waited && json_kind(waited) == JSON_NUMBER ? json_number(waited) : 0.0;
		text_into(root, "run", done.run, sizeof(done.run));
		text_into(root, "dut_verdict", done.verdict, sizeof(done.verdict));
		text_into(root, "why", done.why, sizeof(done.why));
		done.told = batch_attempt_of(c->batch, (unsigned)json_number(job), done.run);
		if (done.told < kept->told)
			done.told = kept->told;
		if (batch_class_of(&done) != CLASS_NO_VERDICT)
			*kept = done;
		kept->told = done.told;
	}
	json_doc_free(doc);
}

static int check_first(const struct batch_course *c, const char *line, size_t len, const char *path, struct err *err)
{
	struct json_doc *doc;
	char definition[DIGEST_HEX] = "";

	if (json_parse("progress", line, len, &doc, NULL) == 0) {
		text_into(json_root(doc), "definition", definition, sizeof(definition));
		json_doc_free(doc);
	}
	return strcmp(definition, c->definition) == 0
		       ? 0
		       : err_set(err, -EINVAL,
				 "%.300s is of this batch as it was before: the file, "
				 "a build, a plan, the bench or a phantom "
				 "was changed since; give it another \"name\", or another \"output\"",
				 path);
}

static int append(int fd, const char *text, struct err *err)
{
	size_t len = strlen(text);

	if (write(fd, text, len) != (ssize_t)len || fdatasync(fd) != 0)
		return err_set(err, -EIO, "the batch's progress cannot be written: %s", strerror(errno));
	return 0;
}

static int read_progress(struct night *n, const char *path, struct err *err)
{
	struct batch_course *c = &n->course;
	char line[PROGRESS_LINE];
	FILE *in = fopen(path, "re");
	unsigned lines = 0;
	bool whole = true;
	int rc = in ? 0 : err_set(err, -errno, "cannot read %.300s: %s", path, strerror(errno));

	while (!rc && fgets(line, sizeof(line), in)) {
		size_t len = strlen(line);
		whole = line[len - 1] == '\n';
		if (lines++ == 0)
			rc = check_first(c, line, len, path, err);
		else if (whole)
			take_line(c, line, len);
	}
	if (in)
		fclose(in);
	if (!rc && lines == 0) {
		snprintf(line, sizeof(line), "{\"batch\":\"%.47s\",\"definition\":\"%s\"}\n",
			 strpbrk(c->batch->name, "\"\\") ? "" : c->batch->name, c->definition);
		rc = append(n->progress_fd, line, err);
	} else if (!rc && !whole) {
		rc = append(n->progress_fd, "\n", err); /* behind a line that was cut */
	}
	return rc;
}

static int open_files(struct night *n, struct err *err)
{
	const struct batch *b = n->course.batch;
	char path[FILE_PATH_MAX + 80];
	int rc = disk_make_folder(b->output, err);

	if (rc)
		return rc;
	snprintf(path, sizeof(path), "%s/%s.hooks.log", b->output, b->name);
	n->log_fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
	snprintf(path, sizeof(path), "%s/%s.batch.jsonl", b->output, b->name);
	n->progress_fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
	if (n->log_fd < 0 || n->progress_fd < 0)
		return err_set(err, -errno, "cannot write into %.300s: %s", b->output, strerror(errno));
	if (flock(n->progress_fd, LOCK_EX | LOCK_NB) != 0)
		return err_set(err, -EBUSY, "%.300s: another process runs this batch", path);
	return read_progress(n, path, err);
}

/* ---- a job --------------------------------------------------------------------------------------------------------- */

#define VARIABLES 12
struct words { /* of one job: what hooks and the record are told */
	char variable[VARIABLES][FILE_PATH_MAX + 40], attr[VARIABLES][200];
	const char *variables[VARIABLES + 1];
	struct option_list attrs;
};

static void add_variable(struct words *w, const char *name, const char *value)
{
	unsigned i = 0;

	while (w->variables[i])
		i++;
	snprintf(w->variable[i], sizeof(w->variable[i]), "PENRIG_%s=%s", name, value);
	w->variables[i] = w->variable[i];
}

static void add_attr(struct words *w, const char *key, const char *value)
{
	if (!*value || w->attrs.count == VARIABLES)
		return;
	snprintf(w->attr[w->attrs.count], sizeof(w->attr[0]), "%s=%.150s", key, value);
	w->attrs.item[w->attrs.count] = w->attr[w->attrs.count];
	w->attrs.count++;
}

static void words_of(const struct batch_course *c, const struct batch_job *job, struct words *w)
{
	const struct batch *b = c->batch;
	const struct batch_build *build = &b->build[job->build];
	char number[16], block[16];

	memset(w, 0, sizeof(*w));
	snprintf(number, sizeof(number), "%u", job->number);
	snprintf(block, sizeof(block), "%u", job->block + 1);
	add_variable(w, "BATCH", b->name);
	add_variable(w, "JOB", number);
	add_variable(w, "PEN", b->pen[job->pen]);
	add_variable(w, "PLAN", b->plan[job->plan]);
	add_variable(w, "BUILD", build->name);
	add_variable(w, "BUILD_FILE", build->file);
	add_variable(w, "BUILD_SHA256", c->build_sha256[job->build]);
	add_variable(w, "COMMIT", build->commit);
	add_attr(w, "batch", b->name);
	add_attr(w, BATCH_JOB, number);
	add_attr(w, "batch_block", block);
	add_attr(w, BATCH_DEFINITION, c->definition);
	add_attr(w, "build", build->name);
	add_attr(w, "build_sha256", c->build_sha256[job->build]);
	add_attr(w, "commit", build->commit);
	add_attr(w, "build_read_back", build->version);
}

static int call_hook(struct night *n, const struct batch_hook *hook, const struct words *w, char *line, size_t size,
		     struct err *err)
{
	const char *argv[BATCH_WORDS_MAX + 1] = {NULL};
	const struct hook_call call = {.argv = argv,
				       .variable = w->variables,
				       .folder = n->folder,
				       .log_fd = n->log_fd,
				       .signal_fd = n->signal_fd,
				       .timeout_s = n->course.batch->hook_timeout_s};

	if (!hook->words)
		return 0;
	for (unsigned i = 0; i < hook->words; i++)
		argv[i] = hook->word[i];
	return hook_run(&call, line, size, &n->course.signal, err);
}

/* The pen is made ready, and says what is in it. -EINVAL: a file is another one now. */
static int make_ready(struct night *n, const struct batch_job *job, const struct words *w, struct err *err)
{
	const struct batch *b = n->course.batch;
	const struct batch_build *build = &b->build[job->build];
	char said[160] = "";
	int rc = batch_check_same(&n->course, job, err);

	if (!rc)
		rc = call_hook(n, &b->before, w, NULL, 0, err);
	if (!rc && b->read_back.words)
		rc = call_hook(n, &b->read_back, w, said, sizeof(said), err);
	if (!rc && b->read_back.words && strcmp(said, build->version) != 0)
		rc = err_set(err, -EPROTO, "the pen says \"%.60s\", and \"%.60s\" was to be in it: not flashed", said,
			     build->version);
	return rc;
}

/* A name that no earlier try has, nor one whose files were moved away: what is told of those is not to be believed of this. */
static int name_run(const struct batch *b, unsigned number, unsigned told, char ret[128], struct err *err)
{
	unsigned next, last;
	int rc = batch_next_attempt(b, number, 0, &next, &last, err);

	batch_run_name(b, number, (last > told ? last : told) + 1, ret);
	return rc;
}

static void end(struct batch_course *c, int code, const char *why)
{
	c->ended = code;
	snprintf(c->why, sizeof(c->why), "%s", why);
}

static void stop_unverified(struct batch_course *c)
{
	end(c, EXIT_INCONCLUSIVE, "STOP UNVERIFIED: the pen may still run");
	c->unsafe = true;
}

/* All that are pending: the batch ends behind them. What a terminal sends, a run gets itself: a second one would cut its
 * saving short. pid 0: there is none. */
static void take_signals(struct night *n, pid_t pid)
{
	struct signalfd_siginfo info;

	while (read(n->signal_fd, &info, sizeof(info)) == sizeof(info)) {
		if (!n->course.signal)
			n->course.signal = (int)info.ssi_signo;
		if (pid > 0 && info.ssi_code != SI_KERNEL)
			kill(pid, (int)info.ssi_signo);
	}
}

static int wait_for(struct night *n, pid_t pid)
{
	int status = 0, pid_fd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct pollfd fd[] = {{.fd = pid_fd, .events = POLLIN}, {.fd = n->signal_fd, .events = POLLIN}};

	while (pid_fd >= 0 && !fd[0].revents && (poll(fd, 2, -1) >= 0 || errno == EINTR))
		if (fd[1].revents)
			take_signals(n, pid);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (pid_fd >= 0)
		close(pid_fd);
	take_signals(n, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_INTERNAL; /* it was killed: its stopper saw to the pen */
}

struct apart { /* of a run's process */
	int outcome_fd[2], go_fd[2];
};

struct word { /* what it has to say */
	struct run_outcome outcome;
	struct batch_looked looked;
	bool not_ready;
	char why[200]; /* it is not */
};

static void add_number(struct words *w, const char *key, double value)
{
	char text[32];

	snprintf(text, sizeof(text), "%.4g", value);
	add_attr(w, key, isnan(value) ? "" : text);
}

/* Of the job's process: with the bench held for its run. */
static int get_ready(const struct night *n, const struct run_options *run, struct words *w, struct word *word,
		     struct bench_lock **ret_lock)
{
	struct batch_wait wait = {.tables = n->tables,
				  .batch = n->course.batch,
				  .pen = run->dut,
				  .say = run->to_stderr ? stderr : stdout};
	struct err err = {""};
	int rc = signals_block(&err);

	if (!rc)
		rc = bench_queue_pass(run->bench, ret_lock, &err);
	if (!rc) {
		wait.left = bench_lock_left(*ret_lock);
		rc = batch_wait_ready(&wait, &word->looked, &err);
	}
	add_number(w, "waited_s", word->looked.waited_s);
	add_number(w, "handle_above_room_k", word->looked.handle_c - word->looked.ambient_c);
	add_number(w, "battery_v", word->looked.battery_v);
	word->not_ready = rc != 0;
	word->outcome.stop_unverified = word->looked.ran;
	snprintf(word->why, sizeof(word->why), "%.199s", err.text);
	return rc == 0        ? 0
	       : rc == -EINTR ? 128 + word->looked.signal
	       : rc == -EBUSY ? EXIT_BUSY
	       : rc == -EPERM ? EXIT_REFUSED
			      : EXIT_INCONCLUSIVE;
}

/* Does not begin before it is told that no signal came before it was there: that one nobody would tell it. */
static void begin_apart(const struct night *n, const struct run_options *run, const char *plan, struct words *w,
			struct apart *apart)
{
	struct word word = {.not_ready = false};
	struct run_options options = *run;
	struct bench_lock *lock = NULL;
	int code = 0;
	char go;

	close(apart->go_fd[1]);
	if (read(apart->go_fd[0], &go, 1) != 1)
		_exit(EXIT_INTERNAL);
	if (n->course.batch->waits)
		code = get_ready(n, run, w, &word, &lock);
	options.attr = w->attrs;
	options.outcome = &word.outcome;
	if (code)
		bench_lock_keep(lock);
	else
		code = run_plan(n->tables, &options, plan, NULL, lock);
	if (write(apart->outcome_fd[1], &word, sizeof(word)) != sizeof(word))
		code = code ? code : EXIT_INTERNAL;
	fflush(NULL);
	_exit(code);
}

/* In a process of its own, which can be lost without the batch. */
static int run_apart(struct night *n, const struct run_options *run, const char *plan, struct words *w,
		     struct word *ret)
{
	struct apart apart;

	fflush(NULL);
	if (pipe2(apart.outcome_fd, O_CLOEXEC) != 0)
		return cli_error(EXIT_INTERNAL, "no pipe for a run: %s", strerror(errno));
	if (pipe2(apart.go_fd, O_CLOEXEC) != 0) {
		close(apart.outcome_fd[0]);
		close(apart.outcome_fd[1]);
		return cli_error(EXIT_INTERNAL, "no pipe for a run: %s", strerror(errno));
	}
	pid_t pid = fork();
	if (pid == 0)
		begin_apart(n, run, plan, w, &apart);
	close(apart.outcome_fd[1]);
	take_signals(n, 0);
	bool begun = pid > 0 && !n->course.signal && write(apart.go_fd[1], "g", 1) == 1;
	close(apart.go_fd[0]); /* behind the writing, which a lost child would else make an end of the batch */
	close(apart.go_fd[1]);
	int code = pid < 0 ? cli_error(EXIT_INTERNAL, "no process for a run: %s", strerror(errno)) : wait_for(n, pid);
	if (read(apart.outcome_fd[0], ret, sizeof(*ret)) != sizeof(*ret)) /* nothing is known of its end */
		*ret = (struct word){.outcome.stop_unverified = begun};
	close(apart.outcome_fd[0]);
	return n->course.signal && !begun ? 128 + n->course.signal : code;
}

static void measure(struct night *n, const struct batch_job *job, const char *name, struct words *w,
		    struct batch_done *done)
{
	const struct batch_options *o = n->options;
	const struct batch *b = n->course.batch;
	struct word word = {.not_ready = false};
	const struct run_outcome *outcome = &word.outcome;
	const struct run_options run = {.bench = b->bench,
					.dut = b->pen[job->pen],
					.operator_name = o->operator_name,
					.output_dir = b->output,
					.name = name,
					.state = o->state,
					.history = o->history,
					.no_input = o->no_input,
					.quiet = true,
					.to_stderr = o->json || o->csv};

	done->code = run_apart(n, &run, b->plan[job->plan], w, &word);
	done->state = word.not_ready ? JOB_NOT_READY : JOB_RUN;
	done->waited_s = word.looked.waited_s;
	snprintf(done->run, sizeof(done->run), "%s", outcome->name);
	snprintf(done->verdict, sizeof(done->verdict), "%s", outcome->verdict);
	if (word.not_ready) {
		cli_error(0, "job %u: %s; no verdict", job->number, word.why);
		snprintf(done->why, sizeof(done->why), "%s", word.why);
	}
	if (outcome->stop_unverified) {
		stop_unverified(&n->course);
		return;
	}
	if (outcome->safety_stop[0])
		end(&n->course, done->code, outcome->safety_stop);
	else if (done->code >= 128)
		n->course.signal = n->course.signal ? n->course.signal : done->code - 128;
	else if (done->code == EXIT_USAGE || done->code == EXIT_BUSY || done->code == EXIT_STORAGE ||
		 done->code == EXIT_INTERNAL || done->code == EXIT_REFUSED)
		end(&n->course, done->code, "what it was refused for would refuse every other job as well");
}

static int tell_progress(const struct night *n, const struct batch_job *job, const struct batch_done *done,
			 struct err *err)
{
	struct json_out *line = json_out_object();
	char *text = NULL, whole[PROGRESS_LINE];

	if (!line)
		return err_set(err, -ENOMEM, "out of memory");
	json_out_int(line, "job", job->number);
	json_out_string(line, "state", batch_state_name[done->state]);
	if (done->state == JOB_RUN)
		json_out_int(line, "exit_code", done->code);
	json_out_number(line, "waited_s", done->waited_s, 4);
	json_out_string(line, "run", *done->run ? done->run : NULL);
	json_out_string(line, "dut_verdict", *done->verdict ? done->verdict : NULL);
	json_out_string(line, "why", *done->why ? done->why : NULL);
	int rc = json_out_print(line, false, &text, err);
	json_out_free(line);
	if (!rc) {
		snprintf(whole, sizeof(whole), "%.*s\n", (int)strcspn(text, "\n"), text);
		rc = append(n->progress_fd, whole, err);
	}
	free(text);
	return rc;
}

static void say_job(const struct night *n, const struct batch_job *job)
{
	const struct batch *b = n->course.batch;
	FILE *out = n->options->json || n->options->csv ? stderr : stdout;

	fprintf(out, "\njob %u of %u: ", job->number, n->course.jobs);
	print_clean(out, b->pen[job->pen]);
	fputs(", ", out);
	print_clean(out, b->plan[job->plan]);
	if (b->builds) {
		fputs(", build ", out);
		print_clean(out, b->build[job->build].name);
	}
	fprintf(out, ", block %u\n", job->block + 1);
	fflush(out);
}

static void ready_and_measure(struct night *n, const struct batch_job *job, const char *name, struct words *w,
			      struct batch_done *done)
{
	struct err err = {""};
	int rc = make_ready(n, job, w, &err);

	if (rc) {
		cli_error(0, "job %u: %s; no verdict", job->number, err.text);
		snprintf(done->why, sizeof(done->why), "%.199s", err.text);
	}
	if (rc == -EINVAL)
		end(&n->course, EXIT_USAGE, err.text);
	if (!rc)
		measure(n, job, name, w, done);
}

/* A verdict that penrig was killed over, before it was told: a failure that was seen is no reason to try again. */
static void take_up(struct night *n, const struct batch_found *found, struct batch_done *done)
{
	FILE *out = n->options->json || n->options->csv ? stderr : stdout;

	*done = found->done;
	fputs("its run ", out);
	print_clean(out, done->run);
	fprintf(out, " had ended before penrig was: %s\n", done->verdict);
	if (found->stop_unverified)
		stop_unverified(&n->course);
}

/* What it switches off may still be on: nothing goes on from there. */
static void clear_away(struct night *n, const struct batch_job *job, const struct words *w, struct batch_done *done)
{
	struct err err = {""};
	int rc = call_hook(n, &n->course.batch->after, w, NULL, 0, &err);
	size_t len = strlen(done->why);

	if (!rc)
		return;
	cli_error(0, "behind job %u: %s", job->number, err.text);
	snprintf(done->why + len, sizeof(done->why) - len, "%sbehind it: %s", len ? "; " : "", err.text);
	n->course.unsafe = true;
	if (!n->course.ended) {
		char why[sizeof(n->course.why)];
		snprintf(why, sizeof(why), "what the hook \"after\" switches off may still be on: %.200s", err.text);
		end(&n->course, EXIT_INCONCLUSIVE, why);
	}
}

/* Whatever comes of it, what was switched on before is switched off. */
static int do_job(struct night *n, const struct batch_job *job, struct batch_done *done, struct err *err)
{
	struct batch_found found;
	struct words words;
	char name[128];
	int rc = batch_find(&n->course, job, done->told, &found, err);

	if (!rc)
		rc = name_run(n->course.batch, job->number, done->told, name, err);
	if (rc)
		return rc;
	*done = (struct batch_done){.state = JOB_HOOK_FAILED};
	words_of(&n->course, job, &words);
	say_job(n, job);
	if (found.done.state == JOB_OPEN)
		ready_and_measure(n, job, name, &words, done);
	else
		take_up(n, &found, done);
	take_signals(n, 0); /* one that is known is no reason to end the hook */
	clear_away(n, job, &words, done);
	n->troubles = batch_class_of(done) == CLASS_NO_VERDICT ? n->troubles + 1 : 0;
	if (n->troubles >= TROUBLES_MAX && !n->course.ended)
		end(&n->course, EXIT_INCONCLUSIVE, "three jobs in a row met trouble of the rig");
	return 0;
}

static int go_through(struct night *n, struct err *err)
{
	struct batch_course *c = &n->course;
	int rc = 0;

	for (unsigned i = 0; i < c->jobs && !rc && !c->signal && !c->ended; i++) {
		if (c->done[i].state != JOB_OPEN)
			continue;
		take_signals(n, 0);
		if (c->signal)
			break;
		rc = do_job(n, &c->job[i], &c->done[i], err);
		if (rc)
			break;
		if (!c->signal || batch_class_of(&c->done[i]) < CLASS_NO_VERDICT) /* it was over when the signal came */
			rc = tell_progress(n, &c->job[i], &c->done[i], err);
		else
			c->done[i] = (struct batch_done){.state = JOB_OPEN};
	}
	return rc;
}

/* ---- the command --------------------------------------------------------------------------------------------------- */

static int open_signals(struct night *n, struct err *err)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGQUIT);
	if (sigprocmask(SIG_BLOCK, &set, NULL) == 0)
		n->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return n->signal_fd >= 0 ? 0 : err_set(err, -errno, "signals cannot be waited for: %s", strerror(errno));
}

static int save_report(const struct batch_course *c, int code, const struct batch_options *o, struct err *err)
{
	struct json_out *root = batch_tree(c, code);
	char path[FILE_PATH_MAX + 80], made[FILE_PATH_MAX + 90], *text = NULL;
	int rc = json_out_print(root, true, &text, err);
	FILE *out = NULL;

	snprintf(path, sizeof(path), "%s/%s.batch.json", c->batch->output, c->batch->name);
	snprintf(made, sizeof(made), "%s.part", path);
	if (!rc && (!(out = fopen(made, "we")) || fputs(text, out) < 0 || fflush(out) != 0 || fsync(fileno(out)) != 0))
		rc = err_set(err, -EIO, "%.300s cannot be written: %s", path, strerror(errno));
	if (out && fclose(out) != 0 && !rc)
		rc = err_set(err, -EIO, "%.300s cannot be written: %s", path, strerror(errno));
	if (!rc && rename(made, path) != 0)
		rc = err_set(err, -EIO, "%.300s cannot be written: %s", path, strerror(errno));
	if (text && (o->json || o->csv)) {
		int printed = table_print(root, &table_batch, o->csv, err);
		root = NULL;
		rc = rc ? rc : printed;
	} else if (!rc) {
		printf("report:   %s\n", path);
	}
	json_out_free(root);
	free(text);
	return rc;
}

/* A failure of the pen, and a signal, are told as they are; all else that is no pass is the rig's. Where a pen may run, or
 * its power be on, the next commit is not tried. */
static int mapped(const struct batch_options *o, const struct batch_course *c, int code)
{
	if (o->exit_map == 0 || code >= 128)
		return code;
	if (c->unsafe)
		return BISECT_END;
	return code == EXIT_PASS || code == EXIT_FAIL ? code : BISECT_SKIP;
}

static int run_all(struct night *n)
{
	struct batch_course *c = &n->course;
	struct err err = {""};
	int rc = open_signals(n, &err);

	if (!rc)
		rc = open_files(n, &err);
	if (rc)
		return cli_error(rc == -EBUSY ? EXIT_BUSY : rc == -EINVAL ? EXIT_USAGE : EXIT_STORAGE, "%s", err.text);
	rc = go_through(n, &err);
	if (rc) {
		cli_error(0, "%s", err.text);
		end(c, EXIT_STORAGE, err.text);
	}
	int code = batch_exit_code(c);
	if (!n->options->json && !n->options->csv)
		batch_print(c, code);
	rc = save_report(c, code, n->options, &err);
	return rc ? cli_error(code ? code : EXIT_STORAGE, "%s", err.text) : code;
}

/* Before a hook has touched anything. */
static int check_ready(const struct night *n, struct err *err)
{
	const struct batch *b = n->course.batch;
	struct bench *bench = NULL;
	int rc = b->waits ? bench_read(b->bench, &bench, err) : 0;

	if (!rc && b->waits)
		rc = batch_ready_check(b, bench, err);
	bench_free(bench);
	return rc;
}

static int batch_run(const struct cli_tables *tables, const void *options, const char *const *operands, unsigned count)
{
	const struct batch_options *o = options;
	struct night n = {.tables = tables, .options = o, .progress_fd = -1, .log_fd = -1, .signal_fd = -1};
	const struct batch_where where = {.state = o->state, .history = o->history, .operator_name = o->operator_name};
	const char *slash = strrchr(operands[0], '/');
	struct err err = {""};
	int code;

	(void)count;
	snprintf(n.folder, sizeof(n.folder), "%.*s", slash ? (int)(slash - operands[0]) : 1, slash ? operands[0] : ".");
	int rc = batch_read(operands[0], &n.course.batch, &err);
	if (!rc)
		rc = define(&n.course, &err);
	if (!rc)
		rc = check_ready(&n, &err);
	if (rc)
		code = cli_error(EXIT_USAGE, "%s", err.text);
	else
		code = o->check ? batch_foresee(tables, &n.course, &where) : run_all(&n);
	batch_free(n.course.batch);
	free(n.course.job);
	free(n.course.done);
	free(n.course.file);
	for (const int *fd = (const int[]){n.progress_fd, n.log_fd, n.signal_fd, -2}; *fd != -2; fd++)
		if (*fd >= 0)
			close(*fd);
	return mapped(o, &n.course, code);
}

const struct command command_batch = {
	.name = "batch",
	.operands = "FILE",
	.operands_min = 1,
	.operands_max = 1,
	.summary = "Run plans by pens by builds, through a night",
	.description =
		"Runs each plan on each pen with each build that FILE names, as often as it has blocks; in each "
		"block the "
		"builds are in an order that its seed draws. Before each run the hook \"before\" makes the pen "
		"ready (flash, "
		"power-cycle), \"read_back\" must print the build's \"version\", and behind it \"after\" clears "
		"away. With \"ready\" each job waits, at most so long as that says, until the handle is near the "
		"room's temperature and the battery suffices; one that is not ready then, or cannot say, has no "
		"verdict. A hook "
		"before it that fails, or another build in the pen, is trouble of the rig: that job has no "
		"verdict. Name, "
		"SHA-256 and "
		"commit of the build are attributes of its run, by which penrig history finds it.\n\n"
		"A batch that was ended or killed goes on where it stopped when it is started again: jobs with "
		"a verdict "
		"stay, the others are made again. It ends early where every further job would be refused, after "
		"three jobs "
		"in a row with trouble of the rig, and at once where a pen was not seen to stand still, "
		"\"after\" failed or a safety input opened. At its "
		"end it writes "
		"NAME.batch.json.\n\n"
		"The exit code is 0 every job passed; 1 something failed; 3 something is inconclusive or has no "
		"verdict; 2, "
		"5, 6, 7, 8, 130 as of the run for which it ended early; 128+n signal n. With --check: 0, or 8 "
		"something would be "
		"short before the end.",
	.example = "  penrig batch night.json --check\n"
		   "  penrig batch night.json --operator \"A. Meier\"\n"
		   "  git bisect run sh -c 'make firmware && penrig batch bisect.json --exit-map git-bisect'\n",
	.options = batch_table,
	.options_size = sizeof(struct batch_options),
	.run = batch_run,
};
