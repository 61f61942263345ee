/* `penrig reserve`: a bench of a fleet for one holder, as long as a command runs or until it is told to end. */
#include <errno.h>
#include <math.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rig/cli/kit/fleet.h"
#include "rig/cli/kit/format.h"
#include "rig/cli/kit/labels.h"
#include "rig/cli/kit/signals.h"
#include "rig/fleet/reserve.h"
#include "rig/fleet/words.h"

#define KEEP_NS (15 * NS_PER_S) /* a quarter of the holder's lease */
#define LOOK_NS (2 * NS_PER_S)  /* while it waits for a bench, or for the server */
#define FOR_HI  (7 * 86400.0)

extern char **environ;

struct reserve_options {
	const char *db, *lasts, *within, *why;
	struct option_list where;
	bool quiet;
};

#define AT(member) offsetof(struct reserve_options, member)
static const struct cli_option reserve_table[] = {
	{.name = "where",
	 .letter = 'w',
	 .kind = OPTION_LIST,
	 .arg = "KEY=VALUE",
	 .offset = AT(where),
	 .group = "Which bench",
	 .help = "Labels that it must have, several with blanks between them or given again; site=NAME is the site. "
		 "One that is idle goes before one that runs."},
	{.name = "for",
	 .kind = OPTION_TEXT,
	 .arg = "TIME",
	 .offset = AT(lasts),
	 .group = "How long",
	 .help = "From when the bench is free: 30m, 2h; at most 168h. Required."},
	{.name = "within",
	 .kind = OPTION_TEXT,
	 .arg = "TIME",
	 .offset = AT(within),
	 .help = "Try for so long to get a bench that is free. Default: what is there now, and until it is free."},
	{.name = "why", .kind = OPTION_TEXT, .arg = "TEXT", .offset = AT(why), .help = "The reason, for all to see."},
	{.name = "quiet", .letter = 'q', .kind = OPTION_FLAG, .offset = AT(quiet), .help = "Say only what goes wrong."},
	FLEET_DB_ROW(AT(db)),
	{.name = NULL},
};

struct holding {
	const struct reserve_options *options;
	struct reservation_wish wish;
	const char *const *command; /* NULL-terminated; NULL: none */
	struct server *server;
	struct loop *loop;
	struct loop_timer timer;
	uint64_t begun_ns, kept_ns, over_ns; /* kept: when it was last said that the holder lives */
	int64_t id;                          /* 0: none yet */
	struct reservation state;
	pid_t child; /* 0: none */
	int pid_fd, status, signal;
	bool away, held; /* it was, at any time */
	int rc;
	struct err err;
};

/* ---- the command --------------------------------------------------------------------------------------------------- */

static void finish(struct holding *h, int rc)
{
	h->rc = rc;
	loop_stop(h->loop);
}

static void on_exit_of_child(void *ctx, int fd, short revents)
{
	struct holding *h = ctx;

	(void)revents;
	loop_fd_remove(h->loop, fd);
	while (waitpid(h->child, &h->status, 0) < 0 && errno == EINTR)
		;
	h->child = 0;
	finish(h, h->rc);
}

/* In a process group of its own, and with the signals as they were. */
static int start(struct holding *h)
{
	posix_spawnattr_t how;
	sigset_t none;
	char number[24];
	int rc = posix_spawnattr_init(&how);

	if (rc)
		return err_set(&h->err, -rc, "%.200s: %s", h->command[0], strerror(rc));
	sigemptyset(&none);
	posix_spawnattr_setsigmask(&how, &none);
	posix_spawnattr_setpgroup(&how, 0);
	posix_spawnattr_setflags(&how, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
	snprintf(number, sizeof(number), "%lld", (long long)h->id);
	setenv(RESERVE_ENVIRONMENT, number, 1);
	setenv("PENRIG_BENCH", h->state.bench, 1);
	rc = posix_spawnp(&h->child, h->command[0], NULL, &how, (char *const *)h->command, environ);
	posix_spawnattr_destroy(&how);
	if (rc) {
		h->child = 0;
		return err_set(&h->err, -EINVAL, "%.200s: %s", h->command[0], strerror(rc));
	}
	h->pid_fd = (int)syscall(SYS_pidfd_open, h->child, 0);
	return h->pid_fd < 0
		       ? err_set(&h->err, -errno, "%.200s cannot be waited for: %s", h->command[0], strerror(errno))
		       : loop_fd_add(h->loop, h->pid_fd, POLLIN, on_exit_of_child, h);
}

/* What it started ends too: the bench is somebody else's from here on. */
static void end_child(struct holding *h, int number)
{
	if (h->child)
		kill(-h->child, number);
}

/* ---- holding ------------------------------------------------------------------------------------------------------- */

static void tell(const struct holding *h)
{
	if (h->options->quiet)
		return;
	FILE *to = h->command ? stderr : stdout;
	fprintf(to, "reservation %lld: ", (long long)h->id);
	print_clean(to, h->state.bench);
	if (h->state.state == RESERVATION_WAITS)
		fputs(" still does a job\n", to);
	else
		fprintf(to, ", for %.0f min\n", ceil(h->state.left_s / 60));
	fflush(to);
}

static int ask(struct holding *h)
{
	int rc = reserve_ask(h->server, &h->wish, &h->id, &h->err);
	bool none = rc == -EREMOTE && strcmp(server_code(h->server), RESERVE_NONE_FREE) == 0;
	double within_s = 0;

	if (h->options->within)
		(void)parse_duration(h->options->within, &within_s);
	if (none && 1e-9 * (double)(loop_boot_ns() - h->begun_ns) < within_s)
		return -EAGAIN;
	return none ? -ECANCELED : rc;
}

static int over(struct holding *h)
{
	err_set(&h->err, -ETIMEDOUT, "reservation %lld is over: %s may do other jobs", (long long)h->id,
		h->state.bench);
	h->state.state = RESERVATION_OVER;
	end_child(h, SIGTERM);
	return -ETIMEDOUT;
}

static int keep(struct holding *h)
{
	const enum reservation_state was = h->state.state;
	bool first = !*h->state.bench;
	uint64_t asked_ns = loop_boot_ns();
	int rc = reserve_keep(h->server, h->id, &h->state, &h->err);

	if (rc)
		return rc;
	h->kept_ns = asked_ns;
	if (h->state.state == RESERVATION_OVER)
		return over(h);
	h->held |= h->state.state == RESERVATION_HELD;
	if (h->state.state == RESERVATION_HELD)
		h->over_ns = asked_ns + (uint64_t)(h->state.left_s * 1e9);
	if (first || was != h->state.state)
		tell(h);
	return h->state.state == RESERVATION_HELD && h->command && !h->child ? start(h) : 0;
}

/* Whatever the server would say: with nobody heard of for so long it has given the bench to others. */
static bool is_over_by_itself(const struct holding *h)
{
	uint64_t now_ns = loop_boot_ns();

	return h->id && *h->state.bench &&
	       (now_ns >= h->kept_ns + RESERVE_LEASE_S * NS_PER_S || (h->over_ns && now_ns >= h->over_ns));
}

static void look(void *ctx, uint64_t now_ns)
{
	struct holding *h = ctx;
	int rc = 0;

	rc = is_over_by_itself(h) ? over(h) : h->id ? 0 : ask(h);
	if (!rc)
		rc = keep(h);
	if (rc && !server_may_pass(rc)) {
		if (!h->child)
			finish(h, rc);
		else if (h->state.state !=
			 RESERVATION_OVER) /* else it was told: of a second time it would save nothing */
			end_child(h, SIGTERM);
		h->rc = rc; /* and its end is waited for: it may be stopping a pen */
		return;
	}
	if (rc == -ENOLINK && !h->away)
		cli_error(0, "%s; it is tried again", h->err.text);
	h->away = rc == -ENOLINK;
	uint64_t next_ns = now_ns + (rc || h->state.state == RESERVATION_WAITS ? LOOK_NS : KEEP_NS);
	uint64_t left_ns = h->over_ns > loop_boot_ns() ? h->over_ns - loop_boot_ns() : 0;
	if (!rc && h->over_ns && now_ns + left_ns < next_ns)
		next_ns = now_ns + left_ns;
	loop_timer_at(h->loop, &h->timer, next_ns);
}

/* The command hears each, and the bench is held until it has ended. It may be stopping a pen: nothing kills it. */
static void on_signal(void *ctx, int number)
{
	struct holding *h = ctx;

	end_child(h, number);
	h->signal = number;
	if (!h->child)
		loop_stop(h->loop);
}

static int hold(struct holding *h, const struct cli_tables *tables)
{
	struct signals signals;
	int rc = signals_block(&h->err);

	if (!rc)
		rc = loop_new(tables->clock, tables->clock_ctx, &h->loop, &h->err);
	if (rc)
		return rc;
	h->timer = (struct loop_timer){.fn = look, .ctx = h};
	h->begun_ns = loop_boot_ns();
	rc = signals_open(&signals, h->loop, on_signal, h, &h->err);
	if (!rc) {
		loop_timer_at(h->loop, &h->timer, 0);
		rc = loop_run(h->loop);
		if (rc < 0)
			err_set(&h->err, rc, "the loop cannot go on: %s", strerror(-rc));
		signals_close(&signals);
	}
	loop_timer_cancel(h->loop, &h->timer);
	if (h->pid_fd >= 0)
		close(h->pid_fd);
	loop_free(h->loop);
	return rc ? rc : h->rc;
}

/* ---- how it ended -------------------------------------------------------------------------------------------------- */

static int conclude(struct holding *h, int rc)
{
	const struct err why = h->err;

	if (h->id && h->state.state != RESERVATION_OVER && reserve_release(h->server, h->id, &h->err) < 0)
		cli_error(0, "reservation %lld ends by itself within a minute: %s", (long long)h->id, h->err.text);
	if (rc == -ECANCELED || rc == -ETIMEDOUT)
		return cli_error(EXIT_REFUSED, "%s", why.text);
	if (rc)
		return cli_error(fleet_exit_code(rc), "%s", why.text);
	if (h->signal && !h->held)
		return cli_error(128 + h->signal, "no bench was reserved");
	if (!h->command)
		return EXIT_PASS;
	return WIFEXITED(h->status) ? WEXITSTATUS(h->status) : 128 + WTERMSIG(h->status);
}

static int read_times(const struct reserve_options *o, double *ret_s, struct err *err)
{
	double within_s;

	if (!o->lasts)
		return err_set(err, -EINVAL, "--for is missing: --for 2h says how long");
	if (parse_duration(o->lasts, ret_s) < 0 || *ret_s > FOR_HI)
		return err_set(err, -EINVAL,
			       "--for %.40s: must be a time above zero, up to 168h, for example 30m or 2h", o->lasts);
	if (o->within && parse_duration(o->within, &within_s) < 0)
		return err_set(err, -EINVAL, "--within %.40s: must be a time above zero, for example 10m", o->within);
	return 0;
}

static int reserve_run(const struct cli_tables *tables, const void *options, const char *const *operands,
		       unsigned count)
{
	const struct reserve_options *o = options;
	struct holding h = {.options = o, .command = count ? operands : NULL, .pid_fd = -1};
	char token[UUID_TEXT];
	struct labels labels = {.text = NULL};
	int rc = read_times(o, &h.wish.lasts_s, &h.err);

	if (!rc)
		rc = labels_read(&o->where, &labels, &h.err);
	if (!rc)
		rc = uuid_draw(token, &h.err);
	if (!rc)
		rc = fleet_open(o->db, RESERVE_NEEDS, NULL, &h.server, &h.err);
	h.wish = (struct reservation_wish){.token = token,
					   .site = labels.site,
					   .needs = labels.needs,
					   .need = labels.need,
					   .why = o->why ? o->why : "",
					   .lasts_s = h.wish.lasts_s};
	if (!rc)
		rc = hold(&h, tables);
	int code = conclude(&h, rc);
	server_free(h.server);
	labels_free(&labels);
	return code;
}

const struct command command_reserve = {
	.name = "reserve",
	.operands = "[-- COMMAND...]",
	.operands_min = 0,
	.operands_max = OPERANDS_MAX,
	.summary = "Have a bench of a fleet for oneself for a while",
	.description =
		"A bench that has every label of --where does no job of anybody else's, from when what it does "
		"is done until "
		"COMMAND has ended, --for is over, or this program is gone for a minute. COMMAND "
		"finds " RESERVE_ENVIRONMENT " and PENRIG_BENCH in its environment: \"penrig submit\" takes the "
		"first, and so the job runs on that bench and "
		"on no other. What is not a job is the holder's own business: a run that somebody starts at the "
		"bench itself is "
		"not held up.\n\n"
		"Without COMMAND it prints the reservation's number and holds until a signal ends it.\n\n"
		"Where the time is over, or the server was not reached for a minute, COMMAND and what it "
		"started get SIGTERM, and their end is waited for: they may be stopping a pen, and are not killed.\n\n"
		"The exit code is COMMAND's; without one 0. 2 wrong usage or login, 6 the server is not "
		"reached, 8 no bench is "
		"free or the reservation was over, 128+n ended by signal n before there was one.",
	.example = "  penrig reserve --where model=X2 --for 2h --why \"firmware 4.2\" -- ./flash-and-test.sh\n"
		   "  penrig reserve --where bench=bench-3 --for 30m\n",
	.options = reserve_table,
	.options_size = sizeof(struct reserve_options),
	.run = reserve_run,
};
