/* One run: its files, its process, its events as they come. */
#include "rig/station/supervise.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define EVENTS    ".events.jsonl"
#define LINE_MAX_ 8192 /* twice the longest event */
#define PATH_ROOM (FILE_PATH_MAX + 160)
#define LOOK_NS   (250 * NS_PER_MS) /* how often an adopted run's lock is tried: nothing tells that it is released */
#define ARGS_MAX  (STATION_WORDS_MAX + 32 + STATION_CHECKS_MAX)
#define KILLED    256
#define CHILD_FD  10 /* what is handed over stands above the numbers that it gets */

extern char **environ;

struct child {
	struct loop *loop;
	struct child_host host;
	char stem[PATH_ROOM];
	int events, pidfd;
	struct watches *own_watches; /* NULL: the host's */
	struct watch watch;
	int other; /* the process of one that was taken over; -1: not known */
	bool own, ended;
	size_t len;
	char line[LINE_MAX_];
	bool too_long;
	struct loop_timer look;
};

/* ---- events ---------------------------------------------------------------------------------------------------- */

static bool lives(const struct child *c)
{
	if (flock(c->events, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK)
		return true;
	flock(c->events, LOCK_UN);
	return false;
}

/* One that another station started says itself who it is. Its number is its own for as long as it holds the lock, and what was
 * opened before that was seen is it. */
static void learn_process(struct child *c, const struct json *event)
{
	const struct json *pid = c->own || c->other >= 0 ? NULL : json_get(event, "pid");
	double number = pid && json_kind(pid) == JSON_NUMBER ? json_number(pid) : 0;

	if (!(number > 1 && number <= INT32_MAX))
		return;
	c->other = pidfd_open((pid_t)number, 0);
	if (c->other < 0 || lives(c))
		return;
	close(c->other);
	c->other = -1;
}

static void line_done(struct child *c)
{
	struct json_doc *doc;

	if (!c->too_long && c->len && json_parse("event", c->line, c->len, &doc, NULL) == 0) {
		learn_process(c, json_root(doc));
		c->host.event(c->host.ctx, json_root(doc));
		json_doc_free(doc);
	}
	c->len = 0;
	c->too_long = false;
}

static void read_events(void *ctx)
{
	struct child *c = ctx;
	char bytes[4096];
	ssize_t n;

	while ((n = read(c->events, bytes, sizeof(bytes))) > 0)
		for (ssize_t i = 0; i < n; i++) {
			if (bytes[i] == '\n')
				line_done(c);
			else if (c->len < sizeof(c->line))
				c->line[c->len++] = bytes[i];
			else
				c->too_long = true;
		}
}

static void end(struct child *c, int exit_code)
{
	char path[PATH_ROOM + 32];

	if (c->ended)
		return;
	c->ended = true;
	read_events(c);
	snprintf(path, sizeof(path), "%s.answers", c->stem);
	unlink(path);
	c->host.ended(c->host.ctx, exit_code);
}

/* ---- the process ----------------------------------------------------------------------------------------------- */

static void exited(void *ctx, int fd, short revents)
{
	struct child *c = ctx;
	siginfo_t info = {.si_pid = 0};

	(void)revents;
	if (waitid(P_PIDFD, (id_t)fd, &info, WEXITED | WNOHANG) != 0 || info.si_pid == 0)
		return;
	loop_fd_remove(c->loop, fd);
	close(fd);
	c->pidfd = -1;
	end(c, info.si_code == CLD_EXITED ? info.si_status : KILLED);
}

static void look(void *ctx, uint64_t now_ns)
{
	struct child *c = ctx;

	read_events(c);
	if (lives(c))
		loop_timer_at(c->loop, &c->look, now_ns + LOOK_NS);
	else
		end(c, -1);
}

static struct watches *watches_of(const struct child *c)
{
	return c->own_watches ? c->own_watches : c->host.watches;
}

static int watch_events(struct child *c, struct err *err)
{
	char path[PATH_ROOM + 32];
	int rc = c->host.watches ? 0 : watches_new(c->loop, &c->own_watches, err);

	if (rc < 0)
		return rc;
	snprintf(path, sizeof(path), "%s" EVENTS, c->stem);
	c->events = open(path, O_RDONLY | O_CLOEXEC);
	rc = c->events < 0 ? -errno : watch_add(watches_of(c), &c->watch, path);
	return rc < 0 ? err_set(err, rc, "%s: %s", path, strerror(-rc)) : 0;
}

static struct child *child_new(const struct station_config *config, struct loop *loop, const char *name,
			       const struct child_host *host)
{
	struct child *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	*c = (struct child){.loop = loop, .host = *host, .events = -1, .pidfd = -1, .other = -1};
	c->watch = (struct watch){.fn = read_events, .ctx = c};
	c->look = (struct loop_timer){.fn = look, .ctx = c};
	snprintf(c->stem, sizeof(c->stem), "%s/%s", config->state, name);
	return c;
}

void child_free(struct child *c)
{
	if (!c)
		return;
	loop_timer_cancel(c->loop, &c->look);
	if (watches_of(c))
		watch_remove(watches_of(c), &c->watch);
	watches_free(c->own_watches);
	if (c->pidfd >= 0) {
		loop_fd_remove(c->loop, c->pidfd);
		close(c->pidfd);
	}
	if (c->other >= 0)
		close(c->other);
	if (c->events >= 0)
		close(c->events);
	free(c);
}

/* ---- starting -------------------------------------------------------------------------------------------------- */

struct handed { /* to the child; -1: not open */
	int events, answers, log;
};

static int raise_fd(int fd)
{
	int high = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, CHILD_FD);

	if (fd >= 0)
		close(fd);
	return high;
}

static int make_files(const struct child *c, struct handed *h)
{
	char path[PATH_ROOM + 32];

	snprintf(path, sizeof(path), "%s" EVENTS, c->stem);
	h->events = raise_fd(open(path, O_WRONLY | O_APPEND | O_CREAT | O_EXCL | O_CLOEXEC, 0640));
	if (h->events < 0 || flock(h->events, LOCK_EX | LOCK_NB) != 0)
		return -errno;
	snprintf(path, sizeof(path), "%s.answers", c->stem);
	if (mkfifo(path, 0600) != 0)
		return -errno;
	h->answers = raise_fd(open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC));
	snprintf(path, sizeof(path), "%s.log", c->stem);
	h->log = raise_fd(open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640));
	return h->answers < 0 || h->log < 0 ? -errno : 0;
}

static void close_files(struct handed *h)
{
	if (h->events >= 0)
		close(h->events);
	if (h->answers >= 0)
		close(h->answers);
	if (h->log >= 0)
		close(h->log);
}

/* The first line, of the station: whose run this is, should the station be gone when it is asked. */
static int write_first(const struct station_config *config, int fd, const struct child_order *order, struct err *err)
{
	struct json_out *out = json_out_object();
	char *text = NULL, line[1024];
	int rc, n;

	json_out_string(out, "event", "station");
	json_out_string(out, "bench",
			config->bench[order->bench].label); /* names: the file may be put in another order */
	json_out_string(out, "dut", order->unit->serial);
	json_out_string(out, "lot", order->unit->lot);
	json_out_string(out, "gtin", order->unit->gtin);
	if (order->unit->cartridge[0])
		json_out_string(out, "cartridge", order->unit->cartridge);
	json_out_string(out, "product", config->product[order->unit->product].name);
	json_out_int(out, "attempt", order->unit->attempt);
	rc = json_out_print(out, false, &text, err);
	json_out_free(out);
	if (rc < 0)
		return rc;
	n = snprintf(line, sizeof(line), "%s\n", text);
	free(text);
	return write(fd, line, (size_t)n) == n && fdatasync(fd) == 0 ? 0 : -EIO;
}

struct command_line {
	unsigned count;
	char *argv[ARGS_MAX];
	char room[ARGS_MAX * 96 + 8 * FILE_PATH_MAX];
	size_t used;
	bool too_long; /* a word had no room */
};

static void add_word(struct command_line *line, const char *prefix, const char *word, const char *behind)
{
	char *to = line->room + line->used;
	size_t left = sizeof(line->room) - line->used;
	int n = snprintf(to, left, "%s%s%s", prefix, word, behind ? behind : "");

	if (n < 0 || (size_t)n >= left || line->count + 1 >= ARGS_MAX) {
		line->too_long = true;
		return;
	}
	line->argv[line->count++] = to;
	line->used += (size_t)n + 1;
}

/* "{dut}" in a word becomes the serial number, "{image}" the SHA-256 of what is to be on the unit, each wherever it stands; what came
 * into the word so is not looked at again. */
static void add_own_word(struct command_line *line, const char *word, const struct child_order *order)
{
	const struct {
		const char *mark, *text;
	} rows[] = {{"{dut}", order->unit->serial}, {"{image}", order->image ? order->image : ""}};
	char whole[FILE_PATH_MAX];
	size_t len = 0;

	while (*word && len < sizeof(whole)) {
		const char *text = NULL;

		for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]) && !text; i++)
			if (strncmp(word, rows[i].mark, strlen(rows[i].mark)) == 0) {
				text = rows[i].text;
				word += strlen(rows[i].mark);
			}
		len += (size_t)(text ? snprintf(whole + len, sizeof(whole) - len, "%s", text)
				     : snprintf(whole + len, sizeof(whole) - len, "%c", *word++));
	}
	line->too_long |= len >= sizeof(whole);
	whole[len < sizeof(whole) ? len : 0] = '\0';
	add_word(line, "", whole, NULL);
}

const char *own_program(void)
{
	static char path[FILE_PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);

	return n > 0 ? path : "penrig";
}

static void compose(const struct station_config *config, const struct child_order *order, struct command_line *line)
{
	const struct station_product *product = &config->product[order->unit->product];
	char key[32];

	for (unsigned i = 0; i < config->words; i++)
		add_own_word(line, config->word[i], order);
	if (!config->words)
		add_word(line, "", own_program(), NULL);
	add_word(line, "", "run", NULL);
	add_word(line, "", product->plan, NULL);
	add_word(line, "--bench=", config->bench[order->bench].file, NULL);
	add_word(line, "--dut=", order->unit->serial, NULL);
	add_word(line, "--output-dir=", config->output, NULL);
	add_word(line, "--name=", order->name, NULL);
	if (order->person[0])
		add_word(line, "--operator=", order->person, NULL);
	if (order->unit->lot[0])
		add_word(line, "--lot=", order->unit->lot, NULL);
	if (order->unit->gtin[0])
		add_word(line, "--attr=gtin=", order->unit->gtin, NULL);
	if (order->unit->cartridge[0])
		add_word(line, "--cartridge=", order->unit->cartridge, NULL);
	for (unsigned i = 0; i < order->unit->checked; i++) {
		snprintf(key, sizeof(key), "--attr=check_%u=", i + 1);
		add_word(line, key, product->check[i].text, NULL);
	}
	for (const char *const *word = order->more; word && *word; word++)
		add_word(line, "", *word, NULL);
	for (unsigned i = 0; i < STATION_HOOKS_MAX; i++)
		if (order->attribute[i] && *order->attribute[i])
			add_word(line, "--attr=", order->attribute[i], NULL);
	if (config->history[0])
		add_word(line, "--history=", config->history, NULL);
	add_word(line, "", "--report=html", NULL);
	add_word(line, "", "--progress-fd=3", NULL);
	add_word(line, "", "--answer-fd=4", NULL);
}

/* A session of its own, so that no signal of the station's terminal reaches it; no signal held back. */
static int spawn(struct command_line *line, const struct handed *h, pid_t *ret)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t none, pipe_signal;
	int rc;

	sigemptyset(&none);
	sigemptyset(&pipe_signal);
	sigaddset(&pipe_signal, SIGPIPE);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, h->log, 1);
	posix_spawn_file_actions_adddup2(&actions, h->log, 2);
	posix_spawn_file_actions_adddup2(&actions, h->events, 3);
	posix_spawn_file_actions_adddup2(&actions, h->answers, 4);
	posix_spawn_file_actions_addclosefrom_np(&actions, 5);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setsigdefault(&attr, &pipe_signal);
	rc = posix_spawnp(ret, line->argv[0], &actions, &attr, line->argv, environ);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&actions);
	return -rc;
}

static int start_process(struct child *c, const struct station_config *config, const struct child_order *order,
			 struct err *err)
{
	struct handed h = {-1, -1, -1};
	struct command_line line = {.count = 0};
	pid_t pid = 0;
	int rc = make_files(c, &h);

	if (rc == 0)
		rc = write_first(config, h.events, order, err);
	if (rc == 0)
		rc = watch_events(c, err);
	compose(config, order, &line);
	if (rc == 0 && line.too_long)
		rc = -E2BIG;
	if (rc == 0)
		rc = spawn(&line, &h, &pid);
	close_files(&h);
	if (rc < 0)
		return err_set(err, rc, "%s: cannot start a run: %s", c->stem, strerror(-rc));
	c->own = true;
	c->pidfd = pidfd_open(pid, 0); /* not reaped yet: nobody else's */
	if (c->pidfd < 0 || loop_fd_add(c->loop, c->pidfd, POLLIN, exited, c) < 0)
		loop_timer_at(c->loop, &c->look, 0); /* its lock tells its end as well */
	return 0;
}

int child_start(const struct station_config *config, struct loop *loop, const struct child_order *order,
		const struct child_host *host, struct child **ret, struct err *err)
{
	struct child *c = child_new(config, loop, order->name, host);
	int rc;

	if (!c)
		return err_set(err, -ENOMEM, "out of memory");
	rc = start_process(c, config, order, err);
	if (rc < 0) {
		child_free(c);
		return rc;
	}
	*ret = c;
	return 0;
}

/* ---- adopting -------------------------------------------------------------------------------------------------- */

struct first {
	char event[16], dut[STATION_TEXT], lot[SCAN_LOT], gtin[SCAN_GTIN], bench[STATION_TEXT], product[STATION_TEXT],
		cartridge[STATION_TEXT];
	int64_t attempt;
};

#define AT(member) offsetof(struct first, member), sizeof(((struct first *)NULL)->member)
static const struct json_field first_fields[] = {
	{"event", FIELD_STRING, AT(event), .required = true},
	{"dut", FIELD_STRING, AT(dut), .required = true, .lo = 1},
	{"lot", FIELD_STRING, AT(lot), .required = true},
	{"gtin", FIELD_STRING, AT(gtin), .required = false},
	{"bench", FIELD_STRING, AT(bench), .required = true, .lo = 1},
	{"product", FIELD_STRING, AT(product), .required = true, .lo = 1},
	{"cartridge", FIELD_STRING, AT(cartridge), .required = false},
	{"attempt", FIELD_INT, AT(attempt), .required = true, .lo = 1, .hi = 1000},
	{.key = NULL},
};

static bool read_first(const char *path, struct first *ret)
{
	FILE *file = fopen(path, "re");
	struct json_doc *doc;
	char line[1024];
	bool ok = false;

	if (!file)
		return false;
	if (fgets(line, sizeof(line), file) && json_parse(path, line, strlen(line), &doc, NULL) == 0) {
		ok = json_read_object(doc, json_root(doc), first_fields, ret, NULL) == 0 &&
		     strcmp(ret->event, "station") == 0;
		json_doc_free(doc);
	}
	fclose(file);
	return ok;
}

static unsigned bench_of(const struct station_config *config, const char *label)
{
	for (unsigned i = 0; i < config->benches; i++)
		if (strcmp(config->bench[i].label, label) == 0)
			return i;
	return CHILD_NO_BENCH;
}

static int product_of(const struct station_config *config, const char *name)
{
	for (unsigned i = 0; i < config->products; i++)
		if (strcmp(config->product[i].name, name) == 0)
			return (int)i;
	return -1;
}

bool child_identify(const struct station_config *config, const char *name, unsigned *ret_bench, char *ret_label,
		    struct unit *ret_unit)
{
	char path[PATH_ROOM + 32];
	struct first first = {.attempt = 0};

	snprintf(path, sizeof(path), "%s/%s" EVENTS, config->state, name);
	if (!read_first(path, &first))
		return false;
	*ret_bench = bench_of(config, first.bench);
	snprintf(ret_label, STATION_TEXT, "%s", first.bench);
	*ret_unit = (struct unit){.attempt = (unsigned)first.attempt, .product = product_of(config, first.product)};
	snprintf(ret_unit->serial, sizeof(ret_unit->serial), "%s", first.dut);
	snprintf(ret_unit->lot, sizeof(ret_unit->lot), "%s", first.lot);
	/* Where no lot is asked for, only the unit's code can have held it. */
	ret_unit->lot_coded =
		first.lot[0] && ret_unit->product >= 0 && !config->product[ret_unit->product].lot.expression[0];
	snprintf(ret_unit->gtin, sizeof(ret_unit->gtin), "%s", first.gtin);
	snprintf(ret_unit->cartridge, sizeof(ret_unit->cartridge), "%s", first.cartridge);
	return true;
}

bool child_lives(const struct station_config *config, const char *name)
{
	struct child c = {.events = -1};
	char path[PATH_ROOM + 32];
	bool yes;

	snprintf(path, sizeof(path), "%s/%s" EVENTS, config->state, name);
	c.events = open(path, O_RDONLY | O_CLOEXEC);
	if (c.events < 0)
		return false;
	yes = lives(&c);
	close(c.events);
	return yes;
}

bool child_finished(const struct station_config *config, const char *name, const struct child_host *host)
{
	struct child *c = child_new(config, NULL, name, host);
	char path[PATH_ROOM + 32];
	bool finished;

	if (!c)
		return false;
	snprintf(path, sizeof(path), "%s" EVENTS, c->stem);
	c->events = open(path, O_RDONLY | O_CLOEXEC);
	finished = c->events >= 0 && !lives(c);
	if (finished)
		end(c, -1);
	if (c->events >= 0)
		close(c->events);
	free(c);
	return finished;
}

int child_adopt(const struct station_config *config, struct loop *loop, const char *name, const struct child_host *host,
		struct child **ret, struct err *err)
{
	struct child *c = child_new(config, loop, name, host);
	int rc;

	if (!c)
		return err_set(err, -ENOMEM, "out of memory");
	rc = watch_events(c, err);
	if (rc == 0)
		rc = loop_timer_at(loop, &c->look, 0);
	if (rc < 0) {
		child_free(c);
		return rc;
	}
	*ret = c;
	return 0;
}

struct found {
	char name[128];
	struct timespec written;
};

static int by_time(const void *a, const void *b)
{
	const struct timespec *x = &((const struct found *)a)->written, *y = &((const struct found *)b)->written;

	if (x->tv_sec != y->tv_sec)
		return x->tv_sec < y->tv_sec ? -1 : 1;
	return x->tv_nsec < y->tv_nsec ? -1 : x->tv_nsec > y->tv_nsec;
}

static int find_runs(DIR *dir, struct found **list, size_t *count)
{
	size_t room = 0, tail = strlen(EVENTS);
	struct dirent *entry;

	while ((entry = readdir(dir))) {
		size_t len = strlen(entry->d_name);
		struct stat st;

		if (len <= tail || len - tail >= sizeof((*list)->name) ||
		    strcmp(entry->d_name + len - tail, EVENTS) != 0 || fstatat(dirfd(dir), entry->d_name, &st, 0) != 0)
			continue;
		if (*count == room) {
			room = room ? 2 * room : 64;
			struct found *more = realloc(*list, room * sizeof(*more));

			if (!more)
				return -ENOMEM;
			*list = more;
		}
		struct found *f = &(*list)[(*count)++];

		snprintf(f->name, sizeof(f->name), "%.*s", (int)(len - tail), entry->d_name);
		f->written = st.st_mtim;
	}
	return 0;
}

int child_each(const char *folder, void (*fn)(void *ctx, const char *name), void *ctx, struct err *err)
{
	DIR *dir = opendir(folder);
	struct found *list = NULL;
	size_t count = 0;
	int rc;

	if (!dir)
		return err_set(err, -errno, "%s: %s", folder, strerror(errno));
	rc = find_runs(dir, &list, &count);
	closedir(dir);
	if (rc == 0 && count)
		qsort(list, count, sizeof(*list), by_time);
	for (size_t i = 0; rc == 0 && i < count; i++)
		fn(ctx, list[i].name);
	free(list);
	return rc < 0 ? err_set(err, rc, "out of memory") : 0;
}

/* ---- orders ---------------------------------------------------------------------------------------------------- */

static int say(struct child *c, const char *text)
{
	char path[PATH_ROOM + 32];
	ssize_t n;
	int fd;

	if (c->ended)
		return -EPIPE;
	snprintf(path, sizeof(path), "%s.answers", c->stem);
	fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC); /* ENXIO: nobody has it open */
	if (fd < 0)
		return errno == ENXIO ? -EPIPE : -errno;
	n = write(fd, text, strlen(text));
	close(fd);
	return n == (ssize_t)strlen(text) ? 0 : -EPIPE;
}

int child_stop(struct child *c)
{
	int rc = say(c, "stop\n"), process = c->pidfd >= 0 ? c->pidfd : c->other;

	if (rc < 0 && !c->ended && process >= 0)
		rc = pidfd_send_signal(process, SIGTERM, NULL, 0) == 0 ? 0 : -errno;
	return rc;
}

int child_answer(struct child *c, int64_t id, bool done)
{
	char line[64];

	snprintf(line, sizeof(line), "answer %lld %s\n", (long long)id, done ? "done" : "give_up");
	return say(c, line);
}

int child_tell(struct child *c, int64_t id, const char *words)
{
	char line[STATION_TEXT + 64];

	snprintf(line, sizeof(line), "answer %lld is %s\n", (long long)id, words);
	return say(c, line);
}
